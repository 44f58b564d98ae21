"""What a seed hits, and what it draws there, written down: another version must not change what a seed repeats."""

from brownout.faults.action import Shape
from brownout.faults.http.delay import Delay
from brownout.faults.http.status import Status
from brownout.faults.segment import Kind, Stage, StageContext
from brownout.faults.settings.units import Duration, Share
from brownout.faults.spec import Spec
from brownout.proxy.shaping.injection import Injection

from .talk import GET, OK, Talk, does


def chosen(talk: Talk, requests: int) -> list[int]:
    """Return which of some requests met a fault."""
    talk.client(*requests * [GET])
    return talk.fired_ns


def late(talk: Talk, requests: int = 5) -> list[float]:
    """Return how late each reply came."""
    found = []
    for _ in range(requests):
        talk.client(GET)
        talk.server(OK)
        began = talk.clock.now
        talk.wait(10)
        found.append(round(talk.at_client()[-1][0] - (began - talk.start), 6))
    return found


def test_a_chance_hits_the_same_requests():
    talk = Talk()
    talk.inject(Status(status=503), probability=Share(0.3))
    assert chosen(talk, 20) == [6, 9, 13, 14, 19]


def test_jitter_draws_the_same_delays():
    talk = Talk()
    talk.inject(Delay(delay=Duration(2), jitter=Duration(1)))
    assert late(talk) == [1.850489, 2.618594, 2.665791, 1.843192, 1.530744]


def slow(context: StageContext) -> Stage:
    """Start a stage that draws how late each segment is."""
    return lambda segment: (
        () if segment.kind is Kind.OPEN else (segment._replace(at=segment.at + round(context.rng.random(), 3)),)
    )


def test_the_stage_of_a_message_draws_the_same():
    talk = Talk()
    talk.inject(does(Shape(slow), on="reply"))
    assert late(talk) == [0.334, 0.496, 0.979, 0.285, 0.909]


def test_what_a_request_that_was_hit_may_draw_is_the_same():
    injection = Injection(Spec(Status(status=503), name="status"), seed=7, proxy="api")
    draws = []
    for operation in ("GET /a", "GET /b", "GET /a"):
        found = injection.choose_exchange(operation)
        assert found is not None
        draws.append((round(found.rng.random(), 6), found.rng.getrandbits(16)))
    assert draws == [(0.478556, 29818), (0.744318, 48826), (0.916665, 21526)]
