"""Connections that are late, too many, or refused, before a byte is carried."""

from __future__ import annotations

import errno
import math
from typing import Annotated, Literal

from msgspec import Meta

from ..fault import Fault
from ..segment import Stage, StageContext
from ..settings.units import Duration
from .expiry import ended_when_idle


class Refuse(Fault, frozen=True):
    """Refuses new connections, as if no server were running; open connections are left alone.

    The client sees `connect()` fail at once with ECONNREFUSED (connection refused).

    Use it to see whether the service starts without the dependency, and recovers when it is back. Nobody can count
    what the system refuses, so of the trigger only `start` and `for` are allowed.
    """

    name = "refuse"
    streams = ()
    port = "refusing"


_CONNECT_ERRORS = {
    "no_answer": 0,
    "no_route": errno.EHOSTUNREACH,
    "timed_out": errno.ETIMEDOUT,
    "refused": errno.ECONNREFUSED,
}


class Unreachable(Fault, frozen=True):
    """Lets `connect()` hang, as behind a firewall that drops packets; open connections are left alone.

    The client sees `connect()` wait until its own connect timeout. With `hang` it connects, and meets the read
    timeout.

    Use it to test the connect timeout. It needs Linux and TCP, and of the trigger only `start` and `for` are
    allowed.
    """

    name = "unreachable"
    streams = ()
    port = "hanging"

    how: Annotated[
        Literal["no_answer", "no_route", "timed_out", "refused"],
        Meta(description="With --intercept: the error that connect() returns at once; `no_answer` lets it hang."),
    ] = "no_answer"

    def connect_error(self) -> int:
        """Return the error of a network that says why."""
        return _CONNECT_ERRORS[self.how]


class ConnectDelay(Fault, frozen=True):
    """Delays new connections: Brownout waits before it connects to the upstream.

    The client sees `connect()` succeed at once, because the system completes the handshake. The first reply is late
    by the delay.

    Use it for a dependency that is slow to accept connections, and to see what that does to a pool that grows under
    load.
    """

    name = "connect_delay"
    streams = ()

    delay: Annotated[Duration, Meta(description="How long Brownout waits before it connects to the upstream.")]

    def admit(self, ahead: int) -> float:
        """Keep every new connection waiting for the delay."""
        return self.delay


class ConnectionLimit(Fault, frozen=True):
    """Limits the number of connections that are open at the same time; one more is reset at once, or waits until
    another one ends.

    The client sees ECONNRESET on a connection too many. With `when_full=queue` it is accepted and hears nothing
    until another connection ends.

    Use it for a server that has reached its maximum number of connections, or for a pool that is larger than the
    server allows. All open connections of the proxy count.
    """

    name = "connection_limit"
    streams = ()

    connections: Annotated[int, Meta(ge=0, description="How many connections may be open at the same time.")]
    when_full: Annotated[Literal["refuse", "queue"], Meta(description="What happens to one more connection.")] = (
        "refuse"
    )

    def admit(self, ahead: int) -> float | None:
        """Admit a connection that finds room."""
        if ahead < self.connections:
            return 0.0
        return math.inf if self.when_full == "queue" else None

    def awaits(self) -> str:
        """Wait for one connection too many."""
        return f"more than {self.connections} connection{'' if self.connections == 1 else 's'} at a time"


class Drain(Fault, frozen=True):
    """Takes the server out of service: new connections are refused, requests under way finish, and idle connections are
    closed (FIN).

    The client sees its connection closed once it has been idle for `idle`, and new connections refused.

    Use it for a rolling deployment. Of the trigger only `start` and `for` are allowed.
    """

    name = "drain"
    streams = ("upstream", "downstream")
    port = "refusing"

    idle: Annotated[Duration, Meta(description="How long a connection must be idle before it is closed.")]

    def start(self, context: StageContext) -> Stage:
        """Start to wait for a pause of both streams."""
        return ended_when_idle(self.idle, "close", context)

    def awaits(self) -> str:
        """Wait for silence."""
        return f"{self.idle} without traffic"
