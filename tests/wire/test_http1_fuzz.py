"""Ten million bytes of nonsense into each reader, and httptools as the second opinion on where messages end."""

import itertools
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import httptools
import pytest

from brownout.wire.dialect import Part, Piece
from brownout.wire.http1.reader import HEAD_LIMIT, ReplyReader, RequestReader

WANTED = 10_000_000
WORDS = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b";", b"0\r\n\r\n", b"\r\n\r\n", b"\n\n", b"5\r\nhello\r\n",
    b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0", b"HTTP/1.1", b"HEAD", b"chunked",
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
    b"Connection: upgrade\r\nUpgrade: x\r\n", b"Expect: 100-continue\r\n", b"X-A: b\r\n", b" 204 ", b" 304 ", b" 101 ", b"ffffffff",
)  # fmt: skip
STRICTER = {
    "a length twice|a list of equal lengths|equal lengths": "equal lengths are one: RFC 9110, 8.6",
    "chunks: with (spaces|obs-text in an extension)": "what chunks say beside their size is not judged",
    "a trailer that names a length": "trailers frame nothing: RFC 9110, 6.5.1",
    "get without|!#|X{32} without": "any token is a method: RFC 9110, 9.1",
    "the target (/é|word)": "targets are not judged",
    "fold": "folds are old, and were legal: RFC 9112, 5.2",
    "bare LF|LF, CRLF|CRLF, LF|: 100 with bare": "a bare LF may end a line of a head: RFC 9112, 2.2",
    "control characters": "they frame nothing",
}
"""Conversations that httptools refuses and Brownout follows."""
LAXER = {
    "of 20 digits|17 digits|too long|long trailers|beyond the bound": "httptools has other bounds",
    "in HTTP/1.0": "RFC 9112, 6.1 calls such a message faulty",
    "HTTP/0.9|two spaces|bare CR first|an empty line before a reply|status 0": "httptools skips what is no HTTP",
    "(parameter|quoted coding|tab behind a coding) in a reply": "it reads until the end, others in chunks",
}
"""Conversations that httptools reads and Brownout does not."""
GET = RequestReader().feed(b"GET / HTTP/1.1\r\n\r\n")[0].head


def mutated(rng: random.Random, corpus: list[bytes]) -> bytes:
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 5))):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + int(rng.expovariate(0.2)))
        match rng.randrange(7):
            case 0:
                data[start:end] = rng.randbytes(end - start)
            case 1:
                del data[start:end]
            case 2:
                data[start:start] = data[start:end]
            case 3:
                data[start:start] = rng.choice(WORDS)
            case 4:
                data[start:end] = rng.choice(WORDS)
            case 5:
                data += rng.choice(corpus)
            case 6:
                other = rng.choice(corpus)
                data[start:] = other[rng.randrange(len(other)) :]
    return bytes(data)


def streams(rng: random.Random, corpus: list[bytes]) -> Iterator[bytes]:
    """Yield streams of at least as many bytes as are wanted, one in fifty of them random and nothing else."""
    made = 0
    while made < WANTED:
        data = rng.randbytes(rng.randrange(2000)) if rng.random() < 0.02 else mutated(rng, corpus)
        made += len(data)
        yield data


def cut(rng: random.Random, data: bytes) -> list[bytes]:
    at = sorted({0, len(data), *(rng.randrange(len(data) + 1) for _ in range(rng.choice((0, 1, 2, 8))))})
    return [data[start:end] for start, end in itertools.pairwise(at)]


class Messages:
    """Counts the messages that httptools finds; interim replies are none."""

    def __init__(self, kind: Callable[[Any], Any]) -> None:
        self.found = 0
        self.parser = kind(self)

    def on_message_complete(self) -> None:
        status = getattr(self.parser, "get_status_code", lambda: 200)()
        self.found += status >= 200 or status == 101


def opinion(messages: Messages, data: bytes, ends: list[int]) -> str:
    """Return where httptools finds other ends, `refused` if it does not read all of the data, empty if it agrees."""
    start = 0
    try:
        for number, end in enumerate(ends, 1):
            messages.parser.feed_data(data[start : end - 1])
            if messages.found != number - 1:
                return f"message {number} ends before {end}"
            messages.parser.feed_data(data[end - 1 : end])
            if messages.found != number:
                return f"message {number} does not end at {end}"
            start = end
        messages.parser.feed_data(data[start:])
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return "refused"
    return "" if messages.found == len(ends) else "a message more"


def reader_of(stream: str) -> RequestReader | ReplyReader:
    return RequestReader() if stream == "request" else ReplyReader(lambda: GET)


def messages_of(stream: str) -> Messages:
    return Messages(httptools.HttpRequestParser if stream == "request" else httptools.HttpResponseParser)


def ends_of(pieces: list[Piece]) -> list[int]:
    """Return the positions at which messages end."""
    ends, at = [], 0
    for piece in pieces:
        at += len(piece.data)
        if piece.last:
            ends.append(at)
    return ends


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["request", "reply"])
def test_nonsense_raises_nothing_and_comes_out_whole(conversations: tuple[Any, ...], stream: str) -> None:
    rng = random.Random(f"{stream} 1")
    corpus = [data for one in conversations if 0 < len(data := getattr(one, stream)) < 3000]
    compared = 0
    for data in streams(rng, corpus):
        reader, pieces = reader_of(stream), []
        for chunk in cut(rng, data):
            pieces += reader.feed(chunk)
            assert reader.held <= HEAD_LIMIT
        end = reader.eof()
        assert b"".join(piece.data for piece in pieces + end) == data
        assert all((piece.part is Part.HEAD) == (piece.head is not None) for piece in pieces)
        if not reader.opaque and not end:
            ends = ends_of(pieces)
            said = opinion(messages_of(stream), data, ends)
            assert said in ("", "refused"), data
            compared += bool(ends) and said == ""
    assert compared > 5000


def test_httptools_finds_the_same_ends_or_it_is_known_why_not(conversations: tuple[Any, ...]) -> None:
    unlike = {"request": "websocket|tunnel|upgrade|426|101", "reply": "HEAD|websocket|tunnel|101|of all kinds"}
    used = set()
    for one, stream in itertools.product(conversations, ["request", "reply"]):
        data, reader = getattr(one, stream), reader_of(stream)
        if not data or one.ends or re.search(unlike[stream], one.name):
            continue  # it knows neither ends of streams nor what was asked
        said = opinion(messages_of(stream), data, ends_of(reader.feed(data)))
        assert reader.opaque or said in ("", "refused"), (one.name, stream, said)
        differs = (said == "refused") != bool(reader.opaque)
        known = [names for names in (LAXER if reader.opaque else STRICTER) if re.search(names, one.name)]
        assert differs <= bool(known), (one.name, stream, said, reader.opaque)
        used.update(known if differs else ())
    assert used == {*STRICTER, *LAXER}
