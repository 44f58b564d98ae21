"""Connections that end by age: those that were idle for too long, and those that lived for too long."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from msgspec import Meta

from ..fault import Fault
from ..segment import Kind, Segment, Stage, StageContext
from ..settings.units import Duration

How = Annotated[
    Literal["silent", "reset", "close"],
    Meta(description="How: nothing passes any more and nobody is told, both sides get an RST, or both get a FIN."),
]

_ENDS = {"reset": Kind.RESET, "close": Kind.CLOSE}


class IdleCut(Fault, frozen=True):
    """Cuts a connection after a time without traffic in either direction; by default neither side is told.

    The client sees nothing until it uses the connection again. Then it sees silence until its own timeout, a reset
    (`how=reset`) or an end of file (`how=close`).

    Use it for firewalls, NAT gateways and load balancers that forget idle connections. With an `idle` below the
    pool's own idle time it finds pools that hand out dead connections.
    """

    name = "idle_cut"
    discards = True
    streams = ("upstream", "downstream")

    idle: Annotated[Duration, Meta(description="How long nothing must have passed in either direction.")]
    how: How = "silent"

    def start(self, context: StageContext) -> Stage:
        """Start to wait for a pause of both streams."""
        return ended_when_idle(self.idle, self.how, context)

    def awaits(self) -> str:
        """Wait for silence."""
        return f"{self.idle} without traffic"


class MaxLifetime(Fault, frozen=True):
    """Cuts a connection when it reaches a maximum age, whatever it is doing.

    The client sees its connection end in the middle of its work: between two requests or within a reply.

    Use it for poolers and load balancers that close old connections. A pool whose own maximum lifetime is shorter
    never notices.
    """

    name = "max_lifetime"
    discards = True
    streams = ("upstream", "downstream")

    lifetime: Annotated[Duration, Meta(description="The age at which a connection is cut.")]
    how: How = "close"

    def start(self, context: StageContext) -> Stage:
        """Start the link's clock, once."""
        return _ended(
            self.how, context, lambda at: context.connection.setdefault("opened", at) + self.lifetime, moves=False
        )

    def awaits(self) -> str:
        """Wait for an age."""
        return f"a connection {self.lifetime} old"


def ended_when_idle(idle: float, how: str, context: StageContext) -> Stage:
    """Return a stage that ends the link when neither of its streams has moved for `idle` seconds."""
    return _ended(how, context, lambda at: context.connection.setdefault("moved", at) + idle, moves=True)


def _ended(how: str, context: StageContext, due: Callable[[float], float], *, moves: bool) -> Stage:
    """Return a stage that ends the link at `due(now)`, which is asked again when that moment has come.

    Both streams have one, over the same `context.connection`: `moved` is when either last moved, `cut` is set by a
    silent end.
    """
    state = context.connection

    def stage(segment: Segment) -> Iterable[Segment]:
        at, _, kind = segment
        if kind is Kind.OPEN or kind is Kind.ALARM:
            if "cut" in state:
                return ()
            if kind is Kind.OPEN or due(at) > at:
                return (Segment(max(at, due(at)), kind=Kind.ALARM),)
            if how in _ENDS:
                return (Segment(at, kind=_ENDS[how]),)
            state["cut"] = at
            return ()
        if "cut" in state:
            return ()
        if moves:
            state["moved"] = at
        return (segment,)

    return stage
