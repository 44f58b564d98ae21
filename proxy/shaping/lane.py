"""One injection on one stream of one link: its stage, and the queue of what that returned and is not yet due.

    theory of operation

A lane passes on what is due to its `sink`: the next lane's `feed`, or the pipe's `_deliver`. Passing on may do
anything, even stop the pipe and close this lane; so whatever a method has still to do after a call of `sink` must look
at `closed` first. Moments within a lane never run back, so bytes keep their order under any jitter.

A stage that cuts (bandwidth, slicer, loss, drip) returns an iterator. Then the segment being cut is the `_source`,
`_cut_off` says how much of it was cut off, and one piece at a time is in the queue; what arrives meanwhile waits in the
`_inbox`, uncut. So a full lane is a few chunks and one piece, not a million pieces. The pieces must be the source's own
bytes in order: healing and changing put what was not passed on together again from `_cut_off`.

`waiting` is the number of bytes in queue, source and inbox. Every method that moves bytes in or out keeps it true; the
pipe reads it, and charges the budget for it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...faults.segment import Kind, Segment, Stage, StageContext
from ..system.clock import Clock
from .injection import Injection


class Queued(NamedTuple):
    """A segment that is not yet due, and when what it was made of came; made up: an event of the stage's own."""

    came: float
    segment: Segment
    made_up: bool


def nowhere(segment: Segment) -> None:
    """Take the place of a sink that is not there yet, or no more."""


class Lane:
    """One injection on one stream of one link; or, with a `begin` of its own stage, on one message.

    `lost`: bytes or an end were thrown away. `fault` are the settings with which the stage started.
    """

    __slots__ = (
        "_alarm", "_begin", "_clock", "_context", "_cut_off", "_inbox", "_last", "_pieces", "_queue", "_source",
        "_stage", "closed", "fault", "injection", "lost", "sink", "waiting",
    )  # fmt: skip

    _clock: Clock

    def __init__(
        self, injection: Injection, context: StageContext, begin: Callable[[StageContext], Stage] | None = None
    ) -> None:
        self.injection = injection
        self.sink: Callable[[Segment], None] = nowhere
        self.waiting = 0
        self.lost = False
        self.closed = False
        self._context = context
        self._begin = begin
        self._queue: deque[Queued] = deque()
        self._pieces: Iterator[Segment] | None = None  # of the source, what the stage has still to cut
        self._source = Segment(0.0)
        self._cut_off = 0  # bytes of the source that were cut off
        self._inbox: deque[Segment] | None = None  # made when it is needed: a deque weighs 600 bytes
        self._start(-math.inf)

    def _start(self, now: float) -> None:
        """Start the stage with the injection's settings; nothing leaves it as if before now."""
        self.fault = self.injection.spec.fault
        self._stage: Stage = (self._begin or self.fault.start)(self._context)
        self._alarm = math.inf
        self._last = now

    def open(self, clock: Clock) -> None:
        """Join a pipe, whose clock it is: the stage learns at once that it is OPEN."""
        self._clock = clock
        self.feed_uncounted(Segment(clock.time(), kind=Kind.OPEN))

    def due(self) -> float:
        """Return when this lane has something to do."""
        return min(self._alarm, self._queue[0].segment.at) if self._queue else self._alarm

    def feed(self, segment: Segment) -> None:
        """Take what the lane before this one, or the source, passes on."""
        if self.closed:
            return
        if segment.kind is Kind.DATA:
            self.injection.bytes += len(segment.data)
        self.feed_uncounted(segment)

    def feed_uncounted(self, segment: Segment) -> None:
        """Take a segment that is not counted: an event for the stage alone, or what was counted before."""
        if self.closed:
            return
        if (self._pieces is not None or self._inbox) and segment.kind not in (Kind.OPEN, Kind.ALARM):
            self._inbox = deque() if self._inbox is None else self._inbox
            self._inbox.append(segment)
            self.waiting += len(segment.data)
            return
        self._ask_stage(segment)
        self._cut()

    def run(self, now: float) -> None:
        """Pass on what is due, and call the stage if its alarm is."""
        while self._queue and self._queue[0].segment.at <= now:
            came, segment, _ = self._queue.popleft()
            self.waiting -= len(segment.data)
            if segment.kind is Kind.DATA:
                self.injection.tally.delays.observe(now - came)
            self.sink(segment)
            self._cut()
        if self._alarm <= now:
            at, self._alarm = self._alarm, math.inf
            self.feed_uncounted(Segment(at, kind=Kind.ALARM))

    def restart(self) -> None:
        """Start again with the injection's present settings; what waits is judged again, as of when it came."""
        now, waiting = self._clock.time(), self._emptied()
        self._start(now)
        self.feed_uncounted(Segment(now, kind=Kind.OPEN))
        for came, segment, _ in waiting:
            self.feed_uncounted(segment._replace(at=came))

    def release(self) -> None:
        """Pass on everything now, as when it is healed; a stream with a hole closes the link instead."""
        now = self._clock.time()
        for came, segment, _ in self._emptied():
            if segment.kind is Kind.DATA:
                self.injection.tally.delays.observe(now - came)
            self.sink(segment._replace(at=now))
        if self.lost:
            self.sink(Segment(now, kind=Kind.CLOSE))

    def close(self) -> None:
        """Drop what waits; nothing is passed on any more."""
        self.closed = True
        self._queue.clear()
        self._pieces = self._inbox = None
        self._alarm = math.inf
        self.waiting = 0

    def _ask_stage(self, segment: Segment) -> None:
        """Ask the stage what becomes of a segment."""
        out = self._stage(segment)
        if self.fault.discards and segment.kind not in (Kind.OPEN, Kind.ALARM):
            out = list(out)
            self.lost |= sum(len(each.data) for each in out) < len(segment.data) or not out
        if isinstance(out, Iterator):
            self._pieces, self._source, self._cut_off = out, segment, 0
            self.waiting += len(segment.data)
            return
        now = self._clock.time()
        for each in out:
            self._place(segment, each, now)

    def _cut(self) -> None:
        """Take the next piece of the source, and all that are due; then what came meanwhile."""
        while not self._queue and not self.closed:
            if self._pieces is not None:
                piece = next(self._pieces, None)
                if piece is None:
                    self._pieces = None
                else:
                    self._cut_off += len(piece.data)
                    self.waiting -= len(piece.data)
                    self._place(self._source, piece, self._clock.time())
            elif self._inbox:
                segment = self._inbox.popleft()
                self.waiting -= len(segment.data)
                self._ask_stage(segment)
            else:
                return

    def _place(self, source: Segment, each: Segment, now: float) -> None:
        """Pass on a segment that the stage made of `source`, or let it wait until it is due."""
        if self.closed:
            return
        if each.kind is Kind.ALARM:
            self._alarm = each.at
        elif each.kind is not Kind.OPEN:
            if each.at < self._last:
                each = each._replace(at=self._last)
            self._last = each.at
            if each.at <= now and not self._queue:
                self.sink(each)
            else:
                made_up = each.kind is not Kind.DATA and each.kind is not source.kind
                self._queue.append(Queued(source.at, each, made_up))
                self.waiting += len(each.data)

    def _emptied(self) -> list[Queued]:
        """Empty the lane, and return what is not of its stage's own making."""
        waiting, self._queue = self._queue, deque()
        if self._pieces is not None:  # what waits is the source's last piece: with the rest it is complete again
            rest = self._source.data[self._cut_off - sum(len(each.segment.data) for each in waiting) :]
            waiting = deque([Queued(self._source.at, self._source._replace(data=rest), False)] if rest else ())
        waiting.extend(Queued(segment.at, segment, False) for segment in self._inbox or ())
        self._pieces = self._inbox = None
        self._alarm = math.inf
        self.waiting = 0
        return [each for each in waiting if not each.made_up]
