"""http.lost_reply, http.lost_request and http.duplicate: whether the upstream does the work, and what the client sees."""

import random

import pytest

from brownout.faults import Spec
from brownout.faults.action import Answer, Drop, Repeat, Reset
from brownout.faults.settings import SettingsError

from .conftest import CLOSE, HEAD, POST

PAGE = b"<html>\n<head><title>504 Gateway Timeout</title></head>\n<body><h1>504 Gateway Timeout</h1></body>\n</html>\n"


@pytest.mark.parametrize(
    ("fault", "actions"),
    [
        ("http.lost_reply", (Reset(forward=True),)),
        ("http.lost_reply:reset", (Reset(forward=True),)),
        ("http.lost_reply:hang", (Drop(forward=True),)),
        ("http.lost_request", (Drop(),)),
        ("http.lost_request:hang", (Drop(),)),
        ("http.lost_request:reset", (Reset(),)),
        ("http.duplicate", (Repeat(1),)),
        ("http.duplicate:3", (Repeat(3),)),
    ],
)
def test_what_is_done_and_what_is_seen(fault: str, actions: tuple[object, ...]) -> None:
    found = Spec.parse(fault).fault.on_request(POST, random.Random(7))
    assert repr(found) == repr(actions)  # Drop() == Reset(): both are tuples


@pytest.mark.parametrize("sees", ["504", 504])
def test_a_gateway_gives_up_when_the_work_is_done(sees: object) -> None:
    fault = Spec.parse({"fault": "http.lost_reply", "client_sees": sees}).fault
    found = [fault.on_request(each, random.Random(7))[0] for each in (POST, HEAD, CLOSE)]
    head = (
        b"HTTP/1.1 504 Gateway Timeout\r\ndate: Thu, 27 Nov 2025 12:00:00 GMT\r\n%b"
        b"content-type: text/html\r\ncontent-length: 105\r\n\r\n"
    )
    assert found == [
        Answer(head % b"" + PAGE, forward=True),
        Answer(head % b"", forward=True),
        Answer(head % b"connection: close\r\n" + PAGE, forward=True, close=True),
    ]


@pytest.mark.parametrize(
    ("fault", "message", "hint"),
    [
        ("http.lost_reply:503", "client_sees: '503' is not one of reset, hang, 504", "did you mean 504?"),
        ("http.lost_request:504", "client_sees: '504' is not one of hang, reset", "known: hang, reset"),
        ("http.duplicate:0", "copies: '0' is not right", "copies is a number from 1 to 100"),
        ("http.duplicate:101", "copies: '101' is not right", "copies is a number from 1 to 100"),
    ],
)
def test_what_is_wrong_is_said(fault: str, message: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Spec.parse(fault)
    assert (caught.value.message, caught.value.hint) == (message, hint)
