"""Plain counters, for metrics to be read from when somebody asks."""

from __future__ import annotations

from bisect import bisect_left

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""The upper bounds of a histogram's buckets; one more is without a bound."""


class Histogram:
    """How often which durations came, in buckets, and their sum, in seconds."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.sum += seconds


class Tally:
    """What all injections of one fault and name did on a proxy: those that were healed, and the delays of all."""

    __slots__ = ("delays", "fired", "matched")

    def __init__(self) -> None:
        self.matched = 0
        self.fired = 0
        self.delays = Histogram()
