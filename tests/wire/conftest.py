"""A link without sockets: a conversation goes through both readers."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import pytest

from brownout.wire.dialect import Part, Piece, RequestHead
from brownout.wire.http1.reader import HttpReply, HttpRequest, ReplyReader, RequestReader


class Followed(NamedTuple):
    """What the readers saw: their pieces, their reasons, and the exchanges that are whole."""

    requests: list[Piece]
    replies: list[Piece]
    exchanges: tuple[tuple[str, str, str], ...]
    request_opaque: str
    reply_opaque: str


def chunks(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Cut data at some positions."""
    at = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    return [data[start:end] for start, end in pairwise(at)]


def _follow(conversation: Any, request_cuts: Iterable[int] = (), reply_cuts: Iterable[int] = ()) -> Followed:
    requests = RequestReader()
    asked = [piece for chunk in chunks(conversation.request, request_cuts) for piece in requests.feed(chunk)]
    asked += requests.eof()
    heads = [piece.head for piece in asked if piece.part is Part.HEAD]
    whole = sum(piece.last for piece in asked)
    waiting: list[RequestHead] = [head for head in heads if isinstance(head, HttpRequest)]

    replies = ReplyReader(lambda: waiting.pop(0) if waiting else None)
    replied = [piece for chunk in chunks(conversation.reply, reply_cuts) for piece in replies.feed(chunk)]
    replied += replies.eof()
    statuses, status = [], ""
    for piece in replied:
        status = piece.head.status if isinstance(piece.head, HttpReply) else status
        if piece.last:
            statuses.append(status)
    exchanges = tuple(
        (head.method, head.target, status)
        for head, status in zip(heads[:whole], statuses, strict=False)
        if isinstance(head, HttpRequest)
    )
    return Followed(asked, replied, exchanges, requests.opaque, replies.opaque)


@pytest.fixture(scope="session")
def follow() -> Callable[..., Followed]:
    """Return what sends a conversation through both readers, each stream cut at the given positions."""
    return _follow
