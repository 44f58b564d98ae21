"""A server that no longer answers, as if it were stopped."""

from __future__ import annotations

import math

from ..fault import DEFAULT_BUFFER, Fault
from ..segment import Kind, Stage, StageContext


class Hang(Fault, frozen=True):
    """Accepts connections and then stays silent, as a stopped process does (SIGSTOP).

    The client sees `connect()` succeed, and then silence until its own read timeout. When the fault is healed,
    everything continues where it stopped.

    Use it to find calls without a timeout: it is the failure that lasts all night.
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
