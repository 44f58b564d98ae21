"""What faults for some callers cost the others: CPU time of the proxies, for a connection and for a request.

    python bench/callers.py [--count 2000] [--rounds 5]

Each proxy carries 0, 10 or 100 faults, half of them for streams and half for requests, all scoped to programs that
never connect. Either each connection sends one request, or one connection sends many. Measured is the CPU time of the
proxies' process, which other work on the machine disturbs less. Candidates alternate; figures are medians of rounds.
"""

from __future__ import annotations

import argparse
import socket
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from rig import HOST, LOOPS, REPLY, REQUEST, Http, median, port, process, run_loop, server, table, told

from brownout.faults import Spec
from brownout.proxy import Fleet

FAULTS = (0, 10, 100)


def proxies(connection: Connection, upstream: int) -> None:
    """Role: a proxy for each number of faults; sends {number: port}, and the CPU time whenever it is asked."""
    run_loop(LOOPS[-1], _proxies(connection, upstream))


async def _proxies(connection: Connection, upstream: int) -> None:
    async with Fleet(seed=1) as fleet:
        ports = {}
        for faults in FAULTS:
            proxy = await fleet.add(f"with-{faults}", f"http://{HOST}:{upstream}")
            for number in range(faults):
                fault = {"fault": "latency", "latency": "1s"} if number % 2 else {"fault": "http.status", "status": 503}
                proxy.inject(Spec.parse({**fault, "caller": f"nobody-{number}", "name": f"of-{number}"}))
            ports[faults] = port(proxy)
        connection.send(ports)
        while await told(connection) is not None:
            connection.send(time.process_time())


def ask(link: socket.socket) -> None:
    """Ask, and have the reply."""
    link.sendall(REQUEST)
    assert link.recv(4096) == REPLY


def connections(at: int, count: int) -> None:
    """Open `count` connections and send one request on each."""
    for _ in range(count):
        with socket.create_connection((HOST, at)) as link:
            ask(link)


def requests(at: int, count: int) -> None:
    """Send `count` requests on one connection."""
    with socket.create_connection((HOST, at)) as link:
        for _ in range(count):
            ask(link)


def cpu(proxy: Connection) -> float:
    """Return how many seconds the proxies' process has worked."""
    proxy.send("cpu")
    return float(proxy.recv())


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    work: tuple[Callable[[int, int], None], ...] = (connections, requests)
    with process(server, Http) as upstream, process(proxies, upstream.recv()) as proxy:
        ports: dict[int, int] = proxy.recv()
        took: dict[tuple[int, int], list[float]] = {}
        for _ in range(asked.rounds):
            for faults, at in ports.items():
                for what, do in enumerate(work):
                    before = cpu(proxy)
                    do(at, asked.count)
                    took.setdefault((faults, what), []).append((cpu(proxy) - before) / asked.count * 1e6)
    rows = [(str(faults), *(f"{median(took[faults, what]):.0f}" for what in (0, 1))) for faults in FAULTS]
    table(("faults of other callers", "us a connection", "us a request"), rows)


if __name__ == "__main__":
    main()
