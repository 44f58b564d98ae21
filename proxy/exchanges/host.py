"""The link, as its conversation sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ...faults.segment import Kind
from ..shaping.injection import Injection
from .exchange import Exchange
from .rules import Rules


class Outlet(Protocol):
    """Where a stream goes on, behind the conversation: towards its sink."""

    def forward(self, data: bytes) -> None:
        """Send on what was just read, as it came."""

    def withhold(self, count: int) -> None:
        """Record `count` bytes as read but not yet sent on."""

    def send(self, data: bytes) -> None:
        """Send on bytes that were withheld, or that are ours."""

    def send_event(self, kind: Kind) -> None:
        """Send on an event."""

    def set_paused(self, paused: bool) -> None:
        """Pause the source, or let it go on."""


class ConversationHost(Protocol):
    """Has the faults, and is told what becomes of exchanges."""

    @property
    def rules(self) -> Rules:
        """The faults that are armed now."""

    def operation(self, name: str) -> str:
        """Return by which name an operation is counted."""

    def fired(self, injection: Injection, exchange: Exchange, n: int) -> None:
        """Record that a peer could notice a fault on an exchange, the n-th that it matched."""

    def record_untouched(self, injection: Injection) -> None:
        """Record that a fault could not act on an exchange: it was too long to be kept, or is not parsed."""

    def text_too_long(self, injection: Injection) -> None:
        """Record that a fault could not act on an exchange, since a text is longer than its match looks at."""

    def body_unread(self, injection: Injection, reason: str) -> None:
        """Record that a fault could not act on an exchange, since its match looks at a body that cannot be read."""

    def copy(
        self, exchange: Exchange, data: bytes, times: int, answered: Callable[[], None], done: Callable[[], None]
    ) -> None:
        """Send a request `times` on connections of its own; call `answered` for each reply, and `done` at the end."""

    def parsing_stopped(self, why: str) -> None:
        """Record that the link is not parsed any more."""

    def settled(self, exchange: Exchange) -> None:
        """Take an exchange that is open and will have no reply: it is lost, or the client's stream has ended."""

    def ended(self, exchange: Exchange) -> None:
        """Take an exchange that has ended."""


def record_fired(host: ConversationHost, exchange: Exchange, injection: Injection, n: int) -> None:
    """Record, once, that a peer could notice on an exchange the fault of which it is the n-th match."""
    if injection.name not in exchange.faults:
        exchange.faults += (injection.name,)
        host.fired(injection, exchange, n)


def record_missed(exchange: Exchange) -> None:
    """Count an exchange that has ended with the faults that chose it and did not fire."""
    for injection in exchange.plan.chosen_by if exchange.plan is not None else ():
        if injection.name not in exchange.faults:
            whole = exchange.reply_sent and not exchange.end
            injection.missed.unchanged += whole
            injection.missed.ended += not whole


def record_too_long(host: ConversationHost, rules: Rules, mask: int) -> None:
    """Record that the texts of an exchange are longer than some faults' matches look at."""
    for _, injection in rules.among(mask):
        host.text_too_long(injection)
