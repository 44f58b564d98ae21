"""http.delay: what waits, and for how long."""

import random

import pytest

from brownout.faults import Duration
from brownout.faults.action import Hold
from brownout.faults.http import Delay

from .conftest import GET, LENGTH, replied

REPLY = replied(*LENGTH, to=GET)


@pytest.mark.parametrize(
    ("delays", "on_request", "on_reply"),
    [
        ("request", (Hold(2.0, "request"),), None),
        ("reply", (), (Hold(2.0, "reply"),)),
        ("body", (), (Hold(2.0, "reply", body=True),)),
    ],
)
def test_what_is_late(delays: str, on_request: tuple[Hold, ...], on_reply: tuple[Hold, ...] | None) -> None:
    fault = Delay(delay=Duration(2), delays=delays)
    assert fault.on_request(GET, random.Random(7)) == on_request
    assert fault.acts_on == ("request" if on_reply is None else "reply")
    if on_reply is not None:
        assert fault.on_reply(GET, REPLY, random.Random(7)) == on_reply


def delays(fault: Delay) -> list[float]:
    rng = random.Random(7)
    return [hold.seconds for _ in range(10_000) for hold in fault.on_reply(GET, REPLY, rng)]


def test_jitter_is_spread_evenly_on_both_sides() -> None:
    found = delays(Delay(delay=Duration(2), jitter=Duration(1)))
    assert all(1 <= each <= 3 for each in found)
    assert sum(found) / len(found) == pytest.approx(2, abs=0.02)
    for least in (1.0, 1.5, 2.0, 2.5):
        assert sum(least <= each < least + 0.5 for each in found) == pytest.approx(2500, abs=200)


def test_a_delay_is_never_negative() -> None:
    found = delays(Delay(delay=Duration(1), jitter=Duration(3)))
    assert min(found) == 0
    assert max(found) == pytest.approx(4, abs=0.01)
