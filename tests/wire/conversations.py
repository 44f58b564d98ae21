"""Conversations over one HTTP/1 connection: odd, and legal unless their name says why not. Data only, in families."""

import gzip
from collections.abc import Iterator
from typing import NamedTuple


class Conversation(NamedTuple):
    """What a client sends and a server replies, and what is to be seen in that.

    `exchanges` are (method, target, status) of each whole request with its reply, up to where a stream turns opaque.
    `request_opaque` and `reply_opaque` say why it does, empty where it does not. `ends`: the last reply ends with the
    stream.
    """

    name: str
    request: bytes
    reply: bytes
    exchanges: tuple[tuple[str, str, str], ...]
    ends: bool = False
    request_opaque: str = ""
    reply_opaque: str = ""


def _saw(*exchanges: str) -> tuple[tuple[str, str, str], ...]:
    """`GET /a 200` -> (GET, /a, 200)."""
    return tuple((method, target, status) for method, target, status in (line.split(" ") for line in exchanges))


HOST = b"Host: shop.test\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
SAW = _saw("GET / 200")
POSTED = _saw("POST / 200")
ALL_BYTES = bytes(range(256))


def _post(fields: bytes, body: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\n" + HOST + fields + b"\r\n" + body


def _reply(fields: bytes, body: bytes = b"", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\n" + fields + b"\r\n" + body


def _chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def _length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(body)


CHUNKED = b"Transfer-Encoding: chunked\r\n"


def lengths() -> Iterator[Conversation]:
    for size in (0, 1, 2, 3, 15, 16, 255, 256, 4095, 65536, 70_000):
        body = (ALL_BYTES * (size // 256 + 1))[:size]
        yield Conversation(f"a reply of {size} bytes", GET, _reply(_length(body), body), SAW)
        yield Conversation(f"a request of {size} bytes", _post(_length(body), body), OK, POSTED)
    for spelled in (b"content-length", b"CONTENT-LENGTH", b"cOnTeNt-LeNgTh"):
        for colon in (b":", b": ", b":\t ", b":  "):
            field = spelled + colon + b"3\r\n"
            yield Conversation(f"{field!r}", _post(field, b"abc"), _reply(field, b"xyz"), POSTED)
    for name, fields in (
        ("a length with leading zeros", b"Content-Length: 0003\r\n"),
        ("a length twice", b"Content-Length: 3\r\nContent-Length: 3\r\n"),
        ("a list of equal lengths", b"Content-Length: 3, 3\r\n"),
        ("a length and spaces behind", b"Content-Length: 3 \t \r\n"),
        ("equal lengths written differently", b"Content-Length: 3\r\nX: y\r\ncontent-length: 03\r\n"),
    ):
        yield Conversation(name, _post(fields, b"abc"), _reply(fields, b"xyz"), POSTED)


def chunks() -> Iterator[Conversation]:
    for name, body in (
        ("none", b"0\r\n\r\n"),
        ("one", b"5\r\nhello\r\n0\r\n\r\n"),
        ("of one byte", _chunked(*(b"%c" % byte for byte in b"one byte at a time"))),
        ("of all sizes", _chunked(*(ALL_BYTES[:size] for size in range(1, 40)))),
        ("large", _chunked(ALL_BYTES * 300, b"x", ALL_BYTES * 20)),
        ("in capitals", b"A\r\n0123456789\r\nFF\r\n" + b"f" * 255 + b"\r\n0\r\n\r\n"),
        ("in small letters", b"a\r\n0123456789\r\nff\r\n" + b"f" * 255 + b"\r\n0\r\n\r\n"),
        ("with leading zeros", b"0005\r\nhello\r\n000\r\n\r\n"),
        ("with 16 digits", b"0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n"),
        ("with spaces behind the size", b"5  \r\nhello\r\n0 \r\n\r\n"),
        ("with an extension", b"5;a\r\nhello\r\n0;b\r\n\r\n"),
        ("with an extension's value", b"5;a=b\r\nhello\r\n0\r\n\r\n"),
        ("with spaces in an extension", b"5 ; a = b\r\nhello\r\n0\r\n\r\n"),
        ("with a quoted extension", b'5;a="x;y=z \\" 0"\r\nhello\r\n0\r\n\r\n'),
        ("with several extensions", b"5;a=1;b=2;c\r\nhello\r\n0;last\r\n\r\n"),
        ("with a long extension", b"5;a=" + b"x" * 8000 + b"\r\nhello\r\n0\r\n\r\n"),
        ("with obs-text in an extension", b"5;a=\xff\xfe\r\nhello\r\n0\r\n\r\n"),
        ("that hold CRLF", b"4\r\n\r\n\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n"),
        ("that hold an end", b"5\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        ("that hold a head", _chunked(GET, OK)),
        ("with a trailer", b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"),
        ("with several trailers", b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\nExpires: 0\r\n\r\n"),
        ("with an empty trailer", b"0\r\nX-Sum:\r\n\r\n"),
        ("with obs-text in a trailer", b"0\r\nX-Sum: \xe9\xff\r\n\r\n"),
        ("with a long trailer", b"0\r\nX-Sum: " + b"1" * 30_000 + b"\r\n\r\n"),
        ("with a trailer that names a length", b"1\r\nx\r\n0\r\nContent-Length: 99\r\n\r\n"),
    ):
        yield Conversation(f"a reply's chunks: {name}", GET, _reply(CHUNKED, body), SAW)
        yield Conversation(f"a request's chunks: {name}", _post(CHUNKED, body), OK, POSTED)
    for field in (
        b"transfer-encoding: chunked\r\n",
        b"TRANSFER-ENCODING: CHUNKED\r\n",
        b"Transfer-Encoding:chunked\r\n",
        b"Transfer-Encoding:   chunked  \r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: gzip , chunked\r\n",
        b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
    ):
        body = _chunked(b"hello", b"world")
        yield Conversation(f"{field!r}", _post(field, body), _reply(field, body), POSTED)


def bodies() -> Iterator[Conversation]:
    parts = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nContent-Length: 0\r\n\r\n--b--\r\n'
    for name, kind, body in (
        ("a request", b"text/plain", GET),
        ("two requests", b"text/plain", GET + GET),
        ("a reply", b"message/http", OK),
        ("chunks", b"text/plain", _chunked(b"x")),
        ("empty lines", b"text/plain", b"\r\n\r\n\n\n\r\n\r\n"),
        ("all bytes", b"application/octet-stream", ALL_BYTES),
        ("zeros", b"application/octet-stream", bytes(500)),
        ("gzip with empty lines", b"application/gzip", gzip.compress(b"\r\n\r\n" * 3, 0, mtime=0)),
        ("parts", b"multipart/form-data; boundary=b", parts),
        ("events", b"text/event-stream", b"data: 1\n\ndata: 2\n\n: still here\n\n"),
        ("JSON", b"application/json", b'{"a": [1, 2, {"b": null}]}'),
        ("UTF-8", b"text/plain; charset=utf-8", "größer — 大".encode()),
        ("a TLS hello", b"application/octet-stream", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    ):
        kind = b"Content-Type: " + kind + b"\r\n"
        halves = _chunked(body[: len(body) // 2], body[len(body) // 2 :])
        for framing, fields, data in (("by length", kind + _length(body), body), ("in chunks", kind + CHUNKED, halves)):
            request, reply = _post(fields, data), _reply(fields, data)
            yield Conversation(f"{name} {framing}", request + GET, reply + OK, _saw("POST / 200", "GET / 200"))
        yield Conversation(f"{name} until the end", GET, _reply(kind + b"Connection: close\r\n", body), SAW, ends=True)


def requests() -> Iterator[Conversation]:
    for method in (
        "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "PURGE", "M-SEARCH", "get",
        "!#$%&'*+-.^_`|~09", "X" * 32,
    ):  # fmt: skip
        request = f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        yield Conversation(f"{method} without a body", request, OK, ((method, "/", "200"),))
    for method in ("GET", "HEAD", "DELETE", "OPTIONS"):
        request = f"{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody".encode()
        yield Conversation(f"{method} with a body", request, EMPTY, ((method, "/", "200"),))
    for target in (
        "*", "//", "/?", "/?a", "/a?b?c&d=e", "/%2e%2E/%00?%0d%0a", "/a;b=c/d", "/[x]|{y}^`", '/"q"', "/a#f", "/é\xff",
        "http://shop.test/a?b=c", "HTTP://SHOP.TEST:8080", "http://user:secret@shop.test/", "http://[::1]:80/x",
        "https://shop.test?q", "word", "/" + "long" * 2000,
    ):  # fmt: skip
        request = f"GET {target} HTTP/1.1\r\nHost: shop.test\r\n\r\n".encode("latin-1")
        yield Conversation(f"the target {target[:30]}", request, OK, (("GET", target, "200"),))
    for name, strays in (
        ("an empty line", b"\r\n"),
        ("two empty lines", b"\r\n\r\n"),
        ("a bare LF", b"\n"),
        ("empty lines of both kinds", b"\n\r\n\n\r\n"),
        ("a hundred empty lines", b"\r\n" * 100),
    ):
        yield Conversation(f"{name} first", strays + GET, OK, SAW)
        twice = _saw("POST / 200", "GET / 200")
        yield Conversation(f"{name} behind a body", _post(_length(b"a=b"), b"a=b") + strays + GET, OK + OK, twice)
    expects = _post(b"Expect: 100-continue\r\nContent-Length: 4\r\n", b"body")
    yield Conversation("100-continue", expects, b"HTTP/1.1 100 Continue\r\n\r\n" + OK, POSTED)
    yield Conversation("100-continue, not waited for", expects, OK, POSTED)
    refused = _reply(b"Content-Length: 0\r\nConnection: close\r\n", status=b"417 Expectation Failed")
    yield Conversation("100-continue, refused", expects[:-4], refused, ())
    yield Conversation("100-Continue in capitals", expects.replace(b"100-c", b"100-C"), EMPTY, POSTED)


def heads() -> Iterator[Conversation]:
    for name, fields in (
        ("folded", b"X-Long: one\r\n two\r\n"),
        ("folded by a tab", b"X-Long: one\r\n\ttwo\r\n"),
        ("folded often", b"X-Long: 1\r\n 2\r\n  3\r\n\t4\r\n 5\r\n"),
        ("folded, empty at first", b"X-Long:\r\n value\r\n"),
        ("a fold of spaces", b"X-Long: one\r\n   \r\n"),
        ("a fold that looks like a length", b"X-Long: one\r\n Content-Length: 7\r\n"),
        ("empty", b"X-Empty:\r\nX-Spaces:   \r\n"),
        ("without a space", b"X-A:1\r\nX-B:2\r\n"),
        ("spaces around", b"X-A: \t 1 \t \r\n"),
        ("tabs within", b"X-A: 1\t2\t3\r\n"),
        ("obs-text", b"X-Name: caf\xe9 \xff\x80\r\n"),
        ("UTF-8", "X-Name: größe\r\n".encode()),
        ("control characters", b"X-A: \x01\x1b[31m\x7f\r\n"),
        ("colons", b"X-Time: 10:00:00: :\r\n"),
        ("an odd name", b"!#$%&'*+-.^_`|~9: 1\r\n"),
        ("one letter", b"A: b\r\n"),
        ("the same name often", b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nset-cookie: c=3\r\n"),
        ("a name that begins like a length", b"Content-Length-Extra: 9\r\nX-Content-Length: 9\r\n"),
        ("a value that looks like a field", b"X-A: Content-Length: 9\r\n"),
        ("many", b"".join(b"X-%d: %d\r\n" % (number, number) for number in range(500))),
        ("long", b"X-Long: " + b"v" * 30_000 + b"\r\n"),
        ("a long name", b"X" * 5000 + b": 1\r\n"),
        ("just within the bound", b"X-Long: " + b"v" * 65_400 + b"\r\n"),
        ("Keep-Alive", b"Connection: Keep-Alive\r\nKeep-Alive: timeout=5, max=100\r\n"),
        ("Connection with a list", b"Connection: keep-alive, X-Private , te\r\nTE: trailers\r\n"),
        ("Proxy-Connection", b"Proxy-Connection: keep-alive\r\n"),
        ("a declined upgrade", b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
    ):
        yield Conversation(
            f"fields: {name}", _post(fields + _length(b"abc"), b"abc"), _reply(fields + _length(b"x"), b"x"), POSTED
        )
        lf = fields.replace(b"\r\n", b"\n")
        request = b"POST / HTTP/1.1\n" + lf + b"Content-Length: 3\n\nabc"
        yield Conversation(
            f"bare LF, fields: {name}", request, b"HTTP/1.1 200 OK\n" + lf + b"Content-Length: 1\n\nx", POSTED
        )
    yield Conversation(
        "no field at all", b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n", _saw("GET / 204")
    )
    yield Conversation(
        "no field at all, bare LF", b"GET / HTTP/1.1\n\n", b"HTTP/1.1 204 No Content\n\n", _saw("GET / 204")
    )
    for name, end in (("LF, CRLF", b"\n\r\n"), ("CRLF, LF", b"\r\n\n")):
        yield Conversation(f"a head that ends by {name}", GET[:-4] + end, OK.replace(b"\r\n\r\n", end), SAW)


def replies() -> Iterator[Conversation]:
    for code in (
        200,
        201,
        202,
        203,
        206,
        207,
        226,
        300,
        301,
        302,
        307,
        400,
        401,
        404,
        418,
        426,
        429,
        451,
        500,
        502,
        503,
        504,
        599,
        999,
    ):
        reply = b"HTTP/1.1 %d Reason\r\nContent-Length: 1\r\n\r\nx" % code
        yield Conversation(f"status {code}", GET, reply, _saw(f"GET / {code}"))
    yield Conversation(
        "205 with a length of 0", GET, _reply(b"Content-Length: 0\r\n", status=b"205 Reset Content"), _saw("GET / 205")
    )
    yield Conversation(
        "205 with an empty chunk", GET, _reply(CHUNKED, b"0\r\n\r\n", b"205 Reset Content"), _saw("GET / 205")
    )
    for name, line in (
        ("empty", b"200 "),
        ("none", b"200"),
        ("spaces", b"200   "),
        ("tabs", b"200 A\tB"),
        ("obs-text", b"200 D\xe9j\xe0 vu"),
        ("a colon", b"200 Reason: unknown"),
        ("long", b"200 " + b"because " * 500),
        ("another code", b"200 404 Not Found"),
    ):
        yield Conversation(f"reason: {name}", GET, _reply(b"Content-Length: 1\r\n", b"x", line), SAW)
    head = GET.replace(b"GET", b"HEAD")
    for name, request, reply, saw in (
        ("HEAD with a length", head, _reply(b"Content-Length: 1000\r\n"), "HEAD / 200"),
        ("HEAD in chunks", head, _reply(CHUNKED), "HEAD / 200"),
        ("HEAD without a length", head, _reply(b"Server: x\r\n"), "HEAD / 200"),
        ("HEAD and 404", head, _reply(b"Content-Length: 9\r\n", status=b"404 Not Found"), "HEAD / 404"),
        ("204", GET, _reply(b"Server: x\r\n", status=b"204 No Content"), "GET / 204"),
        ("204 with a length", GET, _reply(b"Content-Length: 5\r\n", status=b"204 No Content"), "GET / 204"),
        ("204 in chunks", GET, _reply(CHUNKED, status=b"204 No Content"), "GET / 204"),
        ("304", GET, _reply(b'ETag: "x"\r\n', status=b"304 Not Modified"), "GET / 304"),
        ("304 with a length", GET, _reply(b"Content-Length: 5\r\n", status=b"304 Not Modified"), "GET / 304"),
        ("304 in chunks", GET, _reply(CHUNKED, status=b"304 Not Modified"), "GET / 304"),
    ):
        yield Conversation(name, request, reply, _saw(saw))
        yield Conversation(f"{name}, and another", request + GET, reply + OK, _saw(saw, "GET / 200"))
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
    for name, interim in (
        ("100 unasked", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("100 twice", b"HTTP/1.1 100 Continue\r\n\r\n" * 2),
        ("100 with fields", b"HTTP/1.1 100 Continue\r\nServer: x\r\nDate: now\r\n\r\n"),
        ("100 without a reason", b"HTTP/1.1 100\r\n\r\n"),
        ("100 with bare LF", b"HTTP/1.1 100 Continue\n\n"),
        ("102", b"HTTP/1.1 102 Processing\r\n\r\n"),
        ("early hints", hints),
        ("early hints, five times", hints * 5),
        ("199", b"HTTP/1.1 199 Misc\r\n\r\n"),
        ("a storm", b"HTTP/1.1 102 Processing\r\n\r\n" * 200),
        ("all of them", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + hints),
    ):
        yield Conversation(f"interim: {name}", GET, interim + OK, SAW)
        yield Conversation(f"interim: {name}, between two", GET + GET, OK + interim + OK, SAW + SAW)
    yield Conversation("until the end: empty", GET, _reply(b"Server: x\r\n"), SAW, ends=True)
    yield Conversation(
        "until the end: a coding", GET, _reply(b"Transfer-Encoding: gzip\r\n", b"\x1f\x8b\r\n\r\n"), SAW, ends=True
    )
    yield Conversation(
        "until the end: identity", GET, _reply(b"Transfer-Encoding: identity\r\n", b"text"), SAW, ends=True
    )
    yield Conversation(
        "until the end: chunked, gzip", GET, _reply(b"Transfer-Encoding: chunked, gzip\r\n", b"5\r\n"), SAW, ends=True
    )
    yield Conversation("until the end: long", GET, _reply(b"\r\n"[:0], ALL_BYTES * 300), SAW, ends=True)


def connections() -> Iterator[Conversation]:
    old = b"GET / HTTP/1.0\r\n\r\n"
    kept = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    for name, request, reply, ends in (
        ("HTTP/1.0", old, b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\nbody", True),
        ("HTTP/1.0 with a length", old, b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody", False),
        ("HTTP/1.0 and 1.1", old, _reply(b"Connection: close\r\n", b"body"), True),
        ("HTTP/1.1 and 1.0", GET, b"HTTP/1.0 200 OK\r\n\r\nbody", True),
        (
            "HTTP/1.0 kept alive",
            kept,
            b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nbody",
            False,
        ),
        ("Connection: close", GET[:-2] + b"Connection: close\r\n\r\n", OK[:-4] + b"Connection: close\r\n\r\nok", False),
        ("Connection: CLOSE, te", GET[:-2] + b"Connection: CLOSE, te\r\n\r\n", OK, False),
    ):
        yield Conversation(name, request, reply, SAW, ends)
    twice = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx"
    yield Conversation("HTTP/1.0 kept alive for two", kept + kept, twice + twice, SAW + SAW)
    for count in (2, 3, 10, 100):
        yield Conversation(f"{count} in a pipeline", GET * count, OK * count, SAW * count)
    mixed = GET + _post(CHUNKED, _chunked(b"a", b"b")) + GET.replace(b"GET", b"HEAD") + _post(_length(b"x"), b"x") + GET
    answers = OK + _reply(CHUNKED, _chunked(b"c")) + _reply(b"Content-Length: 7\r\n") + EMPTY + _reply(b"", b"end")
    saw = _saw("GET / 200", "POST / 200", "HEAD / 200", "POST / 200", "GET / 200")
    yield Conversation("a pipeline of all kinds", mixed, answers, saw, ends=True)
    yield Conversation("a pipeline of bare LF", GET.replace(b"\r", b"") * 3, OK.replace(b"\r", b"") * 3, SAW * 3)
    yield Conversation("requests without replies yet", GET * 3, OK, SAW)
    yield Conversation("a reply before the request's end", _post(b"Content-Length: 9\r\n", b"half"), OK, ())
    yield Conversation("nothing", b"", b"", ())


def upgrades() -> Iterator[Conversation]:
    ask = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n"
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    frames = b"\x81\x05hello\x88\x00"
    saw = _saw("GET /ws 101")
    yield Conversation("websocket", ask, switch, saw, reply_opaque="upgraded")
    yield Conversation(
        "websocket, with frames", ask + b"\x81\x85", switch + frames, saw, False, "not HTTP/1", "upgraded"
    )
    yield Conversation(
        "websocket, after a 103", ask, b"HTTP/1.1 103 Hints\r\n\r\n" + switch + frames, saw, reply_opaque="upgraded"
    )
    yield Conversation("websocket, frames like HTTP", ask, switch + OK, saw, reply_opaque="upgraded")
    yield Conversation(
        "websocket, second in a pipeline", GET + ask, OK + switch + frames, SAW + saw, reply_opaque="upgraded"
    )
    yield Conversation(
        "101 with a length", ask, switch[:-2] + b"Content-Length: 3\r\n\r\nabc", saw, reply_opaque="upgraded"
    )
    yield Conversation("an upgrade refused", ask + GET, OK + OK, _saw("GET /ws 200", "GET / 200"))
    yield Conversation(
        "426",
        ask + GET,
        _reply(b"Content-Length: 0\r\n", status=b"426 Upgrade Required") + OK,
        _saw("GET /ws 426", "GET / 200"),
    )
    connect = b"CONNECT db.test:443 HTTP/1.1\r\nHost: db.test:443\r\n\r\n"
    hello = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"
    saw = _saw("CONNECT db.test:443 200")
    tunnel = b"HTTP/1.1 200 Connection established\r\n\r\n"
    yield Conversation("a tunnel", connect + hello, tunnel + hello, saw, False, "not HTTP/1", "tunnel")
    yield Conversation("a tunnel of HTTP", connect + GET, tunnel + OK, saw, reply_opaque="tunnel")
    yield Conversation(
        "a tunnel with a length", connect, tunnel[:-2] + b"Content-Length: 5\r\n\r\nhello", saw, reply_opaque="tunnel"
    )
    yield Conversation("a tunnel in chunks", connect, tunnel[:-2] + CHUNKED + b"\r\nzz", saw, reply_opaque="tunnel")
    refused = _reply(_length(b"no"), b"no", b"407 Proxy Authentication Required")
    again = _saw("CONNECT db.test:443 407", "CONNECT db.test:443 200")
    yield Conversation(
        "a tunnel, refused at first", connect + connect, refused + tunnel + hello, again, reply_opaque="tunnel"
    )


def doubts() -> Iterator[Conversation]:
    """What two programs could read in two ways: not legal, or no HTTP at all."""
    for name, why, fields in (
        (
            "both framings",
            "content-length and transfer-encoding",
            b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "both framings, the other way",
            "content-length and transfer-encoding",
            b"Transfer-Encoding: chunked\r\nX: y\r\nContent-Length: 5\r\n",
        ),
        ("two lengths", "differing content-lengths", b"Content-Length: 5\r\nContent-Length: 6\r\n"),
        ("a list of two lengths", "differing content-lengths", b"Content-Length: 5, 6\r\n"),
        ("a signed length", "unreadable content-length", b"Content-Length: +5\r\n"),
        ("a negative length", "unreadable content-length", b"Content-Length: -5\r\n"),
        ("a hexadecimal length", "unreadable content-length", b"Content-Length: 0x5\r\n"),
        ("an empty length", "unreadable content-length", b"Content-Length:\r\n"),
        ("a length with a space", "unreadable content-length", b"Content-Length: 5 5\r\n"),
        ("a length of 20 digits", "unreadable content-length", b"Content-Length: 00000000000000000005\r\n"),
        ("a length in other digits", "unreadable content-length", b"Content-Length: \xb2\r\n"),
        ("chunked twice", "chunked twice", b"Transfer-Encoding: chunked, chunked\r\n"),
        ("chunked in two fields", "chunked twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        ("chunked with a parameter", "unreadable transfer-encoding", b"Transfer-Encoding: chunked;q=1\r\n"),
        ("an empty coding", "unreadable transfer-encoding", b"Transfer-Encoding:\r\n"),
        ("a quoted coding", "unreadable transfer-encoding", b'Transfer-Encoding: "chunked"\r\n'),
        ("a tab behind a coding", "unreadable transfer-encoding", b"Transfer-Encoding: chunked\t\r\n"),
        ("a control character in a coding", "unreadable transfer-encoding", b"Transfer-Encoding: \x0bchunked\r\n"),
        ("a folded length", "folded framing field", b"Content-Length: 5\r\n 0\r\n"),
        ("a folded coding", "folded framing field", b"Transfer-Encoding:\r\n chunked\r\n"),
        ("a space before the colon", "space before a colon", b"Content-Length : 5\r\n"),
        ("a tab before the colon", "space before a colon", b"X-A\t: 5\r\n"),
        ("no colon", "line without a colon", b"Content-Length 5\r\n"),
        ("no name", "unreadable name", b": 5\r\n"),
        ("a space in a name", "unreadable name", b"X A: 5\r\n"),
        ("NUL", "NUL in a head", b"X-A: a\0b\r\n"),
        ("bare CR", "bare CR in a head", b"X-A: a\rContent-Length: 5\r\n"),
        ("CR before CRLF", "bare CR in a head", b"X-A: a\r\r\n"),
        ("a head beyond the bound", "head beyond 64 KiB", b"X-A: " + b"v" * 66_000 + b"\r\n"),
        ("a fold at first", "fold without a field", b" X-A: 1\r\n"),
    ):
        first = b"" if name == "a fold at first" else HOST
        request = b"POST / HTTP/1.1\r\n" + first + fields + b"\r\nhello"
        yield Conversation(f"{name} in a request", GET + request, OK, SAW, request_opaque=why)
        yield Conversation(f"{name} in a reply", GET + GET, OK + _reply(fields, b"hello") + OK, SAW, reply_opaque=why)
    size, behind, trailer = "unreadable chunk size", "no CRLF behind a chunk", "unreadable trailer"
    for name, why, body in (
        ("no size", size, b"\r\nhello\r\n"),
        ("not hexadecimal", size, b"5g\r\nhello\r\n0\r\n\r\n"),
        ("a prefix", size, b"0x5\r\nhello\r\n0\r\n\r\n"),
        ("a sign", size, b"-5\r\nhello\r\n0\r\n\r\n"),
        ("a space first", size, b" 5\r\nhello\r\n0\r\n\r\n"),
        ("17 digits", size, b"00000000000000005\r\nhello\r\n0\r\n\r\n"),
        ("bare LF", size, b"5\nhello\r\n0\r\n\r\n"),
        ("bare LF behind an extension", size, b"5;a\nhello\r\n0\r\n\r\n"),
        ("bare CR in an extension", size, b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
        ("NUL in an extension", size, b"5;\0\r\nhello\r\n0\r\n\r\n"),
        ("too long", "chunk size beyond 8 KiB", b"5;" + b"a" * 9000 + b"\r\nhello\r\n0\r\n\r\n"),
        ("too long without an end", "chunk size beyond 8 KiB", b"5;" + b"a" * 9000),
        ("a longer chunk", behind, b"5\r\nhello!\r\n0\r\n\r\n"),
        ("LF behind a chunk", behind, b"5\r\nhello\n0\r\n\r\n"),
        ("CR alone behind a chunk", behind, b"5\r\nhello\r0\r\n\r\n"),
        ("a request for a trailer", trailer, b"0\r\nGET / HTTP/1.1\r\n\r\n"),
        ("bare LF at the end", trailer, b"0\r\n\n"),
        ("bare LF behind a trailer", trailer, b"0\r\nX-A: 1\n\r\n"),
        ("a folded trailer", trailer, b"0\r\nX-A: 1\r\n 2\r\n\r\n"),
        ("long trailers", "trailers beyond 64 KiB", b"0\r\n" + b"X-A: 1\r\n" * 9000 + b"\r\n"),
    ):
        yield Conversation(f"a request's chunks: {name}", _post(CHUNKED, body), b"", (), request_opaque=why)
        yield Conversation(f"a reply's chunks: {name}", GET, _reply(CHUNKED, body), (), reply_opaque=why)
    coded = "transfer-encoding that does not end in chunked"
    for name, why, request in (
        ("a request's coding", coded, _post(b"Transfer-Encoding: gzip\r\n", b"hello")),
        ("a request's identity", coded, _post(b"Transfer-Encoding: identity\r\n", b"hello")),
        ("a request's chunked, gzip", coded, _post(b"Transfer-Encoding: chunked, gzip\r\n", b"hello")),
        ("chunked in HTTP/1.0", "transfer-encoding in HTTP/1.0", b"POST / HTTP/1.0\r\n" + CHUNKED + b"\r\n0\r\n\r\n"),
        ("HTTP/2", "not HTTP/1", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("HTTP/0.9", "not HTTP/1", b"GET /\r\n"),
        ("HTTP/1.2", "not HTTP/1", b"GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
        ("http/1.1", "not HTTP/1", b"GET / http/1.1\r\nHost: a\r\n\r\n"),
        ("TLS", "not HTTP/1", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("Redis", "not HTTP/1", b"*1\r\n$4\r\nPING\r\n"),
        ("Redis, inline", "not HTTP/1", b"PING\r\n"),
        ("Postgres", "not HTTP/1", b"\0\0\0\x08\x04\xd2\x16\x2f"),
        ("SSH", "not HTTP/1", b"SSH-2.0-OpenSSH_9.6\r\n"),
        ("a method of 33 letters", "not HTTP/1", b"X" * 33 + b" / HTTP/1.1\r\n\r\n"),
        ("a space in the target", "not HTTP/1", b"GET /a b HTTP/1.1\r\n\r\n"),
        ("two spaces", "not HTTP/1", b"GET  / HTTP/1.1\r\n\r\n"),
        ("a space behind the version", "not HTTP/1", b"GET / HTTP/1.1 \r\n\r\n"),
        ("bare CR first", "not HTTP/1", b"\r" + GET),
        ("spaces first", "not HTTP/1", b"  " + GET),
    ):
        yield Conversation(name, request, b"", (), request_opaque=why)
    for name, why, reply in (
        (
            "a reply in chunks in HTTP/1.0",
            "transfer-encoding in HTTP/1.0",
            b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
        ),
        ("a reply of HTTP/2", "not HTTP/1", b"\0\0\x12\x04\0\0\0\0\0"),
        ("a reply of HTTP/0.9", "not HTTP/1", b"<html>\r\n</html>\r\n"),
        ("a reply of HTTP/1.2", "not HTTP/1", b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("a reply of http/1.1", "not HTTP/1", b"http/1.1 200 OK\r\n\r\n"),
        ("a status of two digits", "not HTTP/1", b"HTTP/1.1 20 OK\r\n\r\n"),
        ("a status of four digits", "not HTTP/1", b"HTTP/1.1 2000 OK\r\n\r\n"),
        ("status 0", "not HTTP/1", b"HTTP/1.1 000 OK\r\n\r\n"),
        ("two spaces before the status", "not HTTP/1", b"HTTP/1.1  200 OK\r\n\r\n"),
        ("an empty line before a reply", "not HTTP/1", b"\r\n" + OK),
        ("ICY", "not HTTP/1", b"ICY 200 OK\r\nicy-name: radio\r\n\r\n"),
    ):
        yield Conversation(name, GET, reply, (), reply_opaque=why)
    yield Conversation("a reply to nothing", b"", OK, (), reply_opaque="unasked reply")
    yield Conversation("a reply too many", GET, OK + OK, SAW, reply_opaque="unasked reply")
    yield Conversation(
        "a body behind 204", GET, _reply(b"", b"oops", b"204 No Content"), _saw("GET / 204"), reply_opaque="not HTTP/1"
    )
    yield Conversation(
        "a body behind HEAD", GET.replace(b"GET", b"HEAD"), OK, _saw("HEAD / 200"), reply_opaque="not HTTP/1"
    )


CONVERSATIONS = tuple(
    conversation
    for family in (lengths, chunks, bodies, requests, heads, replies, connections, upgrades, doubts)
    for conversation in family()
)
