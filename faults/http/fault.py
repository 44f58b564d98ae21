"""What the faults of HTTP have in common."""

from __future__ import annotations

from ...wire.dialect import ReplyHead
from ...wire.http1 import HttpReply, HttpRequest
from ..exchange import ExchangeFault, Request


class HttpFault(ExchangeFault, frozen=True):
    """One way in which an HTTP request fails."""

    protocol = "http"


def request_head(request: Request) -> HttpRequest:
    """Return the head of a request that the dialect of HTTP has read."""
    assert isinstance(request.head, HttpRequest)
    return request.head


def reply_head(reply: ReplyHead) -> HttpReply:
    """Return the head of a reply that the dialect of HTTP has read."""
    assert isinstance(reply, HttpReply)
    return reply
