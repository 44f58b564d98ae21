"""What parses a protocol: a reader for each stream of a link, which cuts what it is fed into pieces.

A reader is sans-I/O and makes nothing up: its pieces, joined, are its input. It keeps back only a head that is not yet
whole, up to a bound. What it cannot read, or could read in two ways, turns it opaque: from there on everything is one
piece after the other that says nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol


class Part(enum.IntEnum):
    """What a piece is of its message."""

    HEAD = 0
    """All that is known before the body, in one piece; `Piece.head` is what it says."""
    BODY = 1
    """Payload; with what frames it, if `Piece.spans` says where the payload is."""
    FRAME = 2
    """What frames the payload: sizes of chunks, trailers; empty where the end of the stream ends a message."""
    STRAY = 3
    """Bytes between messages that mean nothing."""
    OPAQUE = 4
    """Bytes that are not parsed: `Reader.opaque` says why."""


class RequestHead(Protocol):
    """What is known of a request before its body. Heads are shared: nothing may change them."""

    @property
    def operation(self) -> str:
        """What is asked for, without what differs from one time to the next: `GET /users/{}`."""

    def summary(self, *, values: bool = False) -> str:
        """Return the request in a line of a log: without secrets, or with the `values` that may be some."""

    @property
    def size(self) -> int:
        """How many bytes it has."""

    def brief(self) -> RequestHead:
        """Return it with what operation, summary and idempotency key need, to be kept for long."""

    def idempotency_key(self) -> str:
        """Return the `keyed_hash` of the key by which a server knows that a request was sent again; empty without."""

    @property
    def idempotent(self) -> bool:
        """Whether a server that gets it twice does no more than if it got it once, by the rules of the protocol."""

    @property
    def expects(self) -> bool:
        """Whether the client waits for an interim reply before it sends the body, which cannot be looked at first."""

    @property
    def may_switch(self) -> bool:
        """Whether its reply may turn the connection into something else: only then is known what is sent behind it."""

    def value(self, key: str) -> str | None:
        """Return what a match's key looks at; None where the request has no such thing."""


class ReplyHead(Protocol):
    """What is known of a reply before its body."""

    @property
    def status(self) -> str:
        """How it went, in the protocol's own words: `503`."""

    @property
    def outcome(self) -> str:
        """The class of the status, one of a few: `5xx`."""

    @property
    def interim(self) -> bool:
        """Whether another head follows, the one that counts."""

    @property
    def retry_after(self) -> float | None:
        """How many seconds the client is asked to wait before it tries again; None where it is not asked."""

    @property
    def length(self) -> int | None:
        """How many bytes of payload follow; None where only the end will tell."""

    def value(self, key: str) -> str | None:
        """Return what a match's key looks at; None where the reply has no such thing."""


class Piece(NamedTuple):
    """Some bytes of a stream. With the `last` one a message is whole.

    `spans` says where in a piece of the body its payload is, from and to, if what frames it is in there too: a piece
    for each of a thousand small parts would take too long.
    """

    part: Part
    data: bytes
    last: bool = False
    head: RequestHead | ReplyHead | None = None
    spans: Sequence[tuple[int, int]] | None = None

    @property
    def payload(self) -> bytes:
        """The payload in it: nothing, if it is not of the body."""
        if self.part is not Part.BODY:
            return b""
        if self.spans is None:
            return self.data
        return b"".join([self.data[start:end] for start, end in self.spans])

    def up_to(self, count: int) -> bytes:
        """Return its bytes up to the last one of so much payload, or all of them."""
        for start, end in self.spans or ((0, len(self.data)),):
            if count <= end - start:
                return self.data[: start + count]
            count -= end - start
        return self.data


def whole(head: RequestHead | ReplyHead, data: bytes, body: int) -> list[Piece]:
    """Return the pieces of a message that came whole, whose last bytes, as many as `body` says, are its body."""
    if not body:
        return [Piece(Part.HEAD, data, last=True, head=head)]
    return [Piece(Part.HEAD, data[:-body], head=head), Piece(Part.BODY, data[-body:], last=True)]


class Reader(Protocol):
    """Parses one stream of one link."""

    @property
    def opaque(self) -> str:
        """Why it stopped parsing; empty while it parses."""

    @property
    def held(self) -> int:
        """How many bytes it keeps back, which the pieces to come begin with."""

    def feed(self, data: bytes) -> list[Piece]:
        """Take what was read; return the pieces that are whole with it."""

    def eof(self) -> list[Piece]:
        """Take the end of the stream; return what was kept back, and the end of a message that ends with it."""

    def give_up(self, why: str) -> list[Piece]:
        """Stop parsing; return what was kept back."""


class RequestReader(Reader, Protocol):
    """Parses a client's stream."""

    def read_whole(self, data: bytes) -> RequestHead | None:
        """Take what was read if it is one message, from its first byte to its last; return its head, else None."""


class ReplyReader(Reader, Protocol):
    """Parses a server's stream."""

    def read_whole(self, data: bytes, asked: RequestHead) -> ReplyHead | None:
        """Take what was read if it is one reply, whole and the last one to its request; return its head, else None."""

    def skip(self, data: bytes) -> bool:
        """Take what was read if it is within a body and does not end it; return whether it is.

        Asked where nobody wants the pieces. A reader that always returns False is slower and does nothing wrong.
        """


class Dialect(Protocol):
    """How a protocol is parsed: what makes the readers of a link."""

    def requests(self) -> RequestReader:
        """Return a reader of a client's stream."""

    def replies(self, asked: Callable[[], RequestHead | None]) -> ReplyReader:
        """Return a reader of a server's stream.

        `asked` returns the request to which a reply that begins belongs; it is called once for each reply.
        """
