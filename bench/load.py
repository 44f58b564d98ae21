"""What makes the traffic: wrk, redis-benchmark, and load.c, which is compiled for each run."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .route import HOST

GET = "GET /orders/1 HTTP/1.1\r\nHost: bench\r\n\r\n"
GENERATORS = {
    "cc": "apt-get install gcc libc6-dev",
    "wrk": "apt-get install wrk",
    "redis-benchmark": "apt-get install redis-tools",
}


class Load:
    """The clients and the upstream of a run; its files are in `folder`."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            raise SystemExit(f"no C compiler: {GENERATORS['cc']}")
        self._folder = folder
        self._program = folder / "load"
        source = Path(__file__).with_name("load.c")
        subprocess.run([compiler, "-O2", "-Wall", "-o", self._program, source], check=True)

    @contextlib.contextmanager
    def upstream(self) -> Iterator[int]:
        """Run the HTTP server; yield its port."""
        with self._role("serve") as said:
            yield int(said)

    @contextlib.contextmanager
    def hold(self, port: int, connections: int) -> Iterator[None]:
        """Open connections that are idle after a request each, and keep them."""
        with self._role("hold", str(port), str(connections), GET):
            yield

    @contextlib.contextmanager
    def _role(self, *words: str) -> Iterator[str]:
        with subprocess.Popen(
            [self._program, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            said = process.stdout.readline()
            if not said:
                raise RuntimeError(f"load {words[0]} has ended")
            yield said
            process.communicate()

    def connect(self, port: int, connections: int, seconds: float) -> dict[str, float]:
        """Send each request on a connection of its own, `connections` at a time."""
        return self._report("connect", str(port), str(connections), str(seconds), GET)

    @contextlib.contextmanager
    def connecting(self, port: int, connections: int, seconds: float) -> Iterator[None]:
        """Do so beside the block; it ends by itself."""
        words = [str(self._program), "connect", str(port), str(connections), str(seconds), GET]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL):
            yield

    def pace(
        self, port: int, connections: int, seconds: float, milliseconds: float, burst: bool = False
    ) -> dict[str, float]:
        """Send a request every so often on each of the connections: in turn, or on all at once."""
        words = (str(port), str(connections), str(seconds), GET, str(milliseconds), str(int(burst)))
        return self._report("pace", *words)

    def _report(self, *words: str) -> dict[str, float]:
        said = subprocess.run([self._program, *words], stdout=subprocess.PIPE, text=True, check=True).stdout
        report: dict[str, float] = json.loads(said)
        if report["failed"]:
            raise RuntimeError(f"load {words[0]}: {report['failed']} connections failed")
        return report

    def wrk(self, port: int, path: str, connections: int, seconds: float, script: str = "") -> tuple[int, float]:
        """Return how many requests wrk made, and in how many seconds."""
        file = self._folder / "wrk.lua"
        file.write_text(script)
        url = f"http://{HOST}:{port}{path}"
        words = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{max(1, round(seconds))}s",
            "--timeout",
            "10s",
            "-s",
            str(file),
            url,
        ]
        report = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        if "Socket errors" in report or (requests := re.search(r"([1-9]\d*) requests in ", report)) is None:
            raise RuntimeError(report)
        rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
        assert rate is not None
        return int(requests[1]), int(requests[1]) / float(rate[1])

    def redis_benchmark(self, port: int, connections: int, count: int) -> float:
        """Send GETs to a Redis; return how many were answered in a second."""
        words = ["redis-benchmark", "-p", str(port), "-c", str(connections), "-n", str(count), "-t", "get", "--csv"]
        report = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        return float(report.splitlines()[-1].split(",")[1].strip('"'))
