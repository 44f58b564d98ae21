"""Before and after: the proxies of two checkouts side by side, measured in turn, candidate by candidate.

    python bench/pairs.py OLD NEW [--pairs 11] [--loop uvloop] [--seconds 1]

OLD and NEW are checkouts in which `make .venv/.test` was done. Both run at the same time, each with its own Python and
all candidates as proxies before the same upstream. wrk, or a bulk transfer, goes to one and at once to the other, every
other pair in the other order, so that what else the machine does meets both alike. Printed are the medians of NEW / OLD
over the pairs, with their quartiles: of requests (or bytes) per second, and per CPU second of the proxies' process,
which other work on the machine disturbs less. Ends with 1 if one of the latter medians is below 0.97.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from brownout.faults import Spec
from brownout.proxy import Fleet

HOST = "127.0.0.1"
AIM = 0.97
_NEVER = {"fault": "http.status", "status": 503}
_MATCHES = (
    lambda number: {"path": f"/never/{number}"},
    lambda number: {"method": "POST", "path": f"/never/{number}/*"},
    lambda number: {"header.x-tenant": f"tenant-{number}"},
    lambda number: {"path": f"~^/never/{number}$"},
)


def rules(count: int) -> list[dict[str, object]]:
    """Return faults that match nothing of what is asked, by different keys in turn."""
    return [{**_NEVER, "match": _MATCHES[number % 4](number)} for number in range(count)]


CANDIDATES: dict[str, tuple[str, list[dict[str, object]]]] = {
    "splice": ("tcp", []),
    "noop": ("tcp", [{"fault": "noop"}]),
    "latency 0ms": ("tcp", [{"fault": "latency", "latency": "0ms"}]),
    "three noops": ("tcp", [{"fault": "noop"}] * 3),
    "parsed, 0 rules": ("http", []),
    "parsed, 1 rule": ("http", rules(1)),
    "parsed, 100 rules": ("http", rules(100)),
    "parsed, 1000 rules": ("http", rules(1000)),
}


# The side that runs in each checkout's own Python: it may use nothing but what both offer.


async def _role(upstream: int, bulk: int) -> None:
    async with Fleet(seed=1) as fleet:
        ports: dict[str, int] = {}
        for name, (scheme, faults) in CANDIDATES.items():
            for kind, to in (("", f"{scheme}://{HOST}:{upstream}"), ("bulk, ", f"tcp://{HOST}:{bulk}")):
                if kind and scheme != "tcp":
                    continue
                proxy = await fleet.add(kind + name, to)
                for number, fault in enumerate(faults):
                    proxy.inject(Spec.parse({**fault, "name": f"fault-{number}"}))
                assert proxy.address is not None
                ports[kind + name] = proxy.address.port
        print(json.dumps(ports), flush=True)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while await reader.readline():
            print(time.process_time(), flush=True)


def role(loop: str, upstream: int, bulk: int) -> None:
    """Run the candidates, and tell the CPU time for each line that is read."""
    factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.SelectorEventLoop
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_role(upstream, bulk))


class Checkout:
    """The proxies of a checkout in a process of their own."""

    def __init__(self, folder: Path, loop: str, upstream: int, bulk: int) -> None:
        self._process = subprocess.Popen(
            [folder.resolve() / ".venv/bin/python", __file__, "--role", loop, str(upstream), str(bulk)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.ports: dict[str, int] = json.loads(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"the proxies of {self._process.args[0]} have ended")
        return line

    def cpu(self) -> float:
        """Return how many seconds the process has worked."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


# The side that measures.


def requests(port: int, seconds: float, script: Path | None) -> tuple[float, float]:
    """Return how many requests wrk made in how many seconds."""
    command = ["wrk", "-t1", "-c64", f"-d{max(1, round(seconds))}s", f"http://{HOST}:{port}/orders/1"]
    command += [] if script is None else ["-s", str(script)]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+) requests in ", report)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    assert found, report
    assert rate, report
    return float(found[1]), float(found[1]) / float(rate[1])


def transfer(port: int, _: float, __: Path | None) -> tuple[float, float]:
    """Return how many bytes came in how many seconds."""
    into, count, start = bytearray(2**20), 0, time.monotonic()
    with socket.create_connection((HOST, port)) as sock:
        while got := sock.recv_into(into):
            count += got
    return float(count), time.monotonic() - start


@contextlib.contextmanager
def checkouts(options: argparse.Namespace, loop: str, ports: tuple[int, int]) -> Iterator[list[Checkout]]:
    """Yield the old one and the new one."""
    both = [Checkout(folder, loop, *ports) for folder in (options.old, options.new)]
    try:
        yield both
    finally:
        for each in both:
            each.close()


def ratios(both: list[Checkout], pairs: int, measure: Callable[[Checkout], tuple[float, float]]) -> list[list[float]]:
    """Return NEW / OLD of each pair: per second, and per CPU second."""
    found: list[list[float]] = [[], []]
    for number in range(pairs):
        rates: dict[int, tuple[float, float]] = {}
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            before = both[which].cpu()
            count, seconds = measure(both[which])
            rates[which] = count / seconds, count / (both[which].cpu() - before)
        for kind in (0, 1):
            found[kind].append(rates[1][kind] / rates[0][kind])
    return found


def shown(each: list[float]) -> str:
    """Return the median with the quartiles."""
    low, middle, high = statistics.quantiles(each, n=4, method="inclusive")
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    """Run the pairs."""
    if sys.argv[1:2] == ["--role"]:
        role(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
        return
    from exchanges import UNIQUE
    from rig import LOOPS, Http, process, server, source, table

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--loop", choices=LOOPS, help="one loop instead of both")
    parser.add_argument("--seconds", type=float, default=1, help="length of a run of requests")
    parser.add_argument("--mib", type=int, default=256, help="size of a bulk transfer")
    options = parser.parse_args()
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        unique = Path(folder, "unique.lua")
        unique.write_text(UNIQUE)
        for loop in (options.loop,) if options.loop else LOOPS:
            with (
                process(server, Http) as upstream,
                process(source, options.mib * 2**20) as bulk,
                checkouts(options, loop, (upstream.recv(), bulk.recv())) as both,
            ):
                for what, measure, script, names in (
                    ("the same request", requests, None, list(CANDIDATES)),
                    ("every request another", requests, unique, [name for name in CANDIDATES if "rule" in name]),
                    ("bulk", transfer, None, [name for name in both[0].ports if name.startswith("bulk")]),
                ):
                    rows = []
                    for name in names:
                        found = ratios(
                            both, options.pairs,
                            lambda each, n=name, m=measure, s=script: m(each.ports[n], options.seconds, s),
                        )  # fmt: skip
                        rows.append((name, *map(shown, found)))
                        if statistics.median(found[1]) < AIM:
                            missed.append(f"{loop}, {what}, {name}")
                    table((f"{loop}, {what}: new / old", "per second", "per CPU second"), rows)
    if missed:
        sys.exit(f"below {AIM}: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
