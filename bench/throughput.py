"""What a proxy costs: bulk one way and round trips on keep-alive connections, as ratios to no proxy and to splice.

    python bench/throughput.py [--loop uvloop] [--rounds 3] [--mib 512] [--seconds 2] [--wrk]

Candidates alternate within each round, and each figure is the median of the rounds: on a machine that does other
work, read the ratios and not the absolute figures.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import selectors
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from rig import HOST, LOOPS, REPLY, REQUEST, Http, median, process, proxies, server, source, table

CANDIDATES: dict[str, list[str]] = {
    "splice": [],
    "noop": ["noop"],
    "latency 0ms": ["latency:0ms"],
    "three noops": ["noop", "noop", "noop"],
}
LINKS = 64


def bulk(connection: Connection) -> None:
    """Role: for each port, read to the end; answers with Gbit/s."""
    into = bytearray(2**20)
    try:
        while True:
            with socket.create_connection((HOST, connection.recv())) as sock:
                size, start = 0, time.monotonic()
                while count := sock.recv_into(into):
                    size += count
            connection.send((size, size * 8 / 1e9 / (time.monotonic() - start)))
    except EOFError:
        return


def trips(connection: Connection, seconds: float) -> None:
    """Role: for each port, 64 connections that ask again as soon as they are answered; answers with requests/s."""
    try:
        while True:
            connection.send(_trips(connection.recv(), seconds))
    except EOFError:
        return


def _trips(port: int, seconds: float) -> float:
    with selectors.DefaultSelector() as readable, contextlib.ExitStack() as links:
        for _ in range(LINKS):
            sock = links.enter_context(socket.create_connection((HOST, port)))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            readable.register(sock, selectors.EVENT_READ, (sock.recv, sock.send))
            sock.send(REQUEST)
        done, start = 0, time.monotonic()
        end = start + seconds
        while (now := time.monotonic()) < end:
            for key, _ in readable.select():
                recv, send = key.data
                if len(recv(4096)) != len(REPLY):
                    raise ConnectionError("the reply came in pieces, or not at all")
                send(REQUEST)
                done += 1
        return done / (now - start)


def wrk(port: int, seconds: float) -> float:
    """Return the requests/s that wrk reports."""
    command = ["wrk", "-t1", f"-c{LINKS}", f"-d{max(1, round(seconds))}s", f"http://{HOST}:{port}/"]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", report)
    assert found, report
    return float(found[1])


def measured(ports: dict[str, int], rounds: int, measure: Callable[[int], float]) -> dict[str, float]:
    """Return the median figure of each candidate; they alternate."""
    figures: dict[str, list[float]] = {name: [] for name in ports}
    for _ in range(rounds):
        for name, port in ports.items():
            figures[name].append(measure(port))
    return {name: median(values) for name, values in figures.items()}


def show(unit: str, digits: int, loop: str, figures: dict[str, float]) -> None:
    """Print the figures beside their ratios."""
    rows = [
        (name, f"{value:,.{digits}f}", f"{value / figures['direct']:.2f}", f"{value / figures['splice']:.2f}")
        for name, value in figures.items()
    ]
    table((loop, unit, "of direct", "of splice"), rows)


def main() -> None:
    """Measure both loops."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loop", choices=LOOPS, help="one loop instead of both")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mib", type=int, default=512, help="size of a bulk transfer")
    parser.add_argument("--seconds", type=float, default=2, help="length of a run of round trips")
    parser.add_argument("--wrk", action="store_true", help="let wrk, if there is one, be the client of the round trips")
    options = parser.parse_args()
    if options.wrk and shutil.which("wrk") is None:
        parser.error("wrk is not on PATH")
    size = options.mib * 2**20

    for loop in (options.loop,) if options.loop else LOOPS:
        with (
            process(source, size) as upstream,
            process(bulk) as client,
            process(proxies, loop, direct := upstream.recv(), CANDIDATES) as proxy,
        ):

            def transfer(port: int) -> float:
                client.send(port)
                got, speed = client.recv()
                assert got == size, f"{got} bytes came of {size}"
                return float(speed)

            figures = measured({"direct": direct, **proxy.recv()}, options.rounds, transfer)
        show("bulk Gbit/s", 1, loop, figures)

        with (
            process(server, Http) as upstream,
            process(trips, options.seconds) as client,
            process(proxies, loop, direct := upstream.recv(), CANDIDATES) as proxy,
        ):

            def rate(port: int) -> float:
                if options.wrk:
                    return wrk(port, options.seconds)
                client.send(port)
                return float(client.recv())

            figures = measured({"direct": direct, **proxy.recv()}, options.rounds, rate)
        show("round trips/s", 0, loop, figures)


if __name__ == "__main__":
    main()
