"""What following HTTP costs: requests/s of 64 keep-alive connections, as ratios to a splice.

    python bench/exchanges.py [--wrk] [--loop uvloop] [--rounds 5] [--seconds 3]

None of the rules matches. With `--wrk` wrk is the client, and each candidate is measured a second time: with a path and
a request id of its own for each request, of which nothing can be remembered. Candidates alternate within each round;
a ratio is that to the splice of the same round, and each figure is the median of the rounds. By CPU time: of requests
per second that the proxy's process worked, which other work on the machine disturbs less. Ends with 1 if one of the
same requests is below its aim: 0.75 without rules, 0.6 with a hundred.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from pairs import rules
from rig import HOST, LOOPS, Http, median, port, process, run_loop, server, table, told
from throughput import LINKS, trips

from brownout.faults import Spec
from brownout.proxy import Fleet
from brownout.proxy.system.sockets import raise_file_limit

UNIQUE = """
local count = 0
request = function()
  count = count + 1
  return wrk.format("GET", "/orders/" .. count, {["X-Request-Id"] = string.format("%016x", count)})
end
"""


CANDIDATES: dict[str, tuple[str, list[dict[str, object]]]] = {
    "splice": ("tcp", []),
    "followed, 0 rules": ("http", []),
    "followed, 1 rule": ("http", rules(1)),
    "followed, 100 rules": ("http", rules(100)),
    "followed, 1000 rules": ("http", rules(1000)),
}
AIMS = {"followed, 0 rules": 0.75, "followed, 100 rules": 0.6}


def proxies(connection: Connection, loop: str, upstream: int) -> None:
    """Role: a proxy for each candidate; sends {name: port}."""
    run_loop(loop, _proxies(connection, upstream))


async def _proxies(connection: Connection, upstream: int) -> None:
    raise_file_limit()
    async with Fleet(seed=1) as fleet:
        ports = {}
        for name, (scheme, faults) in CANDIDATES.items():
            proxy = await fleet.add(name, f"{scheme}://{HOST}:{upstream}")
            for number, fault in enumerate(faults):
                proxy.inject(Spec.parse({**fault, "name": f"rule-{number}"}))
            ports[name] = port(proxy)
        connection.send(ports)
        while await told(connection) is not None:
            connection.send(time.process_time())


def wrk(at: int, seconds: float, script: Path | None) -> float:
    """Return the requests/s that wrk reports."""
    command = ["wrk", "-t1", f"-c{LINKS}", f"-d{max(1, round(seconds))}s", f"http://{HOST}:{at}/orders/1"]
    command += [] if script is None else ["-s", str(script)]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", report)
    assert found, report
    assert "Non-2xx" not in report, report
    return float(found[1])


def measure(loop: str, what: str, rounds: int, rate: Callable[[int], float]) -> dict[str, float]:
    """Print the table of one loop; return the ratios."""
    with process(server, Http) as upstream, process(proxies, loop, upstream.recv()) as proxy:
        ports: dict[str, int] = proxy.recv()
        rates: dict[str, list[float]] = {name: [] for name in ports}
        work: dict[str, list[float]] = {name: [] for name in ports}
        for _ in range(rounds):
            for name, at in ports.items():
                busy, start = -cpu(proxy), time.monotonic()
                rates[name].append(rate(at))
                seconds = time.monotonic() - start
                work[name].append(rates[name][-1] * seconds / (busy + cpu(proxy)))
    ratios = of_splice(rates)
    by_work = of_splice(work)
    rows = [
        (name, f"{median(each):,.0f}", f"{ratios[name]:.2f}", f"{by_work[name]:.2f}") for name, each in rates.items()
    ]
    table((f"{loop}, {what}", "requests/s", "of splice", "by CPU time"), rows)
    return ratios


def cpu(proxy: Connection) -> float:
    """Return how many seconds the proxies' process has worked."""
    proxy.send("cpu")
    return float(proxy.recv())


def of_splice(figures: dict[str, list[float]]) -> dict[str, float]:
    """Return the median ratio of each candidate to the splice of the same round."""
    return {
        name: median(mine / splice for mine, splice in zip(each, figures["splice"], strict=True))
        for name, each in figures.items()
    }


def main() -> None:
    """Measure both loops."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loop", choices=LOOPS, help="one loop instead of both")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="length of a run")
    parser.add_argument("--wrk", action="store_true", help="let wrk be the client")
    options = parser.parse_args()
    if options.wrk and shutil.which("wrk") is None:
        parser.error("wrk is not on PATH")
    missed = []
    with tempfile.TemporaryDirectory() as folder, process(trips, options.seconds) as client:
        unique = Path(folder, "unique.lua")
        unique.write_text(UNIQUE)

        def same(at: int) -> float:
            if options.wrk:
                return wrk(at, options.seconds, None)
            client.send(at)
            return float(client.recv())

        def another(at: int) -> float:
            return wrk(at, options.seconds, unique)

        for loop in (options.loop,) if options.loop else LOOPS:
            ratios = measure(loop, "the same request", options.rounds, same)
            missed += [f"{loop}, {name}: {ratios[name]:.2f}" for name, aim in AIMS.items() if ratios[name] < aim]
            if options.wrk:
                measure(loop, "every request another", options.rounds, another)
    if missed:
        sys.exit(f"below the aim: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
