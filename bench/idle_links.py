"""What an idle link weighs in the proxy's process, and that nothing is left when all have gone.

    python bench/idle_links.py [--loop uvloop] [--links 5000] [--scheme http]

Memory is the growth of the resident set since before the first link (one that came and went before counts as warm-up),
divided by the links. Aim: under 8 KiB for a splice. Ends with 1 if a descriptor, a task or a link is left.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import socket
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from rig import HOST, LOOPS, REPLY, REQUEST, Echo, Http, port, process, run_loop, server, table, told

from brownout.faults import Spec
from brownout.proxy import Fleet
from brownout.proxy.system.sockets import raise_file_limit

FAULT = "latency:20ms"
DEADLINE = 60.0


class State(NamedTuple):
    """What the proxy's process holds."""

    memory: int
    descriptors: int
    tasks: int
    links: int


def _state(links: int) -> State:
    memory = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return State(memory, len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()), links)


def watched(connection: Connection, loop: str, upstream: str) -> None:
    """Role: a proxy that does what it is told and answers each command with its state; sends its port first."""
    run_loop(loop, _watched(connection, upstream))


async def _watched(connection: Connection, upstream: str) -> None:
    raise_file_limit()
    async with Fleet(seed=1) as fleet:
        proxy = await fleet.add("idle", upstream)
        connection.send(port(proxy))
        while (command := await told(connection)) is not None:
            if command == "inject":
                proxy.inject(Spec.parse(FAULT))
            elif command == "heal":
                proxy.heal()
            elif command == "collect":
                gc.collect()
            connection.send(_state(sum(1 for link in proxy.links.values() if link.open)))


class Links:
    """The clients."""

    def __init__(self, proxy: int, reply: bytes) -> None:
        self._proxy = proxy
        self._reply = reply
        self._sockets: list[socket.socket] = []

    def open(self, count: int) -> None:
        """Open `count` connections."""
        for _ in range(count):
            self._sockets.append(socket.create_connection((HOST, self._proxy), timeout=DEADLINE))

    def talk(self) -> None:
        """Make one round trip on each."""
        for sock in self._sockets:
            sock.send(REQUEST)
        for sock in self._sockets:
            assert sock.recv(4096) == self._reply

    def close(self) -> None:
        """Close all."""
        while self._sockets:
            self._sockets.pop().close()


def awaited(ask: Callable[[str], State], done: Callable[[State], bool]) -> State:
    """Ask until it is so, or the deadline is over."""
    end = time.monotonic() + DEADLINE
    while not done(state := ask("state")) and time.monotonic() < end:
        time.sleep(0.05)
    return state


def measure(loop: str, count: int, scheme: str) -> list[str]:
    """Print the table of one loop; return what is left that should not be."""
    protocol, reply = (Http, REPLY) if scheme == "http" else (Echo, REQUEST)
    with (
        process(server, protocol) as upstream,
        process(watched, loop, f"{scheme}://{HOST}:{upstream.recv()}") as proxy,
    ):
        links = Links(proxy.recv(), reply)

        def ask(command: str) -> State:
            proxy.send(command)
            answer: State = proxy.recv()
            return answer

        links.open(1)
        links.talk()
        links.close()
        before = awaited(ask, lambda state: state.links == 0 and state.tasks == 1)
        rows = []

        def note(what: str, state: State) -> None:
            growth = (state.memory - before.memory) / count / 1024
            rows.append((what, state.links, state.descriptors, state.tasks, f"{growth:.2f}"))

        start = time.monotonic()
        links.open(count)
        state = awaited(ask, lambda state: state.links == count)
        opened = time.monotonic() - start
        note("open, idle", state)
        links.talk()
        note("after a round trip on each", ask("state"))
        start = time.monotonic()
        state = ask("inject")
        armed = time.monotonic() - start
        note(f"with {FAULT} armed", state)
        links.talk()
        note("after a round trip with it", ask("state"))
        note("healed", ask("heal"))
        start = time.monotonic()
        links.close()
        after = awaited(ask, lambda state: state.links == 0 and state.descriptors <= before.descriptors)
        closed = time.monotonic() - start
        note("all closed", ask("collect"))
        table((f"{loop}, {scheme}", "links", "descriptors", "tasks", "KiB per link"), rows)
        print(
            f"{count} links opened in {opened:.1f} s, {FAULT} armed in {armed * 1e3:.0f} ms, closed in {closed:.1f} s"
        )
        print(f"left: {after.descriptors - before.descriptors} descriptors, {after.tasks - before.tasks} tasks\n")
        return [
            f"{loop}: {there} {what} before, {left} after"
            for what, there, left in zip(State._fields[1:], before[1:], after[1:], strict=True)
            if there != left
        ]


def main() -> None:
    """Measure both loops."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loop", choices=LOOPS, help="one loop instead of both")
    parser.add_argument("--links", type=int, default=5000)
    parser.add_argument("--scheme", choices=("tcp", "http"), default="tcp", help="http: links that are followed")
    options = parser.parse_args()
    if not Path("/proc/self/statm").exists():
        parser.error("memory and descriptors are read from /proc, which this system has not")
    raise_file_limit()
    left = [
        problem
        for loop in ((options.loop,) if options.loop else LOOPS)
        for problem in measure(loop, options.links, options.scheme)
    ]
    if left:
        sys.exit("\n".join(left))


if __name__ == "__main__":
    main()
