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
    """Refuses new connections (connection refused), as if no server were running; open connections are left alone.

    The port stays bound meanwhile, and is listened on again when healed. Nobody can count what the system refuses:
    the receipt says `unseen`, and of the trigger only `start` and `for` are allowed.
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
    """Lets connect() hang, as behind a firewall that drops SYNs; open connections are left alone.

    Linux alone drops SYNs on demand, and only those of TCP. Of the trigger only `start` and `for` are allowed, as with
    `refuse`, which wins where both are active.
    """

    name = "unreachable"
    streams = ()
    port = "hanging"

    how: Annotated[
        Literal["no_answer", "no_route", "timed_out", "refused"],
        Meta(description="With --intercept: the error of connect() itself, at once; `no_answer` lets it hang."),
    ] = "no_answer"

    def connect_error(self) -> int:
        """Return the error of a network that says why."""
        return _CONNECT_ERRORS[self.how]


class ConnectDelay(Fault, frozen=True):
    """Delays new connections: the upstream is dialled only some time after the client has connected.

    The client's own connect() has returned by then, since the system completes the handshake; its first answer is late.
    """

    name = "connect_delay"
    streams = ()

    delay: Annotated[Duration, Meta(description="How long a new connection waits before its upstream is dialled.")]

    def admit(self, ahead: int) -> float:
        """Keep every new connection waiting for the delay."""
        return self.delay


class ConnectionLimit(Fault, frozen=True):
    """Limits the connections open at a time; one more is reset right after the accept, or waits until one ends.

    All open connections of the proxy count, including those opened before the injection. One that finds room is not a
    match.
    """

    name = "connection_limit"
    streams = ()

    connections: Annotated[int, Meta(ge=0, description="How many may be open at the same time.")]
    when_full: Annotated[Literal["refuse", "queue"], Meta(description="What happens to one more.")] = "refuse"

    def admit(self, ahead: int) -> float | None:
        """Admit a connection that finds room."""
        if ahead < self.connections:
            return 0.0
        return math.inf if self.when_full == "queue" else None

    def awaits(self) -> str:
        """Wait for one connection too many."""
        return f"more than {self.connections} connection{'' if self.connections == 1 else 's'} at a time"


class Drain(Fault, frozen=True):
    """A server that is being taken out: refuses new connections, lets open ones finish, closes idle ones (FIN).

    What a rolling deployment does to a pool. As with `refuse`, of the trigger only `start` and `for` are
    allowed.
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
