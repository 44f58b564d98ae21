"""Bytes that never come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from ..fault import Fault
from ..segment import Kind, Segment, Stage, StageContext
from ..settings.units import Duration


class Timeout(Fault, frozen=True):
    """Nothing arrives, neither data nor the end; after `timeout` the connection is closed (FIN).

    Without a timeout it is a black hole: silence until the reader gives up. That a client has left, the server learns.
    Healing closes the connections that lost bytes.
    """

    name = "timeout"
    discards = True

    timeout: Annotated[
        Duration | None, Meta(description="When the connection is closed, counted from its opening; none: never.")
    ] = None

    def start(self, context: StageContext) -> Stage:
        """Start the countdown."""

        def stage(segment: Segment) -> Iterable[Segment]:
            if segment.kind is Kind.ALARM:
                return (Segment(segment.at, kind=Kind.CLOSE),)
            if segment.kind is Kind.OPEN and self.timeout is not None:
                return (Segment(segment.at + self.timeout, kind=Kind.ALARM),)
            left = context.stream == "upstream" and segment.kind not in (Kind.DATA, Kind.OPEN)
            return (segment,) if left else ()

        return stage


class HalfOpen(Fault, frozen=True):
    """Both sides think that the connection is open and neither hears the other: no data, no FIN, no RST passes.

    What a firewall does that forgot an idle connection, or a failover that lost its table. Healing closes the
    connections that lost bytes.
    """

    name = "half_open"
    discards = True
    streams = ("upstream", "downstream")

    def start(self, context: StageContext) -> Stage:
        """Start to swallow everything."""
        return lambda segment: ()
