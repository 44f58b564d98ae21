"""What is measured, as data: a name, the traffic, the route, and beside whom."""

from __future__ import annotations

from typing import NamedTuple

from .chores import Command, Import, Inject, Start, Toxics
from .drives import (
    SERVICE,
    UNIQUE,
    UPLOAD,
    Download,
    Drive,
    Idle,
    Lateness,
    NewConnections,
    Pauses,
    RedisGets,
    Requests,
)
from .route import Injection, Route

BROWNOUTS = ("brownout", "before")
PROXIES = ("haproxy", "nginx", "envoy", "toxiproxy")
SWIFT = (*BROWNOUTS, "direct", *PROXIES)
"""All but mitmproxy and microburst, which only a few measures have."""


class Aim(NamedTuple):
    """What Brownout's figure should be: at most `most`, or at least `least`; `of` a candidate's, as a ratio."""

    figure: str
    most: float | None = None
    least: float | None = None
    of: str | None = None


class Measure(NamedTuple):
    """One row of the table."""

    name: str
    drive: Drive
    route: Route
    figure: str
    """Its main figure, which the summary shows."""
    aims: tuple[Aim, ...] = ()
    beside: tuple[str, ...] = SWIFT
    quick: bool = False
    rounds: int = 4
    """The most rounds that a run measures."""
    upstream: str = "http"
    """`http`, which load.c serves, or `redis`."""


CPU = "CPU µs/request"
NOOP: Injection = {"fault": "noop"}
STATUS: Injection = {"fault": "http.status", "status": 503}
DELAY: Injection = {"fault": "http.delay", "delay": "1ms"}
LATER: Injection = {"fault": "http.delay", "delay": "20ms"}
LATENCY: Injection = {"fault": "latency", "latency": "20ms"}


def rules(count: int) -> tuple[Injection, ...]:
    """Return rules that look at a header which is there, and never match."""
    return tuple({**STATUS, "match": {"header.x-tenant": f"tenant-{number}"}} for number in range(count))


def of_others(count: int) -> tuple[Injection, ...]:
    """Return faults for programs that never connect, for streams and requests in turn."""
    return tuple({**(LATENCY, STATUS)[number % 2], "caller": f"nobody-{number}"} for number in range(count))


def http(*injections: Injection) -> Route:
    """Return the route of a proxy that follows HTTP."""
    return Route("http", injections)


def tcp(*injections: Injection) -> Route:
    """Return the route of a proxy that carries bytes."""
    return Route("tcp", injections)


MEASURES = (
    Measure(
        "request carried as bytes", Requests(), tcp(), CPU,
        (Aim(CPU, most=1 / 0.97, of="before"),), (*SWIFT, "mitmproxy", "microburst"), quick=True,
    ),
    Measure("request, HTTP followed", Requests(), http(), CPU, beside=(*SWIFT, "mitmproxy"), quick=True),
    Measure("request with 12 headers", Requests("/service/orders", script=SERVICE), http(), CPU),
    Measure(
        "12 headers, 100 rules", Requests("/service/orders", script=SERVICE), http(*rules(100)), CPU,
        (Aim(CPU, most=0.9, of="envoy"),), quick=True,
    ),
    Measure(
        "reply of 10 chunks", Requests("/chunked"), http(), CPU, (Aim(CPU, most=0.8, of="envoy"),), quick=True,
    ),
    Measure(
        "POST of 100 KB", Requests(script=UPLOAD), http(), CPU, (Aim(CPU, most=0.8, of="envoy"),), quick=True,
    ),
    Measure("status fired", Requests(), http(STATUS), CPU, (Aim(CPU, most=2, of="envoy"),), quick=True),
    Measure("delay of 1 ms fired", Requests(), http(DELAY), CPU, (Aim(CPU, most=1.5, of="envoy"),), quick=True),
    Measure("delay of 1 ms, 10 % chance", Requests(), http({**DELAY, "probability": "10%"}), CPU),
    Measure(
        "1 000 requests at once, 20 ms late", Lateness(1000, 20, 1000, burst=True), http(LATER), "longest late ms",
        rounds=3,
    ),
    Measure(
        "new connection", NewConnections(), tcp(), "connections/s",
        (
            Aim("connections/s", least=1, of="toxiproxy"), Aim("connections/s", least=0.8, of="envoy"),
            Aim("p99 ms", most=2, of="haproxy"),
        ), (*SWIFT, "mitmproxy", "microburst"), quick=True,
    ),
    Measure("new connection, HTTP followed", NewConnections(), http(), "connections/s"),
    Measure("Redis GET", RedisGets(), tcp(), "CPU µs/command", upstream="redis"),
    Measure("replies of 16 MiB", Requests("/size/16777216", connections=1), tcp(), CPU, rounds=3),
    # Exactness
    *(
        Measure(
            f"http.delay 20 ms, {count} connection{'s' * (count > 1)}", Lateness(count, 20, pause), http(LATER),
            "p99 late ms", (Aim("p50 late ms", most=0.3), Aim("p99 late ms", most=3)) if count == 1000 else (),
            quick=count == 100, rounds=3,
        )
        for count, pause in ((1, 100), (100, 100), (1000, 250))  # at most 4 000 requests/s, which all of them carry
    ),
    Measure("latency 20 ms, 100 connections", Lateness(100, 20), tcp(LATENCY), "p99 late ms", rounds=3),
    *(
        Measure(f"bandwidth {rate}", Download(amount), tcp({"fault": "bandwidth", "rate": rate}), "error %", rounds=2)
        for rate, amount in (("10KB/s", 1e4), ("1MB/s", 1e6), ("100MB/s", 1e8))
    ),
    # Pauses and memory
    *(
        Measure(
            f"longest pause, {count} {kind} connections", Pauses(count), route, "longest ms",
            beside=(*BROWNOUTS, "direct", "haproxy", "envoy"), rounds=2,
        )
        for kind, route, count in (("idle", tcp(), 0), ("idle", tcp(), 5000), ("idle HTTP", http(), 5000))
    ),
    Measure("idle connection", Idle(5000), tcp(), "KiB/connection", quick=True, rounds=2),
    Measure("idle connection, HTTP followed", Idle(5000), http(), "KiB/connection", rounds=2),
    Measure("idle connection, with latency", Idle(5000), tcp(LATENCY), "KiB/connection", rounds=2),
    # Control
    Measure("inject to first late byte", Inject(), tcp(), "p50 ms", beside=(*BROWNOUTS, "toxiproxy"), rounds=3),
    Measure(
        "toxic added and removed, 100 connections", Toxics(100), tcp(), "ms/pair", beside=(*BROWNOUTS, "toxiproxy"),
        rounds=3,
    ),
    Measure("start", Start(), tcp(), "ms", beside=(*BROWNOUTS, *PROXIES, "mitmproxy", "microburst")),
    Measure(
        "command: status", Command(("status",), ("list",)), tcp(), "ms", (Aim("ms", most=70),),
        beside=(*BROWNOUTS, "toxiproxy"),
    ),
    Measure("import of Chaos", Import("from brownout.testing import Chaos"), tcp(), "ms", beside=BROWNOUTS),
    Measure("import of the command line", Import("import brownout.cli.main"), tcp(), "ms", beside=BROWNOUTS),
    # How cost grows
    *(
        Measure(f"growth, connections: {count}", Requests(connections=count, longer=3), tcp(), CPU, rounds=3)
        for count in (1, 1000)
    ),
    *(
        Measure(
            f"growth, rules: {count}", Requests("/service/orders", script=SERVICE), http(*rules(count)), CPU,
            beside=(*BROWNOUTS, "haproxy", "nginx", "envoy"), rounds=3,
        )
        for count in (1, 10, 1000)
    ),
    *(
        Measure(f"growth, rules, each path new: {count}", Requests(script=UNIQUE), http(*rules(count)), CPU,
                beside=BROWNOUTS)
        for count in (0, 1000)
    ),
    *(
        Measure(
            f"growth, {fault['fault']} on a connection: {count}", Requests(), tcp(*[fault] * count), CPU, beside=beside,
            rounds=3,
        )
        for fault, count, beside in (
            (NOOP, 1, (*BROWNOUTS, "toxiproxy")), (NOOP, 5, BROWNOUTS), (NOOP, 20, (*BROWNOUTS, "toxiproxy")),
            ({"fault": "latency", "latency": "1ms"}, 1, (*BROWNOUTS, "toxiproxy")),
            ({"fault": "latency", "latency": "1ms"}, 20, (*BROWNOUTS, "toxiproxy")),
        )
    ),
    *(
        Measure(
            f"growth, faults for other callers: {count}", Requests(), http(*of_others(count)), CPU, beside=BROWNOUTS,
            rounds=3,
        )
        for count in (10, 100)
    ),
    Measure("new connection, 100 faults for others", NewConnections(), http(*of_others(100)), "connections/s",
            beside=BROWNOUTS, rounds=3),
    *(
        Measure(f"growth, bytes of a reply: {size}", Requests(f"/size/{size}"), tcp(), CPU,
                beside=(*BROWNOUTS, "haproxy", "envoy", "toxiproxy"), rounds=3)
        for size in (1_000, 10_000, 100_000, 1_000_000)
    ),
)  # fmt: skip
