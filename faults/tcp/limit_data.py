"""A stream that ends after a number of bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from ..fault import Fault
from ..segment import Kind, Segment, Stage, StageContext
from ..settings.units import Size


class LimitData(Fault, frozen=True):
    """Closes the connection (FIN) once a number of bytes has passed; what comes after them is lost.

    The count outlives a change: a raised limit lets pass what is missing, a lowered one closes on the next byte.
    """

    name = "limit_data"
    discards = True

    bytes: Annotated[Size, Meta(description="How many bytes pass; 0 closes on the first one.")]

    def start(self, context: StageContext) -> Stage:
        """Start with the count of this stream."""
        state = context.state

        def stage(segment: Segment) -> Iterable[Segment]:
            at, data, kind = segment
            if kind is not Kind.DATA:
                return () if kind is Kind.OPEN else (segment,)
            passed = int(state.get("passed", 0))
            part = data[: max(0, self.bytes - passed)]
            state["passed"] = passed + len(part)
            end = (Segment(at, kind=Kind.CLOSE),) if state["passed"] >= self.bytes else ()
            return (Segment(at, part), *end) if part else end

        return stage

    def awaits(self) -> str:
        """Wait for bytes."""
        return f"{self.bytes} of the stream" if self.bytes else ""
