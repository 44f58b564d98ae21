"""What heads of HTTP/1.x say."""

import gc
import sys

import pytest

from brownout.wire.dialect import ReplyHead, RequestHead
from brownout.wire.http1 import HttpReply, HttpRequest
from brownout.wire.http1.head import UnreadableError, reply_head, request_head

FULL = (
    b"POST /users/42/orders?token=abc&page=2 HTTP/1.1\r\nHost: Shop.Test:8080\r\nAccept: a/b\r\naccept:  c/d \r\n"
    b"Content-Type: Application/JSON; charset=utf-8\r\nContent-Length: 7\r\nExpect: 100-Continue\r\nX-Empty:\r\n"
    b"X-Long: one\r\n  two\r\n\tthree\r\nX-Name: caf\xe9\r\n\r\n"
)


def request(line: str, *fields: str) -> HttpRequest:
    return request_head("".join(f"{text}\r\n" for text in (line, *fields, "")).encode("latin-1"))


def reply(line: str, *fields: str) -> HttpReply:
    return reply_head("".join(f"{text}\r\n" for text in (line, *fields, "")).encode("latin-1"))


def test_a_request_says_all_of_this() -> None:
    head = request_head(FULL)
    assert head == HttpRequest(
        method="POST",
        target="/users/42/orders?token=abc&page=2",
        path="/users/42/orders",
        query="token=abc&page=2",
        host="shop.test",
        length=7,
        persistent=True,
        expects=True,
        operation="POST /users/{}/orders",
        size=len(FULL),
        data=FULL,
    )


def test_the_values_that_a_match_looks_at() -> None:
    head: RequestHead = request_head(FULL)
    keys = {
        "method": "POST",
        "host": "shop.test",
        "path": "/users/42/orders",
        "query": "token=abc&page=2",
        "content_type": "application/json",
        "header.HOST": "Shop.Test:8080",
        "header.ACCEPT": "a/b, c/d",
        "header.Content-Type": "Application/JSON; charset=utf-8",
        "header.content-length": "7",
        "header.expect": "100-Continue",
        "header.x-empty": "",
        "header.x-long": "one two three",
        "header.x-name": "café",
        "header.x-missing": None,
        "header.": None,
        "status": None,
        "reply_header.Host": None,
        "body": None,
    }
    assert {key: head.value(key) for key in keys} == keys


@pytest.mark.parametrize(
    ("head", "may_switch"),
    [
        (request("CONNECT db.test:443 HTTP/1.1"), True),
        (request("GET /ws HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket"), True),
        (request("GET / HTTP/1.1", "UPGRADE: h2c"), True),
        (request("GET / HTTP/1.1", "Connection: upgrade", "X-Upgrade: h2c", "Upgrade-Insecure-Requests: 1"), False),
        (request("GET /?upgrade: HTTP/1.1"), False),
    ],
)
def test_an_upgrade_or_a_tunnel_may_switch_the_connection(head: HttpRequest, may_switch: bool) -> None:
    assert head.may_switch is may_switch


def test_what_a_request_does_not_have_is_none() -> None:
    head = request("GET / HTTP/1.0")
    assert [head.value(key) for key in ("host", "query", "content_type")] == [None, None, None]
    assert (head.length, head.persistent, head.expects) == (0, False, False)


def test_a_reply_says_all_of_this() -> None:
    data = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nVia: a\r\nvia: b\r\nContent-Length: 0\r\n\r\n"
    head: ReplyHead = reply_head(data)
    assert head == HttpReply(
        code=503,
        status="503",
        outcome="5xx",
        length=0,
        chunked=False,
        interim=False,
        data=data,
        retry_after=2.0,
    )
    keys = {
        "status": "503",
        "reply_header.retry-after": "2",
        "reply_header.VIA": "a, b",
        "reply_header.x": None,
        "method": None,
    }
    assert {key: head.value(key) for key in keys} == keys


@pytest.mark.parametrize(
    ("line", "fields", "length", "chunked", "interim"),
    [
        ("HTTP/1.1 200 OK", ["Content-Length: 5"], 5, False, False),
        ("HTTP/1.1 200 OK", ["Content-Length: 9999999999999999999"], 9999999999999999999, False, False),
        ("HTTP/1.1 200 OK", ["Transfer-Encoding: gzip, Chunked"], None, True, False),
        ("HTTP/1.1 200 OK", ["Transfer-Encoding: gzip"], None, False, False),
        ("HTTP/1.1 200 OK", [], None, False, False),
        ("HTTP/1.1 204 No Content", ["Content-Length: 5"], 0, False, False),
        ("HTTP/1.1 304 Not Modified", ["Transfer-Encoding: chunked"], 0, False, False),
        ("HTTP/1.1 100 Continue", [], 0, False, True),
        ("HTTP/1.1 103 Early Hints", ["Content-Length: 5"], 0, False, True),
        ("HTTP/1.1 101 Switching Protocols", [], 0, False, False),
    ],
)
def test_how_long_a_reply_is(line: str, fields: list[str], length: int | None, chunked: bool, interim: bool) -> None:
    head = reply(line, *fields)
    assert (head.length, head.chunked, head.interim) == (length, chunked, interim)


@pytest.mark.parametrize(
    ("version", "connection", "persistent"),
    [
        ("1.1", [], True), ("1.1", ["close"], False), ("1.1", ["CLOSE"], False), ("1.1", ["te , close"], False),
        ("1.1", ["te", "close"], False), ("1.1", ["closed"], True), ("1.1", ["keep-alive"], True), ("1.0", [], False),
        ("1.0", ["Keep-Alive"], True), ("1.0", ["keep-alive, close"], False),
    ],
)  # fmt: skip
def test_whether_the_connection_stays(version: str, connection: list[str], persistent: bool) -> None:
    fields = [f"Connection: {value}" for value in connection]
    head = request(f"GET / HTTP/{version}", *fields)
    assert (head.persistent, head.asks_to_stay) == (persistent, persistent and version == "1.0")


@pytest.mark.parametrize(
    ("method", "target", "path", "query", "host", "summary"),
    [
        ("GET", "/", "/", "", "h", "GET /"),
        ("GET", "/?", "/", "", "h", "GET /?"),
        ("GET", "/a?b=c", "/a", "b=c", "h", "GET /a?b=***"),
        ("GET", "/a?b=c=d&e=&=f&secret", "/a", "b=c=d&e=&=f&secret", "h", "GET /a?b=***&e=***&=***&***"),
        ("GET", "/a?b?c=d", "/a", "b?c=d", "h", "GET /a?b?c=***"),
        ("GET", "//x:y@h/", "//x:y@h/", "", "h", "GET //x:y@h/"),
        ("GET", "/go/http://u:pw@h/x", "/go/http://u:pw@h/x", "", "h", "GET /go/http://u:***@h/x"),
        ("GET", "http://A.test:81/b?c=d", "/b", "c=d", "a.test", "GET http://A.test:81/b?c=***"),
        ("GET", "http://a.test?c=d", "/", "c=d", "a.test", "GET http://a.test?c=***"),
        ("GET", "http://me:secret@a.test/", "/", "", "a.test", "GET http://me:***@a.test/"),
        ("GET", "http://[::1]:80/", "/", "", "[::1]", "GET http://[::1]:80/"),
        ("OPTIONS", "*", "*", "", "h", "OPTIONS *"),
        ("CONNECT", "A.test:443", "", "", "a.test", "CONNECT A.test:443"),
        ("CONNECT", "me:secret@a.test:443", "", "", "a.test", "CONNECT me:***@a.test:443"),
        ("GET", "/\x9b31m\xe9", "/\x9b31m\xe9", "", "h", "GET /\\x9b31m\\xe9"),
        ("GET", "/" + "x" * 299, "/" + "x" * 299, "", "h", "GET /" + "x" * 299),
        ("GET", "/" + "x" * 300, "/" + "x" * 300, "", "h", "GET /" + "x" * 299 + "..."),
        ("GET", "/?a=" + "x" * 300, "/", "a=" + "x" * 300, "h", "GET /?a=***..."),
        ("GET", "/?" + "x" * 300, "/", "x" * 300, "h", "GET /?***..."),
    ],
)
def test_the_forms_of_a_target(method: str, target: str, path: str, query: str, host: str, summary: str) -> None:
    head = request(f"{method} {target} HTTP/1.1", "Host: h")
    assert (head.target, head.path, head.query, head.host, head.summary()) == (target, path, query, host, summary)
    assert (head.brief().summary(), head.brief().operation) == (summary, head.operation)


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/a?b=c=d&secret", "/a?b=c=d&secret"),
        ("/a?b=\x9b", "/a?b=\\x9b"),
        ("http://me:secret@a.test/?next=http://you:secret@b.test", "http://me:***@a.test/?next=http://you:***@b.test"),
        ("/?a=" + "x" * 296, "/?a=" + "x" * 296),
        ("/?a=" + "x" * 297, "/?a=" + "x" * 296 + "..."),
    ],
)
def test_values_are_shown_to_who_asks_for_them_passwords_in_urls_are_not(target: str, shown: str) -> None:
    head = request(f"GET {target} HTTP/1.1", "Host: h")
    assert head.summary(values=True) == head.brief().summary(values=True) == f"GET {shown}"


@pytest.mark.parametrize(
    ("field", "host"),
    [
        ("Shop.Test", "shop.test"),
        ("shop.test:80", "shop.test"),
        ("[::1]:80", "[::1]"),
        ("[::1]", "[::1]"),
        ("", ""),
        (":80", ""),
    ],
)
def test_the_host_has_no_port(field: str, host: str) -> None:
    assert request("GET / HTTP/1.1", f"Host: {field}").host == host


def test_heads_are_remembered_and_long_ones_are_not() -> None:
    assert request_head(FULL) is request_head(bytes(bytearray(FULL)))
    long = b"GET / HTTP/1.1\r\nX: " + b"v" * 2048 + b"\r\n\r\n"
    assert request_head(long) is not request_head(long)


def test_what_is_remembered_is_bounded() -> None:
    gc.collect()
    before = sys.getallocatedblocks()
    for number in range(3000):
        request(f"GET /{number}/{'x' * 300}?q={number} HTTP/1.1", f"Host: h{number}", f"X-Id: {number}")
        reply("HTTP/1.1 200 OK", f"Content-Length: {number}", f"X-Id: {number}")
    assert sys.getallocatedblocks() - before < 30_000


def test_an_unreadable_head_says_why() -> None:
    with pytest.raises(UnreadableError, match=r"^not HTTP/1$"):
        request_head(b"GET /\r\n\r\n")
    with pytest.raises(UnreadableError, match=r"^differing content-lengths$"):
        reply("HTTP/1.1 200 OK", "Content-Length: 1", "Content-Length: 2")


def test_an_idempotency_key_is_told_as_a_hash_also_of_a_head_that_is_kept_without_its_bytes() -> None:
    heads = [request("POST /a HTTP/1.1", f"Idempotency-Key: {key}") for key in ("secret-1", "secret-1", "secret-2")]
    first, second, other = [head.idempotency_key() for head in heads]
    assert first == second != other
    assert len(first) == 16
    assert "secret" not in first
    assert heads[0].brief().idempotency_key() == heads[0].brief().brief().idempotency_key() == first
    assert "secret" not in repr(heads[0].brief())
    assert request("POST /a HTTP/1.1", "X: Idempotency-Key").idempotency_key() == ""


@pytest.mark.parametrize(
    ("method", "idempotent"),
    [("GET", True), ("HEAD", True), ("PUT", True), ("DELETE", True), ("POST", False), ("PATCH", False), ("get", False)],
)
def test_some_methods_may_be_sent_again(method: str, idempotent: bool) -> None:
    assert request(f"{method} / HTTP/1.1").idempotent is idempotent


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        (("Retry-After: 120",), 120.0),
        (("retry-after:  0 ",), 0.0),
        (("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT", "Date: Fri, 31 Dec 1999 23:59:29 GMT"), 30.0),
        (("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT", "Date: Sat, 01 Jan 2000 00:00:00 GMT"), 0.0),
        (("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT",), None),
        (("Retry-After: Fri, 31 Dec 1999 23:59:59 GMT", "Date: Fri, 31 Dec 1999 23:59:29"), None),
        (("Retry-After: soon", "Date: Fri, 31 Dec 1999 23:59:29 GMT"), None),
        (("Retry-After: 1.5", "Date: Fri, 31 Dec 1999 23:59:29 GMT"), None),
        (("Retry-After: -1",), None),
        (("Retry-After: 9999999999",), None),
        (("Retry-After: 1", "Retry-After: 2"), None),
        ((), None),
    ],
)
def test_how_long_a_reply_asks_the_client_to_wait(fields: tuple[str, ...], seconds: float | None) -> None:
    data = "\r\n".join(["HTTP/1.1 503 Busy", *fields, "", ""]).encode()
    assert reply_head(data).retry_after == seconds


def test_a_success_asks_nobody_to_wait() -> None:
    assert reply_head(b"HTTP/1.1 200 OK\r\nRetry-After: 2\r\n\r\n").retry_after is None


def test_the_method_is_matched_in_capitals_and_shown_as_it_came() -> None:
    head = request_head(b"get / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert (head.value("method"), head.method) == ("GET", "get")
