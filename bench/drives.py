"""What is done to a candidate, and which figures come of it. Each is called once per round with a target that runs."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .load import Load
from .processes import descriptors, memory
from .route import HOST
from .target import Target

SERVICE = """
local count = 0
local headers = {
  ["User-Agent"] = "shop/3.1 (linux)", ["Accept"] = "application/json", ["Accept-Encoding"] = "gzip, deflate",
  ["Accept-Language"] = "en-GB,en;q=0.7", ["Authorization"] = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxNyJ9.c2lnbg",
  ["Cache-Control"] = "no-cache", ["Cookie"] = "session=5f3c9f0e2b7d4a61; theme=dark", ["X-Tenant"] = "acme",
  ["X-Forwarded-For"] = "192.0.2.17", ["Traceparent"] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}
request = function()
  count = count + 1
  headers["X-Request-Id"] = string.format("%016x", count)
  return wrk.format("GET", "/service/orders", headers)
end
"""
"""Twelve headers with Host, one of which is another for each request."""
UNIQUE = """
local count = 0
request = function()
  count = count + 1
  return wrk.format("GET", "/orders/" .. count, {["X-Request-Id"] = string.format("%016x", count)})
end
"""
UPLOAD = 'wrk.method = "POST"; wrk.body = string.rep("x", 102400)'


class Sample(NamedTuple):
    """The figures of one round, and the number of operations among which the candidate's CPU time is divided."""

    operations: float
    figures: dict[str, float]


class Drive(Protocol):
    """One kind of traffic. `operation` is what CPU time is counted for, "" where it is not."""

    @property
    def operation(self) -> str: ...

    def __call__(self, target: Target, load: Load, seconds: float) -> Sample: ...


@dataclass(frozen=True)
class Requests:
    """Connections of wrk that stay open, each with the next request as soon as the last is answered."""

    path: str = "/orders/1"
    connections: int = 64
    script: str = ""
    longer: int = 1
    """How many times longer a round is: where there are many connections, their opening must not count."""
    operation = "request"

    def __call__(self, target: Target, load: Load, seconds: float) -> Sample:
        """Return requests/s."""
        count, took = load.wrk(target.port, self.path, self.connections, self.longer * seconds, self.script)
        return Sample(count, {"requests/s": count / took})


@dataclass(frozen=True)
class RedisGets:
    """redis-benchmark's connections; the upstream is a Redis."""

    connections: int = 50
    operation = "command"

    def __call__(self, target: Target, load: Load, seconds: float) -> Sample:
        """Return commands/s."""
        count = round(40_000 * seconds)
        return Sample(count, {"commands/s": load.redis_benchmark(target.port, self.connections, count)})


@dataclass(frozen=True)
class NewConnections:
    """Each request on a connection of its own, some at a time."""

    connections: int = 16
    operation = "connection"

    def __call__(self, target: Target, load: Load, seconds: float) -> Sample:
        """Return connections/s, and the time from connect() to the reply."""
        report = load.connect(target.port, self.connections, seconds)
        rate = report["count"] / report["seconds"]
        return Sample(report["count"], {"connections/s": rate, "p50 ms": report["p50"], "p99 ms": report["p99"]})


@dataclass(frozen=True)
class Lateness:
    """Requests now and then on each connection; how much later than the delay of the route the replies come."""

    connections: int
    delay: float
    milliseconds: float = 100
    burst: bool = False
    operation = ""

    def __call__(self, target: Target, load: Load, seconds: float) -> Sample:
        """Return the lateness at p50 and p99, and the longest; the round trip is part of it."""
        report = load.pace(target.port, self.connections, 2 * seconds, self.milliseconds, self.burst)
        late = {f"{share} late ms": report[share] - self.delay for share in ("p50", "p99", "longest")}
        return Sample(0, late)


@dataclass(frozen=True)
class Pauses:
    """A request each millisecond on one connection, while others are idle and one more comes and goes."""

    idle: int
    operation = ""

    def __call__(self, target: Target, load: Load, seconds: float) -> Sample:
        """Return how long the longest reply took: longer than a round trip, the loop did something else."""
        with contextlib.ExitStack() as stack:
            if self.idle:
                stack.enter_context(load.hold(target.port, self.idle))
            with load.connecting(target.port, 1, 3 * seconds):
                report = load.pace(target.port, 1, 3 * seconds, 1)
        return Sample(0, {"longest ms": report["longest"], "p99 ms": report["p99"]})


@dataclass(frozen=True)
class Idle:
    """Connections that are idle after one request each, in a process that was just started."""

    connections: int
    operation = ""

    def __call__(self, target: Target, load: Load, seconds: float) -> Sample:
        """Return the growth of resident memory per connection, and the descriptors that are left of all of them."""
        if target.pid is not None:
            target.stop()
            target.start()
            with load.hold(target.port, 10):  # what is made at the first time
                pass
            files, before = _descriptors(target.pid), memory(target.pid)
            with load.hold(target.port, self.connections):
                grown = memory(target.pid) - before
            end = time.monotonic() + 10
            while (left := descriptors(target.pid) - files) > 0 and time.monotonic() < end:
                time.sleep(0.05)
            return Sample(0, {"KiB/connection": grown / self.connections / 1024, "descriptors left": left})
        return Sample(0, {})


def _descriptors(pid: int) -> int:
    """Return how many descriptors there are when their number no longer changes."""
    before, now = -1, descriptors(pid)
    while now != before:
        time.sleep(0.2)
        before, now = now, descriptors(pid)
    return now


@dataclass(frozen=True)
class Download:
    """One reply without an end, read as fast as it comes, through a `bandwidth`."""

    rate: float
    operation = ""

    def __call__(self, target: Target, load: Load, seconds: float) -> Sample:
        """Return by how many per cent the bytes per second after the first read differ from the rate."""
        into = bytearray(2**20)
        with socket.create_connection((HOST, target.port)) as sock:
            sock.sendall(f"GET /size/{10**12} HTTP/1.1\r\n\r\n".encode())
            sock.recv_into(into)
            first = last = time.monotonic()
            size = 0
            while last - first < 2 * seconds:
                size += sock.recv_into(into)
                last = time.monotonic()
        return Sample(0, {"error %": abs(size / (last - first) / self.rate - 1) * 100})


NEEDS: dict[type[Drive], str] = {Requests: "wrk", RedisGets: "redis-benchmark"}
"""The programs without which a kind of traffic cannot be made."""
