"""The spread of delays: each distribution has the mean and the width that were asked for, at any correlation."""

import statistics

import pytest

from brownout.faults import Duration, Kind, Latency, Segment, Share, StageContext


def delays(fault: Latency, count: int = 20_000) -> list[float]:
    stage = fault.start(StageContext(7))
    return [segment.at for _ in range(count) for segment in stage(Segment(0.0, b"x", Kind.DATA))]


@pytest.mark.parametrize("correlation", [0.0, 0.8])
@pytest.mark.parametrize(
    ("distribution", "mean", "deviation"),
    [("uniform", 0.3, 0.1 / 3**0.5), ("normal", 0.3, 0.1), ("lognormal", 0.3, 0.1), ("pareto", 0.3, 0.1)],
)
def test_mean_and_width(distribution: str, mean: float, deviation: float, correlation: float) -> None:
    found = delays(
        Latency(
            latency=Duration(0.3),
            jitter=Duration(0.1),
            distribution=distribution,
            correlation=Share(correlation),
        )
    )
    assert statistics.fmean(found) == pytest.approx(mean, rel=0.03)
    assert statistics.stdev(found) == pytest.approx(deviation, rel=0.25 if distribution == "pareto" else 0.05)


def test_uniform_stays_within_its_bounds_and_pareto_above_its_least() -> None:
    uniform = delays(Latency(latency=Duration(0.3), jitter=Duration(0.1)))
    assert 0.2 <= min(uniform) < 0.201
    assert 0.399 < max(uniform) <= 0.4
    pareto = delays(Latency(latency=Duration(0.3), jitter=Duration(0.1), distribution="pareto"))
    assert min(pareto) == pytest.approx(0.2279, abs=0.0005)  # 0.3 * (a - 1) / a, a = 1 + sqrt(10)


def test_a_delay_is_never_negative() -> None:
    assert min(delays(Latency(latency=Duration(0.01), jitter=Duration(1.0)))) == 0


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_a_delay_resembles_the_one_before_it(correlation: float) -> None:
    found = delays(
        Latency(latency=Duration(9), jitter=Duration(1), distribution="normal", correlation=Share(correlation))
    )
    assert statistics.correlation(found[:-1], found[1:]) == pytest.approx(correlation, abs=0.04)


def test_the_same_seed_draws_the_same() -> None:
    fault = Latency(latency=Duration(1), jitter=Duration(1))
    assert delays(fault, 100) == delays(fault, 100)
