"""Bytes that come slowly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Annotated

from msgspec import Meta

from ..fault import DEFAULT_BUFFER, Fault
from ..segment import Kind, Segment, Stage, StageContext
from ..settings.units import Rate, Size

PIECE = 0.02
"""A paced stage cuts into pieces of at most this many seconds of its rate."""
GAP = 0.005
"""A pause below this many seconds is ignored: a resumed source sends a moment late, and the rate makes up for it."""


class Bandwidth(Fault, frozen=True):
    """Limits the throughput to a steady number of bytes per second, as a slow network does.

    The client sees long replies trickle in. Short replies are hardly later than before. With a rate of 0 nothing
    arrives until the rate is changed or the fault is healed.

    Use it to find out what large replies, uploads and streams do on a thin line, and to make a server stall without
    losing a byte.
    """

    name = "bandwidth"

    rate: Annotated[Rate, Meta(description="Bytes or bits per second; 0 stalls.")]
    burst: Annotated[Size, Meta(description="How many bytes pass at once after a pause.")] = Size(0)
    buffer: Annotated[Size, Meta(description="How much may wait before the sender is slowed down.")] = DEFAULT_BUFFER
    shared: Annotated[bool, Meta(description="One rate for all connections together, instead of one for each.")] = False

    def start(self, context: StageContext) -> Stage:
        """Start with a full bucket of `burst` bytes."""
        rate = float(self.rate)
        credit = self.burst / rate if rate else 0.0
        piece = max(1, int(rate * PIECE)) if rate else 1 << 30
        book = context.shared if self.shared else {}  # "free": when the link has sent what it has taken so far
        opened = -math.inf

        def stage(segment: Segment) -> Iterable[Segment]:
            nonlocal opened
            at, data, kind = segment
            if kind is Kind.OPEN:
                opened = at
                return ()
            if kind is not Kind.DATA:
                return (segment,)
            if at - book.get("free", -math.inf) > max(credit, GAP):
                book["free"] = max(at, opened) - credit  # what waited since before is not sent as if before
            return pieces(at, data)

        def pieces(at: float, data: bytes) -> Iterator[Segment]:
            for start in range(0, len(data), piece):
                part = data[start : start + piece]
                book["free"] = book.get("free", at) + (len(part) / rate if rate else math.inf)
                yield Segment(max(at, book["free"]), part)

        return stage

    def awaits(self) -> str:
        """Wait for more than the rate lets pass."""
        return f"traffic faster than {self.rate}"

    def queue_limit(self) -> int:
        """Return the length of the queue before the slow link."""
        return self.buffer
