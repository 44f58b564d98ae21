"""Plain counters, for metrics to be read from when somebody asks."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""The upper bounds of a histogram's buckets; one more is without a bound."""

_DECADE = (0.9, 1.1, 1.8, 2.2, 2.7, 3.3, 4.5, 5.5, 7.0)
DELAYS = (*SECONDS[:3], *(round(bound * 10.0**power, 6) for power in range(-2, 2) for bound in _DECADE))
"""The same for delays of faults. Round numbers lie in the middle of narrow buckets: a delay of 300 ms shows as 300."""

OPERATIONS = 100
"""How many operations of a proxy are told apart."""
OTHERS = "others"
"""What stands for every name beyond those that are told apart."""


class Histogram:
    """How often which durations came, in buckets up to each of the `bounds`, and their sum, in seconds."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds


class Tally:
    """What all injections of one fault and name did on a proxy: those that were healed, and the delays of all."""

    __slots__ = ("chosen", "delays", "fired", "matched", "vacuous")

    def __init__(self) -> None:
        self.matched = 0
        self.chosen = 0
        self.vacuous = 0
        self.fired = 0
        self.delays = Histogram(DELAYS)


class OperationTally:
    """What became of the exchanges of one operation: how many by outcome, or by end without a reply, and how long."""

    __slots__ = ("outcomes", "seconds")

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.seconds = Histogram()


class Operations:
    """What a proxy is asked for, each with its tally: the first hundred, and the others as one."""

    __slots__ = ("tallies",)

    def __init__(self) -> None:
        self.tallies: dict[str, OperationTally] = {}

    def name(self, operation: str) -> str:
        """Return the name under which an operation counts: its own, which is known from then on, or `others`."""
        if operation in self.tallies:
            return operation
        name = operation if len(self.tallies) < OPERATIONS else OTHERS
        if name not in self.tallies:
            self.tallies[name] = OperationTally()
        return name

    def count(self, operation: str, outcome: str, seconds: float) -> None:
        """Count an exchange."""
        tally = self.tallies.get(operation) or self.tallies[self.name(operation)]
        tally.outcomes[outcome] += 1
        tally.seconds.observe(seconds)
