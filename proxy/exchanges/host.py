"""The link, as its conversation sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ...faults.segment import Kind

if TYPE_CHECKING:
    from ..shaping.injection import Injection
    from .exchange import Exchange
    from .rules import Rules


class Way(Protocol):
    """The way of a stream, from its source on."""

    def forward(self, data: bytes) -> None:
        """Send on what was just read, as it came."""

    def took(self, count: int) -> None:
        """Take note that so many bytes were read, and are not sent on yet."""

    def send(self, data: bytes) -> None:
        """Send on bytes that were taken, or that are ours."""

    def send_event(self, kind: Kind) -> None:
        """Send on an event."""

    def hold_back(self, full: bool) -> None:
        """Hold back the source, or let it go on."""


class Carrier(Protocol):
    """Who has the faults, and is told what becomes of exchanges."""

    @property
    def rules(self) -> Rules:
        """The faults that are armed now."""

    def operation(self, name: str) -> str:
        """Return by which name an operation is counted."""

    def fired(self, injection: Injection, exchange: Exchange) -> None:
        """Take note that a fault acts on an exchange."""

    def missed(self, injection: Injection) -> None:
        """Take note that a fault fired and found nothing to do."""

    def spared(self, injection: Injection) -> None:
        """Take note that a fault could not touch an exchange: it was too long to be kept, or is not followed."""

    def repeat(self, exchange: Exchange, data: bytes, times: int, done: Callable[[], None]) -> None:
        """Send a request so often on connections of its own, then call `done`."""

    def opaque(self, why: str) -> None:
        """Take note that the link is followed no more."""

    def ended(self, exchange: Exchange) -> None:
        """Take an exchange that has ended."""
