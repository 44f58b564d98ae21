"""A link whose protocol is followed: its conversation, between the sockets and the faults of streams."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...wire.dialect import Dialect
from ...wire.protocols import dialect_of
from ..exchanges.conversation import Conversation
from ..exchanges.exchange import Exchange, Place
from ..exchanges.rules import Rules

if TYPE_CHECKING:
    from ..shaping.injection import Injection
    from .link import Link


class Following:
    """The carrier of a link's conversation."""

    __slots__ = ("_dialect", "_exchanges", "_link", "_operations", "_place", "_proxy")

    def __init__(self, link: Link, dialect: Dialect) -> None:
        self._link = link
        self._dialect = dialect
        self._proxy = link.proxy
        self._operations = link.proxy.operations
        self._exchanges = link.proxy.fleet.exchanges
        self._place = Place(time.time() - link.clock.time(), link.proxy.name, link.number)

    @property
    def rules(self) -> Rules:
        """The faults that are armed on the proxy now."""
        return self._proxy.rules

    def operation(self, name: str) -> str:
        """Return by which name an operation is counted."""
        return self._operations.name(name)

    def fired(self, injection: Injection, exchange: Exchange) -> None:
        """Take note that a fault acts on an exchange."""
        self._proxy.fired(injection, self._link, n=injection.matched, operation=exchange.head.operation)

    def missed(self, injection: Injection) -> None:
        """Take note that a fault fired and found nothing to do."""
        injection.missed(self._link)

    def spared(self, injection: Injection) -> None:
        """Take note that a fault could not touch an exchange."""
        injection.spare(self._link)

    def repeat(self, exchange: Exchange, data: bytes, times: int, done: Callable[[], None]) -> None:
        """Send a request so often on connections of its own, then call `done`."""
        link = self._link
        link.proxy.errands.run(link, self._dialect, exchange.head, data, times, done)

    def opaque(self, why: str) -> None:
        """Take note that the link is followed no more."""
        self._proxy.unfollowed(self._link, why)

    def ended(self, exchange: Exchange) -> None:
        """Record an exchange that has ended."""
        exchange.place = self._place
        self._operations.count(
            exchange.head.operation, exchange.end or exchange.outcome, exchange.ended - exchange.started
        )
        self._exchanges.write(exchange)


def follow(link: Link) -> Conversation | None:
    """Return the conversation of a link whose protocol can be followed."""
    dialect = dialect_of(link.proxy.upstream.scheme)
    if dialect is None:
        return None
    carrier = Following(link, dialect)
    return Conversation(dialect, link.client, link.server, carrier, link.clock, link.budget, link.limits)
