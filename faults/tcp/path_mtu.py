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
    """Lets small messages pass and swallows large ones, as a path does whose MTU is too small.

    The client sees login and short replies work. The first long reply never comes, and everything behind it on
    that connection waits as well. When the fault is healed, all of it arrives.

    Use it for tunnels and VPNs that drop large packets while ICMP is filtered. With `--stream upstream` it is long
    requests that never arrive.
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
