"""What is done with a candidate beside carrying traffic: starting it, commands, imports, faults that come and go."""

from __future__ import annotations

import contextlib
import http.client
import json
import resource
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .drives import Sample
from .load import GET, Load
from .route import HOST, ask
from .target import Target


@dataclass(frozen=True)
class Inject:
    """Requests one after the other on an open connection, while a toxic is added over Toxiproxy's API."""

    times: int = 20
    operation = ""

    def __call__(self, target: Target, load: Load, seconds: float) -> Sample:
        """Return the time from sending the call to sending the first request that was delayed."""
        took = []
        toxic = {"name": "late", "type": "latency", "attributes": {"latency": 30}}
        with socket.create_connection((HOST, target.port)) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(self.times):
                with _sent(target.api, "/proxies/web/toxics", toxic) as began:
                    while True:
                        at = time.monotonic()
                        sock.sendall(GET.encode())
                        sock.recv(4096)
                        if time.monotonic() - at > 0.02:
                            break
                took.append((at - began) * 1e3)
                ask(target.api, "DELETE", "/proxies/web/toxics/late")
        took.sort()
        return Sample(0, {"p50 ms": took[len(took) // 2], "longest ms": took[-1]})


@contextlib.contextmanager
def _sent(api: int, path: str, body: object) -> Iterator[float]:
    """Send a call whose answer is read behind the block; yield the moment."""
    with contextlib.closing(http.client.HTTPConnection(HOST, api)) as connection:
        connection.connect()
        began = time.monotonic()
        connection.request("POST", path, json.dumps(body))
        yield began
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(answer.read().decode())


@dataclass(frozen=True)
class Toxics:
    """A toxic added and removed over Toxiproxy's API, while connections are idle."""

    connections: int
    times: int = 200
    operation = "pair"

    def __call__(self, target: Target, load: Load, seconds: float) -> Sample:
        """Return how long a pair takes."""
        toxic = {"name": "late", "type": "latency", "attributes": {"latency": 30}}
        with load.hold(target.port, self.connections):
            began = time.monotonic()
            for _ in range(self.times):
                ask(target.api, "POST", "/proxies/web/toxics", toxic)
                ask(target.api, "DELETE", "/proxies/web/toxics/late")
            took = time.monotonic() - began
        return Sample(self.times, {"ms/pair": took / self.times * 1e3})


@dataclass(frozen=True)
class Start:
    """The program, started again."""

    operation = ""

    def __call__(self, target: Target, load: Load, seconds: float) -> Sample:
        """Return the time until it accepts a connection."""
        target.stop()
        return Sample(0, {"ms": target.start() * 1e3})


@dataclass(frozen=True)
class Command:
    """A command that asks the running program, by Brownout's client or by toxiproxy-cli."""

    words: tuple[str, ...]
    toxiproxy: tuple[str, ...] = ()
    times: int = 5
    operation = ""

    def __call__(self, target: Target, load: Load, seconds: float) -> Sample:
        """Return how long the fastest of some runs took, and its CPU time."""
        client = target.candidate.client
        if client is None:
            return Sample(0, {})
        brownout = client.endswith("brownout")
        at = ["--api", f"{HOST}:{target.api}"] if brownout else ["-h", f"http://{HOST}:{target.api}"]
        words = [client, *self.words, *at] if brownout else [client, *at, *self.toxiproxy]
        runs = []
        for _ in range(self.times):
            began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            runs.append((time.monotonic() - began, used))
        took, used = min(runs)
        return Sample(0, {"ms": took * 1e3, "CPU ms": used * 1e3})


@dataclass(frozen=True)
class Import:
    """A statement in a new interpreter of a Brownout's own."""

    statement: str
    times: int = 5
    operation = ""

    def __call__(self, target: Target, load: Load, seconds: float) -> Sample:
        """Return how long the fastest of some took, and how many modules came with it."""
        code = (
            "import sys, time; before, began = len(sys.modules), time.perf_counter()\n"
            f"{self.statement}\n"
            "print((time.perf_counter() - began) * 1e3, len(sys.modules) - before)"
        )
        assert target.candidate.client is not None
        words = [str(Path(target.candidate.client).with_name("python")), "-c", code]
        runs = [
            tuple(map(float, subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout.split()))
            for _ in range(self.times)
        ]
        took, modules = min(runs)
        return Sample(0, {"ms": took, "modules": modules})
