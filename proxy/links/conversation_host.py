"""A link that is parsed: the host of its conversation, between the sockets and the faults of streams."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from ...wire.address import Address
from ...wire.dialect import Dialect
from ..exchanges.conversation import Conversation
from ..exchanges.exchange import Exchange, Origin
from ..exchanges.rules import Rules
from ..record.tally import Operations
from ..shaping.injection import Injection
from ..shared import Shared
from .link import Link
from .request_copier import Copies, RequestCopier

NO_RULES = Rules()


class ExchangeRecorder(Protocol):
    """The proxy of a link that is parsed: it has the faults, and records what becomes of exchanges."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def shared(self) -> Shared:
        """What it shares with other proxies."""

    @property
    def upstream(self) -> Address:
        """What it stands before."""

    @property
    def rules(self) -> Rules:
        """The faults that are armed on it now."""

    def rules_for(self, link: Link) -> Rules:
        """Return those of them that are for a link."""

    @property
    def operations(self) -> Operations:
        """What was asked for, counted."""

    @property
    def copier(self) -> RequestCopier:
        """What sends copies of requests."""

    def parsing_stopped(self, link: Link, why: str) -> None:
        """Record that a link is not parsed any more."""

    def text_too_long(self, link: Link, injection: Injection) -> None:
        """Record that a text on a link is longer than the match of an injection looks at."""

    def body_unread(self, link: Link, injection: Injection, reason: str) -> None:
        """Record that a body on a link cannot be read for the match of an injection."""

    def copied(self, link: Link, operation: str, status: str) -> None:
        """Record that a copy of a request was sent, and how that went."""


class LinkConversationHost:
    """The host of a link's conversation."""

    __slots__ = ("_all_rules", "_dialect", "_link", "_operations", "_origin", "_own_rules", "_proxy", "_request_log")

    def __init__(self, link: Link, proxy: ExchangeRecorder, dialect: Dialect) -> None:
        self._link = link
        self._proxy = proxy
        self._dialect = dialect
        self._operations = proxy.operations
        self._request_log = proxy.shared.request_log
        self._all_rules = self._own_rules = NO_RULES
        self._origin = Origin(time.time() - link.clock.time(), proxy.name, link.number, link.caller)

    @property
    def rules(self) -> Rules:
        """The faults that are armed on the proxy now, and are for the link."""
        rules = self._proxy.rules
        if not rules.scoped:
            return rules
        if rules is not self._all_rules:
            self._all_rules, self._own_rules = rules, self._proxy.rules_for(self._link)
        return self._own_rules

    def operation(self, name: str) -> str:
        """Return by which name an operation is counted."""
        return self._operations.name(name)

    def fired(self, injection: Injection, exchange: Exchange, n: int) -> None:
        """Record that a peer could notice a fault on an exchange, the n-th that it matched."""
        injection.count_fired(self._link.number, n, exchange.head.operation)

    def record_untouched(self, injection: Injection) -> None:
        """Record that a fault could not act on an exchange."""
        injection.record_untouched(self._link)

    def text_too_long(self, injection: Injection) -> None:
        """Record that a fault could not act on an exchange, since a text is longer than its match looks at."""
        if injection.record_untouched(self._link):
            self._proxy.text_too_long(self._link, injection)

    def body_unread(self, injection: Injection, reason: str) -> None:
        """Record that a fault could not act on an exchange, since its match looks at a body that cannot be read."""
        if injection.record_untouched(self._link):
            injection.unread = reason
            self._proxy.body_unread(self._link, injection, reason)

    def copy(
        self, exchange: Exchange, data: bytes, times: int, answered: Callable[[], None], done: Callable[[], None]
    ) -> None:
        """Send a request `times` on connections of its own; call `answered` for each reply, and `done` at the end."""
        head, proxy, link = exchange.head, self._proxy, self._link
        copies = Copies(self._dialect, proxy.upstream, head, data, times, link.limits.dial)

        def sent(status: str, replied: bool) -> None:
            proxy.copied(link, head.operation, status)
            if replied:
                answered()

        proxy.copier.run(copies, sent, done)

    def parsing_stopped(self, why: str) -> None:
        """Record that the link is not parsed any more."""
        self._proxy.parsing_stopped(self._link, why)

    def _look_again(self) -> Origin:
        """Return where its exchanges are: who the caller is may be found out when the link has begun to carry."""
        self._origin = self._origin._replace(caller=self._link.caller)
        return self._origin

    def settled(self, exchange: Exchange) -> None:
        """Tell of an exchange that is open and will have no reply: it is lost, or the client's stream has ended."""
        exchange.origin = self._origin if self._origin.caller is self._link.caller else self._look_again()
        self._request_log.tell(exchange, self._link.clock.time())

    def ended(self, exchange: Exchange) -> None:
        """Record an exchange that has ended."""
        exchange.origin = self._origin if self._origin.caller is self._link.caller else self._look_again()
        self._operations.count(
            exchange.head.operation, exchange.end or exchange.outcome, exchange.ended - exchange.started
        )
        self._request_log.write(exchange)


def conversation_of(link: Link, proxy: ExchangeRecorder, dialect: Dialect) -> Conversation:
    """Return the conversation of a link."""
    host = LinkConversationHost(link, proxy, dialect)
    return Conversation(dialect, link.client, link.server, host, link.clock, link.budget, link.limits)
