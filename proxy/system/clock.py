"""Time: one clock for everything that a proxy does later.

`time.monotonic()`, not `loop.time()`: uvloop's stands still within a callback and its timers tick in milliseconds. On
Linux one timerfd per loop, registered as a reader, wakes what is due; elsewhere the loop's own timers do.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import sys
import time
from collections.abc import Callable
from typing import Protocol

_FARTHEST = 86_400.0
"""How many seconds ahead a timer is set at most."""

Callback = Callable[[], None]


class Timer(Protocol):
    """A call that is due; cancelling it twice, or after it ran, does nothing."""

    def cancel(self) -> None:
        """Take the call back."""


class Clock(Protocol):
    """Seconds of a monotonic clock, and calls at a moment of it."""

    def time(self) -> float:
        """Return the seconds of now."""

    def call_at(self, when: float, callback: Callback) -> Timer:
        """Call back at a moment; one that has passed means as soon as the loop comes round."""


class _Due:
    __slots__ = ("callback",)

    def __init__(self, callback: Callback) -> None:
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        self.callback = None


class Agenda:
    """Calls in the order in which they are due; equal moments in the order of asking."""

    __slots__ = ("_count", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, _Due]] = []
        self._count = itertools.count()

    def add(self, when: float, callback: Callback) -> Timer:
        """Enter a call."""
        due = _Due(callback)
        heapq.heappush(self._heap, (when, next(self._count), due))
        return due

    def next(self) -> float | None:
        """Return when the next call is due, None if there is none."""
        while self._heap and self._heap[0][2].callback is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop(self, now: float) -> Callback | None:
        """Take out the first call that is due by now."""
        while self._heap and self._heap[0][0] <= now:
            callback = heapq.heappop(self._heap)[2].callback
            if callback is not None:
                return callback
        return None


class _AgendaClock:
    """Makes the calls of an agenda; a subclass knows what wakes it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.time = time.monotonic
        self._loop = loop
        self._agenda = Agenda()
        self._armed: float | None = None

    def call_at(self, when: float, callback: Callback) -> Timer:
        due = self._agenda.add(when, callback)
        if self._armed is None or when < self._armed:
            self._armed = when
            self._wake(when)
        return due

    def _fire(self) -> None:
        now = self.time()
        while (callback := self._agenda.pop(now)) is not None:
            try:
                callback()
            except Exception as error:
                self._loop.call_exception_handler({"message": "error in a timed call", "exception": error})
        self._armed = self._agenda.next()
        self._wake(self._armed)

    def _wake(self, when: float | None) -> None:
        """Wake at a moment, and at no other; where that is too far away for a timer, wake before, to look again."""
        self._set(None if when is None else min(when, self.time() + _FARTHEST))

    def _set(self, when: float | None) -> None:
        """Set what wakes."""
        raise NotImplementedError


class _TimerFdClock(_AgendaClock):
    """Wakes on a timerfd, 0.06 to 0.1 ms late at the median where the loops' own timers are 0.9 ms late."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        from .timerfd import TimerFd

        super().__init__(loop)
        self._timer = TimerFd()
        loop.add_reader(self._timer.fd, self._fire)

    def _set(self, when: float | None) -> None:
        self._timer.set(when)

    def close(self) -> None:
        if self._timer.fd >= 0:
            self._loop.remove_reader(self._timer.fd)
            self._timer.close()


class _LoopClock(_AgendaClock):
    """Wakes by the loop's timers."""

    _handle: asyncio.TimerHandle | None = None

    def _set(self, when: float | None) -> None:
        self.close()
        if when is not None:
            self._handle = self._loop.call_later(max(0.0, when - self.time()), self._fire)

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()


class GuardedClock:
    """A clock whose calls may raise: `failed` takes the error."""

    __slots__ = ("_clock", "_failed", "time")

    def __init__(self, clock: Clock, failed: Callable[[Exception], None]) -> None:
        self._clock = clock
        self._failed = failed
        self.time = clock.time

    def call_at(self, when: float, callback: Callback) -> Timer:
        """Call back at a moment."""

        def guarded() -> None:
            try:
                callback()
            except Exception as error:
                self._failed(error)

        return self._clock.call_at(when, guarded)


class ClosableClock(Clock, Protocol):
    """A clock that belongs to a loop and is closed with what it serves."""

    def close(self) -> None:
        """Give the timer back; calls that are still due do not come."""


def loop_clock(loop: asyncio.AbstractEventLoop) -> ClosableClock:
    """Return the best clock for this loop and system."""
    return _TimerFdClock(loop) if sys.platform == "linux" else _LoopClock(loop)
