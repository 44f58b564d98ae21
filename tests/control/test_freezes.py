"""No input of up to a megabyte, from a caller or a peer, keeps everything else waiting."""

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from .conftest import DEADLINE, Running

MOST = 20.0
"""How much CPU time one callback may take, in units of `pace()`: about 0.1 s of a machine that does nothing else."""
ROOM = 900_000
ECHO = "/v1/proxies/echo"
FAULTS = f"{ECHO}/injections"
HTTP_FAULTS = "/v1/proxies/web/injections"


def status(**settings: object) -> str:
    return json.dumps({"fault": "http.status", "status": 503, "match": {"path": "/never"}, **settings})


def many(key: str, count: int) -> dict[str, str]:
    return {f"{key}{number}": "1" for number in range(count)}


CALLS = {
    "keys of a match": ("POST", HTTP_FAULTS, status(match=many("k", 50_000))),
    "headers of a match": ("POST", HTTP_FAULTS, status(match=many("header.k", 50_000))),
    "a list as match": ("POST", HTTP_FAULTS, status(match=[1] * 300_000)),
    "parts of a glob": ("POST", HTTP_FAULTS, status(match={"path": "*a" * 200_000})),
    "brackets of a glob": ("POST", HTTP_FAULTS, status(match={"path": "?[" * 400_000})),
    "a long expression": ("POST", HTTP_FAULTS, status(match={"path": "~" + "(a|b)" * 150_000})),
    "optional letters": ("POST", HTTP_FAULTS, status(match={"path": "~" + "a?" * 511})),
    "nested groups": ("POST", HTTP_FAULTS, status(match={"path": "~" + "(" * 500 + ")" * 500})),
    "settings": ("POST", FAULTS, json.dumps({"fault": "latency", **many("latency", 50_000)})),
    "settings of a proxy": ("PUT", "/v1/proxies/new", json.dumps(many("upstream", 50_000))),
    "changes of a proxy": ("PATCH", ECHO, json.dumps(many("a", 60_000))),
    "a long setting": ("POST", FAULTS, json.dumps({"fault": "latency", "l" * ROOM: "1"})),
    "a long fault": ("POST", FAULTS, json.dumps({"fault": "l" * ROOM})),
    "a long short form": ("POST", FAULTS, json.dumps("latency:" + "1" * ROOM)),
    "a long name": ("POST", FAULTS, json.dumps({"fault": "noop", "name": "n" * ROOM})),
    "a long stream": ("POST", FAULTS, json.dumps({"fault": "noop", "stream": "n" * ROOM})),
    "digits": ("POST", FAULTS, json.dumps({"fault": "latency", "latency": "1" * ROOM + "s"})),
    "digits that are infinite": ("POST", FAULTS, json.dumps({"fault": "latency", "latency": "1" * 400 + "s"})),
    "units": ("POST", FAULTS, json.dumps({"fault": "latency", "latency": "1s" * 400_000})),
    "digits of a quota": ("POST", FAULTS, json.dumps({"fault": "noop", "quota": "1" * 5000 + " of 10"})),
    "spaces of a quota": ("POST", FAULTS, json.dumps({"fault": "noop", "quota": "1" + " " * ROOM + "of 10"})),
    "a large number": ("POST", FAULTS, '{"fault": "noop", "times": 1' + "0" * 400 + "}"),
    "a number of a megabyte": ("POST", FAULTS, '{"fault": "noop", "times": 1' + "0" * ROOM + "}"),
    "brackets": ("POST", FAULTS, "[" * ROOM),
    "deep JSON": ("POST", HTTP_FAULTS, status()[:-1] + ', "json":' + "[" * 500 + "]" * 500 + "}"),
    "empty lists": ("POST", FAULTS, "[" + "[]," * 290_000 + "[]]"),
    "large floats": ("POST", FAULTS, "[" + "1e300," * 150_000 + "1]"),
    "keys": ("POST", FAULTS, json.dumps(many("k", 80_000))),
    "headers": ("POST", HTTP_FAULTS, status(headers=many("h", 50_000))),
    "lines of headers": ("POST", HTTP_FAULTS, status(headers="a: b\n" * 150_000)),
    "names of headers": ("POST", HTTP_FAULTS, json.dumps({"fault": "http.header", "remove": "a," * 400_000})),
    "a long upstream": ("PUT", "/v1/proxies/new", json.dumps({"upstream": "redis://" + "[:@" * 300_000})),
    "a long scheme": ("PUT", "/v1/proxies/new", json.dumps({"upstream": "r" * ROOM + "://x"})),
    "a long listen": ("PUT", "/v1/proxies/new", json.dumps({"upstream": "h:1", "listen": "1" * ROOM})),
    "since": ("GET", "/v1/journal?since=" + "9" * 5000, None),
    "since of requests": ("GET", "/v1/requests?since=" + "9" * 30, None),
    "last of requests": ("GET", "/v1/requests?last=" + "9" * 30, None),
    "a long path": ("GET", "/v1/proxies/" + "a" * 8000, None),
    "a toxiproxy's upstream": ("POST", "/proxies", json.dumps({"name": "a", "upstream": "u:" + "/@" * 450_000, "listen": ""})),
    "a toxiproxy's name": ("POST", "/proxies", json.dumps({"name": "n" * ROOM, "upstream": "h:1"})),
    "a toxiproxy's keys": ("POST", "/proxies", json.dumps(many("Name", 70_000))),
    "proxies of a toxiproxy": ("POST", "/populate", json.dumps([{"name": f"n{n}"} for n in range(40_000)])),
    "attributes of a toxic": ("POST", "/proxies/echo/toxics", json.dumps({"type": "latency", "attributes": many("a", 60_000)})),
    "the longest latency": ("POST", "/proxies/echo/toxics", '{"type": "latency", "name": "l", "attributes": {"latency": 9223372036854775807}}'),
}  # fmt: skip
TAKEN = {"attributes of a toxic", "the longest latency", "lines of headers"}
"""What is no error: the rest must be one."""


class Pulse:
    """The most CPU time that the loop spent between two moments at which it was free."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.over = False

    async def beat(self) -> None:
        last = time.thread_time()
        while not self.over:
            await asyncio.sleep(0)
            now = time.thread_time()
            self.longest, last = max(self.longest, now - last), now


@contextmanager
def pulse(running: Running) -> Iterator[Pulse]:
    watch = Pulse()
    beating = asyncio.run_coroutine_threadsafe(watch.beat(), running.loop)
    try:
        yield watch
    finally:
        watch.over = True
        beating.result(DEADLINE)


def pace() -> float:
    """Return the CPU time of work that is always the same: it is twice as long if neighbours share the processor."""
    began = time.thread_time()
    sum(number * number for number in range(100_000))
    return time.thread_time() - began


def assert_quick(running: Running, do: Callable[[], object]) -> None:
    """Do something that may be a little slow now and then, since the machine is busy, but not each time."""
    taken: list[float] = []
    while not taken or (len(taken) < 5 and min(taken) >= MOST):
        before = pace()
        with pulse(running) as watch:
            do()
        taken.append(watch.longest / max(before, pace()))
    assert min(taken) < MOST


@pytest.fixture
def both(running: Running) -> Running:
    """A proxy before an echo, and one that parses HTTP."""
    running.client.add("echo", running.echo)
    running.client.add("web", f"http://{running.echo}")
    return running


@pytest.mark.parametrize("call", CALLS)
def test_a_call_of_a_megabyte(both: Running, call: str) -> None:
    method, path, body = CALLS[call]
    answers: list[tuple[int, object]] = []

    def ask() -> None:
        answers.append(both.ask(method, path, body))

    assert_quick(both, ask)
    allowed = {200, 201, 409} if call in TAKEN else {400, 404, 413}
    assert {status for status, _ in answers} <= allowed, answers
    assert both.ask("GET", "/v1/proxies")[0] == 200  # what was taken can be shown


MATCHES: tuple[dict[str, str], ...] = (
    {"path": "~a+[bc]x"},
    {"query": "*a*b*c*"},
    {"header.x": "~\\s+x", "header.y": "?[a]*b"},
    {"content_type": "~(a|b)+c"},
    {"body": "*aab*"},
    {"body": "~[ab]+c", "json.a": "1"},
    {"json.a.b.0.c": "x*"},
)
HEAD = b"POST /%s HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"


CHUNKED = b"POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


def body(data: bytes) -> bytes:
    return HEAD % (b"a", len(data)) + data


SAID = {
    "a long path": b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\n\r\n",
    "a long query": b"GET /?" + b"ab" * 30_000 + b" HTTP/1.1\r\n\r\n",
    "spaces": b"GET / HTTP/1.1\r\nx: a" + b" " * 60_000 + b"b\r\n\r\n",
    "a long name and a bad line": b"GET / HTTP/1.1\r\n" + b"a" * 60_000 + b": x\r\nb@d: x\r\n\r\n",
    "fields": b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 16_000 + b"\r\n",
    "folds": b"GET / HTTP/1.1\r\nx: a\r\n" + b" \r\n" * 20_000 + b"\r\n",
    "connection options": b"GET / HTTP/1.1\r\nconnection: " + b"a," * 30_000 + b"\r\n\r\n",
    "segments": b"GET " + b"/1" * 30_000 + b" HTTP/1.1\r\n\r\n",
    "a body of letters": body(b"a" * ROOM),
    "a body of nonsense": body(b"\xff\x80" * (ROOM // 2)),
    "a body of lists": body(b"[" + b"[]," * (ROOM // 3) + b"[]]"),
    "a body of floats": body(b"[" + b"1e300," * (ROOM // 6) + b"1]"),
    "a body of keys": body(json.dumps(many("a", 70_000)).encode()),
    "a body of brackets": body(b"[" * ROOM),
    "a value of a megabyte": body(b'{"a": "' + b"a" * ROOM + b'"}'),
    "empty lines": b"\r\n" * (ROOM // 2),
    "line feeds": b"\n" * ROOM,
    "chunks of a byte": CHUNKED + b"1\r\na\r\n" * 150_000 + b"0\r\n\r\n",
    "chunks of all sizes": CHUNKED + b"".join(b"%x;a\r\n%s\r\n" % (n, b"a" * n) for n in range(1, 10)) * 9000 + b"0\r\n\r\n",
    "trailers": CHUNKED + b"0\r\n" + b"a:\r\n" * 16_000 + b"\r\n",
    "requests": b"GET / HTTP/1.1\r\n\r\n" * 999,
}  # fmt: skip


@pytest.mark.parametrize("said", SAID)
def test_a_peer_that_sends_a_megabyte(both: Running, said: str) -> None:
    for number, match in enumerate(MATCHES):
        both.client.inject("web", {"fault": "http.delay", "delay": "1ms", "name": str(number), "match": match})
    host, port = both.client.proxy("web")["address"].split(":")

    def send() -> None:
        with socket.create_connection((host, int(port)), timeout=DEADLINE) as sock:
            sock.sendall(SAID[said])
            sock.shutdown(socket.SHUT_WR)
            try:
                while sock.recv(1 << 20):
                    pass
            except ConnectionError:
                pass

    assert_quick(both, send)
    assert both.ask("GET", "/v1/requests")[0] == 200
