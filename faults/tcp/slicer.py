"""Bytes that come in slices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated

from msgspec import Meta

from ...wire.errors import BrownoutError
from ..fault import Fault
from ..segment import Kind, Segment, Stage, StageContext
from ..settings.units import Duration, Size
from .noop import Noop


class Slicer(Fault, frozen=True):
    """Cuts the data into small pieces, so that one read no longer returns one message.

    The client sees its reads return less than a message.

    Use it to find code that takes one `recv()` for one reply. Give it a `delay` of some milliseconds, because
    without one the system may join the pieces again.
    """

    name = "slicer"
    acts_on_turns = True

    average_size: Annotated[Size, Meta(description="The mean size of a piece; 0 does not cut.")]
    size_variation: Annotated[Size, Meta(description="How much smaller or larger a piece may be.")] = Size(0)
    delay: Annotated[Duration, Meta(description="The pause after each piece.")] = Duration(0)

    def __post_init__(self) -> None:
        """Check that a slice has at least one byte."""
        super().__post_init__()
        if self.size_variation >= max(1, self.average_size):
            raise BrownoutError(
                f"slices of {self.average_size} varied by {self.size_variation} could be empty",
                "size_variation must be smaller than average_size",
            )

    def start(self, context: StageContext) -> Stage:
        """Start at a slice's first byte."""
        if not self.average_size:
            return Noop().start(context)
        smallest, choices = self.average_size - self.size_variation, 2 * self.size_variation + 1

        def size() -> int:
            return smallest + int(context.rng.random() * choices)

        return sliced(size, float(self.delay))

    def awaits(self) -> str:
        """Wait for more than a slice."""
        return f"more than {self.average_size} at a time" if self.average_size else ""


def sliced(size: Callable[[], int], pause: float) -> Stage:
    """Return a stage that cuts a stream into slices, each of the next size, with a pause after each."""
    left, free = size(), 0.0

    def stage(segment: Segment) -> Iterable[Segment]:
        at, data, kind = segment
        if kind is not Kind.DATA:
            return () if kind is Kind.OPEN else (segment,)
        return slices(at, data)

    def slices(at: float, data: bytes) -> Iterator[Segment]:
        nonlocal left, free
        start = 0
        while start < len(data):
            part = data[start : start + left]
            free = max(at, free)
            due = free
            start += len(part)
            left -= len(part)
            if not left:
                left, free = size(), free + pause
            yield Segment(due, part)

    return stage
