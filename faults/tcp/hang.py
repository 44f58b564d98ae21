"""A server that no longer answers, as if it were stopped."""

from __future__ import annotations

import math

from ..fault import DEFAULT_BUFFER, Fault
from ..segment import Kind, Stage, StageContext


class Hang(Fault, frozen=True):
    """Connections are accepted, and then there is silence, as from a process that is stopped (SIGSTOP).

    New connections are not even dialled upstream. What open connections send waits, and so does their end; when healed,
    all of it goes on in order.
    """

    name = "hang"
    streams = ("upstream", "downstream")

    def start(self, context: StageContext) -> Stage:
        """Start to hold everything."""
        return lambda segment: () if segment.kind is Kind.OPEN else (segment._replace(at=math.inf),)

    def admit(self, ahead: int) -> float:
        """Keep every new connection waiting."""
        return math.inf

    def queue_limit(self) -> int:
        """Return what a stopped process's sockets hold, roughly."""
        return DEFAULT_BUFFER
