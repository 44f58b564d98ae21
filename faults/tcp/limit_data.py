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

    The client sees exactly `bytes` bytes and then a clean end of file, perhaps in the middle of a reply.

    Use it for replies that are cut off at an exact place, and for a connection that may carry only so much. The
    count starts with the fault, and a change of the limit keeps it.
    """

    name = "limit_data"
    discards = True

    bytes: Annotated[Size, Meta(description="How many bytes pass; with 0 the first one closes the connection.")]

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
