"""HTTP/1.x, parsed in both streams: RFC 9112.

    start -> by_length -> start          start -> until_eof          start -> chunk_size -> chunk -> chunk_end
          -> opaque                                                                      -> trailers -> start

Chunks that are whole are one piece together, whose spans are their payload.

Payload is never kept back, nor is what frames it: only heads are. Where two programs could find different ends of a
message, a reader finds none and turns opaque.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol, TypeVar, cast

from ..dialect import Part, Piece, RequestHead
from .head import (
    LONGEST_REMEMBERED,
    REQUEST_LINE,
    STATUS_LINE,
    TOKEN,
    HttpReply,
    HttpRequest,
    UnreadableError,
    reply_head,
    request_head,
)

HEAD_LIMIT = 65536
"""The longest head that is parsed, in bytes; also of all trailers of a message."""
CHUNK_LINE_LIMIT = 8192
"""The longest line with a chunk's size and extensions."""

HEAD, BODY, FRAME, STRAY, OPAQUE = Part

_END = re.compile(rb"\n\r?\n")  # RFC 9112, section 2.2: a bare LF may end the lines of a head
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n\0]*)?\r\n")
_TRAILERS = re.compile(rf"(?:{TOKEN}+:[^\r\n\0]*\r\n)+".encode())
_LAST_CHUNK = b"0\r\n\r\n"
"""The last chunk, where no trailers follow."""
_EMPTY_LINES = re.compile(rb"(?:\r?\n)+")


def _beginning(parts: tuple[str, ...]) -> re.Pattern[bytes]:
    """Return a pattern that finds all of the parts in order, or as much of them as has come."""
    pattern = parts[-1]
    for part in reversed(parts[:-1]):
        pattern = rf"{part}(?:\Z|{pattern})"
    return re.compile(pattern.encode())


_Head = TypeVar("_Head", HttpRequest, HttpReply)


class _State(Protocol):
    """Takes data from a position on, adds pieces, and returns up to where it took."""

    def __call__(self, reader: _Reader, /, data: bytes, at: int, pieces: list[Piece]) -> int: ...


class _Reader:
    """What both streams have in common: bodies, and heads that come in parts."""

    __slots__ = ("_held", "_left", "_line", "_searched", "_state", "opaque")

    _first_line: re.Pattern[bytes]

    def __init__(self) -> None:
        self.opaque = ""
        self._held = b""
        self._searched = 0  # of what is held, up to where no end of a head is
        self._left = 0  # of the body or the chunk; in trailers, how much of them came
        self._line = b""  # of a chunk's size or a trailer, what came and went on
        self._state: _State = type(self)._start

    @property
    def held(self) -> int:
        """How many bytes of a head it keeps back: at most 64 KiB."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Piece]:
        """Take what was read; return the pieces that are whole with it."""
        if self._held:
            data, self._held = self._held + data, b""
        pieces: list[Piece] = []
        at, end = 0, len(data)
        while at < end:
            at = self._state(self, data, at, pieces)
        return pieces

    def eof(self) -> list[Piece]:
        """Take the end of the stream; return what was kept back, and the end of a message that ends with it."""
        if self._state is _Reader._until_eof:
            self._state = type(self)._start
            return [Piece(FRAME, b"", True)]
        return self.give_up("ended within a head") if self._held else []

    def give_up(self, why: str) -> list[Piece]:
        """Stop parsing; return what was kept back. One that is opaque already stays so for its own reason."""
        self.opaque = self.opaque or why
        self._state = _Reader._opaque
        held, self._held = self._held, b""
        return [Piece(OPAQUE, held)] if held else []

    def _head(self, head: bytes, pieces: list[Piece]) -> None:
        """Add the piece of a head and go where it leads. Raises UnreadableError."""
        raise NotImplementedError

    def _start(self, data: bytes, at: int, pieces: list[Piece]) -> int:
        found = _END.search(data, self._searched or at)
        if found is None:
            return self._wait(data, at, pieces)
        end = found.end()
        self._searched = 0
        if end - at > HEAD_LIMIT:
            return self._stop("head beyond 64 KiB", data, at, pieces)
        try:
            self._head(data[at:end], pieces)
        except UnreadableError as error:
            return self._stop(str(error), data, at, pieces)
        return end

    def _wait(self, data: bytes, at: int, pieces: list[Piece]) -> int:
        """Keep the beginning of a head, unless it cannot become one."""
        searched = self._searched or at
        if len(data) - at > HEAD_LIMIT:
            return self._stop("head beyond 64 KiB", data, at, pieces)
        line_end = data.find(b"\n", at)
        new = searched - at < 64 if line_end < 0 else line_end >= searched  # each line is checked once
        if new and not self._first_line.match(data, at):
            return self._stop("not HTTP/1", data, at, pieces)
        self._held = data[at:]
        self._searched = max(len(self._held) - 2, 0)
        return len(data)

    def _body(self, length: int | None, chunked: bool) -> None:
        """Go on to a body that is not empty."""
        self._left = length or 0
        self._state = _Reader._chunk_size if chunked else _Reader._until_eof if length is None else _Reader._by_length

    def _stop(self, why: str, data: bytes, at: int, pieces: list[Piece]) -> int:
        self.give_up(why)
        return self._opaque(data, at, pieces)

    def _opaque(self, data: bytes, at: int, pieces: list[Piece]) -> int:
        pieces.append(Piece(OPAQUE, data[at:]))
        return len(data)

    def _until_eof(self, data: bytes, at: int, pieces: list[Piece]) -> int:
        pieces.append(Piece(BODY, data[at:]))
        return len(data)

    def _by_length(self, data: bytes, at: int, pieces: list[Piece]) -> int:
        piece = data[at : at + self._left]
        self._left -= len(piece)
        pieces.append(Piece(BODY, piece, not self._left))
        if not self._left:
            self._state = type(self)._start
        return at + len(piece)

    def _chunk_size(self, data: bytes, at: int, pieces: list[Piece]) -> int:
        end = at if self._line else self._whole_chunks(data, at, pieces)
        return self._size_line(data, at, pieces) if end == at else end

    def _whole_chunks(self, data: bytes, at: int, pieces: list[Piece]) -> int:
        """Take all chunks but the last one, as far as they are whole, in one piece."""
        spans: list[tuple[int, int]] = []
        end = _walk(data, at, spans)
        if spans:
            pieces.append(Piece(BODY, data[at:end], spans=spans))
        return end

    def _size_line(self, data: bytes, at: int, pieces: list[Piece]) -> int:
        end = data.find(b"\n", at) + 1 or len(data)
        self._line += data[at:end]
        if len(self._line) > CHUNK_LINE_LIMIT:
            return self._stop("chunk size beyond 8 KiB", data, at, pieces)
        if self._line[-1:] == b"\n":
            size = _SIZE.fullmatch(self._line)
            if size is None:
                return self._stop("unreadable chunk size", data, at, pieces)
            self._line = b""
            self._left = int(size[1], 16)
            self._state = _Reader._chunk if self._left else _Reader._trailers
        pieces.append(Piece(FRAME, data[at:end]))
        return end

    def _chunk(self, data: bytes, at: int, pieces: list[Piece]) -> int:
        piece = data[at : at + self._left]
        self._left -= len(piece)
        pieces.append(Piece(BODY, piece))
        if not self._left:
            self._state = _Reader._chunk_end
        return at + len(piece)

    def _chunk_end(self, data: bytes, at: int, pieces: list[Piece]) -> int:
        piece = data[at : at + 2 - len(self._line)]
        self._line += piece
        if not b"\r\n".startswith(self._line):
            return self._stop("no CRLF behind a chunk", data, at, pieces)
        if len(self._line) == 2:
            self._line = b""
            self._state = _Reader._chunk_size
        pieces.append(Piece(FRAME, piece))
        return at + len(piece)

    def _trailers(self, data: bytes, at: int, pieces: list[Piece]) -> int:
        whole = None if self._line else _TRAILERS.match(data, at)
        end = whole.end() if whole else data.find(b"\n", at) + 1 or len(data)
        self._line += data[at:end]
        self._left += end - at
        if self._left > HEAD_LIMIT:
            return self._stop("trailers beyond 64 KiB", data, at, pieces)
        last = self._line == b"\r\n"
        if self._line[-1:] == b"\n":
            if not (whole or last or _TRAILERS.fullmatch(self._line)):
                return self._stop("unreadable trailer", data, at, pieces)
            self._line = b""
        if last:
            self._state = type(self)._start
        pieces.append(Piece(FRAME, data[at:end], last))
        return end


class RequestReader(_Reader):
    """Parses a client's stream."""

    __slots__ = ("_last",)

    _first_line = _beginning(REQUEST_LINE)

    def __init__(self) -> None:
        super().__init__()
        self._last: HttpRequest | None = None  # that came whole: most ask for the same again

    def read_whole(self, data: bytes) -> HttpRequest | None:
        """Take what was read if it is one message, from its first byte to its last; return its head, else None."""
        if self._held or self._state is not RequestReader._start:
            return None
        last = self._last
        if last is None or not data.startswith(last.data) or last.length != len(data) - len(last.data):
            last = _head_of(data, request_head.short)
            self._last = last = None if last is None or last.length != len(data) - last.size else last
        return last

    def _start(self, data: bytes, at: int, pieces: list[Piece]) -> int:
        if data[at] in b"\r\n":  # RFC 9112, section 2.2: some clients send an empty line behind a body
            lines = _EMPTY_LINES.match(data, at)
            if lines:
                pieces.append(Piece(STRAY, lines[0]))
                return lines.end()
            if data[at:] == b"\r":
                self._held = b"\r"
                return len(data)
        return super()._start(data, at, pieces)

    def _head(self, head: bytes, pieces: list[Piece]) -> None:
        request = request_head(head)
        pieces.append(Piece(HEAD, head, request.length == 0, request))
        if request.length != 0:
            self._body(request.length, chunked=request.length is None)


class ReplyReader(_Reader):
    """Parses a server's stream; `asked` returns the request to which a reply that begins belongs."""

    __slots__ = ("_asked", "_last", "_request")

    _first_line = _beginning(STATUS_LINE)

    def __init__(self, asked: Callable[[], RequestHead | None]) -> None:
        super().__init__()
        self._asked = asked
        self._last: HttpReply | None = None  # that began a read
        self._request: RequestHead | None = None  # of interim replies, which the one that counts belongs to as well

    def read_whole(self, data: bytes, asked: RequestHead) -> HttpReply | None:
        """Take what was read if it is one reply, whole and the last one to its request; return its head, else None."""
        if self._held or self._request is not None or self._state is not ReplyReader._start:
            return None
        if cast("HttpRequest", asked).method in ("HEAD", "CONNECT"):
            return None
        last = self._last
        if last is None or not data.startswith(last.data):
            last = self._last = _head_of(data, reply_head.short)
        if last is None or last.code < 200:
            return None
        size = len(last.data)
        whole = data[_walk(data, size) :] == _LAST_CHUNK if last.chunked else last.length == len(data) - size
        return last if whole else None

    def skip(self, data: bytes) -> bool:
        """Take what was read if it is within a body and does not end it; return whether it is."""
        state = self._state
        if state is _Reader._chunk_size:
            return not self._line and _walk(data, 0) == len(data)
        if (state is _Reader._by_length or state is _Reader._chunk) and len(data) < self._left:
            self._left -= len(data)
            return True
        return state is _Reader._until_eof

    def _head(self, head: bytes, pieces: list[Piece]) -> None:
        reply = reply_head(head)
        request = self._asked() if self._request is None else self._request
        if request is None:
            raise UnreadableError("unasked reply")
        method = request.value("method")
        opaque = "upgraded" if reply.code == 101 else "tunnel" if method == "CONNECT" and reply.code < 300 else ""
        if (opaque or method == "HEAD") and not reply.interim:
            reply = reply._replace(length=0, chunked=False)
        self._request = request if reply.interim else None
        pieces.append(Piece(HEAD, head, reply.length == 0 and not reply.interim, reply))
        if opaque and not reply.interim:
            self.give_up(opaque)
        elif reply.length != 0:
            self._body(reply.length, reply.chunked)


def _head_of(data: bytes, read: Callable[[bytes], _Head]) -> _Head | None:
    """Return the head with which data begins; None where it is long, not whole or unreadable."""
    size = data.find(b"\r\n\r\n") + 4
    if not 4 < size <= LONGEST_REMEMBERED:
        return None
    try:
        return read(data[:size])
    except UnreadableError:
        return None


def _walk(data: bytes, at: int, spans: list[tuple[int, int]] | None = None) -> int:
    """Return where the chunks end that are whole, but for the last one. The `spans` of payload count from `at`."""
    begin = at
    while size := _SIZE.match(data, at):
        start = size.end()
        end = start + int(size[1], 16)
        if end == start or start - at > CHUNK_LINE_LIMIT or not data.startswith(b"\r\n", end):
            break
        if spans is not None:
            spans.append((start - begin, end - begin))
        at = end + 2
    return at
