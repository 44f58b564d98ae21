"""Who made a connection."""

from __future__ import annotations

from ...supervisor.process import Process
from .workers import Worker


class Caller:
    """The process whose connection it is, and the `worker` that runs tests to which it belongs, if any."""

    __slots__ = ("container", "who", "worker")

    def __init__(self, who: Process, worker: Worker | None = None) -> None:
        self.who = who
        self.container = who.container
        """The number of its container, in 12 digits; empty outside of one. It is read while the process is there."""
        self.worker = worker

    @property
    def process(self) -> int:
        """The number of the process."""
        return self.who.number

    @property
    def program(self) -> str:
        """Its program: `psql`, `python app.py`; no other word of its command line."""
        return self.who.program

    def test_at(self, moment: float) -> str:
        """Return which test its worker ran at a moment of the proxies' clock; empty where none, or nobody knows."""
        return "" if self.worker is None else self.worker.test_at(moment)
