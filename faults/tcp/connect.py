"""Links that are late, too many, or refused, before a byte is carried."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from msgspec import Meta

from ..fault import Fault
from ..segment import Seat, Stage
from ..settings.units import Duration
from .expiry import ended_when_idle


class Refuse(Fault, frozen=True):
    """New connections are refused (connection refused), as if no server ran; open links live on.

    The port stays ours meanwhile, and is listened on again when healed. Nobody can count what the system refuses, so
    the receipt says `unseen`, and only `start` and `for` may be given of the trigger.
    """

    name = "refuse"
    streams = ()
    closes_port = True


class ConnectDelay(Fault, frozen=True):
    """New links open late: the upstream is dialled so long after the client connected.

    The client's own connect() is done by then, for the system shakes hands; its first answer is late.
    """

    name = "connect_delay"
    streams = ()

    delay: Annotated[Duration, Meta(description="How long a new link waits before the upstream is dialled.")]

    def admit(self, ahead: int) -> float:
        """Keep every new link waiting so long."""
        return self.delay


class ConnectionLimit(Fault, frozen=True):
    """Only so many links at a time; more are reset right after the accept, or wait until one ends.

    All open links of the proxy count, also those that were open before. A link that finds room is no match.
    """

    name = "connection_limit"
    streams = ()

    connections: Annotated[int, Meta(ge=0, description="How many may be open at a time.")]
    when_full: Annotated[Literal["refuse", "queue"], Meta(description="What becomes of one more.")] = "refuse"

    def admit(self, ahead: int) -> float | None:
        """Admit a link that finds room."""
        if ahead < self.connections:
            return 0.0
        return math.inf if self.when_full == "queue" else None


class Drain(Fault, frozen=True):
    """A server that is being taken out: new connections are refused, open links may finish, idle ones are closed (FIN).

    What a rolling deployment does to a pool. As with `refuse`, only `start` and `for` may be given of the trigger.
    """

    name = "drain"
    streams = ("upstream", "downstream")
    closes_port = True

    idle: Annotated[Duration, Meta(description="A link on which nothing moves for so long is closed.")]

    def start(self, seat: Seat) -> Stage:
        """Start to wait for a pause of both streams."""
        return ended_when_idle(self.idle, "close", seat)
