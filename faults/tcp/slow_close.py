"""An end that comes late."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from ..fault import Fault
from ..segment import Kind, Segment, Stage, StageContext
from ..settings.units import Duration


class SlowClose(Fault, frozen=True):
    """Passes data at once and delays the end of the connection.

    The client sees its whole reply, and then waits for the end.

    Use it for code that reads until the end of file, and for pools that wait for a close.
    """

    name = "slow_close"
    acts_on_ends = True

    delay: Annotated[Duration, Meta(description="How late the end comes.")]

    def start(self, context: StageContext) -> Stage:
        """Start; only the end is touched."""

        def stage(segment: Segment) -> Iterable[Segment]:
            at, data, kind = segment
            if kind is Kind.EOF or kind is Kind.CLOSE:
                return (Segment(at + self.delay, data, kind),)
            return () if kind is Kind.OPEN else (segment,)

        return stage

    def awaits(self) -> str:
        """Wait for an end."""
        return "the end of the stream"
