"""A clock that stands still until it is told to run."""

from __future__ import annotations

from ..proxy.system.clock import Agenda, Callback, Timer


class VirtualClock:
    """Hours pass in microseconds: `run(60)` moves on by a minute and makes the calls that are due on the way."""

    def __init__(self, start: float = 1000.0) -> None:
        self.now = start
        self._agenda = Agenda()

    def time(self) -> float:
        """Return the seconds of now."""
        return self.now

    def call_at(self, when: float, callback: Callback) -> Timer:
        """Call back at a moment, in the run that reaches it."""
        return self._agenda.add(when, callback)

    def run(self, seconds: float) -> None:
        """Let time pass. A call that is due sees the moment for which it asked."""
        end = self.now + seconds
        while (due := self._agenda.next()) is not None and due <= end:
            self.now = max(self.now, due)
            callback = self._agenda.pop(due)
            assert callback is not None
            callback()
        self.now = end
