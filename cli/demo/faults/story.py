"""The story: what is injected, step by step, what the clients ask, and what they must feel."""

from __future__ import annotations

from typing import NamedTuple

LATENCY = 0.300
RATE = 56_000 / 8
"""Bytes per second of 56 kbit/s."""
PAGE = 7_000
"""The payload of a large reply: a second at that rate."""
CLIENT_TIMEOUT = 2
"""The clients' timeout in seconds; libpq accepts no shorter one."""
HEALTHY = 0.100
"""A round trip is well below this on any machine, and this well below the latency."""
SLACK = 0.500
"""What may be measured beyond what was injected: the machine has other things to do as well."""


class Step(NamedTuple):
    """A chapter: a fault on each proxy in turn, what its client asks then, and how that must go."""

    name: str
    title: str
    why: str
    """What it means in production."""
    fault: str = ""
    """As the command line has it; empty where nothing is injected."""
    injected: str = "nothing"
    """In the table."""
    least: float = 0.0
    """Seconds that an answer, or its failure, takes at least: what was injected."""
    most: float = SLACK
    """Seconds that it takes at most."""
    asks: int = 1
    """How often; the median counts."""
    large: bool = False
    """Ask for the page instead of a few bytes."""
    fresh: bool = False
    """Ask on a new connection, else on the open one where there is one."""
    fails: str = ""
    """How it must fail: a key of `FAILURES`; empty: it must be answered."""


FAILURES: dict[str, tuple[str, ...]] = {
    "reset": ("reset by peer", "server closed the connection unexpectedly"),  # libpq's words for a RST
    "time-out": ("timed out", "timeout"),
    "refusal": ("refused",),
}
"""What the clients' errors say, by how a connection failed."""

STORY = (
    Step(
        name="healthy",
        title="Healthy",
        why="redis-py, psycopg and http.client ask through the proxies, each on one connection that stays open. "
        "This is what well looks like.",
        most=HEALTHY,
        asks=5,
    ),
    Step(
        name="latency",
        title="Slow: every answer comes 300 ms later",
        why="A dependency seldom dies at once, first it gets slow. A page that asks it ten times in a row now takes "
        "three seconds, and all that time holds a worker that others wait for.",
        fault="latency:300ms",
        injected="300 ms",
        least=LATENCY,
        most=LATENCY + SLACK,
        asks=3,
    ),
    Step(
        name="bandwidth",
        title="Narrow: 56 kbit/s",
        why="A saturated line, a phone on a train. Small answers pass as before, so health checks stay green; a page "
        "of 7000 bytes takes a second.",
        fault="bandwidth:56kbit/s",
        injected="56 kbit/s",
        least=PAGE / RATE,
        most=PAGE / RATE + SLACK,
        large=True,
    ),
    Step(
        name="reset",
        title="Reset: connections break, those that were open too",
        why="A failover, a load balancer that restarts. The client cannot know whether its request was done: "
        "what may it send again?",
        fault="reset",
        injected="a reset",
        fails="reset",
    ),
    Step(
        name="hang",
        title="Black hole: connected, then silence",
        why="A firewall that drops, a host that froze. Nothing fails, so nothing is tried again: only the client's own "
        "time-out ends it, here 2 s. psycopg has one for connecting alone; on an open connection it would wait "
        "forever.",
        fault="hang",
        injected="silence",
        least=CLIENT_TIMEOUT,
        most=CLIENT_TIMEOUT + SLACK,
        fresh=True,
        fails="time-out",
    ),
    Step(
        name="refuse",
        title="Refused: nobody listens",
        why="The process is down. The kindest failure, for the client knows at once. Connections that are open live "
        "on, so clients with a pool notice late.",
        fault="refuse",
        injected="a refusal",
        fresh=True,
        fails="refusal",
    ),
    Step(
        name="healed",
        title="Healed",
        why="No server and no client was restarted; they reconnect by themselves.",
        most=HEALTHY,
        asks=5,
    ),
)
