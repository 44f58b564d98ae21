"""Tests that are coroutines run on asyncio and on uvloop, in a world that they share with real sockets.

Afterwards nothing may be left: no task, no descriptor, no error that the loop was told of.
"""

import asyncio
import contextlib
import inspect
import os
import socket
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import uvloop

from brownout.faults import Spec
from brownout.proxy import Fleet, Limits, Proxy
from brownout.proxy.record.event import Event

from ..keeper import keeper

DEADLINE = 60.0
E = TypeVar("E", bound=Event)
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class World:
    """A fleet, upstream servers and clients, all of which end with the test."""

    def __init__(self) -> None:
        self.fleet = Fleet(seed=7)
        self.writers: list[asyncio.StreamWriter] = []
        self.servers: list[asyncio.Server] = []
        self.sockets: list[socket.socket] = []
        self.seen: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    def limit(self, **limits: float) -> None:
        self.fleet.limits = Limits(**limits)

    async def serve(self, handler: Handler | None = None, **where: object) -> str:
        """Start an upstream; without a handler a connection is handed to `accepted()`."""

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.writers.append(writer)
            if handler is None:
                self.seen.put_nowait((reader, writer))
            else:
                with contextlib.suppress(ConnectionError, RuntimeError):  # uvloop: the handler is closed
                    await handler(reader, writer)

        if "path" in where:
            server = await asyncio.start_unix_server(handle, **where)
            self.servers.append(server)
            return f"unix://{where['path']}"
        server = await asyncio.start_server(handle, where.get("host", "127.0.0.1"), 0, backlog=2000)
        self.servers.append(server)
        host, port = server.sockets[0].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def reserve(self) -> str:
        """An address that is this test's until it ends, though nobody listens there yet."""
        self.sockets.append(keeper())
        return f"127.0.0.1:{self.sockets[-1].getsockname()[1]}"

    async def accepted(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await self.seen.get()

    async def proxy(self, name: str = "p", upstream: str | None = None, **options: object) -> Proxy:
        return await self.fleet.add(name, upstream or await self.serve(echo), **options)

    async def connect(self, proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        assert proxy.address is not None
        if proxy.address.path:
            reader, writer = await asyncio.open_unix_connection(proxy.address.path)
        else:
            try:
                reader, writer = await asyncio.open_connection(proxy.address.host, proxy.address.port)
            except ConnectionResetError as error:  # it came before this had returned: whoever reads hears of it
                ours, theirs = socket.socketpair()
                theirs.close()
                reader, writer = await asyncio.open_connection(sock=ours)
                reader.set_exception(error)
        self.writers.append(writer)
        return reader, writer

    async def pair(self, name: str = "p"):
        """Return a proxy and one open link through it: the client's reader and writer, then the server's."""
        proxy = await self.proxy(name, await self.serve())
        client = await self.connect(proxy)
        return proxy, *client, *await self.accepted()

    def events(self, kind: type[E]) -> list[E]:
        """Return the events of a kind that the journal has."""
        found = [recorded.event for recorded in self.fleet.journal.events()]
        return [event for event in found if isinstance(event, kind)]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is true; the test's deadline bounds it."""
        while not condition():
            await asyncio.sleep(0.002)

    def hang_up(self) -> bool:
        """Abort every connection, and return whether their handlers have ended."""
        for writer in self.writers:
            writer.transport.abort()
        return asyncio.all_tasks() == {asyncio.current_task()}

    async def close(self) -> None:
        for server in self.servers:
            server.close()
        for _ in range(9):  # turns of the loop, after which what was accepted has its handler
            await asyncio.sleep(0)
        for sock in self.sockets:
            sock.close()
        proxies = list(self.fleet.proxies.values())
        self.hang_up()
        await self.fleet.close()
        async with asyncio.timeout(5):
            await self.until(self.hang_up)
        assert not any(proxy.links for proxy in proxies)
        assert not self.fleet.budget.held, "bytes are still charged"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


def spec(source: str | dict[str, object]) -> Spec:
    return Spec.parse(source)


LOOPS = {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def world() -> None:
    """Made inside the loop, by the hook below."""


def descriptors() -> set[tuple[str, str]]:
    """The numbers of the open descriptors, each with what it is open on."""
    found = set()
    for number in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd") else ():
        with contextlib.suppress(FileNotFoundError):  # that of the listing itself
            found.add((number, os.readlink(f"/proc/self/fd/{number}")))
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    errors: list[dict[str, object]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: errors.append(context))
        world = World()
        arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
        try:
            async with asyncio.timeout(DEADLINE):
                await pyfuncitem.obj(**{**arguments, "world": world})
        finally:
            await world.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not {task for task in left if "brownout" in str(task)}, left

    factory = LOOPS[pyfuncitem.callspec.params["loop"]]
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(asyncio.sleep(0))  # what a loop opens once a process is not ours
    before = descriptors()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())
    assert not errors, errors
    assert not (left := descriptors() - before), f"descriptors are left: {left}"
    return True


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if inspect.iscoroutinefunction(metafunc.function):
        metafunc.fixturenames.append("loop")
        metafunc.parametrize("loop", LOOPS)
