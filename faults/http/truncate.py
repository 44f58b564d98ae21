"""Replies that are not whole."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Annotated, Literal

from msgspec import Meta

from ...wire.dialect import Part, ReplyHead
from ...wire.errors import BrownoutError
from ...wire.http1 import Http1, HttpRequest, edit_fields
from ..action import Cut, Message, Rewrite
from ..exchange import Request
from ..settings.units import Share, Size
from .fault import HttpFault, reply_head, request_head


class Truncate(HttpFault, frozen=True):
    """Cuts the body of the reply short: the connection ends there, or the reply declares the shorter length.

    The client sees a body that ends too early. With `how=right_length` it cannot tell: the reply looks like
    success, and only its content can show that something is missing.

    Use it to find code that takes half a reply for a whole one. If the body stops, a retry is ambiguous, because
    the work was done.
    """

    name = "http.truncate"

    bytes: Annotated[Size | None, Meta(description="How much of the body arrives.")] = None
    share: Annotated[Share | None, Meta(description="Which share of the body arrives, instead of `bytes`.")] = None
    how: Annotated[
        Literal["fin", "rst", "right_length"],
        Meta(
            description="The connection ends by FIN or RST; or it stays open and the reply declares the shorter length."
        ),
    ] = "fin"

    def __post_init__(self) -> None:
        """Check that there is one measure."""
        super().__post_init__()
        if (self.bytes is None) is (self.share is None):
            raise BrownoutError("either bytes or share says how much arrives", "give bytes=1KB, or share=50%")

    @property
    def acts_on(self) -> Message:
        """When it is asked what to do."""
        return "reply"

    def on_reply(self, request: Request, reply: ReplyHead, rng: random.Random) -> tuple[Cut | Rewrite, ...]:
        """Cut a reply that has a body."""
        asked, length = request_head(request), reply_head(reply).length
        if length is not None and self._kept(length) >= length:
            return ()
        if self.how != "right_length":
            return (Cut(self._measure() if length is None else self._kept(length), self.how),)
        if length is None:
            return (Rewrite(lambda data: shortened(data, asked, self._kept), whole=True),)
        kept = self._kept(length)
        return (Rewrite(lambda head: edit_fields(head, (), _length(kept))), Cut(kept, "nothing"))

    def _measure(self) -> int | Share:
        return self.share if self.share is not None else int(self.bytes or 0)

    def _kept(self, length: int) -> int:
        """Return how many bytes arrive of a body of `length`."""
        if self.share is not None:
            return self.share.of(length)
        return int(self.bytes or 0)


def shortened(data: bytes, asked: HttpRequest, kept: Callable[[int], int]) -> bytes:
    """Return a whole reply, chunked or ended by its connection, as one that says its length; `kept` says that."""
    reader = Http1().replies(lambda: asked)
    pieces = [*reader.feed(data), *reader.eof()]
    *interim, head = (piece.data for piece in pieces if piece.part is Part.HEAD)
    body = b"".join(piece.payload for piece in pieces)
    body = body[: kept(len(body))]
    return b"".join((*interim, edit_fields(head, ("transfer-encoding", "trailer"), _length(len(body))), body))


def _length(count: int) -> tuple[tuple[str, str]]:
    return (("content-length", str(count)),)
