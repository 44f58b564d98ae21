"""What an exchange costs, counted in Python calls of ours: figures that a busy machine does not change."""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import brownout.proxy
from brownout.faults.http.delay import Delay
from brownout.faults.http.status import Status
from brownout.faults.segment import StageContext
from brownout.faults.settings.units import Duration, Share
from brownout.faults.spec import Spec
from brownout.proxy.shaping.injection import Injection
from brownout.proxy.shaping.lane import Lane
from brownout.proxy.shaping.pipe import Pipe
from brownout.testing.clock import VirtualClock

from .talk import Talk

PACKAGE = str(Path(brownout.proxy.__file__).parents[1])
ROOMS = tuple(f"{PACKAGE}/{room}/" for room in ("proxy", "faults", "wire"))
REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def calls(work: Callable[[], object]) -> Counter[str]:
    """Return the calls of ours, by name."""
    found: Counter[str] = Counter()

    def profile(frame: object, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(ROOMS):
            found[code.co_qualname] += 1

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    print(found.total(), dict(found))
    return found


def request(number: int, more: bytes = b"") -> bytes:
    """A request with twelve headers, of which nothing can be remembered."""
    headers = b"".join(b"x-header-%d: some value\r\n" % each for each in range(10))
    return b"GET /orders/1 HTTP/1.1\r\nhost: shop\r\n%sx-tenant: tenant-%d\r\n%s\r\n" % (headers, number, more)


def test_a_chunk_that_nobody_wants_makes_no_piece():
    head, chunk, end = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n"
    talk = Talk()
    talk.inject(Status(status=503), match={"path": "/never"})
    talk.client(request(0))
    talk.server(head)
    found = calls(lambda: [talk.server(chunk) for _ in range(100)])
    assert found == dict.fromkeys(
        ("Conversation.feed_replies", "Conversation._take_unread", "ReplyReader.skip", "_walk"), 100
    )
    talk.server(end)
    talk.client(request(1))
    whole = calls(lambda: talk.server(head + 10 * chunk + end))
    assert whole["_walk"] == 1
    assert not whole["_Reader.feed"]
    assert [entry.reply_bytes for entry in talk.entries] == [
        len(head + 100 * chunk + end),
        len(head + 10 * chunk + end),
    ]


def test_a_request_that_no_fault_chooses_costs_no_plan_beyond_its_judgement():
    talk = Talk()
    talk.inject(Status(status=503), probability=Share(0.0))
    talk.client(request(0))
    talk.server(REPLY)
    found = calls(lambda: [(talk.client(request(n)), talk.server(REPLY)) for n in range(1, 101)])
    assert found["Injection.choose_exchange"] == 100
    assert not found["MessageQueue.add"]
    assert found.total() <= 40 * 100


def test_a_status_draws_nothing_and_its_request_is_read_once():
    talk = Talk()
    talk.inject(Status(status=503))
    talk.client(request(0))
    found = calls(lambda: [talk.client(request(n)) for n in range(1, 101)])
    assert found["RequestReader.read_whole"] == found["Status.on_request"] == 100
    assert not found["draw"] + found["_Reader.feed"]
    assert found.total() <= 115 * 100


def test_a_delay_has_one_timer_for_its_end_and_one_to_be_noticed():
    talk = Talk()
    talk.inject(Delay(delay=Duration(0.02)))

    def ask() -> None:
        talk.client(request(0))
        talk.server(REPLY)
        talk.wait(1)

    ask()
    found = calls(lambda: [ask() for _ in range(100)])
    assert found["Pipe._run"] == 2 * 100
    assert not found["draw"] + found["_Reader.feed"]
    assert found.total() <= 230 * 100


def test_a_header_that_a_hundred_rules_look_at_is_found_without_the_others():
    talk = Talk()
    for number in range(100):
        talk.inject(Status(status=503), name=f"rule-{number}", match={"header.x-tenant": f"none-{number}"})
    talk.client(request(0))
    talk.server(REPLY)
    found = calls(lambda: [(talk.client(request(n)), talk.server(REPLY)) for n in range(1, 101)])
    assert found["_field"] == found["_unfolded"] == 100
    assert found.total() <= 25 * 100


def test_of_many_faults_on_a_stream_only_the_one_that_is_due_is_looked_into():
    clock = VirtualClock()
    pipe = Pipe(clock, lambda segment: None)
    for number in range(20):
        injection = Injection(Spec.parse("latency:1ms")._replace(name=f"latency-{number}"), seed=1, proxy="p")
        pipe.join(Lane(injection, StageContext(number)))

    def pass_on() -> None:
        pipe.feed(b"data")
        clock.run(1)

    pass_on()  # each has fired, and is not noticed again
    found = calls(pass_on)
    assert found["Pipe._run"] == found["Lane.ring"] == 20
