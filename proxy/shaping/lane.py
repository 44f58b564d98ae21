"""One injection on one stream of one link: its stage, and the queue of what that returned and is not yet due.

    put() -> [ inbox ] -> stage -> [ queue ] -> pull()

    theory of operation

A lane calls nobody but its stage: the pipe puts segments in, and pulls out what is due. So nothing can happen under a
lane's feet, and a test needs no pipe.

`pull()` takes from the front of the queue. Moments within a lane never run back, so bytes keep their order under any
jitter; what is not due yet holds back everything behind it. What is due when the stage returns it, with nothing before
it, is `_ready` and not in the queue: most segments are.

A stage that cuts (bandwidth, slicer, loss, drip) returns an iterator. Then the segment being cut is the `_source`, and
a piece is taken only when the queue is empty, so of the source at most one piece waits there, and only after all that
came before. What arrives meanwhile waits in the inbox, uncut: a full lane is a few chunks and one piece, not a million
pieces. The pieces must be the source's own bytes in order, for healing and changing put the rest of it together again:
what waits of it, and what is behind `_cut_off`.

A lane fires when a peer could notice what it does: once, by the call that it was given. That is when a changed or
shorter piece is due, when bytes or an end were thrown away, when either has been held for `NOTICEABLE` (`_noticed_at`,
for which the pipe rings), and when an end that the stage made up is delivered, of which the pipe knows (`end_left`).
A late or swallowed end does not count once the client's own end has come, and one that the stage made up not once both
have, for then nobody waits for it.

That a turn begins (TURN) is told from lane to lane, in its place among the bytes. No stage is asked. Only a lane whose
fault acts on single turns does more then: see `turn_lane.py`.

`waiting` is the number of bytes in all of these. Every method that moves bytes in or out keeps it true; the pipe reads
it, and charges the budget for it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...faults.segment import Kind, Segment, Stage, StageContext
from .injection import Injection

OPEN, DATA, ALARM, TURN = Kind.OPEN, Kind.DATA, Kind.ALARM, Kind.TURN
"""Kept here since every segment is compared with them: to look into an Enum takes longer than to compare."""
AT_ONCE = 0.0
"""A moment that has passed on every clock."""
NOTICEABLE = 0.000_099_9
"""Seconds by which bytes must be late for a peer to notice: 0.1 ms, less what a float may lose."""


class Queued(NamedTuple):
    """A segment that waits, and when what it was made of came; made up: an event of the stage's own."""

    came: float
    segment: Segment
    made_up: bool


class Lane:
    """One injection on one stream of one link; or, with a `begin` of its own stage, on one message.

    `fired` is called when it has done what a peer could notice, at most once; `ends_seen` says how many of the two
    streams have ended, the client's first. `lost`: bytes or an end were thrown away; `lost_end`: an end was, or waits
    until healing. `end_left`: an end that the stage made up has left. `fault` are the settings with which the stage
    started, `limit` is how many bytes may wait for it, None where the pipe's own limit counts.
    """

    __slots__ = (
        "_alarm", "_begin", "_context", "_cut_off", "_ends_seen", "_fired", "_inbox", "_last", "_noticed_at",
        "_pieces", "_queue", "_ready", "_source", "_stage", "end_left", "fault", "injection", "limit", "lost",
        "lost_end", "waiting",
    )  # fmt: skip

    def __init__(
        self,
        injection: Injection,
        context: StageContext,
        begin: Callable[[StageContext], Stage] | None = None,
        *,
        fired: Callable[[], None] | None = None,
        ends_seen: Callable[[], int] = lambda: 0,
    ) -> None:
        self.injection = injection
        self.waiting = 0
        self.lost = self.lost_end = self.end_left = False
        self._fired = fired  # None once it was called
        self._ends_seen = ends_seen
        self._noticed_at = math.inf
        self._context = context
        self._begin = begin
        self._ready: Segment | None = None
        self._queue: deque[Queued] = deque()
        self._pieces: Iterator[Segment] | None = None  # of the source, what the stage has still to cut
        self._source = Segment(0.0)
        self._cut_off: int | None = None  # bytes of the source that were cut off; None before the first piece
        self._inbox: deque[Segment] | None = None  # made when it is needed: a deque weighs 600 bytes
        self._start(-math.inf)

    def _start(self, now: float) -> None:
        """Start the stage with the injection's settings; nothing leaves it as if before now."""
        self.fault = self.injection.spec.fault
        self.limit = self.fault.queue_limit()
        self._stage: Stage = (self._begin or self.fault.start)(self._context)
        self._alarm = math.inf
        self._last = now

    def open(self, now: float) -> None:
        """Let the stage know that it has joined a pipe."""
        self._ask_stage(Segment(now, kind=OPEN), now)

    def fire(self) -> None:
        """Tell that a peer could notice it, the first time."""
        fired, self._fired, self._noticed_at = self._fired, None, math.inf
        if fired is not None:
            fired()

    def end_delivered(self) -> None:
        """Take that an end which the stage made up is delivered; where both peers had ended nobody waits for it."""
        self.end_left = False
        if self._ends_seen() < 2:
            self.fire()

    def notice(self, now: float) -> None:
        """Fire if something has been held for long enough."""
        if self._noticed_at <= now:
            self.fire()

    def put(self, segment: Segment, now: float) -> None:
        """Take what the lane before this one, or the source of the stream, passes on."""
        if segment.kind is DATA:
            self.injection.bytes += len(segment.data)
        if self._pieces is None and not self._inbox:
            self._ask_stage(segment, now)
        else:
            self._take(segment, now)

    def pull(self, now: float) -> Segment | None:
        """Pass on the next segment that is due; None if there is none."""
        if self._noticed_at <= now:
            self.fire()
        while True:
            if self._ready is not None:
                segment, self._ready = self._ready, None
                self.waiting -= len(segment.data)
                return segment
            if self._queue:
                if self._queue[0].segment.at > now:
                    return None
                came, segment, made_up = self._queue.popleft()
                self.waiting -= len(segment.data)
                self.end_left |= made_up
                if segment.at > came and segment.kind is DATA:
                    self.injection.tally.delays.observe(now - came)
                return segment
            if self._pieces is not None:
                piece = next(self._pieces, None)
                if piece is None:
                    self._pieces = self._cut_off = None
                else:
                    self._cut_off = (self._cut_off or 0) + len(piece.data)
                    self.waiting -= len(piece.data)
                    self._place(self._source, piece, now)
            elif self._inbox:
                segment = self._inbox.popleft()
                self.waiting -= len(segment.data)
                self._ask_stage(segment, now)
            else:
                return None

    def ring(self, now: float) -> None:
        """Call the stage if its alarm is due, and fire if something was held for long enough."""
        self.notice(now)
        if self._alarm <= now:
            at, self._alarm = self._alarm, math.inf
            self._ask_stage(Segment(at, kind=ALARM), now)

    def due(self) -> float:
        """Return when there is something to pull, or to ring."""
        if self._ready is not None:
            return AT_ONCE
        if self._queue:
            return min(self._alarm, self._noticed_at, self._queue[0].segment.at)
        return AT_ONCE if self._pieces is not None or self._inbox else self._alarm

    def restart(self, now: float) -> None:
        """Start again with the injection's present settings; what waits is judged again, as of when it came."""
        waiting = self.empty(now)
        self._start(now)
        self.open(now)
        for came, segment, _ in waiting:
            self._take(segment._replace(at=came), now)

    def empty(self, now: float) -> list[Queued]:
        """Take out all that waits, in order and uncut, but for the events that the stage made up."""
        self.notice(now)
        waiting = [*self._queue]
        if self._ready is not None:
            waiting.insert(0, Queued(self._ready.at, self._ready, made_up=False))
        if self._pieces is not None:
            source, rest = self._source, self._source.data
            if self._cut_off is not None:  # so what waits is the last piece: with the rest it is complete again
                rest = rest[self._cut_off - sum(len(each.segment.data) for each in waiting) :]
                waiting = []
            if rest or self._cut_off is None:
                waiting.append(Queued(source.at, source._replace(data=rest), made_up=False))
        waiting.extend(Queued(segment.at, segment, made_up=False) for segment in self._inbox or ())
        self.close()
        return [each for each in waiting if not each.made_up]

    def close(self) -> None:
        """Drop all that waits."""
        self._queue.clear()
        self._ready = None
        self._pieces = self._inbox = self._cut_off = None
        self._alarm = self._noticed_at = math.inf
        self.waiting = 0

    def _take(self, segment: Segment, now: float) -> None:
        if self._pieces is None and not self._inbox:
            self._ask_stage(segment, now)
            return
        self._inbox = deque() if self._inbox is None else self._inbox
        self._inbox.append(segment)
        self.waiting += len(segment.data)

    def _enter_turn(self, segment: Segment, now: float) -> None:
        """Queue the beginning of a turn behind all that came before it."""
        self._place(segment, segment, now)

    def _ask_stage(self, segment: Segment, now: float) -> None:
        """Ask the stage what becomes of a segment."""
        if segment.kind is TURN:
            self._enter_turn(segment, now)
            return
        out = self._stage(segment)
        if self.fault.discards and segment.kind not in (OPEN, ALARM):
            out = list(out)
            if sum(len(each.data) for each in out) < len(segment.data) or not out:
                self.lost = True
                self.lost_end |= segment.kind is not DATA and not out
                if segment.kind is DATA or self._end_counts():
                    self.fire()
        if isinstance(out, Iterator):
            self._pieces, self._source, self._cut_off = out, segment, None
            self.waiting += len(segment.data)
            return
        for each in out:
            self._place(segment, each, now)

    def _place(self, source: Segment, each: Segment, now: float) -> None:
        """Queue a segment that the stage made of `source`, or set the alarm."""
        if each.kind is ALARM:
            self._alarm = each.at
        elif each.kind is not OPEN:
            if each.at < self._last:
                each = each._replace(at=self._last)
            self._last = each.at
            self.waiting += len(each.data)
            if each is not source and self._fired is not None:
                self._watch(source, each, now)
            made_up = False
            if each.kind is not DATA and each.kind is not TURN:
                made_up = each.kind is not source.kind
                self.lost_end |= each.at == math.inf
            if each.at <= now and self._ready is None and not self._queue and not made_up:
                self._ready = each
            else:
                self._queue.append(Queued(source.at, each, made_up))

    def _watch(self, source: Segment, each: Segment, now: float) -> None:
        """Find when a peer can notice what became of a segment, and fire if that has come."""
        late = each.at - source.at >= NOTICEABLE
        if each.kind is DATA:
            if not late and each.data == source.data:
                return
        elif each.kind is TURN or each.kind is not source.kind or not late or not self._end_counts():
            return
        self._noticed_at = min(self._noticed_at, source.at + NOTICEABLE if late else each.at)
        self.notice(now)

    def _end_counts(self) -> bool:
        """Say whether somebody waits for the end that has come, if it is late or is swallowed."""
        return self.fault.acts_on_ends or not self._ends_seen()
