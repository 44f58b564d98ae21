"""Messages of one stream, each in its turn.

    turn 1: [ delay | queue ]  ->  out
    turn 2: waits in its pipe
    turn 3: has not begun

A turn that is at the front and has no pipe costs nothing: what is put goes straight out. A pipe is made where a fault
shapes the message, or where it must wait.
"""

from __future__ import annotations

from collections.abc import Callable

from ...faults.segment import Kind, Segment
from ..shaping.budget import Account, Budget, Limits
from ..shaping.lane import Lane
from ..shaping.pipe import Pipe
from ..system.clock import Clock


class Turn:
    """One message on its way. `final` is how it ends: EOF is its own end, RESET and CLOSE are the link's.

    `ended` is called when all of it was sent.
    """

    __slots__ = ("ended", "final", "held", "pipe", "told")

    def __init__(self, ended: Callable[[], None]) -> None:
        self.ended = ended
        self.pipe: Pipe | None = None
        self.final: Kind | None = None
        self.told = False
        self.held = False


class Course:
    """One stream of a conversation. `out` takes what is due, `throttle` is called when `full` or `starved` changes.

    It is starved where it is full and the front has nothing to send before more is put.
    """

    __slots__ = (
        "_account", "_advancing", "_clock", "_filled", "_limits", "_out", "_throttle", "blocked", "final", "full",
        "starved", "turns",
    )  # fmt: skip

    def __init__(
        self,
        out: Callable[[Segment], None],
        throttle: Callable[[], None],
        clock: Clock,
        budget: Budget,
        limits: Limits,
    ) -> None:
        self._out = out
        self._throttle = throttle
        self._clock = clock
        self._account = Account(budget, self._measure)
        self._limits = limits
        self._filled = 0  # pipes that are full
        self.full = self.starved = False
        self._advancing = False
        self.turns: list[Turn] = []  # short: a deque weighs 600 bytes
        self.final: Kind | None = None
        self.blocked = False

    def turn(self, ended: Callable[[], None] = lambda: None) -> Turn:
        """Return the turn of a new message, behind all others; `ended` is called when all of it was sent."""
        turn = Turn(ended)
        self.turns.append(turn)
        return turn

    def put(self, turn: Turn, data: bytes) -> None:
        """Send bytes of a message as soon as they are due and it is its turn."""
        if turn.pipe is not None:
            turn.pipe.feed(data)
        elif turn is self.turns[0] and not turn.held and not self.blocked:
            self._out(Segment(0.0, data))
        else:
            self._piped(turn).feed(data)

    def pass_by(self, data: bytes) -> None:
        """Send bytes for which nothing must wait and no turn is needed: there are none."""
        self._out(Segment(0.0, data))

    def shape(self, turn: Turn, lane: Lane) -> None:
        """Let a fault act on what is put from now on."""
        self._piped(turn).join(lane)

    def finish(self, turn: Turn, kind: Kind = Kind.EOF) -> None:
        """Let a message end behind what was put; what comes first counts."""
        if turn.final is None:
            turn.final = kind
            self._advance()

    def hold(self, turn: Turn) -> None:
        """Keep a turn, and those behind it, until it is let go."""
        turn.held = True
        if turn.pipe is not None:
            turn.pipe.block(True)

    def release(self, turn: Turn) -> None:
        """Let a turn go that was held."""
        turn.held = False
        self._advance()

    def end(self, kind: Kind, after: Turn | None = None) -> None:
        """End the stream behind the turns that there are, or behind one, whose message ends there as well."""
        self.final = self.final or kind
        if after is not None:
            while self.turns and self.turns[-1] is not after:  # which may be over already
                self._drop(self.turns.pop())
            self.finish(after)
        self._advance()

    def block(self, blocked: bool) -> None:
        """Learn that who reads asked for a pause, or took it back."""
        self.blocked = blocked
        if self.turns and (pipe := self.turns[0].pipe) is not None:
            pipe.block(blocked or self.turns[0].held)

    def close(self) -> None:
        """Stop; what waits is dropped."""
        while self.turns:
            self._drop(self.turns.pop())

    def _piped(self, turn: Turn) -> Pipe:
        if turn.pipe is None:
            turn.pipe = Pipe(
                self._clock, lambda segment: self._sent(turn, segment), self._pipe_filled, self._account, self._limits
            )
            turn.pipe.blocked = turn is not self.turns[0] or turn.held or self.blocked
        return turn.pipe

    def _sent(self, turn: Turn, segment: Segment) -> None:
        """Take what is through a turn's pipe."""
        if segment.kind is Kind.EOF:
            self._drop(self.turns.pop(0))
            turn.ended()
            self._advance()
        else:
            self._out(segment)

    def _advance(self) -> None:
        """Let the front speak; where it has come to its end, the next one."""
        if self._advancing:
            return
        self._advancing = True
        while self.turns and self._speak(self.turns[0]):
            pass
        self._advancing = False
        if self.full:
            self._measure()
        if not self.turns and self.final is not None:
            kind, self.final = self.final, None
            self._out(Segment(0.0, kind=kind))

    def _speak(self, turn: Turn) -> bool:
        """Let the front go on; return whether it has come to its end."""
        if turn.held:
            return False
        if turn.pipe is not None:
            if not self.blocked:
                turn.pipe.block(False)
            if turn.final is not None and not turn.told:
                turn.told = True
                turn.pipe.feed(kind=turn.final)
            return not self.turns or self.turns[0] is not turn
        if turn.final is Kind.EOF:
            self.turns.pop(0)
            turn.ended()
            return True
        if turn.final is not None and not turn.told:
            turn.told = True
            self._out(Segment(0.0, kind=turn.final))
        return False

    def _drop(self, turn: Turn) -> None:
        if turn.pipe is not None:
            if turn.pipe.full:
                self._pipe_filled(False)
            turn.pipe.end()

    def _pipe_filled(self, full: bool) -> None:
        self._filled += 1 if full else -1
        self._measure()

    def _measure(self) -> None:
        room = self._limits.pipe // 2 if self.full else self._limits.pipe
        full = self._filled > 0 or self._account.held > room
        starved = full and self._starved()
        if (full, starved) != (self.full, self.starved):
            self.full, self.starved = full, starved
            self._throttle()

    def _starved(self) -> bool:
        if not self.turns or self.turns[0].final is not None:
            return False
        pipe = self.turns[0].pipe
        return pipe is None or not (pipe.waiting or pipe.stuck)
