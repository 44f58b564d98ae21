"""Whatever a connection or a request was, its end leaves nothing to the garbage collector, which would stop the proxy."""

import asyncio
import contextlib
import gc
import socket
import struct
import types
from collections import Counter
from pathlib import Path

import pytest

import brownout

from .conftest import World, spec

RST = struct.pack("ii", 1, 0)
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
PACKAGE = str(Path(brownout.__path__[0]))
LINKS = 3

FAULTS: dict[str, tuple[str, tuple[str | dict[str, object], ...]]] = {
    "splice": ("tcp", ()),
    "followed": ("http", ()),
    "learnt": ("auto", ()),
    "latency": ("tcp", ("latency:1ms",)),
    "bandwidth and slicer": ("tcp", ("bandwidth:1MB/s", "slicer:10B")),
    "on single turns": ("tcp", ({"fault": "latency", "latency": "1ms", "per": "turn"},)),
    "bytes held until healed": ("http", ("hang",)),
    "reset": ("tcp", ("reset",)),
    "connect_delay": ("tcp", ("connect_delay:1ms",)),
    "http.status": ("http", ("http.status:503",)),
    "http.delay": ("http", ("http.delay:1ms",)),
    "http.delay of the body": ("http", ({"fault": "http.delay", "delay": "1ms", "delays": "body"},)),
    "http.delay of an hour": ("http", ("http.delay:1h",)),
    "http.drip": ("http", ({"fault": "http.drip", "bytes": "1B", "interval": "1ms"},)),
    "http.header": ("http", ({"fault": "http.header", "set": "x: y"},)),
    "http.truncate": ("http", ("http.truncate:2B",)),
    "http.lost_reply": ("http", ("http.lost_reply",)),
    "http.duplicate": ("http", ("http.duplicate",)),
}
HELD = ("bytes held until healed", "http.delay of an hour", "http.lost_reply")
ENDS = ("closed", "half-closed", "reset")


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(4096):
        writer.write(REPLY * data.count(b"\r\n\r\n"))
    writer.close()


def ask(port: int, end: str, requests: int = 1) -> None:
    """Ask, wait a moment for the reply, which a fault may keep, and end the connection."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.03) as client:
        for _ in range(requests):
            client.sendall(REQUEST)
            with contextlib.suppress(TimeoutError):
                client.recv(4096)
        if end == "half-closed":
            client.shutdown(socket.SHUT_WR)
            client.recv(4096)
        elif end == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)


def ours(found: object) -> bool:
    """Say whether the collector found it because of us. The transports of asyncio are cycles in themselves."""
    code = getattr(found, "f_code", None) or getattr(found, "cr_code", None) or getattr(found, "__code__", None)
    if isinstance(code, types.CodeType):
        return code.co_filename.startswith(PACKAGE) and "tests" not in code.co_filename
    return type(found).__module__.startswith("brownout.")


class Collected:
    """What the garbage collector has found between entering and leaving the block, by type."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    def __enter__(self) -> "Collected":
        gc.disable()
        gc.freeze()  # what was there before does not count, and need not be walked
        gc.set_debug(gc.DEBUG_SAVEALL)
        return self

    def __exit__(self, *_: object) -> None:
        gc.collect()
        self.found = Counter(type(each).__qualname__ for each in gc.garbage if ours(each))
        gc.set_debug(0)
        gc.garbage.clear()
        gc.unfreeze()
        gc.enable()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("faults", FAULTS)
async def test_an_ended_connection_leaves_nothing_to_the_collector(world: World, faults: str, end: str) -> None:
    scheme, placed = FAULTS[faults]
    proxy = await world.proxy(upstream=f"{scheme}://{await world.serve(answer)}")
    for each in placed:
        proxy.inject(spec(each))
    with Collected() as collected:
        for _ in range(LINKS):
            await asyncio.to_thread(ask, proxy.address.port, end)
        if faults in HELD:
            proxy.heal()
        await world.until(lambda: proxy.links_total == LINKS and not proxy.links)
        await asyncio.sleep(0.01)  # until what the loop has still to call was called
    assert not collected.found


async def test_an_upstream_that_cannot_be_reached_leaves_nothing_to_the_collector(world: World) -> None:
    proxy = await world.proxy(upstream=world.reserve())
    with Collected() as collected:
        for _ in range(LINKS):
            await asyncio.to_thread(ask, proxy.address.port, "closed")
        await world.until(lambda: proxy.links_total == LINKS and not proxy.links)
        await asyncio.sleep(0.01)
    assert not collected.found


@pytest.mark.parametrize("faults", [name for name, (scheme, _) in FAULTS.items() if scheme == "http"])
async def test_ended_requests_leave_nothing_to_the_collector(world: World, faults: str) -> None:
    proxy = await world.proxy(upstream=f"http://{await world.serve(answer)}")
    for each in FAULTS[faults][1]:
        proxy.inject(spec(each))
    with Collected() as collected:
        await asyncio.to_thread(ask, proxy.address.port, "closed", 5)
        if faults in HELD:
            proxy.heal()
        await world.until(lambda: proxy.links_total and not proxy.links)
        await asyncio.sleep(0.01)
    assert not collected.found
