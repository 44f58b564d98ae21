import types

import pytest

from brownout.cli.demo.faults.judgement import Measured, Row, measure
from brownout.cli.demo.faults.story import STORY

STEPS = {step.name: step for step in STORY}
RESET = ConnectionResetError(104, "Connection reset by peer")


@pytest.mark.parametrize(
    ("step", "measured", "sentence"),
    [
        ("healthy", Measured(0.001), ""),
        ("healthy", Measured(0.2), "an answer after 200.0 ms, which must come after 0 to 100 ms"),
        ("healed", Measured(0.3005), "an answer after 300.5 ms, which must come after 0 to 100 ms"),
        ("healed", Measured(0.001, RESET), "ConnectionResetError after 1.00 ms ([Errno 104] Connection reset by peer), which must be an answer"),
        ("latency", Measured(0.3001), ""),
        ("latency", Measured(0.2999), "an answer after 299.9 ms, which must come after 300 to 800 ms"),
        ("latency", Measured(0.9), "an answer after 900.0 ms, which must come after 300 to 800 ms"),
        ("bandwidth", Measured(1.02), ""),
        ("bandwidth", Measured(0.875), "an answer after 875.0 ms, which must come after 1000 to 1500 ms"),
        ("reset", Measured(0.001, RESET), ""),
        ("reset", Measured(0.6, RESET), "ConnectionResetError after 600.0 ms ([Errno 104] Connection reset by peer), which must come after 0 to 500 ms"),
        ("reset", Measured(0.001, EOFError("closed")), "EOFError after 1.00 ms (closed), which must be a reset"),
        ("reset", Measured(0.001, ConnectionRefusedError("refused")), "ConnectionRefusedError after 1.00 ms (refused), which must be a reset"),
        ("hang", Measured(2.002, TimeoutError("timed out")), ""),
        ("hang", Measured(0.5, TimeoutError("timed out")), "TimeoutError after 500.0 ms (timed out), which must come after 2000 to 2500 ms"),
        ("hang", Measured(2.1), "an answer after 2100 ms, which must be a time-out"),
        ("refuse", Measured(0.001, ConnectionRefusedError(111, "Connection refused")), ""),
        ("refuse", Measured(0.001, RESET), "ConnectionResetError after 1.00 ms ([Errno 104] Connection reset by peer), which must be a refusal"),
    ],
)  # fmt: skip
def test_what_is_not_as_injected_is_named(step: str, measured: Measured, sentence: str) -> None:
    assert Row(STEPS[step], {"redis": measured}).wrong() == ({"redis": sentence} if sentence else {})


class Clock:
    """Time that passes when a client says so."""

    now = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(
        "brownout.cli.demo.faults.judgement.time", types.SimpleNamespace(perf_counter=lambda: clock.now)
    )
    return clock


class Client:
    """Takes some seconds for each answer, and notes what it was told."""

    errors = (OSError,)
    small = large = ""

    def __init__(self, clock: Clock, *seconds: float, error: Exception | None = None) -> None:
        self.clock = clock
        self.seconds, self.error, self.told = list(seconds), error, list[str]()

    def ask(self, *, large: bool = False) -> None:
        self.told.append("page" if large else "ask")
        self.clock.now += self.seconds.pop(0)
        if self.error:
            raise self.error

    def close(self) -> None:
        self.told.append("close")


def test_the_median_counts(clock: Clock) -> None:
    client = Client(clock, 0.5, 0.25, 0.125, 0.5, 0.125)
    assert measure(STEPS["healthy"], client).seconds == 0.25
    assert client.told == ["ask"] * 5


def test_a_failure_is_measured_and_another_error_is_not_swallowed(clock: Clock) -> None:
    client = Client(clock, 0.5, error=RESET)
    measured = measure(STEPS["refuse"], client)
    assert measured.error is RESET
    assert measured.seconds == 0.5
    assert client.told == ["close", "ask"]
    with pytest.raises(KeyError):
        measure(STEPS["bandwidth"], Client(clock, 0, error=KeyError()))
