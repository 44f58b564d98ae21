"""Fifty clients that never read, upstreams that send for ever, every buffer full: how long does a call take then?

    python -m bench.stalled [--loop uvloop] [--links 50]

Each line is one call in the process of the proxy, after the buffers have filled up, and its time; beside it the longest
time in which the loop did nothing else, in that call or within half a second of it. Aim: every call under 100 ms, none
waits for a peer that does not read. Removing a proxy may take the second that its links are given to send what they
have. Ends with 1 if a call took longer or something is left.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import inspect
import os
import socket
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from brownout.faults import Spec
from brownout.proxy import Fleet, Proxy

from .rig import HOST, LOOPS, port, process, run_loop, source, table, told

AIM = 0.100


class Pulse:
    """The longest time between two beats of the loop, which are 2 ms apart when it has nothing else to do."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.longest, self._last = 0.0, time.monotonic()
        self._handle = self._loop.call_soon(self._beat)

    def _beat(self) -> None:
        now = time.monotonic()
        self.longest, self._last = max(self.longest, now - self._last), now
        self._handle = self._loop.call_later(0.002, self._beat)

    def stop(self) -> None:
        """Stop beating."""
        self._handle.cancel()


class Bench:
    """A fleet with one proxy at a time, and its clients."""

    def __init__(self, fleet: Fleet, upstream: int, count: int) -> None:
        self.fleet = fleet
        self.upstream = f"{HOST}:{upstream}"
        self.count = count
        self.clients: list[socket.socket] = []
        self.rows: list[tuple[str, str, str]] = []
        self.late: list[str] = []

    async def stall(self, fault: str | None = None) -> Proxy:
        """Open links through a new proxy, with a fault from the start or without, and let all buffers fill up."""
        proxy = await self.fleet.add("stalled", self.upstream)
        if fault is not None:
            proxy.inject(Spec.parse(fault))
        for _ in range(self.count):
            client = socket.socket()
            client.setblocking(False)
            self.clients.append(client)
            await asyncio.get_running_loop().sock_connect(client, (HOST, port(proxy)))
        await self.filled(proxy)
        return proxy

    async def filled(self, proxy: Proxy) -> None:
        """Wait until hardly a byte moves any more, for ten seconds at the most."""
        before, quiet, end = -1, 0, time.monotonic() + 10
        while quiet < 4 and time.monotonic() < end:
            await asyncio.sleep(0.05)
            now = proxy.bytes("downstream")
            before, quiet = now, quiet + 1 if now - before < 2**18 else 0

    async def timed(self, what: str, call: Callable[[], object], within: float = AIM) -> None:
        """Make a call and note how long it took."""
        pulse, start = Pulse(), time.monotonic()
        answer = call()
        if inspect.isawaitable(answer):
            await answer
        took = time.monotonic() - start
        await asyncio.sleep(0.5)
        pulse.stop()
        self.rows.append((what, f"{took * 1e3:.1f}", f"{pulse.longest * 1e3:.1f}"))
        if took > within:
            self.late.append(f"{what}: {took * 1e3:.0f} ms, more than {within * 1e3:.0f}")

    async def clear(self, how: str) -> None:
        """Remove the proxy, which is timed; wait until its links are gone, and close the clients."""
        proxy = self.fleet.proxy("stalled")
        await self.timed(f"{how}: remove the proxy", lambda: self.fleet.remove("stalled"))
        async with asyncio.timeout(10):
            await proxy.gone()
        while self.clients:
            self.clients.pop().close()


def listed(fleet: Fleet) -> object:
    """Return what a listing of everything shows."""
    return [
        (
            proxy.name, proxy.upstream.masked, proxy.bytes("upstream"), proxy.bytes("downstream"), len(proxy.links),
            [(each.spec.to_mapping(), each.matched, each.fired, each.bytes) for each in proxy.injections.values()],
        )
        for proxy in fleet.proxies.values()
    ], fleet.journal.events()  # fmt: skip


async def _calls(bench: Bench) -> None:
    fleet = bench.fleet

    async def each(proxy: Proxy, where: str, fault: str, key: str, *values: str) -> None:
        name = fault.partition(":")[0]
        await bench.timed(f"{where}: inject {fault}", lambda: proxy.inject(Spec.parse(fault)))
        for value in values:
            change = functools.partial(proxy.change, name, {key: value})
            await bench.timed(f"{where}: change {name} {key}={value}", change)
        await bench.timed(f"{where}: heal {name}", lambda: proxy.heal(name))
        await bench.filled(proxy)

    where = "splice"
    proxy = await bench.stall()
    await bench.timed(f"{where}: list", lambda: listed(fleet))
    await each(proxy, where, "latency:10s", "latency", "20s")
    await each(proxy, where, "bandwidth:1KB/s", "rate", "100MB/s", "0B/s")
    await each(proxy, where, "slicer:10B", "average_size", "1B")
    await each(proxy, where, "timeout:1h", "timeout", "2h")
    await bench.timed(f"{where}: inject reset", lambda: proxy.inject(Spec.parse("reset")))
    await bench.clear(where)

    where = "full queues of bandwidth"
    proxy = await bench.stall("bandwidth:10KB/s")
    await bench.timed(f"{where}: list", lambda: listed(fleet))
    await bench.timed(f"{where}: change rate=20KB/s", lambda: proxy.change("bandwidth", {"rate": "20KB/s"}))
    await each(proxy, where, "latency:10s", "latency", "1ms")
    await bench.timed(f"{where}: heal bandwidth", lambda: proxy.heal("bandwidth"))
    await bench.clear(where)

    where = "full pipes"
    proxy = await bench.stall("latency:1h")
    await bench.timed(f"{where}: list, {fleet.budget.held / 2**20:.0f} MiB held", lambda: listed(fleet))
    await bench.timed(f"{where}: change latency=2h", lambda: proxy.change("latency", {"latency": "2h"}))
    await bench.timed(f"{where}: inject bandwidth:1KB/s", lambda: proxy.inject(Spec.parse("bandwidth:1KB/s")))
    await bench.timed(f"{where}: heal latency into it", lambda: proxy.heal("latency"))
    await bench.timed(f"{where}: change rate=2KB/s", lambda: proxy.change("bandwidth", {"rate": "2KB/s"}))
    await bench.timed(f"{where}: heal bandwidth", lambda: proxy.heal("bandwidth"))
    await bench.clear(where)

    where = "full pipes"
    proxy = await bench.stall("latency:1h")
    await bench.timed(f"{where}: heal latency", lambda: proxy.heal("latency"))
    await bench.timed(f"{where}: disable", proxy.disable)
    await bench.timed(f"{where}: enable", proxy.enable)
    await bench.clear(where)

    where = "full pipes"
    proxy = await bench.stall("latency:1h")
    await bench.timed(f"{where}: inject reset", lambda: proxy.inject(Spec.parse("reset")))
    await bench.clear(where)

    where = "full pipes, in place"
    await bench.stall("latency:1h")
    await bench.clear(where)


def stalled(connection: Connection, loop: str, upstream: int, count: int) -> None:
    """Role: make all calls; sends the rows of the table and what was wrong."""
    run_loop(loop, _stalled(connection, upstream, count))


async def _stalled(connection: Connection, upstream: int, count: int) -> None:
    def held() -> int:
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    async with Fleet(seed=1) as fleet:
        bench = Bench(fleet, upstream, count)
        await bench.stall()  # loops make descriptors of their own, the first time
        await bench.clear("warm-up")
        bench.rows.clear()
        within, opened = held(), len(asyncio.all_tasks())
        await _calls(bench)
        problems = bench.late
        if held() != within or len(asyncio.all_tasks()) != opened or fleet.budget.held or fleet.unread:
            problems.append(
                f"left: {held() - within} descriptors, {len(asyncio.all_tasks()) - opened} tasks, "
                f"{fleet.budget.held} bytes on the account, {len(fleet.unread)} sides watched"
            )
    connection.send((bench.rows, problems))
    await told(connection)


def main() -> None:
    """Measure both loops."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loop", choices=LOOPS, help="one loop instead of both")
    parser.add_argument("--links", type=int, default=50)
    options = parser.parse_args()
    wrong = []
    for loop in (options.loop,) if options.loop else LOOPS:
        with process(source) as upstream, process(stalled, loop, upstream.recv(), options.links) as proxy:
            rows, problems = proxy.recv()
        table((loop, "call ms", "loop held ms"), rows)
        wrong += [f"{loop}: {problem}" for problem in problems]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
