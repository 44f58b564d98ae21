"""An end that comes late."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from ..fault import Fault
from ..segment import Kind, Segment, Stage, StageContext
from ..settings.units import Duration


class SlowClose(Fault, frozen=True):
    """Data passes at once, the end of the stream comes later."""

    name = "slow_close"
    acts_on_ends = True

    delay: Annotated[Duration, Meta(description="How much later the end comes.")]

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
