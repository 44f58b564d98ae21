"""The faults of one stream of one link, in a row, over one timer.

    source -> [ latency | queue ] -> [ bandwidth | queue ] -> sink

Each injection has a lane: its stage, and the queue of what that returned and is not yet due. Due times never run back
within a lane, so the order of bytes survives any jitter. Two rules keep live switching simple:

* heal: what waits in the lane goes into the next one at once, in order, but for the events that its stage made up;
* change: the stage starts anew, and what waits goes through it with the times at which it came.

A stage that cuts is asked for one piece at a time: the segment that is being cut is the lane's `head`, and what comes
meanwhile waits in its `inbox`, uncut.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator

from ...faults.segment import Kind, Segment
from ..system.clock import Clock, Timer
from .budget import LIMITS, Budget, Limits
from .injection import Injection
from .lane import Lane, Waiting


class Pipe:
    """The lanes of one stream; `sink` takes what is due, `throttle(True)` asks the source to pause."""

    __slots__ = ("_budget", "_charged", "_clock", "_due", "_limits", "_sink", "_throttle", "_timer",
                 "blocked", "ended", "full", "lanes", "limit", "outbox", "stuck", "waiting")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        sink: Callable[[Segment], None],
        throttle: Callable[[bool], None] = lambda full: None,
        budget: Budget | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        self._clock = clock
        self._sink = sink
        self._throttle = throttle
        self._limits = limits
        self._budget = budget or Budget(limits.total)
        self._charged = 0
        self._timer: Timer | None = None
        self._due = math.inf
        self.lanes: list[Lane] = []
        self.limit = limits.pipe
        self.waiting = 0
        self.full = False
        self.ended = False
        self.blocked = False  # the sink asked for a pause
        self.outbox: deque[Segment] | None = None  # through with all lanes, while the sink takes no more
        self.stuck = 0  # bytes in it

    def feed(self, data: bytes = b"", kind: Kind = Kind.DATA) -> None:
        """Take what the source read."""
        self._push(0, Segment(self._clock.time(), data, kind))
        self._settle()

    def join(self, lane: Lane) -> None:
        """Add a lane at the sink's end; its stage learns at once that it is OPEN."""
        self.lanes.append(lane)
        self._measure()
        self._enter(len(self.lanes) - 1, Segment(self._clock.time(), kind=Kind.OPEN))
        self._settle()

    def heal(self, injection: Injection) -> None:
        """Take a lane out; what waits in it goes on at once. A lane that lost bytes closes the link instead."""
        index, now = self._index(injection), self._clock.time()
        if index is None:
            return
        lane = self.lanes.pop(index)
        self._measure()
        for came, segment, _ in self._emptied(lane):
            if segment.kind is Kind.DATA:
                injection.tally.delays.observe(now - came)
            self._push(index, segment._replace(at=now))
        if lane.lost:
            self._push(index, Segment(now, kind=Kind.CLOSE))
        self._settle()

    def change(self, injection: Injection) -> None:
        """Start a lane anew with its injection's settings; what waits in it is judged anew."""
        index, now = self._index(injection), self._clock.time()
        if index is None:
            return
        waiting = self._emptied(self.lanes[index])
        self.lanes[index].start(now)
        self._measure()
        self._enter(index, Segment(now, kind=Kind.OPEN))
        for came, segment, _ in waiting:
            self._enter(index, segment._replace(at=came))
        self._settle()

    def block(self, blocked: bool) -> None:
        """Learn that the sink asked for a pause, or took it back."""
        self.blocked = blocked
        while self.outbox and not self.blocked:
            self._send(self.outbox)
        self._settle()

    def end(self) -> None:
        """Stop; what waits is dropped. No call reaches the sink any more."""
        self.ended = True
        for lane in self.lanes:
            lane.queue.clear()
            lane.pieces = lane.inbox = None
            lane.alarm = math.inf
        self.lanes.clear()
        self.outbox = None
        self.waiting = self.stuck = 0
        if self._timer is not None:
            self._timer.cancel()
        self._budget.forget(self._settle)
        self._budget.charge(-self._charged)
        self._charged = 0

    def _push(self, index: int, segment: Segment) -> None:
        """Give a segment to the lane of that index, or to the sink behind the last one."""
        if self.ended:
            return
        if index < len(self.lanes):
            if segment.kind is Kind.DATA:
                self.lanes[index].injection.bytes += len(segment.data)
            self._enter(index, segment)
            return
        if not self.blocked and not self.outbox:
            self._sink(segment)
            return
        self.outbox = deque() if self.outbox is None else self.outbox
        self.outbox.append(segment)
        self.stuck += len(segment.data)
        if segment.kind in (Kind.RESET, Kind.CLOSE):  # the end of the link does not wait for a peer that does not read
            while self.outbox:
                self._send(self.outbox)

    def _send(self, outbox: deque[Segment]) -> None:
        segment = outbox.popleft()
        self.stuck -= len(segment.data)
        self._sink(segment)

    def _enter(self, index: int, segment: Segment) -> None:
        if self.ended:
            return
        lane = self.lanes[index]
        if (lane.pieces is not None or lane.inbox) and segment.kind not in (Kind.OPEN, Kind.ALARM):
            lane.inbox = deque() if lane.inbox is None else lane.inbox
            lane.inbox.append(segment)
            self.waiting += len(segment.data)
            return
        self._judge(index, lane, segment)
        self._cut(index, lane)

    def _judge(self, index: int, lane: Lane, segment: Segment) -> None:
        """Ask a lane's stage what becomes of a segment."""
        out = lane.stage(segment)
        if lane.fault.discards and segment.kind not in (Kind.OPEN, Kind.ALARM):
            out = list(out)
            lane.lost |= sum(len(each.data) for each in out) < len(segment.data) or not out
        if isinstance(out, Iterator):
            lane.pieces, lane.head, lane.taken = out, segment, 0
            self.waiting += len(segment.data)
            return
        now = self._clock.time()
        for each in out:
            self._place(index, lane, segment, each, now)

    def _cut(self, index: int, lane: Lane) -> None:
        """Take the next piece of what a lane cuts, and all that are due; then what came meanwhile."""
        while not lane.queue and not self.ended:
            if lane.pieces is not None:
                piece = next(lane.pieces, None)
                if piece is None:
                    lane.pieces = None
                else:
                    lane.taken += len(piece.data)
                    self.waiting -= len(piece.data)
                    self._place(index, lane, lane.head, piece, self._clock.time())
            elif lane.inbox:
                segment = lane.inbox.popleft()
                self.waiting -= len(segment.data)
                self._judge(index, lane, segment)
            else:
                return

    def _place(self, index: int, lane: Lane, source: Segment, each: Segment, now: float) -> None:
        """Let a segment that a stage made of `source` go on, or wait until it is due."""
        if each.kind is Kind.ALARM:
            lane.alarm = each.at
        elif each.kind is not Kind.OPEN:
            if each.at < lane.last:
                each = each._replace(at=lane.last)
            lane.last = each.at
            if each.at <= now and not lane.queue:
                self._push(index + 1, each)
            else:
                made_up = each.kind is not Kind.DATA and each.kind is not source.kind
                lane.queue.append(Waiting(source.at, each, made_up))
                self.waiting += len(each.data)

    def _run(self) -> None:
        """Move on what is due; the lanes nearest the sink first, so that nothing overtakes."""
        self._timer, self._due = None, math.inf
        now = self._clock.time()
        for index in reversed(range(len(self.lanes))):
            lane = self.lanes[index]
            while lane.queue and lane.queue[0].segment.at <= now:
                came, segment, _ = lane.queue.popleft()
                self.waiting -= len(segment.data)
                if segment.kind is Kind.DATA:
                    lane.injection.tally.delays.observe(now - came)
                self._push(index + 1, segment)
                self._cut(index, lane)
            if lane.alarm <= now:
                at, lane.alarm = lane.alarm, math.inf
                self._enter(index, Segment(at, kind=Kind.ALARM))
            if self.ended:
                return
        self._settle()

    def _index(self, injection: Injection) -> int | None:
        """Return the place of an injection's lane; None for one of the other stream."""
        return next((index for index, lane in enumerate(self.lanes) if lane.injection is injection), None)

    def _emptied(self, lane: Lane) -> list[Waiting]:
        """Empty a lane's queue and return what is not of its stage's own making."""
        waiting, lane.queue = lane.queue, deque()
        if lane.pieces is not None:  # what waits is the head's last piece: with the rest it is whole again
            rest = lane.head.data[lane.taken - sum(len(each.segment.data) for each in waiting) :]
            waiting = deque([Waiting(lane.head.at, lane.head._replace(data=rest), False)] if rest else ())
        waiting.extend(Waiting(segment.at, segment, False) for segment in lane.inbox or ())
        lane.pieces = lane.inbox = None
        self.waiting -= sum(len(each.segment.data) for each in waiting)
        return [each for each in waiting if not each.made_up]

    def _measure(self) -> None:
        named = [limit for lane in self.lanes if (limit := lane.fault.queue_limit()) is not None]
        self.limit = min(named, default=self._limits.pipe)

    def _settle(self) -> None:
        """Set the timer to the next due moment and the source to what there is room for."""
        if self.ended:
            return
        due = min((lane.due() for lane in self.lanes), default=math.inf)
        if due < self._due:
            if self._timer is not None:
                self._timer.cancel()
            self._due = due
            self._timer = self._clock.call_at(due, self._run)
        held = self.waiting + self.stuck
        if held != self._charged:
            difference, self._charged = held - self._charged, held
            self._budget.charge(difference)
        room = self.limit // 2 if self.full else self.limit  # once full, wait until half of it is free
        poor = self._budget.overdrawn and held > self._limits.least
        if poor:
            self._budget.tell(self._settle)
        if (full := held > room or poor) is not self.full:
            self.full = full
            self._throttle(full)
