"""Clients of HTTP through a proxy that follows them: all is as without it, also while a fault for others is armed."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import http.client
import io
import json
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import aiohttp
import httpx
import pytest
import requests
from aiohttp import web

from brownout.proxy.record.event import Fired, ParsingStopped

if TYPE_CHECKING:
    from conftest import Gate, Town

FETCH = Path(__file__).parent / "fetch.mjs"
PATIENCE = 60.0
NUMBERS = [b"%d," % number for number in range(1000)]
ZIPPED = b"the same again and again, " * 1000
EVENTS = [b"data: %d\n\n" % number for number in range(3)]


class Call(NamedTuple):
    """A request: its body is `text` as often as `times` says, in as many chunks where it is chunked."""

    method: str
    path: str
    text: str = ""
    times: int = 1
    fields: dict[str, str] = {}
    chunked: bool = False

    @property
    def body(self) -> bytes:
        return (self.text * self.times).encode()

    @property
    def chunks(self) -> list[bytes]:
        return [self.text.encode()] * self.times

    @property
    def content(self) -> bytes | Iterator[bytes] | None:
        """The body as clients take it: chunks are an iterator."""
        return iter(self.chunks) if self.chunked else self.body or None


Said = tuple[int, int, str]
"""What came back: the status, the body's length and its hash."""


def said(status: int, body: bytes) -> Said:
    return status, len(body), hashlib.sha256(body).hexdigest()


ORDER = '{"sku": "tea", "price": 350}'
TOUR = [
    (Call("GET", "/hello"), said(200, b"hello\n")),
    (Call("POST", "/echo", ORDER, fields={"Content-Type": "application/json"}), said(200, ORDER.encode())),
    (Call("POST", "/echo", "piece by piece ", 50, chunked=True), said(200, b"piece by piece " * 50)),
    (Call("GET", "/numbers"), said(200, b"".join(NUMBERS))),
    (Call("POST", "/echo", "0123456789", 500_000), said(200, b"0123456789" * 500_000)),
    (Call("HEAD", "/hello"), said(200, b"")),
    (Call("GET", "/nothing"), said(204, b"")),
    (Call("GET", "/moved"), said(200, b"hello\n")),
    (Call("GET", "/zipped"), said(200, ZIPPED)),
    (Call("GET", "/hello"), said(200, b"hello\n")),
]
SEEN = [
    ("GET /hello", "200"), ("POST /echo", "200"), ("POST /echo", "200"), ("GET /numbers", "200"),
    ("POST /echo", "200"), ("HEAD /hello", "200"), ("GET /nothing", "204"), ("GET /moved", "302"),
    ("GET /hello", "200"), ("GET /zipped", "200"), ("GET /hello", "200"),
]  # fmt: skip
"""The exchanges of the tour: operation and status."""


# The servers


class Plain(BaseHTTPRequestHandler):
    """The tour on http.server."""

    protocol_version = "HTTP/1.1"
    go_on = threading.Semaphore(0)
    """Lets an event out."""

    def log_message(self, *args: object) -> None:
        pass

    def _say(self, body: bytes = b"", status: int = 200, **fields: str) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _chunked(self, chunks: Iterator[bytes]) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")

    def _body(self) -> bytes:
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _events(self) -> Iterator[bytes]:
        for event in EVENTS:
            yield event
            assert self.go_on.acquire(timeout=PATIENCE)

    def do_GET(self) -> None:
        if self.path == "/hello":
            self._say(b"hello\n")
        elif self.path == "/numbers":
            self._chunked(iter(NUMBERS))
        elif self.path == "/nothing":
            self._say(status=204)
        elif self.path == "/moved":
            self._say(status=302, Location="/hello")
        elif self.path == "/zipped":
            self._say(gzip.compress(ZIPPED), Content_Encoding="gzip")
        else:
            self._chunked(self._events())

    do_HEAD = do_GET  # noqa: N815 (the name that http.server looks for)

    def do_POST(self) -> None:
        self._say(self._body())


@contextlib.contextmanager
def plain_server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Plain) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(PATIENCE)


async def _hello(request: web.Request) -> web.Response:
    return web.Response(text="hello\n")


async def _echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


async def _numbers(request: web.Request) -> web.StreamResponse:
    return await _stream(request, NUMBERS, None)


async def _nothing(request: web.Request) -> web.Response:
    return web.Response(status=204)


async def _moved(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "/hello"})


async def _zipped(request: web.Request) -> web.Response:
    return web.Response(body=gzip.compress(ZIPPED), headers={"Content-Encoding": "gzip"})


async def _events(request: web.Request) -> web.StreamResponse:
    return await _stream(request, EVENTS, Plain.go_on)


async def _stream(request: web.Request, chunks: list[bytes], go_on: threading.Semaphore | None) -> web.StreamResponse:
    reply = web.StreamResponse()
    reply.enable_chunked_encoding()
    await reply.prepare(request)
    for chunk in chunks:
        await reply.write(chunk)
        if go_on is not None:
            assert await asyncio.to_thread(go_on.acquire, timeout=PATIENCE)
    await reply.write_eof()
    return reply


async def _socket(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            await socket.send_str(message.data)
        else:
            await socket.send_bytes(message.data)
    return socket


@contextlib.contextmanager
def aiohttp_server() -> Iterator[str]:
    application = web.Application(client_max_size=2**24)
    for path, handler in (
        ("/hello", _hello), ("/numbers", _numbers), ("/nothing", _nothing), ("/moved", _moved), ("/zipped", _zipped),
        ("/events", _events), ("/socket", _socket),
    ):  # fmt: skip
        application.router.add_get(path, handler)
    application.router.add_post("/echo", _echo)
    runner, loop = web.AppRunner(application), asyncio.new_event_loop()

    async def start() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port: int = runner.addresses[0][1]
        return port

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"127.0.0.1:{asyncio.run_coroutine_threadsafe(start(), loop).result(PATIENCE)}"
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(PATIENCE)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE)
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


SERVERS = {"http.server": plain_server, "aiohttp": aiohttp_server}


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, str]]:
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(server()) for name, server in SERVERS.items()}


# The clients


def with_http_client(base: str, calls: list[Call]) -> list[Said]:
    connection = http.client.HTTPConnection(base.removeprefix("http://"), timeout=PATIENCE)
    with contextlib.closing(connection):

        def ask(call: Call) -> Said:
            connection.request(call.method, call.path, call.content, call.fields, encode_chunked=call.chunked)
            with connection.getresponse() as reply:
                body = reply.read()
                if reply.status == 302:
                    return ask(call._replace(path=reply.headers["Location"]))
                zipped = reply.headers["Content-Encoding"] == "gzip"
                return said(reply.status, gzip.decompress(body) if zipped else body)

        return [ask(call._replace(fields=_framed(call))) for call in calls]


def _framed(call: Call) -> dict[str, str]:
    return {**call.fields, "Transfer-Encoding": "chunked"} if call.chunked else call.fields


def with_httpx(base: str, calls: list[Call]) -> list[Said]:
    with httpx.Client(base_url=base, timeout=PATIENCE, follow_redirects=True) as client:
        replies = [client.request(call.method, call.path, content=call.content, headers=call.fields) for call in calls]
    return [said(reply.status_code, reply.content) for reply in replies]


def with_requests(base: str, calls: list[Call]) -> list[Said]:
    with requests.Session() as session:

        def ask(call: Call) -> Said:
            url, body = base + call.path, call.content
            reply = session.request(
                call.method, url, data=body, headers=call.fields, timeout=PATIENCE, allow_redirects=True
            )
            return said(reply.status_code, reply.content)

        return [ask(call) for call in calls]


def with_aiohttp(base: str, calls: list[Call]) -> list[Said]:
    async def chunks(call: Call) -> AsyncIterator[bytes]:
        for chunk in call.chunks:
            yield chunk

    async def tour() -> list[Said]:
        patience = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(base, timeout=patience) as session:

            async def ask(call: Call) -> Said:
                body = chunks(call) if call.chunked else io.BytesIO(call.body) if call.text else None
                async with session.request(
                    call.method, call.path, data=body, headers=call.fields, allow_redirects=True
                ) as reply:
                    return said(reply.status, await reply.read())

            return [await ask(call) for call in calls]

    return asyncio.run(tour())


@pytest.fixture
def with_curl(program: Callable[..., str], tmp_path: Path) -> Callable[[str, list[Call]], list[Said]]:
    """One curl for all calls, as options in a file."""
    path = program("curl", "apt-get install curl")

    def tour(base: str, calls: list[Call]) -> list[Said]:
        options, bodies = [], []
        for number, call in enumerate(calls):
            bodies.append(tmp_path / f"reply-{number}")
            bodies[-1].touch()  # an empty reply writes no file
            options += ["next"] * bool(options)
            options += [f'url = "{base}{call.path}"', f'output = "{bodies[-1]}"', 'write-out = "%{http_code}\\n"']
            options += ["silent", "show-error", "location", "compressed", f"max-time = {PATIENCE}"]
            options += [f'dump-header = "{tmp_path / f"heads-{number}"}"']
            options += [f'header = "{name}: {value}"' for name, value in _framed(call).items()]
            if call.method == "HEAD":
                options.append("head")
            if call.text:
                sent = tmp_path / f"sent-{number}"
                sent.write_bytes(call.body)
                options += [f'data-binary = "@{sent}"', 'header = "Expect: 100-continue"', "expect100-timeout = 20"]
        (tmp_path / "options").write_text("\n".join(options))
        done = subprocess.run(
            [path, "--disable", "--config", tmp_path / "options"], capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")
        for number, call in enumerate(calls):
            heads = (tmp_path / f"heads-{number}").read_text()
            assert ("100 Continue" in heads) is bool(call.text), heads
        contents = [
            b"" if call.method == "HEAD" else body.read_bytes() for call, body in zip(calls, bodies, strict=True)
        ]
        return [said(int(code), body) for code, body in zip(done.stdout.split(), contents, strict=True)]

    return tour


@pytest.fixture
def with_fetch(program: Callable[..., str]) -> Callable[[str, list[Call]], list[Said]]:
    """The fetch of node."""
    node = program("node", "apt-get install nodejs")

    def tour(base: str, calls: list[Call]) -> list[Said]:
        asked = json.dumps([call._asdict() for call in calls])
        done = subprocess.run(
            [node, "--no-warnings", FETCH, base], input=asked, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")
        return [tuple(each) for each in json.loads(done.stdout)]

    return tour


CLIENTS = {
    "http.client": with_http_client, "httpx": with_httpx, "requests": with_requests, "aiohttp": with_aiohttp,
    "curl": "with_curl", "fetch": "with_fetch",
}  # fmt: skip


def arm(gate: Gate, armed: bool) -> None:
    """Arm a fault that is for nobody here."""
    if armed:
        gate.inject("http.status", status="503", match={"path": "/never"})


@pytest.fixture(params=[False, True], ids=["no fault", "a fault for others"])
def armed(request: pytest.FixtureRequest) -> bool:
    found: bool = request.param
    return found


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_sees_what_the_server_said(
    town: Town, servers: dict[str, str], armed: bool, client: str, server: str, request: pytest.FixtureRequest
) -> None:
    gate = town.add(f"http://{servers[server]}", "shop")
    arm(gate, armed)
    talk = CLIENTS[client]
    tour = request.getfixturevalue(talk) if isinstance(talk, str) else talk
    assert tour(f"http://{gate.host}:{gate.port}", [call for call, _ in TOUR]) == [reply for _, reply in TOUR]
    gate.settle()
    entries = town.call(lambda: town.fleet.request_log.entries())
    assert [(entry.operation, entry.status) for entry in entries] == SEEN
    links = {entry.link for entry in entries}
    assert links == {1} or (client == "fetch" and len(links) < len(SEEN))  # a pool that has several, as it likes
    assert {entry.end for entry in entries} == {""}
    assert gate.events(ParsingStopped) == gate.events(Fired) == []


def lines_of_http_client(base: str) -> Iterator[bytes]:
    with contextlib.closing(http.client.HTTPConnection(base.removeprefix("http://"), timeout=PATIENCE)) as connection:
        connection.request("GET", "/events")
        yield from connection.getresponse()


def lines_of_httpx(base: str) -> Iterator[bytes]:
    with httpx.stream("GET", f"{base}/events", timeout=PATIENCE) as reply:
        yield from reply.iter_raw()


def lines_of_requests(base: str) -> Iterator[bytes]:
    with requests.get(f"{base}/events", stream=True, timeout=PATIENCE) as reply:
        yield from reply.iter_content(None)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("events", [lines_of_http_client, lines_of_httpx, lines_of_requests])
def test_an_event_comes_when_it_is_sent(
    town: Town, servers: dict[str, str], armed: bool, server: str, events: Callable[[str], Iterator[bytes]]
) -> None:
    """The server sends the next event when the last one was seen."""
    gate = town.add(f"http://{servers[server]}", "shop")
    arm(gate, armed)
    got = b""
    for each in events(f"http://{gate.host}:{gate.port}"):
        got += each
        if got.endswith(b"\n\n"):
            Plain.go_on.release()
    assert got == b"".join(EVENTS)


def test_a_web_socket_talks(town: Town, servers: dict[str, str], armed: bool) -> None:
    gate = town.add(f"http://{servers['aiohttp']}", "shop")
    arm(gate, armed)
    large = bytes(range(256)) * 4000

    async def talk() -> tuple[str, bytes, str]:
        async with (
            aiohttp.ClientSession(f"http://{gate.host}:{gate.port}") as session,
            session.get("/hello") as before,
            session.ws_connect("/socket", timeout=aiohttp.ClientWSTimeout(ws_close=PATIENCE)) as socket,
        ):
            assert await before.text() == "hello\n"
            await socket.send_str("hello")
            first = await socket.receive_str()
            await socket.send_bytes(large)
            second = await socket.receive_bytes()
            await socket.send_str("bye")
            return first, second, await socket.receive_str()

    assert asyncio.run(asyncio.wait_for(talk(), PATIENCE)) == ("hello", large, "bye")
    gate.settle()
    entries = town.call(lambda: town.fleet.request_log.entries())
    assert [(entry.operation, entry.status, entry.end) for entry in entries] == [
        ("GET /hello", "200", ""), ("GET /socket", "101", ""),
    ]  # fmt: skip
    assert [event.reason for event in gate.events(ParsingStopped)] == ["upgraded"]
