"""One injection on one stream of one link: its stage, and what that returned and is not yet due."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...faults.segment import Seat, Segment, Stage
from .injection import Injection


class Waiting(NamedTuple):
    """A segment that is not yet due, and when what it was made of came; made up: an event of the stage's own."""

    came: float
    segment: Segment
    made_up: bool


class Lane:
    """One injection on one stream of one link; or, with a `begin` of its own stage, on one message."""

    __slots__ = ("alarm", "begin", "fault", "head", "inbox", "injection", "last", "lost", "pieces", "queue", "seat",
                 "stage", "taken")  # fmt: skip

    def __init__(self, injection: Injection, seat: Seat, begin: Callable[[Seat], Stage] | None = None) -> None:
        self.injection = injection
        self.seat = seat
        self.begin = begin
        self.queue: deque[Waiting] = deque()
        self.lost = False  # bytes or an end were thrown away
        self.pieces: Iterator[Segment] | None = None  # of the head, what the stage has still to cut
        self.head = Segment(0.0)
        self.taken = 0  # bytes of the head that were cut off
        self.inbox: deque[Segment] | None = None  # came while a head was being cut; a deque weighs 600 bytes
        self.start(-math.inf)

    def start(self, now: float) -> None:
        """Start the stage with the injection's settings; nothing leaves it as if before now."""
        self.fault = self.injection.spec.fault
        self.stage: Stage = (self.begin or self.fault.start)(self.seat)
        self.alarm = math.inf
        self.last = now

    def due(self) -> float:
        """Return when this lane has something to do."""
        return min(self.alarm, self.queue[0].segment.at) if self.queue else self.alarm
