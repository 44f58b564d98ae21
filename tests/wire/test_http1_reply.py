"""Replies of HTTP/1.x are made as they are read."""

import pytest

from brownout.wire.http1 import reply_bytes
from brownout.wire.http1.head import reply_head


@pytest.mark.parametrize(
    ("name", "value"), [("A", "1\r\nB: 2"), ("A", "1\r\n b"), ("A", "\0"), ("A b", "1"), ("", "1"), ("A", "→")]
)
def test_what_cannot_stand_in_a_field_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"cannot stand in a head|codec can't encode"):
        reply_bytes(200, fields=[(name, value)])


@pytest.mark.parametrize("reason", ["a\r\nB: 2", "a\nb", "\0", "→"])
def test_what_cannot_be_a_reason_is_refused(reason: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be a reason|codec can't encode"):
        reply_bytes(200, reason)


def test_making_replies() -> None:
    assert reply_bytes(200, body=b"hello") == b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
    assert reply_bytes(503, fields=[("Retry-After", "2")]) == (
        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\ncontent-length: 0\r\n\r\n"
    )
    assert reply_bytes(200, "Fine", [("Content-Length", "9")], b"hello") == (
        b"HTTP/1.1 200 Fine\r\nContent-Length: 9\r\n\r\nhello"
    )
    assert reply_bytes(200, body=b"hello", head_only=True) == b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
    assert reply_bytes(599) == b"HTTP/1.1 599 \r\ncontent-length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("code", "line"), [(204, b"204 No Content"), (304, b"304 Not Modified"), (100, b"100 Continue")]
)
def test_a_reply_without_a_body_has_no_length(code: int, line: bytes) -> None:
    assert reply_bytes(code, body=b"hello") == b"HTTP/1.1 " + line + b"\r\n\r\n"


def test_what_is_made_is_read() -> None:
    data = reply_bytes(429, fields=[("Retry-After", "1")])
    assert (reply_head(data).status, reply_head(data).length, reply_head(data).value("reply_header.retry-after")) == (
        "429",
        0,
        "1",
    )
