"""Probes: how a service fares, by the clock of the test."""

from collections.abc import Callable, Iterator

import pytest

from brownout.testing import Chaos, Proxied, probe
from brownout.testing.probe import NotRecoveredError, Probe, Sample
from brownout.wire.errors import BrownoutError


class Clock:
    """A clock that calls move, and a service that takes `seconds` for each call and fails where `fails` says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.calls = 0
        monkeypatch.setattr(probe.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(probe.time, "sleep", self.pass_)

    def pass_(self, seconds: float) -> None:
        self.now += seconds

    def service(self, seconds: float, fails: Callable[[int], bool] = lambda call: False) -> Callable[[], None]:
        def call() -> None:
            self.calls += 1
            self.now += seconds * self.calls
            if fails(self.calls):
                raise ValueError(f"call {self.calls}")

        return call


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_sample_has_percentiles_and_the_share_of_errors(clock: Clock) -> None:
    sample = Probe(clock.service(0.01, lambda call: call % 4 == 0), 1).during(calls=100)
    assert (sample.calls, sample.error_share) == (100, 0.25)
    assert [round(value, 6) for value in (sample.p50, sample.p95, sample.p99)] == [0.5, 0.95, 0.99]
    assert sample.errors[:2] == ("ValueError: call 4", "ValueError: call 8")
    assert repr(sample) == "<100 calls, 25% failed, p50 0.500 s, p95 0.950 s, p99 0.990 s>"
    assert Sample((0.1,), ()).p99 == 0.1


def test_a_baseline_is_healthy(clock: Clock) -> None:
    assert Probe(clock.service(0.01), 1).baseline().calls == 20
    with pytest.raises(BrownoutError, match="1 of 5 calls fail while healthy: ValueError: call 23"):
        Probe(clock.service(0.01, lambda call: call == 23), 1).baseline(calls=5)


def test_recovery_is_the_first_of_three_successes_in_a_row(clock: Clock) -> None:
    fails = {1, 2, 4}
    recovered = Probe(clock.service(0.0, lambda call: call in fails), 1).recovery(within="1s")
    assert recovered == pytest.approx(3 * 0.02)  # three pauses before the call that failed last
    assert clock.calls == 7


def test_no_recovery_fails_with_the_last_error(clock: Clock) -> None:
    with pytest.raises(NotRecoveredError, match=r"it did not recover within 0\.99 s of healing: ValueError: call"):
        Probe(clock.service(0.0, lambda call: True), 1).recovery(within="990ms")
    assert clock.calls == 50
    assert issubclass(NotRecoveredError, AssertionError)


@pytest.fixture
def api(web: str) -> Iterator[Proxied]:
    with Chaos(api="none") as chaos:
        yield chaos.proxy("api", upstream=web)


def test_a_url_is_fetched(api: Proxied) -> None:
    with Chaos(api="none") as chaos:
        fetching = chaos.probe(api.url, timeout="20s")
    assert fetching.baseline(calls=3).error_share == 0
    with api.inject("http.status:503"):
        assert fetching.during(calls=2).errors == ("503 Service Unavailable",) * 2
    with api.inject("reset"):
        assert fetching.during(calls=2).error_share == 1
    assert fetching.recovery(within="60s") < 60


@pytest.mark.parametrize("url", ["127.0.0.1:80", "ftp://a/b", "http://", "redis://me:secret@a"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with Chaos(api="none") as chaos, pytest.raises(BrownoutError, match="is no URL to fetch") as error:
        chaos.probe(url)
    assert "secret" not in str(error.value)


def test_an_async_function_is_refused() -> None:
    async def call() -> None: ...

    with pytest.raises(BrownoutError, match="a probe calls functions, and this one is async"):
        Probe(call, 1).during()


def test_no_calls_say_nothing() -> None:
    with pytest.raises(BrownoutError, match="0 calls say nothing"):
        Probe(lambda: None, 1).during(calls=0)
