"""What the other scripts stand on: processes with one role each, on loopback, that end with the block that began them.

    client process -> proxy process (a Fleet alone, asyncio or uvloop) -> upstream process

Client and upstream never share an interpreter with the proxy, so what is measured is the proxy's.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import socket
import statistics
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection

from brownout.cli.columns import align
from brownout.proxy import Proxy
from brownout.proxy.system.sockets import raise_file_limit

LOOPS = ("asyncio",) if sys.platform == "win32" else ("asyncio", "uvloop")
HOST = "127.0.0.1"

Role = Callable[..., None]


@contextlib.contextmanager
def process(role: Role, *arguments: object) -> Iterator[Connection]:
    """Run `role(connection, *arguments)` in a process; yield our end. Closing it tells the role to end."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=role, args=(theirs, *arguments), daemon=True)
    child.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        child.join(10)
        if child.exitcode is None:
            child.kill()
            child.join()


def run_loop(loop: str, main: Coroutine[object, object, None]) -> None:
    """Run a coroutine on asyncio's or uvloop's event loop."""
    if loop == "uvloop":
        import uvloop

        uvloop.run(main)
    else:
        asyncio.run(main)


async def told(connection: Connection) -> object:
    """Wait for what the other end of a pipe sends; None when it has closed."""
    readable, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(connection.fileno(), readable.set)
    try:
        await readable.wait()
        return connection.recv()
    except EOFError:
        return None
    finally:
        loop.remove_reader(connection.fileno())


def port(proxy: Proxy) -> int:
    """Return the port on which a proxy listens."""
    assert proxy.address is not None
    return proxy.address.port


# Upstreams: they send the port on which they listen


class Echo(asyncio.Protocol):
    """Says what it hears."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]  # of a stream

    def data_received(self, data: bytes) -> None:
        """Answer."""
        self.transport.write(data)


def server(connection: Connection, protocol: type[Echo]) -> None:
    """Role: an upstream of one protocol, on the fastest loop there is."""
    run_loop(LOOPS[-1], _server(connection, protocol))


async def _server(connection: Connection, protocol: type[Echo]) -> None:
    raise_file_limit()
    listening = await asyncio.get_running_loop().create_server(protocol, HOST, 0, backlog=4096)
    connection.send(listening.sockets[0].getsockname()[1])
    await told(connection)
    listening.close()


def flood(client: socket.socket) -> None:
    """Send zeros for ever."""
    block = bytes(2**20)
    while True:
        client.sendall(block)


def source(connection: Connection, send: Callable[[socket.socket], None] = flood) -> None:
    """Role: an upstream that sends to each client until it leaves, each in a thread."""
    listener = socket.create_server((HOST, 0), backlog=4096)
    connection.send(listener.getsockname()[1])

    def serve(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            send(client)

    def accept() -> None:
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    with contextlib.suppress(EOFError):
        connection.recv()


# Figures


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def median(values: Iterable[float]) -> float:
    """Return the middle value of several rounds."""
    return statistics.median(values)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table, its columns as wide as they must be; numbers stand to the right."""
    lines = [list(heads), *([str(cell) for cell in row] for row in rows)]
    print(*align(lines, right=range(1, len(heads))), sep="\n", end="\n\n", flush=True)
