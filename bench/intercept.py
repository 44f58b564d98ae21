"""What interception costs a connect(), and for how long an event loop stands while one is decided.

    python -m bench.intercept [--connects 1000] [--streams 4] [--rounds 3]

A client connects again and again to an echo server: by itself, beneath `brownout run --intercept`, and beneath it while
streams of bulk keep the proxy as busy as it can be. Each connect() is timed alone; a byte goes there and back before
the next one. An intercepted connect() wakes two processes one after the other, which is what a byte between two idle
processes does as well: beside the same streams it shows what of the time is the system's. GB/s is what the streams
carried meanwhile: where more streams carry no more, the proxy is as busy as it can be. Neither end of a stream copies
its bytes, so that the proxy has one core to itself and is what is busy. Then an asyncio client with a timer of 5 ms
connects to an upstream whose backlog is full, which never answers: what is shown is the longest time between two of its
ticks. The candidates take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, MutableSequence, Sequence

from .rig import HOST, Echo, median, percentile, process, server, source, table

INTERCEPT = (sys.executable, "-m", "brownout.cli", "run", "--intercept", "-q", "--api", "none", "--")
CANDIDATES: dict[str, tuple[str, ...]] = {"direct": (), "intercepted": INTERCEPT}
TICK = 0.005
STANDS = 0.1
"""Seconds for which each connect() that is not answered is waited for."""
ATTEMPTS = 20
Measured = tuple[list[float], float]
"""Milliseconds, and how many GB the streams carried in a second meanwhile."""


# The client: a process of its own, which prints milliseconds as JSON


def connects(port: int, count: int) -> list[float]:
    """Time connect(), each of a socket of its own."""
    took = []
    for _ in range(count):
        with socket.socket() as sock:
            began = time.perf_counter()
            sock.connect((HOST, port))
            took.append((time.perf_counter() - began) * 1e3)
            sock.sendall(b"x")
            sock.recv(1)
    return took


def wakes(port: int, count: int) -> list[float]:
    """Time a byte to a process that waits for it, and back."""
    ours, theirs = socket.socketpair()
    partner = multiprocessing.Process(target=_answer, args=(theirs,), daemon=True)
    partner.start()
    took = []
    for _ in range(count):
        began = time.perf_counter()
        ours.sendall(b"x")
        ours.recv(1)
        took.append((time.perf_counter() - began) * 1e3)
        with socket.create_connection((HOST, port)) as sock:  # so that it is as far from the last one
            sock.sendall(b"x")
            sock.recv(1)
    partner.kill()
    return took


def _answer(sock: socket.socket) -> None:
    while True:
        sock.sendall(sock.recv(1))


def busy(timed: Callable[[int, int], list[float]], port: int, count: int, bulk: int, streams: int) -> Measured:
    """Time something while other processes read as much as comes."""
    read = multiprocessing.RawArray("Q", streams)
    readers = [multiprocessing.Process(target=_read, args=(bulk, read, each), daemon=True) for each in range(streams)]
    for reader in readers:
        reader.start()
    time.sleep(1)
    before, began = sum(read), time.perf_counter()
    took = timed(port, count)
    carried = (sum(read) - before) / (time.perf_counter() - began) / 1e9
    for reader in readers:
        reader.kill()
    return took, carried


def _read(port: int, read: MutableSequence[int], at: int) -> None:
    block = bytearray(2**20)
    with socket.create_connection((HOST, port)) as sock:
        while got := sock.recv_into(block, 0, socket.MSG_TRUNC):  # thrown away by the kernel: tcp(7)
            read[at] += got


async def gaps(port: int) -> list[float]:
    """Time how far the ticks of a timer are apart while one connect() after the other is not answered."""
    apart: list[float] = []

    async def tick() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(TICK)
            apart.append((time.perf_counter() - began) * 1e3)

    ticking = asyncio.create_task(tick())
    for _ in range(ATTEMPTS):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.open_connection(HOST, port), STANDS)
    ticking.cancel()
    return apart


def client(kind: str, ports: Sequence[int], count: int, streams: int) -> None:
    """Be the client."""
    carried = 0.0
    if kind == "gaps":
        took = asyncio.run(gaps(ports[0]))
    elif kind == "quiet":
        took = connects(ports[0], count)
    else:
        took, carried = busy(wakes if kind == "wakes" else connects, ports[0], count, ports[1], streams)
    print(json.dumps((took, carried)))


# The other side


def flood(client: socket.socket) -> None:
    """Send zeros for ever, and copy none of them."""
    with tempfile.TemporaryFile() as zeros:
        zeros.truncate(2**20)
        while True:
            os.sendfile(client.fileno(), zeros.fileno(), 0, 2**20)


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """Listen with a backlog that is full; yield the port, at which no SYN is answered any more."""
    with socket.create_server((HOST, 0), backlog=0) as listener, contextlib.ExitStack() as stack:
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def measure(before: Sequence[str], kind: str, ports: Sequence[int], asked: argparse.Namespace) -> Measured:
    """Return what the client measured, run by a candidate."""
    words = [sys.executable, "-m", __spec__.name, "--connects", str(asked.connects), "--streams", str(asked.streams)]
    words += ["--client", kind, *map(str, ports)]
    done = subprocess.run([*before, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    took, carried = json.loads(done.stdout.splitlines()[-1])
    return took, carried


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--connects", type=int, default=1000)
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--client", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.client:
        client(asked.client[0], [int(port) for port in asked.client[1:]], asked.connects, asked.streams)
        return
    seen: dict[tuple[str, str], list[Measured]] = {}
    with process(server, Echo) as echo, process(source, flood) as bulk, silent() as nowhere:
        ports: dict[str, tuple[int, ...]] = {"quiet": (echo.recv(),), "gaps": (nowhere,)}
        ports["busy"] = ports["wakes"] = (*ports["quiet"], bulk.recv())
        for _ in range(asked.rounds):
            for kind in ("quiet", "busy", "wakes", "gaps"):
                for name, before in CANDIDATES.items():
                    seen.setdefault((kind, name), []).append(measure(before, kind, ports[kind], asked))
    streams = f"{asked.streams} streams of bulk"
    titles = {"quiet": "quiet", "busy": streams, "wakes": f"{streams}, a byte between two processes in its place"}
    rows = []
    for (kind, name), rounds in seen.items():
        if kind != "gaps":
            figures = [median(percentile(took, share) for took, _ in rounds) for share in (0.5, 0.99)]
            carried = median(each for _, each in rounds)
            rows.append((f"{titles[kind]}, {name}", *(f"{each:.3f}" for each in figures), f"{carried:.1f}"))
    table(("connect()", "p50 ms", "p99 ms", "GB/s"), rows)
    longest = [
        (name, f"{max(max(took) for took, _ in rounds):.1f}") for (kind, name), rounds in seen.items() if kind == "gaps"
    ]
    table(("5 ms timer, connects that are not answered", "longest ms"), longest)


if __name__ == "__main__":
    main()
