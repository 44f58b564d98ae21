"""Operations of a proxy are counted apart, up to a bound."""

from itertools import accumulate

import pytest

from brownout.proxy.record.tally import DELAYS, Operations, Tally


def quantile(share: float, counts: list[int]) -> float:
    """As Prometheus estimates it (histogram_quantile): along a straight line within the bucket."""
    rank, sums = share * sum(counts), list(accumulate(counts))
    n = next(n for n, count in enumerate(sums) if count >= rank)
    below = DELAYS[n - 1] if n else 0.0
    return below + (DELAYS[n] - below) * (rank - (sums[n] - counts[n])) / counts[n]


@pytest.mark.parametrize("delay", [0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.8, 1, 2, 3, 5, 10, 20, 30, 60])
def test_a_delay_of_a_round_number_shows_as_that_number(delay) -> None:
    tally = Tally()
    for late in range(100):
        tally.delays.observe(delay + late * 1e-6)  # as timers are late
    assert abs(quantile(0.5, tally.delays.counts) / delay - 1) < 0.05


def test_exchanges_are_counted_by_operation_and_outcome() -> None:
    operations = Operations()
    operations.count("GET /", "2xx", 0.003)
    operations.count("GET /", "2xx", 100.0)
    operations.count("GET /", "reset", 0.5)
    operations.count("POST /", "5xx", 0.002)
    tally = operations.tallies["GET /"]
    assert tally.outcomes == {"2xx": 2, "reset": 1}
    assert tally.seconds.counts == [0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1]
    assert tally.seconds.sum == 100.503
    assert operations.tallies["POST /"].outcomes == {"5xx": 1}


def test_after_a_hundred_operations_new_ones_are_others() -> None:
    operations = Operations()
    for number in range(100):
        operations.count(f"GET /{number}", "2xx", 0.1)
    for number in range(90, 110):
        operations.count(f"GET /{number}", "5xx", 0.1)
    assert len(operations.tallies) == 101
    assert operations.tallies["GET /99"].outcomes == {"2xx": 1, "5xx": 1}
    assert operations.tallies["others"].outcomes == {"5xx": 10}


def test_a_name_is_known_from_when_it_was_asked_for() -> None:
    operations = Operations()
    names = [operations.name(f"GET /{number}") for number in range(102)]
    assert names == [*(f"GET /{number}" for number in range(100)), "others", "others"]
    assert [operations.name(name) for name in ("GET /0", "GET /101", "others")] == ["GET /0", "others", "others"]
    operations.count("GET /0", "2xx", 0.1)
    assert operations.tallies["GET /0"].outcomes == {"2xx": 1}
