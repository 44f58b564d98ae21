"""The faults of one stream of one link, in a row, over one timer.

    source -> [ latency | queue ] -> [ bandwidth | queue ] -> outbox -> sink

    theory of operation

Each injection has a lane, in the order of injecting. The pipe moves segments: `_drain()` pulls from a lane and puts
into the next one, until nothing more is due; the last lane's are delivered. It walks in a loop, so the number of lanes
is no depth of calls. One timer stands at the earliest moment of all lanes. When it rings, the lanes nearest to the sink
go first, so nothing overtakes.

The pipe owns the timer, the outbox and what is charged to the budget; the lanes own their queues. Whatever feeds,
changes or runs it ends in `_settle()`, which sets the timer, charges the budget, and tells the source whether there is
room. A call of the sink may stop the pipe, or change its lanes: after each one `_drain()` looks whether it still is at
work on the present lanes (`lanes` is never changed in place), and what it leaves behind is due at once.

What is through all lanes while the sink is blocked waits in the `outbox`. Only RESET and CLOSE, the ends of the
link, send all of it at once: they must not wait for a peer that does not read.

A lane's limit is for what waits in that lane: bytes that another one delays, or that are behind it, do not fill a
queue that they are not in. The lanes without a limit and the outbox share the limit of the pipe.

That a turn begins enters the pipe in front of the turn's own bytes, if a lane acts on single turns, and goes no further
than the last lane. A lane that joins learns how many beginnings are still ahead of it (`_turns_inside`): it has not met
those turns.

* heal: what waits in a lane goes into the next one at once, in order, but for the events that its stage made up;
* change: the stage starts again, and what waits goes through it with the times at which it came.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping

from ...faults.segment import Kind, Segment
from ..system.clock import Clock, Timer
from .budget import LIMITS, Budget, Limits
from .injection import Hit, Injection
from .lane import DATA, TURN, Lane
from .turn_lane import TurnLane


def _nowhere(segment: Segment) -> None:
    """Take the place of the sink of a pipe that has stopped."""


class Pipe:
    """The lanes of one stream; `sink` takes what is due, `throttle(True)` asks the source to pause."""

    __slots__ = ("_budget", "_charged", "_clock", "_due", "_limits", "_sink", "_throttle", "_timer",
                 "_turns_inside", "blocked", "full", "lanes", "outbox", "outbox_bytes", "stopped",
                 "turn_lanes")  # fmt: skip

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
        self.turn_lanes: list[TurnLane] = []  # of them, those that act on single turns
        self._turns_inside = 0  # beginnings of turns that are not through with all lanes
        self.full = False
        self.stopped = False
        self.blocked = False  # the sink asked for a pause
        self.outbox: deque[Segment] | None = None  # through with all lanes, while the sink is blocked
        self.outbox_bytes = 0

    @property
    def waiting(self) -> int:
        """How many bytes wait in the lanes."""
        return sum(lane.waiting for lane in self.lanes)

    @property
    def lost_end(self) -> bool:
        """Whether the end of the stream was thrown away."""
        return any(lane.lost_end for lane in self.lanes)

    def feed(self, data: bytes = b"", kind: Kind = DATA) -> None:
        """Take what the source read."""
        now = self._clock.time()
        self._enter(0, Segment(now, data, kind), now)
        self._settle()

    def begin_turn(self, drawn: Mapping[Injection, Hit | None]) -> None:
        """Take that a turn begins, and who chose it: what comes from now on is its part of the stream."""
        if not self.turn_lanes:
            return
        now = self._clock.time()
        for lane in self.turn_lanes:
            lane.announce(drawn[lane.injection])
        self._turns_inside += 1
        self._enter(0, Segment(now, kind=TURN), now)
        self._settle()

    def join(self, lane: Lane) -> None:
        """Add a lane at the sink's end; its stage learns at once that it is OPEN."""
        now = self._clock.time()
        if isinstance(lane, TurnLane):
            lane.expect(self._turns_inside)
        self._set_lanes([*self.lanes, lane])
        lane.open(now)
        self._drain(len(self.lanes) - 1, now)
        self._settle()

    def heal(self, injection: Injection) -> None:
        """Take a lane out; what waits in it goes on at once. A lane that lost bytes closes the link instead."""
        index, now = self._index(injection), self._clock.time()
        if index is None:
            return
        lane = self.lanes[index]
        self._set_lanes([each for each in self.lanes if each is not lane])
        for came, segment, _ in lane.empty(now):
            if segment.kind is DATA:
                injection.tally.delays.observe(now - came)
            self._enter(index, segment._replace(at=now), now)
        if lane.lost:
            self._enter(index, Segment(now, kind=Kind.CLOSE), now)
        self._settle()

    def change(self, injection: Injection) -> None:
        """Start a lane again with its injection's settings; what waits in it is judged again."""
        index, now = self._index(injection), self._clock.time()
        if index is None:
            return
        self.lanes[index].restart(now)
        self._drain(index, now)
        self._settle()

    def block(self, blocked: bool) -> None:
        """Learn that the sink asked for a pause, or took it back."""
        self.blocked = blocked
        while self.outbox and not self.blocked:
            self._send(self.outbox)
        self._settle()

    def stop(self) -> None:
        """Drop what waits. No call reaches the sink any more, nor does the pipe keep it alive."""
        self.stopped = True
        self._sink = _nowhere
        for lane in self.lanes:
            lane.close()
        self._set_lanes([])
        self.outbox = None
        self.outbox_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
        self._budget.forget(self._settle)
        self._budget.charge(-self._charged)
        self._charged = 0

    def _set_lanes(self, lanes: list[Lane]) -> None:
        self.lanes = lanes
        self.turn_lanes = [lane for lane in lanes if isinstance(lane, TurnLane)]

    def _enter(self, index: int, segment: Segment, now: float) -> None:
        """Put a segment into the lane of that index, or deliver it if there is none; move on what is due."""
        if index < len(self.lanes):
            self.lanes[index].put(segment, now)
            self._drain(index, now)
        else:
            self._deliver(segment)

    def _drain(self, first: int, now: float) -> None:
        """Move what is due in the lane of that index through all lanes behind it."""
        lanes, index = self.lanes, first
        while lanes is self.lanes:
            segment = lanes[index].pull(now)
            if segment is None:
                if index == first:
                    return
                index -= 1
            elif index + 1 < len(lanes):
                index += 1
                lanes[index].put(segment, now)
            else:
                self._deliver(segment)

    def _deliver(self, segment: Segment) -> None:
        """Take what is through with all lanes."""
        if segment.kind is TURN:
            self._turns_inside -= 1
            return
        if self.stopped:
            return
        if not self.blocked and not self.outbox:
            if segment.kind is not DATA:
                self._credit_end()
            self._sink(segment)
            return
        self.outbox = deque() if self.outbox is None else self.outbox
        self.outbox.append(segment)
        self.outbox_bytes += len(segment.data)
        if segment.kind in (Kind.RESET, Kind.CLOSE):  # the end of the link does not wait for a peer that does not read
            while self.outbox:
                self._send(self.outbox)

    def _send(self, outbox: deque[Segment]) -> None:
        segment = outbox.popleft()
        self.outbox_bytes -= len(segment.data)
        if segment.kind is not DATA:
            self._credit_end()
        self._sink(segment)

    def _credit_end(self) -> None:
        """Tell the fault that has made up the end which is delivered, if one has."""
        maker = next((lane for lane in self.lanes if lane.end_left), None)
        if maker is not None:
            maker.end_delivered()

    def _run(self) -> None:
        """Move on what is due; the lanes nearest the sink first, so that nothing overtakes."""
        self._timer, self._due = None, math.inf
        now, lanes = self._clock.time(), self.lanes
        for index in reversed(range(len(lanes))):
            if lanes[index].due() > now:
                continue
            self._drain(index, now)
            if lanes is self.lanes:
                lanes[index].ring(now)
                self._drain(index, now)
            if lanes is not self.lanes:
                break
        self._settle()

    def _index(self, injection: Injection) -> int | None:
        """Return the place of an injection's lane; None for one of the other stream."""
        return next((index for index, lane in enumerate(self.lanes) if lane.injection is injection), None)

    def _settle(self) -> None:
        """Set the timer to the next due moment and the source to what there is room for."""
        if self.stopped:
            return
        due, held, unlimited = math.inf, self.outbox_bytes, self.outbox_bytes
        part = 2 if self.full else 1  # once full, wait until half of it is free
        full = False
        for lane in self.lanes:
            waiting, its_due = lane.waiting, lane.due()
            if its_due < due:
                due = its_due
            if not waiting:
                continue
            held += waiting
            if lane.limit is None:
                unlimited += waiting
            elif waiting > lane.limit // part:
                full = True
        if due < self._due:
            if self._timer is not None:
                self._timer.cancel()
            self._due = due
            self._timer = self._clock.call_at(due, self._run)
        if held != self._charged:
            difference, self._charged = held - self._charged, held
            self._budget.charge(difference)
        poor = self._budget.overdrawn and held > self._limits.least
        if poor:
            self._budget.call_when_free(self._settle)
        full = full or poor or unlimited > self._limits.pipe // part
        if full is not self.full:
            self.full = full
            self._throttle(full)
