"""http.truncate: where a reply stops, and what it says of its length."""

import random

import pytest

from brownout.faults import Share, Spec
from brownout.faults.action import Cut, Rewrite
from brownout.faults.settings import SettingsError

from .conftest import CHUNKED, EMPTY, GET, HEAD, LENGTH, NO_CONTENT, NOT_MODIFIED, UNTIL_END, replied


def actions(settings: dict[str, object], reply: tuple[str, ...], request: object = GET) -> list[object]:
    fault = Spec.parse({"fault": "http.truncate", **settings}).fault
    head = replied(*reply, to=request)
    return list(fault.on_reply(request, head, random.Random(7)))


@pytest.mark.parametrize(
    ("settings", "reply", "cut"),
    [
        ({"bytes": "4B"}, LENGTH, Cut(4, "fin")),
        ({"bytes": 0}, LENGTH, Cut(0, "fin")),
        ({"bytes": "4B", "how": "rst"}, LENGTH, Cut(4, "rst")),
        ({"share": "39%"}, LENGTH, Cut(3, "fin")),
        ({"share": "30%"}, LENGTH, Cut(3, "fin")),
        ({"share": "29%"}, ("HTTP/1.1 200 OK", "content-length: 100"), Cut(29, "fin")),
        ({"share": "30%"}, CHUNKED, Cut(Share(0.3), "fin")),
        ({"bytes": "1KB"}, CHUNKED, Cut(1000, "fin")),
        ({"bytes": "4B", "how": "rst"}, UNTIL_END, Cut(4, "rst")),
    ],
    ids=str,
)
def test_a_reply_stops(settings: dict[str, object], reply: tuple[str, ...], cut: Cut) -> None:
    assert actions(settings, reply) == [cut]


@pytest.mark.parametrize("how", ["fin", "rst", "right_length"])
@pytest.mark.parametrize(
    ("reply", "request_"),
    [(EMPTY, GET), (NO_CONTENT, GET), (NOT_MODIFIED, GET), (LENGTH, HEAD), (CHUNKED, HEAD), (UNTIL_END, HEAD)],
    ids=["empty", "204", "304", "HEAD", "HEAD chunked", "HEAD until the end"],
)
def test_a_reply_without_a_body_passes(how: str, reply: tuple[str, ...], request_: object) -> None:
    assert actions({"share": 0, "how": how}, reply, request_) == []


@pytest.mark.parametrize("settings", [{"bytes": "10B"}, {"bytes": "1KB"}, {"share": "100%"}], ids=str)
def test_a_reply_that_is_short_enough_passes(settings: dict[str, object]) -> None:
    assert actions(settings, LENGTH) == []
    assert actions(settings | {"how": "right_length"}, LENGTH) == []


def test_a_length_is_made_to_fit() -> None:
    rewrite, cut = actions({"bytes": "4B", "how": "right_length"}, LENGTH)
    assert isinstance(rewrite, Rewrite)
    assert (rewrite.message, rewrite.whole) == ("reply", False)
    assert rewrite.rewrite(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: a\r\n\r\n") == (
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nETag: a\r\n\r\n"
    )
    assert cut == Cut(4, "nothing")


@pytest.mark.parametrize(
    ("settings", "body"),
    [({"bytes": 0}, b""), ({"bytes": "4B"}, b"abcd"), ({"share": "50%"}, b"abcde"), ({"bytes": "1KB"}, b"abcdefghij")],
    ids=str,
)
@pytest.mark.parametrize(
    ("reply", "whole", "kept"),
    [
        (
            CHUNKED,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nETag: a\r\n\r\n"
            b"3;x=1\r\nabc\r\n7\r\ndefghij\r\n0\r\nX-Sum: 1\r\n\r\n",
            b"ETag: a\r\n",
        ),
        (UNTIL_END, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcdefghij", b"Connection: close\r\n"),
    ],
    ids=["chunked", "until the end"],
)
def test_a_reply_without_a_length_gets_the_right_one(
    reply: tuple[str, ...], whole: bytes, kept: bytes, settings: dict[str, object], body: bytes
) -> None:
    (rewrite,) = actions({**settings, "how": "right_length"}, reply)
    assert isinstance(rewrite, Rewrite)
    assert (rewrite.message, rewrite.whole) == ("reply", True)
    length = b"content-length: %d\r\n" % len(body)
    assert rewrite.rewrite(whole) == b"HTTP/1.1 200 OK\r\n" + kept + length + b"\r\n" + body


def test_a_head_that_comes_before_the_reply_stays() -> None:
    (rewrite,) = actions({"bytes": "1B", "how": "right_length"}, CHUNKED)
    assert isinstance(rewrite, Rewrite)
    early = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    assert rewrite.rewrite(early + b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n") == (
        early + b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na"
    )


@pytest.mark.parametrize("settings", [{}, {"bytes": "1B", "share": "1%"}], ids=str)
def test_one_measure_is_needed(settings: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as caught:
        actions(settings, LENGTH)
    assert (caught.value.message, caught.value.hint) == (
        "either bytes or share says how much arrives", "give bytes=1KB, or share=50%",
    )  # fmt: skip
