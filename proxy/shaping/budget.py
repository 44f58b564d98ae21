"""How much all pipes of a process may hold together."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

MiB = 2**20


class Limits(NamedTuple):
    """Bounds that keep a proxy from growing without end; sizes in bytes, times in seconds."""

    dial: float = 10.0
    """How long the upstream may take to accept a connection."""
    early: int = 64 * 2**10
    """What a side may send before the other one is connected."""
    pipe: int = 128 * MiB
    """What may wait in one stream of one link for faults that name no limit of their own."""
    total: int = 1024 * MiB
    """What may wait in all streams together."""
    body: int = 1 * MiB
    """What is kept of a request or a reply where a fault must see all of it."""
    least: int = 64 * 2**10
    """What every stream may hold, however much the others do."""
    ending: float = 1.0
    """How long a link that is being ended may take to send what was written to it."""


LIMITS = Limits()


class Budget:
    """How many bytes may wait in all pipes; one that found it overdrawn is called when it no longer is."""

    __slots__ = ("_waiting", "held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._waiting: dict[Callable[[], None], None] = {}

    @property
    def overdrawn(self) -> bool:
        """Whether more is held than may be."""
        return self.held > self.limit

    def charge(self, amount: int) -> None:
        """Hold `amount` bytes more, or fewer where it is negative."""
        self.held += amount
        if amount < 0 and self._waiting and not self.overdrawn:
            waiting, self._waiting = self._waiting, {}
            for callback in waiting:
                callback()

    def call_when_free(self, callback: Callable[[], None]) -> None:
        """Call back, once, when it is no longer overdrawn."""
        self._waiting[callback] = None

    def forget(self, callback: Callable[[], None]) -> None:
        """Do not call back."""
        self._waiting.pop(callback, None)


class Account(Budget):
    """The part of a budget that some pipes share: `charged` is called when it changes."""

    __slots__ = ("_charged", "_whole")

    def __init__(self, whole: Budget, charged: Callable[[], None]) -> None:
        super().__init__(whole.limit)
        self._whole = whole
        self._charged = charged

    @property
    def overdrawn(self) -> bool:
        """Whether all of them hold more than they may."""
        return self._whole.overdrawn

    def charge(self, amount: int) -> None:
        """Hold `amount` bytes more, or fewer where it is negative."""
        self.held += amount
        self._whole.charge(amount)
        self._charged()

    def call_when_free(self, callback: Callable[[], None]) -> None:
        """Call back, once, when the budget is no longer overdrawn."""
        self._whole.call_when_free(callback)

    def forget(self, callback: Callable[[], None]) -> None:
        """Do not call back."""
        self._whole.forget(callback)
