"""Every fault of HTTP asks only for what can be done when it is asked, and for the same with the same random numbers."""

import random
from collections.abc import Iterable

import pytest

from brownout.faults import CATALOGUE, Duration, Kind, Segment, Share, Size, StageContext
from brownout.faults.action import Action, Close, Cut, Hold, Message, Reset, Rewrite, Shape
from brownout.faults.exchange import Request
from brownout.faults.http import Delay, Drip, Duplicate, Header, LostReply, LostRequest, Status, Truncate
from brownout.faults.http.fault import HttpFault
from brownout.testing.conformance import check_fault

from .conftest import (
    CHUNKED,
    CLOSE,
    EMPTY,
    EXPECT,
    GET,
    HEAD,
    LENGTH,
    NO_CONTENT,
    NOT_MODIFIED,
    OLD,
    POST,
    UNTIL_END,
    replied,
)

EXAMPLES: list[HttpFault] = [
    Status(status=503),
    Status(status=204),
    Status(status=429, json={"error": "busy"}, retry_after=Duration(2), headers={"X-A": "1"}),
    Delay(delay=Duration(1)),
    Delay(delay=Duration(1), jitter=Duration(3), delays="request"),
    Delay(delay=Duration(1), delays="body"),
    LostReply(),
    LostReply(client_sees="hang"),
    LostReply(client_sees="504"),
    LostRequest(),
    LostRequest(client_sees="reset"),
    Duplicate(),
    Truncate(bytes=Size(4)),
    Truncate(share=Share(0.5), how="rst"),
    Truncate(share=Share(0), how="right_length"),
    Drip(bytes=Size(1), interval=Duration(1)),
    Drip(bytes=Size(1), interval=Duration(1), part="head"),
    Header(remove=("etag",)),
    Header(set={"X-A": "1"}, message="request"),
]
REQUESTS = {"GET": GET, "HEAD": HEAD, "POST": POST, "Expect": EXPECT, "1.0": OLD, "close": CLOSE}
REPLIES = {
    "length": LENGTH, "chunked": CHUNKED, "until the end": UNTIL_END, "empty": EMPTY, "204": NO_CONTENT,
    "304": NOT_MODIFIED,
}  # fmt: skip
LATER = (Hold, Shape, Rewrite, Cut, Reset, Close)
"""What can still be done when the head of the reply is there."""
SAMPLES: dict[tuple[Message, bool], bytes] = {
    ("request", False): b"GET /cart HTTP/1.1\r\nhost: shop\r\n\r\n",
    ("reply", False): b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\netag: a\r\n\r\n",
    ("reply", True): b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
}


def seen(action: Action) -> object:
    """An action as one can compare it: functions by what they do."""
    if isinstance(action, Rewrite):
        return action.message, action.whole, action.rewrite(SAMPLES[action.message, action.whole])
    if isinstance(action, Shape):
        stage = action.start(StageContext(7))
        return action.message, action.part, [*stage(Segment(0, kind=Kind.OPEN)), *stage(Segment(1, b"abcdef"))]
    return action


@pytest.mark.parametrize("fault", EXAMPLES, ids=str)
def test_it_is_a_fault(fault: HttpFault) -> None:
    check_fault(fault)


def twice(actions: list[Iterable[Action]]) -> list[Action]:
    first, second = ([seen(action) for action in each] for each in map(list, actions))
    assert first == second
    return list(actions[0])


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("fault", EXAMPLES, ids=str)
def test_what_it_asks_for_on_the_request(fault: HttpFault, request_: Request) -> None:
    actions = twice([fault.on_request(request_, random.Random(7)) for _ in range(2)])
    assert bool(actions) is (fault.acts_on == "request")
    assert [each for each in actions if isinstance(each, Hold | Shape | Rewrite) and each.message == "reply"] == []


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
@pytest.mark.parametrize("fault", [each for each in EXAMPLES if each.acts_on == "reply"], ids=str)
def test_what_it_asks_for_on_the_reply(fault: HttpFault, request_: Request, reply: tuple[str, ...]) -> None:
    head = replied(*reply, to=request_)
    actions = twice([fault.on_reply(request_, head, random.Random(7)) for _ in range(2)])
    assert [each for each in actions if not isinstance(each, LATER)] == []
    assert [each for each in actions if isinstance(each, Hold | Shape | Rewrite) and each.message == "request"] == []
    assert bool(actions) is (not isinstance(fault, Truncate) or head.length != 0)


def test_every_fault_of_http_has_an_example() -> None:
    assert {fault.name for fault in EXAMPLES} == {name for name in CATALOGUE if name.startswith("http.")}
    assert {CATALOGUE[fault.name].streams for fault in EXAMPLES} == {()}
    assert {fault.protocol for fault in EXAMPLES} == {"http"}


def test_a_duplicate_needs_the_whole_request() -> None:
    assert [fault.name for fault in EXAMPLES if fault.needs_whole_request] == ["http.duplicate"]
