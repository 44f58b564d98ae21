"""What httpx, requests and aiohttp see of every fault of HTTP: docs/http-clients.md is what was seen.

`BROWNOUT_WRITE_DOCS=1` rewrites the table. No row depends on how fast the machine is: what is late is late by far, and
what drips takes far less than a timeout from one drop to the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import re
import shlex
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import aiohttp
import httpx
import pytest
import requests

from brownout.faults import CATALOGUE
from brownout.faults.exchange import ExchangeFault

from .page import write_or_compare

if TYPE_CHECKING:
    from conftest import Town

PAGE = Path(__file__).parents[2] / "docs" / "http-clients.md"
PATIENCE = 2.0
"""The timeouts of the clients, in seconds."""
LATE = (TimeoutError, httpx.TimeoutException, requests.Timeout)
TRIES = 9
"""How often a client tries what no fault is in the way of: a busy machine may need longer than its timeout."""
BODY = json.dumps({"done": True, "note": "x" * 374}).encode()
POSTED = ("POST", "/work")
CHUNKED = ("POST", "/chunked")


class Row(NamedTuple):
    """A fault, as `brownout inject` takes it, and what is asked."""

    fault: str
    asked: tuple[str, str] = POSTED
    late: bool = False
    """Whether it is told that all took longer than the timeout."""


ROWS = [
    Row("http.status status=503 retry_after=2s"),
    Row("http.status status=502 html=true"),
    Row('http.status status=200 json=\'{"error": "busy"}\''),
    Row("http.delay delay=10s delays=request"),
    Row("http.delay delay=10s"),
    Row("http.delay delay=10s delays=body"),
    Row("http.lost_reply"),
    Row("http.lost_reply", ("GET", "/work")),
    Row("http.lost_reply --times 1", ("GET", "/work")),
    Row("http.lost_reply client_sees=hang"),
    Row("http.lost_reply client_sees=504"),
    Row("http.lost_request"),
    Row("http.lost_request client_sees=reset", ("GET", "/work")),
    Row("http.duplicate"),
    Row("http.truncate share=50%"),
    Row("http.truncate share=50%", CHUNKED),
    Row("http.truncate share=50% how=rst"),
    Row("http.truncate share=50% how=rst", CHUNKED),
    Row("http.truncate share=50% how=right_length"),
    Row("http.truncate share=50% how=right_length", CHUNKED),
    Row("http.drip bytes=20B interval=250ms", late=True),
    Row("http.drip bytes=4B interval=250ms part=head", late=True),
    Row("http.header remove=content-type"),
    Row("http.header set='Content-Type: text/html'"),
    Row("http.header set='Content-Encoding: gzip'"),
    Row("http.header add='Set-Cookie: session=gone'"),
    Row("http.header remove=content-type message=request"),
]


class Reply(NamedTuple):
    """What a client got; `json` is what its json() raised, `retry` the header Retry-After, `cookies` their names."""

    status: int
    body: bytes
    json: str
    retry: str | None
    cookies: list[str]


class Client(Protocol):
    """A client with a pool of its own and no retries of its user's; `ask()` raises what the client raised."""

    def __init__(self, base: str) -> None: ...
    def ask(self, method: str, path: str) -> Reply: ...
    def close(self) -> None: ...


HEADERS = {"Content-Type": "application/json"}
BODIES = {"POST": b"{}", "GET": None}


class Httpx:
    """httpx.Client, whose timeout is one for each step."""

    def __init__(self, base: str) -> None:
        self._client = httpx.Client(base_url=base, timeout=PATIENCE, verify=False)

    def ask(self, method: str, path: str) -> Reply:
        reply = self._client.request(method, path, content=BODIES[method], headers=HEADERS)
        retry = reply.headers.get("retry-after")
        return Reply(reply.status_code, reply.content, raised(reply.json), retry, list(reply.cookies))

    def close(self) -> None:
        self._client.close()


class Requests:
    """requests.Session, whose timeout is one for each read."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._session = requests.Session()

    def ask(self, method: str, path: str) -> Reply:
        reply = self._session.request(method, self._base + path, data=BODIES[method], headers=HEADERS, timeout=PATIENCE)
        retry = reply.headers.get("retry-after")
        return Reply(reply.status_code, reply.content, raised(reply.json), retry, list(reply.cookies.keys()))

    def close(self) -> None:
        for adapter in self._session.adapters.values():
            pools = adapter.poolmanager.pools
            for key in pools.keys():  # noqa: SIM118 - a container of urllib3, over which one cannot iterate
                pools[key].close()  # the session leaves its connections to whoever collects garbage
        self._session.close()


class Aiohttp:
    """aiohttp.ClientSession, with a timeout for each read."""

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=PATIENCE, sock_read=PATIENCE)

    def __init__(self, base: str) -> None:
        self._runner = asyncio.Runner()
        self._session = self._runner.run(self._open(base))

    async def _open(self, base: str) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(base, timeout=self.timeout)

    def ask(self, method: str, path: str) -> Reply:
        return self._runner.run(self._ask(method, path))

    async def _ask(self, method: str, path: str) -> Reply:
        async with self._session.request(method, path, data=BODIES[method], headers=HEADERS) as reply:
            body, wrong = await reply.read(), ""
            try:
                await reply.json()
            except Exception as error:
                wrong = named(error)
            return Reply(reply.status, body, wrong, reply.headers.get("retry-after"), list(reply.cookies))

    def close(self) -> None:
        self._runner.run(self._session.close())
        self._runner.close()


class AiohttpTotal(Aiohttp):
    """The same with a deadline for the whole instead."""

    timeout = aiohttp.ClientTimeout(total=PATIENCE)


CLIENTS: dict[str, type[Client]] = {
    "httpx": Httpx, "requests": Requests, "aiohttp": Aiohttp, "aiohttp, `total`": AiohttpTotal,
}  # fmt: skip


class Work(BaseHTTPRequestHandler):
    """Does the work that it is asked for, if it is told that the request is JSON."""

    protocol_version = "HTTP/1.1"
    timeout = 30.0  # for who waits for a connection to be closed, where it is not
    server: Works

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.headers["Content-Type"] != "application/json":
            self._say(415, b"", "text/plain")
            return
        if self.path != "/hello":
            with self.server.lock:
                self.server.done += 1
        self._say(200, BODY, "application/json")

    do_POST = do_GET  # noqa: N815 (the name that http.server looks for)

    def _say(self, status: int, body: bytes, kind: str) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            chunks = [*(body[at : at + 100] for at in range(0, len(body), 100)), b""]
            body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()


class Works(ThreadingHTTPServer):
    """An upstream that counts how often the work was done."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Work)
        self.lock = threading.Lock()
        self.done = 0
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def finish(self) -> int:
        """Stop, and return how often it was done, when that is known."""
        self.shutdown()
        self._thread.join()
        self.server_close()  # waits for what is being done
        return self.done


def named(error: Exception) -> str:
    """The class of an error by the shortest name under which it is found."""
    kind = type(error)
    package = kind.__module__.partition(".")[0]
    if kind.__module__ == "builtins":
        return f"`{kind.__name__}`"
    short = getattr(importlib.import_module(package), kind.__name__, None) is kind
    return f"`{package if short else kind.__module__}.{kind.__name__}`"


def raised(function: object) -> str:
    assert callable(function)
    try:
        function()
    except Exception as error:
        return named(error)
    return ""


def told(reply: Reply) -> str:
    """What a reply is, to one who looks at it."""
    if reply.body == BODY:
        what = "all of it"
    elif reply.body and BODY.startswith(reply.body):
        what = f"{len(reply.body)} of {len(BODY)} bytes"
    else:
        what = "nothing in it" if not reply.body else "a page" if b"<html>" in reply.body else "other JSON"
    parts = [f"{reply.status}, {what}"]
    if reply.retry:
        parts.append(f"`Retry-After: {reply.retry}`")
    if reply.cookies:
        parts.append(f"a cookie `{reply.cookies[0]}`")
    if reply.status == 200 and reply.json:
        parts.append(f"`json()` raises {reply.json}")
    return "; ".join(parts)


def seen(client: Client, row: Row) -> str:
    began = time.monotonic()
    try:
        saw = told(client.ask(*row.asked))
    except Exception as error:
        return named(error)
    return f"{saw}, after more than {PATIENCE:g} s" if row.late and time.monotonic() - began > PATIENCE else saw


def hello(client: Client) -> str:
    for _ in range(TRIES - 1):
        with contextlib.suppress(*LATE):
            return told(client.ask("GET", "/hello"))
    return told(client.ask("GET", "/hello"))


def felt(town: Town, row: Row, name: str) -> tuple[str, int]:
    """What a client with an open connection sees of a fault, and how often the upstream did the work."""
    works = Works()
    try:
        gate = town.add(f"http://127.0.0.1:{works.server_port}", re.sub(r"\W+", "-", f"{row} {name}"))
        fault, *settings = shlex.split(row.fault.replace("--times ", "times="))
        with contextlib.closing(CLIENTS[name](f"http://{gate.host}:{gate.port}")) as client:
            assert hello(client) == "200, all of it"
            injection = gate.inject(fault, **dict(setting.split("=", 1) for setting in settings))
            for _ in range(TRIES):
                saw = seen(client, row)
                if injection.fired:  # else it was too late before its request had come to the fault
                    break
            else:
                raise AssertionError("the fault hit nothing")
            gate.heal()
            assert hello(client) == "200, all of it"
        gate.settle()
    finally:
        done = works.finish()
    return saw, done


def table(results: dict[Row, dict[str, tuple[str, int]]]) -> Iterator[str]:
    """The lines of the table; how often the work was done is told of most clients, and of those that differ."""
    yield f"| fault | asked | {' | '.join(CLIENTS)} | work done |"
    yield "| --- " * (3 + len(CLIENTS)) + "|"
    for row, cells in results.items():
        usual, _ = Counter(done for _, done in cells.values()).most_common(1)[0]
        times = [str(usual), *(f"{name}: {done}" for name, (_, done) in cells.items() if done != usual)]
        saw = " | ".join(saw for saw, _ in cells.values())
        yield f"| `{row.fault}` | {' '.join(row.asked)} | {saw} | {'; '.join(times)} |"


def test_every_fault_has_its_rows() -> None:
    assert list(dict.fromkeys(row.fault.split()[0] for row in ROWS)) == [
        name for name, fault in CATALOGUE.items() if issubclass(fault, ExchangeFault)
    ]


@pytest.mark.slow
def test_clients_see_of_every_fault_what_the_page_says(town: Town) -> None:
    with ThreadPoolExecutor(12) as threads:
        cells = {(row, name): threads.submit(felt, town, row, name) for row in ROWS for name in CLIENTS}
        results = {row: {name: cells[row, name].result() for name in CLIENTS} for row in ROWS}
    write_or_compare(PAGE, "tests/real/test_http_felt.py", table(results))
