"""One injection that acts on single turns, on one stream of one link.

    theory of operation

A turn is what the two sides of a link make of bytes, whatever the protocol. It begins with the first byte that the
client sends after the server has spoken, or after the opening, and lasts until the next one begins. What the client
sends in it is its request, what the server sends in it is its reply. So:

* what a server sends before the client's first byte (a greeting) is before the first turn; what it sends unasked later
  belongs to the turn before;
* requests that are sent before the first byte of a reply are one turn;
* the round trips of a TLS handshake, or of a login, are turns like any other.

A server has spoken as soon as its bytes are read, or leave the conversation of a link that is parsed: not when a fault
of streams lets them go. So what a fault holds changes nothing about where turns begin.

`Link.begin_turn` has each injection draw, once for both streams, in the order in which turns begin. Then TURN goes down
both pipes, ahead of the request and behind the reply before: a mark at the place where the turn begins among the bytes.
A turn may begin while the reply to the one before is held, for a client may send on without waiting; several turns may
be under way within one lane. `_turns` has them all, from the one whose bytes leave the lane next to the last one that
was drawn, None for one that is not chosen. `_arrived` is the one whose bytes are put in, `_entered` the one whose bytes
the stage is asked about, which is behind where the stage cuts. A turn leaves with the mark of the next one.

A lane that joins has not met the turn that is under way, nor those whose marks are still on their way through the lanes
ahead of it (`expect`): bytes of theirs go through.

Each chosen turn has a stage, state and random numbers of its own, drawn for the n-th turn that the injection met, so
the same seed does the same to it whatever the others carried. The stage dies with its turn, and its alarm with it; what
it has made of the bytes stays in the queue, in order. A change starts the stages again from the turn at the front.

`fired` is told once for each turn. What was held when the next turn begins has been noticed, by a client that was
quicker than `NOTICEABLE`. An end that a stage made up is its turn's, that is, the one at the front when it left.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from ...faults.segment import Segment, Stage, StageContext
from .injection import Hit, Injection
from .lane import DATA, OPEN, TURN, Lane


class _Turn(NamedTuple):
    """A chosen turn, and the context of its stages on this stream."""

    hit: Hit
    context: StageContext


class TurnLane(Lane):
    """A lane whose stage acts on chosen turns alone.

    `context_of` returns the context of a chosen turn's stage; `fired_on` is called when the fault has done to a turn
    what a peer could notice.
    """

    __slots__ = ("_arrived", "_context_of", "_entered", "_fired_on", "_turns")

    def __init__(
        self,
        injection: Injection,
        context_of: Callable[[Hit], StageContext],
        *,
        fired_on: Callable[[Hit], None],
        ends_seen: Callable[[], int] = lambda: 0,
    ) -> None:
        self._context_of = context_of
        self._fired_on = fired_on
        self._turns: deque[_Turn | None] = deque([None])
        self._arrived = self._entered = 0
        super().__init__(injection, StageContext(), lambda context: _pass_on, ends_seen=ends_seen)

    def expect(self, marks: int) -> None:
        """Take that turns which it has not met have their marks in the lanes ahead."""
        self._turns.extend([None] * marks)

    def announce(self, hit: Hit | None) -> None:
        """Take a turn that was drawn, and whose mark is about to come."""
        self._turns.append(None if hit is None else _Turn(hit, self._context_of(hit)))

    def put(self, segment: Segment, now: float) -> None:
        """Take what comes; only bytes of chosen turns go through the stage."""
        if segment.kind is TURN:
            self._arrived += 1
        elif segment.kind is DATA and self._turns[self._arrived] is not None:
            self.injection.bytes += len(segment.data)
        self._take(segment, now)

    def pull(self, now: float) -> Segment | None:
        """Pass on the next segment that is due; None if there is none."""
        segment = super().pull(now)
        if segment is not None and segment.kind is TURN:
            self._turns.popleft()
            self._arrived -= 1
            self._entered -= 1
        return segment

    def end_delivered(self) -> None:
        """Take that an end which a turn's stage made up is delivered."""
        self.end_left = False
        turn = self._turns[0]
        if turn is not None and self._ends_seen() < 2:
            self._fired_on(turn.hit)

    def _start(self, now: float) -> None:
        self._entered = 0
        super()._start(now)
        self._stage = self._stage_of_turn()
        self._fire_for_turn()

    def _enter_turn(self, segment: Segment, now: float) -> None:
        if self._noticed_at < math.inf:
            self.fire()
        super()._enter_turn(segment, now)
        self._entered += 1
        self._stage, self._alarm = self._stage_of_turn(), math.inf
        self._fire_for_turn()
        self.open(now)

    def _stage_of_turn(self) -> Stage:
        """Start the stage of the turn whose bytes come now."""
        turn = self._turns[self._entered]
        return _pass_on if turn is None else self.fault.start_turn(turn.context)

    def _fire_for_turn(self) -> None:
        turn = self._turns[self._entered]
        self._fired = None if turn is None or turn.hit.fired else partial(self._fired_on, turn.hit)


def _pass_on(segment: Segment) -> Iterable[Segment]:
    """Leave a turn alone that is not chosen."""
    return () if segment.kind is OPEN else (segment,)
