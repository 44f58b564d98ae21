"""Bytes that never come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from ..fault import Fault
from ..segment import Kind, Segment, Stage, StageContext
from ..settings.units import Duration


class Timeout(Fault, frozen=True):
    """Swallows everything, data and ends alike; after `timeout` the connection is closed (FIN).

    The client sees silence until its own timeout. If `timeout` comes first, it sees an end of file.

    Use it for a server that does the work and whose reply never arrives: the server gets the requests, and learns
    that the client has left. Healing closes the connections that lost bytes.
    """

    name = "timeout"
    discards = True

    timeout: Annotated[
        Duration | None,
        Meta(description="How long after its opening the connection is closed; none: never."),
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
    """Passes nothing in either direction while both sides believe that the connection is open: no data, no FIN, no RST.

    The client sees silence. Its requests do not arrive, and the server never learns that the client has closed or
    reset the connection.

    Use it for a firewall that forgot the connection, or a failover that lost its table. Healing closes the
    connections that lost bytes.
    """

    name = "half_open"
    discards = True
    streams = ("upstream", "downstream")

    def start(self, context: StageContext) -> Stage:
        """Start to swallow everything."""
        return lambda segment: ()
