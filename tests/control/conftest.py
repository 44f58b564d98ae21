import asyncio
import contextlib
import http.client
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NamedTuple

import pytest

from brownout.control.client import Client
from brownout.control.guard import NO_TOKEN, Guard
from brownout.control.serve import Server, serve
from brownout.faults.segment import Kind
from brownout.proxy import Entry, Fleet, Proxy
from brownout.wire.http1.head import request_head

from ..written import Written

DEADLINE = 60.0
HEAD = request_head(b"POST /charge/17?token=secret HTTP/1.1\r\nIdempotency-Key: k17\r\n\r\n")


class Running(NamedTuple):
    """A server with its fleet, on a loop in a thread, and a server that echoes, to stand before."""

    fleet: Fleet
    server: Server
    loop: asyncio.AbstractEventLoop
    echo: str

    @property
    def api(self) -> str:
        return self.server.address.endpoint

    @property
    def client(self) -> Client:
        return Client(self.api)

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(DEADLINE)

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, Any]:
        """Send a request as it is and return the status and the JSON of the answer."""
        connection = self.connect()
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.server.address.host, self.server.address.port, timeout=DEADLINE)


def entry(seq: int, proxy: str = "echo", **values: Any) -> Entry:
    """An exchange as the machine writes it down; `values` are what differs."""
    example = Entry(
        seq, 1795490631.187, proxy, 3, "POST /charge/{}", "POST /charge/17?token=*", "503", "5xx", "", 0.0000123,
        0.0001234, 345, 678, "9f86d081", ("http.status", "latency"), 91342.1870306, 2.0, None, True, HEAD,
    )  # fmt: skip
    return example._replace(**values)


def carried(proxy: Proxy, each: Entry) -> None:
    """Let a proxy have carried an exchange."""
    proxy.operations.count(each.operation, each.end or each.outcome, each.seconds)
    proxy.shared.request_log.write(Written(each))


@pytest.fixture
def running() -> Iterator[Running]:
    with serving() as running:
        yield running


@contextlib.contextmanager
def serving(
    guard: Guard = NO_TOKEN,
    seed: int = 7,
    *,
    loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
    undialled: Kind = Kind.RESET,
) -> Iterator[Running]:
    ready: list[Running] = []
    up, down = threading.Event(), threading.Event()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()
        await writer.wait_closed()

    async def live() -> None:
        upstream = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with upstream, Fleet(seed=seed, undialled=undialled) as fleet:
            host, port = upstream.sockets[0].getsockname()
            server = await serve(fleet, "127.0.0.1:0", guard)
            ready.append(Running(fleet, server, asyncio.get_running_loop(), f"{host}:{port}"))
            up.set()
            await asyncio.to_thread(down.wait)
            await server.close()

    def run() -> None:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(live())

    thread = threading.Thread(target=run)
    thread.start()
    assert up.wait(DEADLINE)
    try:
        yield ready[0]
    finally:
        down.set()
        thread.join(DEADLINE)
        assert not thread.is_alive()
