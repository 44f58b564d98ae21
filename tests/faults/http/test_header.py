"""http.header: the exact heads that it makes, and what it leaves alone."""

import random

import pytest

from brownout.faults import Spec
from brownout.faults.action import Rewrite
from brownout.faults.http import Header
from brownout.faults.settings import SettingsError

from .conftest import GET, LENGTH, replied

HEAD = b"HTTP/1.1 200 OK\r\nETag: a\r\nVary: x\r\nX-b:  1\r\nVary: y\r\n\r\n"


def edited(settings: dict[str, object], *, text: bool = False) -> bytes:
    fault = Spec.parse({"fault": "http.header", **settings}, text=text).fault
    assert isinstance(fault, Header)
    assert fault.acts_on == "reply"
    assert fault.on_request(GET, random.Random(7)) == ()
    (rewrite,) = fault.on_reply(GET, replied(*LENGTH, to=GET), random.Random(7))
    assert isinstance(rewrite, Rewrite)
    assert (rewrite.message, rewrite.whole) == ("reply", False)
    return rewrite.rewrite(HEAD)


@pytest.mark.parametrize(
    ("settings", "head"),
    [
        ({"remove": ["etag"]}, b"HTTP/1.1 200 OK\r\nVary: x\r\nX-b:  1\r\nVary: y\r\n\r\n"),
        ({"remove": "Etag, VARY"}, b"HTTP/1.1 200 OK\r\nX-b:  1\r\n\r\n"),
        ({"remove": ["gone"]}, HEAD),
        ({"set": {"vary": "*"}}, b"HTTP/1.1 200 OK\r\nETag: a\r\nvary: *\r\nX-b:  1\r\n\r\n"),
        ({"set": {"X-C": ""}}, b"HTTP/1.1 200 OK\r\nETag: a\r\nVary: x\r\nX-b:  1\r\nVary: y\r\nX-C: \r\n\r\n"),
        ({"add": {"ETag": "b"}}, b"HTTP/1.1 200 OK\r\nETag: a\r\nVary: x\r\nX-b:  1\r\nVary: y\r\nETag: b\r\n\r\n"),
        (
            {"remove": "vary", "set": "ETag: W/b\nA: b:c", "add": "X-B: 2"},
            b"HTTP/1.1 200 OK\r\nETag: W/b\r\nX-b:  1\r\nA: b:c\r\nX-B: 2\r\n\r\n",
        ),
    ],
    ids=str,
)
def test_what_becomes_of_a_head(settings: dict[str, object], head: bytes) -> None:
    assert edited(settings) == head


def test_on_a_command_line_it_is_text_or_json() -> None:
    expected = b"HTTP/1.1 200 OK\r\nETag: b\r\nX-b:  1\r\n\r\n"
    assert edited({"remove": "vary", "set": "ETag: b"}, text=True) == expected
    assert edited({"remove": '["vary"]', "set": '{"ETag": "b"}'}, text=True) == expected


def test_the_request_may_be_edited_instead() -> None:
    fault = Header(set={"Host": "elsewhere"}, message="request")
    assert fault.acts_on == "request"
    (rewrite,) = fault.on_request(GET, random.Random(7))
    assert (rewrite.message, rewrite.whole) == ("request", False)
    assert rewrite.rewrite(b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n") == b"GET / HTTP/1.1\r\nHost: elsewhere\r\n\r\n"


FRAMED = "{} says where messages end, and cannot be changed"
WRONG = [
    ({}, "no header is named", "give remove=NAME, set='NAME: VALUE' or add='NAME: VALUE'"),
    ({"remove": []}, "no header is named", "give remove=NAME, set='NAME: VALUE' or add='NAME: VALUE'"),
    *(
        (given, FRAMED.format(name), "http.truncate cuts a reply, http.lost_reply ends the connection")
        for given, name in (
            ({"remove": "Content-Length"}, "Content-Length"), ({"set": {"transfer-encoding": "x"}}, "transfer-encoding"),
            ({"add": {"Connection": "close"}}, "Connection"), ({"remove": "expect"}, "expect"),
            ({"set": {"upgrade": "h2c"}}, "upgrade"),
        )
    ),
    ({"remove": "a b"}, "'a b' is not the name of a header", "use letters, digits and '-'"),
    ({"remove": "etag,"}, "'' is not the name of a header", "use letters, digits and '-'"),
    ({"set": {"X:": "1"}}, "'X:' is not the name of a header", "use letters, digits and '-'"),
    ({"add": {"X\r\nY": "1"}}, "'X\\r\\nY' is not the name of a header", "use letters, digits and '-'"),
    ({"add": {"X": "1\r\nY: 2"}}, "X: '1\\r\\nY: 2' cannot be in a header", "use one line of Latin letters"),
    ({"add": {"X": "\0"}}, "X: '\\x00' cannot be in a header", "use one line of Latin letters"),
    ({"set": "X"}, "set: 'X' is not a header", "write it like X-Answer: 42, each on a line of its own"),
    ({"set": {"X": None}}, "set: {'X': None} is not right",
     "set is a mapping of names to text, numbers in quotes, or NAME: VALUE"),
    ({"remove": [1]}, "remove: [1] is not right", "remove is a list of names, or names as text with commas"),
    ({"remove": {"a": "b"}}, "remove: {'a': 'b'} is not right",
     "remove is a list of names, or names as text with commas"),
    ({"remove": "a", "message": "both"}, "message: 'both' is not one of request, reply", "known: reply, request"),
    ({"remove": "a", "message": ["reply"]}, "message: a list is given where one value is expected", "write the value alone"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "message", "hint"), WRONG, ids=[str(each[0]) for each in WRONG])
def test_what_is_wrong_is_said(settings: dict[str, object], message: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        edited(settings)
    assert (caught.value.message, caught.value.hint) == (message, hint)
