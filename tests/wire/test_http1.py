"""HTTP/1.x: what comes in, and the pieces that come out."""

from collections.abc import Iterator

import pytest

from brownout.wire.dialect import Dialect, Part, Piece, Reader, RequestHead
from brownout.wire.http1 import Http1
from brownout.wire.http1.head import request_head
from brownout.wire.http1.reader import CHUNK_LINE_LIMIT, HEAD_LIMIT, ReplyReader, RequestReader

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = GET.replace(b"GET", b"HEAD")
CONNECT = b"CONNECT x:1 HTTP/1.1\r\n\r\n"
UPGRADE = b"GET /ws HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
POST = b"POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\n"
CHUNKS = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
CODED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b"3;a=b\r\nabc\r\n"
BARE = b"HTTP/1.1 200 OK\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"
UNCHANGED = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"

EOF = None

Shown = list[str | tuple[str, bytes]]


def show(pieces: list[Piece]) -> Shown:
    """`.` behind a name ends a message."""
    return [(f"{piece.part.name}{'.' if piece.last else ''}", piece.data) for piece in pieces]


def fed(reader: Reader, chunks: tuple[bytes | None, ...]) -> Shown:
    """Feed chunks, of which EOF is the end of the stream."""
    out: list[Piece] = []
    for chunk in chunks:
        out += reader.eof() if chunk is None else reader.feed(chunk)
    return show(out)


REQUESTS: dict[str, tuple[tuple[bytes | None, ...], Shown]] = {
    "a head alone": ((GET,), [("HEAD.", GET)]),
    "a head in two parts": ((GET[:9], GET[9:]), [("HEAD.", GET)]),
    "a head cut in its end": ((GET[:-1], GET[-1:]), [("HEAD.", GET)]),
    "two in a pipeline": ((GET + HEAD,), [("HEAD.", GET), ("HEAD.", HEAD)]),
    "one and the beginning of the next": ((GET + GET[:5], GET[5:]), [("HEAD.", GET), ("HEAD.", GET)]),
    "a body": ((POST + b"hello",), [("HEAD", POST), ("BODY.", b"hello")]),
    "a body that comes later": ((POST, b"he", b"llo"), [("HEAD", POST), ("BODY", b"he"), ("BODY.", b"llo")]),
    "a body and the next": ((POST + b"hello" + GET,), [("HEAD", POST), ("BODY.", b"hello"), ("HEAD.", GET)]),
    "a body like a request": ((POST + b"GET /" + GET,), [("HEAD", POST), ("BODY.", b"GET /"), ("HEAD.", GET)]),
    "chunks": (
        (CHUNKS + b"5\r\nhello\r\n0\r\n\r\n",),
        [("HEAD", CHUNKS), ("BODY", b"5\r\nhello\r\n"), ("FRAME", b"0\r\n"), ("FRAME.", b"\r\n")],
    ),
    "whole chunks and one in parts": (
        (CHUNKS + b"1\r\na\r\n2;x\r\nbc\r\n3\r\nd", b"ef\r\n1\r\ng\r\n"),
        [("HEAD", CHUNKS), ("BODY", b"1\r\na\r\n2;x\r\nbc\r\n"), ("FRAME", b"3\r\n"), ("BODY", b"d"), ("BODY", b"ef"), ("FRAME", b"\r\n"), ("BODY", b"1\r\ng\r\n")],
    ),
    "no CRLF behind a chunk": (
        (CHUNKS + b"1\r\na\r\n1\r\nbc\r\n",),
        [("HEAD", CHUNKS), ("BODY", b"1\r\na\r\n"), ("FRAME", b"1\r\n"), ("BODY", b"b"), ("OPAQUE", b"c\r\n")],
    ),
    "a chunk in parts": (
        (CHUNKS, b"A;x", b"=y\r", b"\n01234", b"56789\r", b"\n"),
        [("HEAD", CHUNKS), ("FRAME", b"A;x"), ("FRAME", b"=y\r"), ("FRAME", b"\n"), ("BODY", b"01234"), ("BODY", b"56789"), ("FRAME", b"\r"), ("FRAME", b"\n")],
    ),
    "trailers": (
        (CHUNKS + b"0;x\r\nA: 1\r\nB: ", b"2\r\n\r", b"\n" + GET),
        [("HEAD", CHUNKS), ("FRAME", b"0;x\r\n"), ("FRAME", b"A: 1\r\n"), ("FRAME", b"B: "), ("FRAME", b"2\r\n"), ("FRAME", b"\r"), ("FRAME.", b"\n"), ("HEAD.", GET)],
    ),
    "trailers that come together": (
        (CHUNKS + b"0\r\nA: 1\r\nB: 2\r\n\r\n" + GET,),
        [("HEAD", CHUNKS), ("FRAME", b"0\r\n"), ("FRAME", b"A: 1\r\nB: 2\r\n"), ("FRAME.", b"\r\n"), ("HEAD.", GET)],
    ),
    "a line that is none behind trailers": (
        (CHUNKS + b"0\r\nA: 1\r\nB: 2\r\noops\r\n\r\n",),
        [("HEAD", CHUNKS), ("FRAME", b"0\r\n"), ("FRAME", b"A: 1\r\nB: 2\r\n"), ("OPAQUE", b"oops\r\n\r\n")],
    ),
    "empty lines first": ((b"\r\n\n" + GET,), [("STRAY", b"\r\n\n"), ("HEAD.", GET)]),
    "an empty line in parts": ((b"\r", b"\n" + GET), [("STRAY", b"\r\n"), ("HEAD.", GET)]),
    "a refused upgrade": ((UPGRADE + GET,), [("HEAD.", UPGRADE), ("HEAD.", GET)]),
    "a websocket's frames": ((UPGRADE, b"\x81\x00"), [("HEAD.", UPGRADE), ("OPAQUE", b"\x81\x00")]),
    "a tunnel's bytes": ((CONNECT + b"\x16\x03",), [("HEAD.", CONNECT), ("OPAQUE", b"\x16\x03")]),
    "bare LF": ((b"GET / HTTP/1.1\nA: b\n\nGET",), [("HEAD.", b"GET / HTTP/1.1\nA: b\n\n")]),
    "bare LF before a head of CRLF": ((b"GET / HTTP/1.1\n\n" + GET,), [("HEAD.", b"GET / HTTP/1.1\n\n"), ("HEAD.", GET)]),
    "an unreadable head is opaque as a whole": ((GET + b"GET / HTTP/1.1\r\n", b"oops\r\n\r\nmore", b"!"), [("HEAD.", GET), ("OPAQUE", b"GET / HTTP/1.1\r\noops\r\n\r\nmore"), ("OPAQUE", b"!")]),
    "an end within a head": ((GET[:9], EOF), [("OPAQUE", GET[:9])]),
    "an end within a body": ((POST + b"he", EOF), [("HEAD", POST), ("BODY", b"he")]),
    "nothing": ((b"", EOF), []),
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
def test_requests(name: str) -> None:
    chunks, pieces = REQUESTS[name]
    assert fed(RequestReader(), chunks) == pieces


REPLIES: dict[str, tuple[bytes, tuple[bytes | None, ...], Shown]] = {
    "a body": (GET, (OK + b"hello",), [("HEAD", OK), ("BODY.", b"hello")]),
    "an empty body": (GET, (EMPTY,), [("HEAD.", EMPTY)]),
    "two in a pipeline": (GET + GET, (OK + b"hello" + EMPTY,), [("HEAD", OK), ("BODY.", b"hello"), ("HEAD.", EMPTY)]),
    "chunks": (GET, (CODED + b"0\r\n\r\n",), [("HEAD", CODED), ("FRAME", b"0\r\n"), ("FRAME.", b"\r\n")]),
    "until the end": (GET, (BARE + b"he", b"llo", EOF), [("HEAD", BARE), ("BODY", b"he"), ("BODY", b"llo"), ("FRAME.", b"")]),
    "until the end, empty": (GET, (BARE, EOF), [("HEAD", BARE), ("FRAME.", b"")]),
    "HEAD": (HEAD + GET, (OK + EMPTY,), [("HEAD.", OK), ("HEAD.", EMPTY)]),
    "HEAD, in chunks": (HEAD + GET, (CODED + EMPTY,), [("HEAD.", CODED), ("HEAD.", EMPTY)]),
    "HEAD, without a length": (HEAD + GET, (BARE + EMPTY,), [("HEAD.", BARE), ("HEAD.", EMPTY)]),
    "204": (GET + GET, (NO_CONTENT + EMPTY,), [("HEAD.", NO_CONTENT), ("HEAD.", EMPTY)]),
    "304": (GET + GET, (UNCHANGED + EMPTY,), [("HEAD.", UNCHANGED), ("HEAD.", EMPTY)]),
    "100": (POST, (CONTINUE, OK + b"hello"), [("HEAD", CONTINUE), ("HEAD", OK), ("BODY.", b"hello")]),
    "1xx, and a second reply": (GET + HEAD, (HINTS + CONTINUE + EMPTY + HINTS + OK,), [("HEAD", HINTS), ("HEAD", CONTINUE), ("HEAD.", EMPTY), ("HEAD", HINTS), ("HEAD.", OK)]),
    "1xx to CONNECT": (CONNECT, (HINTS + BARE + b"\0",), [("HEAD", HINTS), ("HEAD.", BARE), ("OPAQUE", b"\0")]),
    "101": (UPGRADE, (SWITCH + b"\x81", b"\0"), [("HEAD.", SWITCH), ("OPAQUE", b"\x81"), ("OPAQUE", b"\0")]),
    "an upgrade refused": (UPGRADE + GET, (REFUSED + EMPTY,), [("HEAD.", REFUSED), ("HEAD.", EMPTY)]),
    "a tunnel": (CONNECT, (OK + b"hello", EOF), [("HEAD.", OK), ("OPAQUE", b"hello")]),
    "a tunnel refused": (CONNECT + CONNECT, (REFUSED + BARE + b"x",), [("HEAD.", REFUSED), ("HEAD.", BARE), ("OPAQUE", b"x")]),
    "a reply too many": (GET, (EMPTY + OK + b"hello",), [("HEAD.", EMPTY), ("OPAQUE", OK + b"hello")]),
    "an end within a head": (GET, (OK[:9], EOF), [("OPAQUE", OK[:9])]),
    "an end within a chunk": (GET, (CODED + b"5\r\nhe", EOF), [("HEAD", CODED), ("FRAME", b"5\r\n"), ("BODY", b"he")]),
}  # fmt: skip


def asking(requests: bytes) -> ReplyReader:
    heads: Iterator[RequestHead] = iter([piece.head for piece in RequestReader().feed(requests) if piece.head])
    return ReplyReader(lambda: next(heads, None))


@pytest.mark.parametrize("name", REPLIES)
def test_replies(name: str) -> None:
    requests, chunks, pieces = REPLIES[name]
    assert fed(asking(requests), chunks) == pieces


def test_it_is_a_dialect() -> None:
    dialect: Dialect = Http1()
    assert show(dialect.requests().feed(GET)) == [("HEAD.", GET)]
    assert show(dialect.replies(lambda: None).feed(EMPTY)) == [("OPAQUE", EMPTY)]


def test_a_reply_is_asked_for_once_however_many_heads_it_has() -> None:
    asked = []
    request = RequestReader().feed(GET)[0].head
    reader = ReplyReader(lambda: asked.append(1) or request)
    reader.feed(HINTS + HINTS)
    reader.feed(HINTS + EMPTY)
    assert len(asked) == 1
    reader.feed(EMPTY)
    assert len(asked) == 2


def test_no_payload_is_expected_where_none_may_follow() -> None:
    for requests, reply in (
        (HEAD, OK),
        (HEAD, CODED),
        (HEAD, BARE),
        (GET, NO_CONTENT),
        (GET, UNCHANGED),
        (CONNECT, OK),
    ):
        head = asking(requests).feed(reply)[0].head
        assert head is not None
        assert (head.length, head.chunked) == (0, False), (requests, reply)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x16", "not HTTP/1"), (b"\0", "not HTTP/1"), (b"*1\r", "not HTTP/1"), (b"PING\r", "not HTTP/1"),
        (b"GET /" + b"x" * 100 + b" FTP/1\r\n", "not HTTP/1"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP/1"), (b"PRI * HTTP/2", "not HTTP/1"), (b"GET /\r", "not HTTP/1"),
        (b"X" * 33, "not HTTP/1"), (b"GET / HTTX", "not HTTP/1"), (b"{", "not HTTP/1"), (b"\rG", "not HTTP/1"),
    ],
)  # fmt: skip
def test_what_cannot_begin_a_request_is_let_go_at_once(data: bytes, why: str) -> None:
    for chunks in ((data,), tuple(data[at : at + 1] for at in range(len(data)))):
        reader = RequestReader()
        assert b"".join(piece.data for chunk in chunks for piece in reader.feed(chunk)) == data
        assert (reader.opaque, reader.held) == (why, 0)


@pytest.mark.parametrize(
    "data", [b"<", b"HTTP/2", b"HTTP/1.1 2x", b"HTTP/1.1 200x", b"HTTP/1.1  ", b"\r\n", b"ICY", b"\0"]
)
def test_what_cannot_begin_a_reply_is_let_go_at_once(data: bytes) -> None:
    for chunks in ((data,), tuple(data[at : at + 1] for at in range(len(data)))):
        reader = asking(GET)
        assert b"".join(piece.data for chunk in chunks for piece in reader.feed(chunk)) == data
        assert (reader.opaque, reader.held) == ("not HTTP/1", 0)


def test_only_a_head_is_kept_back_and_counted() -> None:
    reader = RequestReader()
    assert reader.feed(POST[:10]) == []
    assert reader.held == 10
    reader.feed(POST[10:] + b"he")
    assert reader.held == 0
    reader.feed(b"llo" + GET[:3])
    assert reader.held == 3


def test_a_head_may_have_64_kib() -> None:
    fill = b"v" * (HEAD_LIMIT - len(b"GET / HTTP/1.1\r\nX: \r\n\r\n"))
    head = b"GET / HTTP/1.1\r\nX: %b\r\n\r\n"
    assert show(RequestReader().feed(head % fill)) == [("HEAD.", head % fill)]
    longer = head % (fill + b"v")
    for chunks in ([longer], [longer[:-1], b"\n"], [longer[:9], longer[9:]]):
        reader = RequestReader()
        assert show([piece for chunk in chunks for piece in reader.feed(chunk)]) == [("OPAQUE", longer)]
        assert reader.opaque == "head beyond 64 KiB"


@pytest.mark.parametrize("size", [1000, 60_000, 200_000])
@pytest.mark.parametrize("begun", [GET[:-2], OK[:-2]])
def test_a_head_without_an_end_is_not_kept(begun: bytes, size: int) -> None:
    reader = RequestReader() if begun[:3] == b"GET" else asking(GET)
    reader.feed(begun + b"X: ")
    for _ in range(100_000 // size + 1):
        reader.feed(b"v" * size)
        assert reader.held <= HEAD_LIMIT
    assert reader.opaque == "head beyond 64 KiB"


def test_a_chunk_size_may_have_8_kib() -> None:
    line = b"5;" + b"x" * (CHUNK_LINE_LIMIT - 4) + b"\r\n"
    reader = RequestReader()
    reader.feed(CHUNKS + line)
    assert reader.opaque == ""
    reader.feed(b"hello\r\n0" + line[1:-2])
    assert reader.opaque == ""
    reader.feed(b"x")
    reader.feed(b"\r\n")
    assert reader.opaque == "chunk size beyond 8 KiB"


def test_giving_up_returns_what_was_held_and_keeps_the_first_reason() -> None:
    reader = RequestReader()
    reader.feed(GET[:9])
    assert show(reader.give_up("upgraded")) == [("OPAQUE", GET[:9])]
    assert (reader.opaque, reader.held) == ("upgraded", 0)
    assert show(reader.feed(GET)) == [("OPAQUE", GET)]
    assert reader.give_up("tunnel") == []
    assert reader.opaque == "upgraded"
    assert reader.eof() == []


def test_giving_up_within_a_body_lets_the_rest_go() -> None:
    reader = asking(GET)
    reader.feed(BARE + b"he")
    assert reader.give_up("why not") == []
    assert show(reader.feed(b"llo")) == [("OPAQUE", b"llo")]
    assert reader.eof() == []


def test_a_reader_takes_a_body_as_it_is_read() -> None:
    body = b"x" * 100_000
    reader = RequestReader()
    reader.feed(b"POST / HTTP/1.1\r\nContent-Length: 200000\r\n\r\n")
    first, second = reader.feed(body), reader.feed(body)
    assert first[0].data is body
    assert second == [Piece(Part.BODY, body, True)]


# One read that is one message is taken in one step


@pytest.mark.parametrize("before", [(), (GET,), (POST + b"hello",), (CHUNKS + b"0\r\n\r\n",)])
@pytest.mark.parametrize("data", [GET, HEAD, UPGRADE, POST + b"hello"])
def test_a_request_that_comes_whole_is_the_one_that_would_be_read(before: tuple[bytes, ...], data: bytes) -> None:
    reader = RequestReader()
    fed(reader, before)
    for _ in range(2):  # the second time it is the last one again
        assert reader.read_whole(data) == reader.feed(data)[0].head


@pytest.mark.parametrize("before", [(GET[:9],), (POST,), (POST + b"h",), (CHUNKS,), (CHUNKS + b"A\r\n",), (b"\x16",)])
def test_within_a_message_no_request_comes_whole(before: tuple[bytes, ...]) -> None:
    reader = RequestReader()
    reader.read_whole(GET)
    fed(reader, before)
    assert reader.read_whole(GET) is None


@pytest.mark.parametrize(
    "data",
    [
        GET[:-1], GET + GET, GET + b"\r\n", b"\r\n" + GET, POST, POST + b"hell", POST + b"hello" + GET, POST + b"hello\n",
        CHUNKS + b"0\r\n\r\n", GET.replace(b"\r", b""), b"GET /a\r\n\r\n", b"\x16\x03", b"",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 2048 + b"\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_not_one_request_does_not_come_whole(data: bytes) -> None:
    reader = RequestReader()
    for known in (GET, POST + b"hello"):
        reader.read_whole(known)
        assert reader.read_whole(data) is None


@pytest.mark.parametrize("before", [(), (EMPTY,), (OK + b"hello",), (CODED + b"0\r\n\r\n",), (HINTS + EMPTY,)])
@pytest.mark.parametrize(
    "data",
    [EMPTY, OK + b"hello", NO_CONTENT, UNCHANGED, REFUSED, CODED + b"0\r\n\r\n", CODED + CHUNK * 3 + b"0\r\n\r\n"],
)
def test_a_reply_that_comes_whole_is_the_one_that_would_be_read(before: tuple[bytes, ...], data: bytes) -> None:
    reader = asking(3 * GET)
    fed(reader, before)
    for _ in range(2):
        assert reader.read_whole(data, request_head(GET)) == reader.feed(data)[0].head


@pytest.mark.parametrize(
    "before", [(OK[:9],), (OK,), (OK + b"h",), (CODED,), (BARE,), (HINTS,), (HINTS, CONTINUE), (SWITCH,), (b"\x16",)]
)
def test_within_a_message_no_reply_comes_whole(before: tuple[bytes, ...]) -> None:
    reader = asking(GET)
    reader.read_whole(EMPTY, request_head(GET))
    fed(reader, before)
    assert reader.read_whole(EMPTY, request_head(GET)) is None


@pytest.mark.parametrize(
    ("asked", "data"),
    [
        *((GET, data) for data in (EMPTY[:-1], EMPTY + EMPTY, EMPTY + b"\r\n", OK, OK + b"hell", OK + b"hello!")),
        *((GET, data) for data in (BARE, CONTINUE, HINTS, SWITCH, HINTS + EMPTY, b"\x16", b"")),
        *((GET, CODED + more) for more in (b"", CHUNK, CHUNK[:-1], b"0\r\n", b"0\r\n\r", b"0\r\n\r\n\n", b"0\r\na: b\r\n\r\n")),
        *((GET, CODED + more + b"0\r\n\r\n") for more in (b"+1\r\na\r\n", b"2\r\na\r\n", b"1 a\r\n", b"0\r\n\r\n", b"00\r\n\r\n")),
        (HEAD, CODED + b"0\r\n\r\n"),
        (HEAD, EMPTY), (HEAD, OK), (CONNECT, EMPTY),
    ],
)  # fmt: skip
def test_what_is_not_one_last_reply_does_not_come_whole(asked: bytes, data: bytes) -> None:
    reader = asking(asked)
    for known in (EMPTY, OK + b"hello"):
        reader.read_whole(known, request_head(GET))
        assert reader.read_whole(data, request_head(asked)) is None


@pytest.mark.parametrize("reply", [OK + b"hello", CODED + CHUNK * 3 + b"0\r\nx: y\r\n\r\n", BARE + b"hello"])
def test_what_is_skipped_is_within_a_body_and_all_else_is_read_as_ever(reply: bytes) -> None:
    for first in range(len(reply)):
        for second in range(first, len(reply) + 1):
            skipping, reading = asking(2 * GET), asking(2 * GET)
            for data in (
                reply[:first],
                reply[first:second],
                reply[second:] + (b"" if reply.startswith(BARE) else EMPTY),
            ):
                pieces = reading.feed(data)
                if skipping.skip(data):
                    assert not any(piece.last or piece.head for piece in pieces), (first, second)
                    assert pieces or not data
                else:
                    assert skipping.feed(data) == pieces, (first, second)


@pytest.mark.parametrize(
    ("head", "body"), [(OK, b"hel"), (CODED, CHUNK * 2), (CODED + CHUNK[:7], b"ab"), (BARE, b"hello")]
)
def test_within_a_body_whatever_does_not_end_it_is_skipped(head: bytes, body: bytes) -> None:
    reader = asking(GET)
    assert not reader.skip(head)
    reader.feed(head)
    assert reader.skip(body)


def test_whole_chunks_are_one_piece_that_knows_its_payload() -> None:
    _, piece = RequestReader().feed(CHUNKS + b"1\r\na\r\n2;x\r\nbc\r\n")
    assert piece.payload == b"abc"
    assert piece.up_to(1) == b"1\r\na"
    assert piece.up_to(2) == b"1\r\na\r\n2;x\r\nb"
    assert piece.up_to(3) == b"1\r\na\r\n2;x\r\nbc"
    assert piece.up_to(4) == piece.data


@pytest.mark.parametrize(("part", "payload"), [(Part.BODY, b"ab"), (Part.FRAME, b""), (Part.HEAD, b"")])
def test_the_payload_of_other_pieces_is_a_body(part: Part, payload: bytes) -> None:
    assert Piece(part, b"ab").payload == payload
    assert Piece(Part.BODY, b"ab").up_to(1) == b"a"
