"""Bytes that come late."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from msgspec import Meta

from ...wire.errors import BrownoutError
from ..fault import Fault
from ..segment import Kind, Segment, Stage, StageContext
from ..settings.units import Duration, Share


class Latency(Fault, frozen=True):
    """Delays every byte without reducing throughput.

    The client sees each round trip take this much longer. A client library that makes five round trips on a new
    connection waits five times.

    Use it for a dependency that is far away or overloaded.
    """

    name = "latency"
    acts_on_turns = True

    latency: Annotated[Duration, Meta(description="The mean delay.")]
    jitter: Annotated[
        Duration, Meta(description="How much delays vary: half the width, or the standard deviation.")
    ] = Duration(0)
    distribution: Annotated[
        Literal["uniform", "normal", "lognormal", "pareto"], Meta(description="The distribution of the delays.")
    ] = "uniform"
    correlation: Annotated[Share, Meta(description="How closely a delay follows the one before it.")] = Share(0)

    def __post_init__(self) -> None:
        """Check that a skewed distribution has a mean to be skewed around."""
        super().__post_init__()
        if self.jitter and not self.latency and self.distribution in ("lognormal", "pareto"):
            raise BrownoutError(f"{self.distribution} needs a latency above 0", "give latency=100ms, or use uniform")

    def start(self, context: StageContext) -> Stage:
        """Start with the delays of this stage."""
        delay = self._delays(context)

        def stage(segment: Segment) -> Iterable[Segment]:
            at, data, kind = segment
            return () if kind is Kind.OPEN else (Segment(at + delay(), data, kind),)

        return stage

    def _delays(self, context: StageContext) -> Callable[[], float]:
        mean, jitter, correlation = float(self.latency), float(self.jitter), float(self.correlation)
        if not jitter:
            return lambda: mean
        spread = _SPREADS[self.distribution](mean, jitter)
        fresh = math.sqrt(1 - correlation**2)
        before = context.rng.gauss(0, 1)

        def delay() -> float:
            # The correlation is one of normal variables (an AR(1) process); the spread keeps its exact shape with it.
            nonlocal before
            before = correlation * before + fresh * context.rng.gauss(0, 1)
            return max(0.0, spread(before))

        return delay


def _uniform(mean: float, jitter: float) -> Callable[[float], float]:
    return lambda normal: mean + jitter * math.erf(normal / math.sqrt(2))


def _normal(mean: float, jitter: float) -> Callable[[float], float]:
    return lambda normal: mean + jitter * normal


def _lognormal(mean: float, jitter: float) -> Callable[[float], float]:
    variance = math.log(1 + (jitter / mean) ** 2)
    return lambda normal: mean * math.exp(math.sqrt(variance) * normal - variance / 2)


def _pareto(mean: float, jitter: float) -> Callable[[float], float]:
    shape = 1 + math.sqrt(1 + (mean / jitter) ** 2)
    least = mean * (shape - 1) / shape
    return lambda normal: least * (0.5 * math.erfc(normal / math.sqrt(2))) ** (-1 / shape)


_SPREADS = {"uniform": _uniform, "normal": _normal, "lognormal": _lognormal, "pareto": _pareto}
