"""Requests and replies as the dialect reads them."""

import pytest

from brownout.faults.exchange import Request
from brownout.wire.http1 import Http1, HttpReply, HttpRequest, reply

NOON = 1_764_244_800.75
DATE = "date: Thu, 27 Nov 2025 12:00:00 GMT"


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers have a date: always the same one."""
    monkeypatch.setattr(reply, "now", lambda: NOON)


def asked(line: str, *fields: str) -> Request:
    """A request without a body, as far as it is known."""
    data = "\r\n".join([line, "host: shop", *fields, "", ""]).encode()
    head = Http1().requests().feed(data)[0].head
    assert isinstance(head, HttpRequest)
    return Request(head, complete=head.length == 0)


def replied(line: str, *fields: str, to: Request) -> HttpReply:
    """The head of a reply."""
    data = "\r\n".join([line, *fields, "", ""]).encode()
    head = Http1().replies(lambda: to.head).feed(data)[0].head
    assert isinstance(head, HttpReply)
    return head


GET = asked("GET /cart HTTP/1.1")
HEAD = asked("HEAD /cart HTTP/1.1")
POST = asked("POST /orders HTTP/1.1", "content-length: 5")
EXPECT = asked("POST /orders HTTP/1.1", "content-length: 5", "expect: 100-continue")
OLD = asked("GET /cart HTTP/1.0")
CLOSE = asked("GET /cart HTTP/1.1", "connection: close")

LENGTH = ("HTTP/1.1 200 OK", "content-length: 10", "etag: a")
CHUNKED = ("HTTP/1.1 200 OK", "transfer-encoding: chunked")
UNTIL_END = ("HTTP/1.1 200 OK", "connection: close")
EMPTY = ("HTTP/1.1 200 OK", "content-length: 0")
NO_CONTENT = ("HTTP/1.1 204 No Content",)
NOT_MODIFIED = ("HTTP/1.1 304 Not Modified", "content-length: 10")
