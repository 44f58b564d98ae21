"""The clock of a profile: from when the `start` and `for` of its injections count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ..system.clock import Callback, Clock, Timer

Sign = Literal["first connection", "first test"]
"""What starts a clock that waits: the first connection to any proxy, or the first test of a test run."""


class Pending:
    """A call that comes some seconds after the clock has started."""

    __slots__ = ("_timer", "call", "cancelled", "seconds")

    def __init__(self, seconds: float, call: Callback) -> None:
        self.seconds = seconds
        self.call = call
        self.cancelled = False
        self._timer: Timer | None = None

    def begin(self, call_at: Callable[[float, Callback], Timer], started: float) -> None:
        """Set the timer, since the clock has started."""
        if not self.cancelled:
            self._timer = call_at(started + self.seconds, self.call)

    def cancel(self) -> None:
        """Make no call."""
        self.cancelled = True
        if self._timer is not None:
            self._timer.cancel()


class Countdown:
    """Runs from now, or `waits_for` a sign and is started by it. Injections of one profile share one."""

    __slots__ = ("_clock", "_pending", "_started", "waits_for")

    def __init__(self, clock: Clock, waits_for: Sign | None = None) -> None:
        self._clock = clock
        self.waits_for = waits_for
        self._started = clock.time()
        self._pending: list[Pending] = []

    def call_after(self, seconds: float, call: Callback) -> Pending:
        """Call something when the clock has run for `seconds`."""
        pending = Pending(seconds, call)
        if self.waits_for is None:
            pending.begin(self._clock.call_at, self._started)
        else:
            self._pending.append(pending)
        return pending

    def start(self) -> None:
        """Start to run, if it does not yet."""
        if self.waits_for is None:
            return
        self.waits_for, self._started = None, self._clock.time()
        pending, self._pending = self._pending, []
        for each in pending:
            each.begin(self._clock.call_at, self._started)
