"""What a scrape of `/metrics` costs: how long it takes, and how long the proxies have to wait meanwhile.

The scrape goes over HTTP from a process of its own. A task in the proxies' loop that only yields sees the longest wait
of each scrape; the median of these is the scrape's doing, the largest has the garbage collector's and the machine's in
it. Ends with 1 if the median is late.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import statistics
import sys
import time
from multiprocessing.connection import Connection

from brownout.control.serve import serve
from brownout.faults import Spec
from brownout.proxy import Fleet

from .rig import LOOPS, process, run_loop, told

AIM = 0.010
"""Seconds that a scrape may keep the proxies waiting."""
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def host(connection: Connection, loop: str, proxies: int, injections: int) -> None:
    """Role: a fleet with its API; sends its port, and for each word that comes the longest wait since the last."""
    run_loop(loop, _host(connection, proxies, injections))


async def _host(connection: Connection, proxies: int, injections: int) -> None:
    async with Fleet(seed=1) as fleet:
        for p in range(proxies):
            proxy = await fleet.add(f"proxy-{p}", "127.0.0.1:9")
            for n in range(injections):
                proxy.inject(Spec.parse({"fault": "latency", "latency": "50ms", "name": f"latency-{n}"}))
        server = await serve(fleet, "127.0.0.1:0")
        connection.send(server.address.port)
        waits = [0.0]
        ticking = asyncio.create_task(_tick(waits))
        while await told(connection) is not None:
            connection.send(waits[0])
            waits[0] = 0.0
        ticking.cancel()
        await server.close()


async def _tick(waits: list[float]) -> None:
    last = time.perf_counter()
    while True:
        await asyncio.sleep(0)
        now = time.perf_counter()
        waits[0], last = max(waits[0], now - last), now


def scrape(port: int, accept: str) -> tuple[float, int]:
    """Return how long a scrape took, and how many bytes came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    began = time.perf_counter()
    connection.request("GET", "/metrics", headers={"Accept": accept})
    body = connection.getresponse().read()
    connection.close()
    return time.perf_counter() - began, len(body)


def measure(loop: str, proxies: int, injections: int, scrapes: int) -> float:
    """Print a row for each format, and return the longest median."""
    medians: list[float] = []
    with process(host, loop, proxies, injections) as connection:
        port = connection.recv()
        for name, accept in (("text", ""), ("OpenMetrics", OPENMETRICS)):
            took, waits, size = [], [], 0
            for _ in range(scrapes + 1):
                seconds, size = scrape(port, accept)
                connection.send("waited")
                took.append(seconds)
                waits.append(connection.recv())
            del took[0], waits[0]  # what is made at the first time
            medians.append(statistics.median(waits))
            figures = f"{statistics.median(took) * 1e3:8.1f} ms {medians[-1] * 1e3:8.2f} ms {max(waits) * 1e3:8.2f} ms"
            print(f"{loop:8} {proxies:4} x {injections:<3} {name:12} {size / 1e6:5.2f} MB {figures}")
    return max(medians)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loop", choices=LOOPS, action="append", help="one loop alone")
    parser.add_argument("--scrapes", type=int, default=10, help="how many of each kind")
    asked = parser.parse_args()
    print("loop   proxies x faults format          size        took        wait     longest")
    longest = max(
        measure(loop, proxies, injections, asked.scrapes)
        for loop in asked.loop or LOOPS
        for proxies, injections in ((3, 2), (20, 5), (200, 5))
    )
    return 0 if longest <= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
