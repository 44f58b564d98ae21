"""Small messages pass, large ones vanish."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from ..fault import DEFAULT_BUFFER, Fault
from ..segment import Kind, Segment, Stage, StageContext
from ..settings.units import Size

PAUSE = 0.005
"""After a pause of this many seconds, or after an answer, the next byte begins another write."""


class PathMtu(Fault, frozen=True):
    """A hole in the path for large packets: the first bytes of a write pass, the rest and all behind it never comes.

    What a tunnel with a smaller MTU does where ICMP is filtered: log-in and health check work, the first large query
    or reply hangs for ever. A write is what a side sends before the other one answers or it pauses for 5 ms. Nothing is
    lost for good: healed, all of it arrives, as with TCP when the path is repaired.
    """

    name = "path_mtu"

    bytes: Annotated[Size, Meta(description="How much of each write passes.")] = Size(1400)

    def start(self, context: StageContext) -> Stage:
        """Start with a write of its own."""
        room, moved, heard = int(self.bytes), -math.inf, context.other.bytes
        stuck = False

        def stage(segment: Segment) -> Iterable[Segment]:
            nonlocal room, moved, heard, stuck
            at, data, kind = segment
            if kind is not Kind.DATA:
                return () if kind is Kind.OPEN else (segment,)
            if at - moved >= PAUSE or heard != context.other.bytes:
                room = self.bytes
            moved, heard = at, context.other.bytes
            if len(data) <= room and not stuck:
                room -= len(data)
                return (segment,)
            passing, stuck = b"" if stuck else data[:room], True
            parts = (Segment(at, passing), Segment(math.inf, data[len(passing) :]))
            return [part for part in parts if part.data]

        return stage

    def awaits(self) -> str:
        """Wait for a large write."""
        return f"a write of more than {self.bytes}"

    def queue_limit(self) -> int:
        """Return what a sender has under way before it waits for the acknowledgement."""
        return DEFAULT_BUFFER
