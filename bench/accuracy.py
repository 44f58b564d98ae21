"""How exact the faults are: latency against a splice in the same run, and bandwidth from 10 KB/s to 100 MB/s.

    python bench/accuracy.py [--loop uvloop] [--only latency] [--seconds 10] [--links 100] [--rounds 3]

Latency: 100 links through each of two proxies of one process, one without a fault and one with `latency:20ms`; each
sends a small message every 50 to 150 ms. Added error = round trip with the fault - 20 ms - the splice's round trip, at
the same percentile. Aim: 0.1 ms at p50, 0.5 ms at p99 on an idle Linux machine.

Bandwidth: a source that always has data, the reader's bytes per second after the first byte. Aim: within 2 %.
"""

from __future__ import annotations

import argparse
import heapq
import random
import selectors
import socket
import time
from multiprocessing.connection import Connection

from rig import HOST, LOOPS, Echo, median, percentile, process, proxies, server, source, table

LATENCY = 0.020
RATES = {"10KB/s": 1e4, "100KB/s": 1e5, "1MB/s": 1e6, "10MB/s": 1e7, "100MB/s": 1e8}
MESSAGE = b"a small message "


def chatter(connection: Connection, ports: dict[str, int], count: int, seconds: float) -> None:
    """Role: links that say something now and then; answers with {name: round trips in seconds}.

    One thread that sleeps in its selector until the next message or reply: its own lateness in sending changes no
    figure, its lateness in reading is the same for every proxy.
    """
    trips: dict[str, list[float]] = {name: [] for name in ports}
    rng = random.Random(1)
    with selectors.DefaultSelector() as readable:
        agenda: list[tuple[int, int]] = []
        links: list[tuple[socket.socket, str]] = []
        sent: list[int] = []
        begin = time.monotonic_ns()
        for number in range(count):
            for name, port in ports.items():  # neighbours are links of different proxies
                sock = socket.create_connection((HOST, port))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                readable.register(sock, selectors.EVENT_READ, len(links))
                agenda.append((begin + int((1 + number / count * 0.1) * 1e9), len(links)))
                links.append((sock, name))
                sent.append(0)
        heapq.heapify(agenda)
        counted_from, end = begin + int(1.5e9), begin + int((1.5 + seconds) * 1e9)
        while (now := time.monotonic_ns()) < end:
            while agenda[0][0] <= now:
                _, link = heapq.heappop(agenda)
                heapq.heappush(agenda, (now + int(rng.uniform(0.050, 0.150) * 1e9), link))
                if not sent[link]:  # one at a time
                    sent[link] = time.monotonic_ns()
                    links[link][0].send(MESSAGE)
            for key, _ in readable.select(max(0, agenda[0][0] - time.monotonic_ns()) / 1e9):
                sock, name = links[key.data]
                came = time.monotonic_ns()
                if sock.recv(4096) != MESSAGE:
                    raise ConnectionError("the echo came in pieces, or not at all")
                if sent[key.data] >= counted_from:
                    trips[name].append((came - sent[key.data]) / 1e9)
                sent[key.data] = 0
        for sock, _ in links:
            sock.close()
    connection.send(trips)


def drink(connection: Connection, port: int, seconds: float) -> None:
    """Role: read as fast as bytes come; answers with bytes per second after the first byte."""
    into = bytearray(2**20)
    with socket.create_connection((HOST, port)) as sock:
        sock.recv_into(into)
        first = last = time.monotonic()
        size = 0
        while last - first < seconds:
            size += sock.recv_into(into)
            last = time.monotonic()
    connection.send(size / (last - first))


def latency(loop: str, count: int, seconds: float, rounds: int) -> list[tuple[str, ...]]:
    """Return the rows of the table of one loop, the medians of the rounds."""
    shares = {"p50": 0.5, "p99": 0.99}
    splice: dict[str, list[float]] = {name: [] for name in shares}
    errors: dict[str, list[float]] = {name: [] for name in shares}
    messages = 0
    for _ in range(rounds):
        with (
            process(server, Echo) as upstream,
            process(proxies, loop, upstream.recv(), {"splice": [], "late": [f"latency:{LATENCY * 1e3:g}ms"]}) as proxy,
            process(chatter, proxy.recv(), count, seconds) as client,
        ):
            trips = client.recv()
        messages += len(trips["late"])
        for name, share in shares.items():
            splice[name].append(percentile(trips["splice"], share))
            errors[name].append(percentile(trips["late"], share) - LATENCY - splice[name][-1])
    return [
        (
            f"{loop} {name}",
            f"{median(splice[name]) * 1e3:.3f}",
            f"{median(errors[name]) * 1e3:.3f}",
            f"{min(errors[name]) * 1e3:.3f}",
            f"{max(errors[name]) * 1e3:.3f}",
            f"{messages}",
        )
        for name in shares
    ]


def bandwidth(loop: str, seconds: float) -> list[tuple[str, ...]]:
    """Return the rows of the table of one loop."""
    rows = []
    for name, rate in RATES.items():
        with (
            process(source) as upstream,
            process(proxies, loop, upstream.recv(), {"slow": [f"bandwidth:{name}"]}) as proxy,
            process(drink, proxy.recv()["slow"], seconds) as client,
        ):
            speed = client.recv()
        rows.append((f"{loop} {name}", f"{speed:,.0f}", f"{(speed / rate - 1) * 100:+.2f} %"))
    return rows


def main() -> None:
    """Measure both loops."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loop", choices=LOOPS, help="one loop instead of both")
    parser.add_argument("--only", choices=("latency", "bandwidth"))
    parser.add_argument("--seconds", type=float, default=10, help="length of each measurement")
    parser.add_argument("--links", type=int, default=100, help="links through each of the two proxies")
    parser.add_argument("--rounds", type=int, default=3, help="runs of the latency, of which the median counts")
    options = parser.parse_args()
    loops = (options.loop,) if options.loop else LOOPS
    if options.only != "bandwidth":
        rows = [row for loop in loops for row in latency(loop, options.links, options.seconds, options.rounds)]
        table(("latency 20ms", "splice ms", "added error ms", "least", "most", "messages"), rows)
    if options.only != "latency":
        rows = [row for loop in loops for row in bandwidth(loop, options.seconds)]
        table(("bandwidth", "bytes/s", "error"), rows)


if __name__ == "__main__":
    main()
