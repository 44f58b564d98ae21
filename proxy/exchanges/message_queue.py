"""Messages of one stream, each in its slot.

    slot 1: [ delay | queue ]  ->  sink
    slot 2: waits in its pipe
    slot 3: has not begun

    theory of operation

The front slot is the message that is being sent. While nothing shapes it, it costs nothing: what is put goes straight
to the sink. A slot gets a pipe of its own where a fault shapes its message, or where the message must wait; a pipe that
is not at the front is blocked. So delays, drips, healing, limits and the budget of messages are those of streams.

A message ends by its `ending`: EOF is the message's own end, and lets the next slot come to the front; RESET and CLOSE
are the end of the link, in the message's place or behind it. An ending goes through the slot's pipe behind the bytes,
and it is fed once (`ending_fed`). When the last slot is gone, the stream's own `endings` are sent.

Sending may do anything, even close this queue, which leaves it without slots: whoever puts several pieces of a message
must look, before each one, whether its exchange still has its slot. `_advance()` is the only loop over the front, it
never runs within itself (`_advancing`), and it looks at `slots` again each time.
"""

from __future__ import annotations

from collections.abc import Callable

from ...faults.segment import Kind, Segment
from ..shaping.budget import Account, Budget, Limits
from ..shaping.lane import Lane
from ..shaping.pipe import Pipe
from ..system.clock import Clock


class Slot:
    """The place of one message in its stream; `on_sent` is called when all of it was sent."""

    __slots__ = ("ending", "ending_fed", "on_hold", "on_sent", "pipe")

    def __init__(self, on_sent: Callable[[], None]) -> None:
        self.on_sent = on_sent
        self.pipe: Pipe | None = None
        self.ending: Kind | None = None
        self.ending_fed = False
        self.on_hold = False


class MessageQueue:
    """One stream of a conversation. `sink` takes what is due, `throttle` is called when `full` or `starved` changes.

    It is starved where it is full and the front has nothing to send before more is put.
    """

    __slots__ = (
        "_account", "_advancing", "_clock", "_full_pipes", "_limits", "_sink", "_throttle", "blocked", "closed",
        "endings", "full", "slots", "starved",
    )  # fmt: skip

    def __init__(
        self,
        sink: Callable[[Segment], None],
        throttle: Callable[[], None],
        clock: Clock,
        budget: Budget,
        limits: Limits,
    ) -> None:
        self._sink = sink
        self._throttle = throttle
        self._clock = clock
        self._account = Account(budget, self._measure)
        self._limits = limits
        self._full_pipes = 0
        self.full = self.starved = False
        self._advancing = False
        self.slots: list[Slot] = []  # short: a deque weighs 600 bytes
        self.endings: list[Kind] = []
        self.blocked = False
        self.closed = False

    def add(self, on_sent: Callable[[], None] = lambda: None) -> Slot:
        """Return the slot of a new message, behind all others; `on_sent` is called when all of it was sent."""
        slot = Slot(on_sent)
        self.slots.append(slot)
        return slot

    def put(self, slot: Slot, data: bytes) -> None:
        """Send bytes of a message as soon as they are due and its slot is at the front."""
        if slot.pipe is not None:
            slot.pipe.feed(data)
        elif slot is self.slots[0] and not slot.on_hold and not self.blocked:
            self._sink(Segment(0.0, data))
        else:
            self._piped(slot).feed(data)

    def bypass(self, data: bytes) -> None:
        """Send bytes that need no slot, for there is none that they could overtake."""
        if not self.closed:
            self._sink(Segment(0.0, data))

    def shape(self, slot: Slot, lane: Lane) -> None:
        """Let a fault act on what is put from now on."""
        self._piped(slot).join(lane)

    def end_message(self, slot: Slot, kind: Kind = Kind.EOF) -> None:
        """End a message behind what was put; the first ending counts."""
        if slot.ending is None:
            slot.ending = kind
            self._advance()

    def hold(self, slot: Slot) -> None:
        """Keep a message, and those behind it, until it is released."""
        slot.on_hold = True
        if slot.pipe is not None:
            slot.pipe.block(True)

    def release(self, slot: Slot) -> None:
        """Let a message go that was held."""
        slot.on_hold = False
        self._advance()

    def end_stream(self, kind: Kind) -> None:
        """End the stream behind the messages that there are; the first end counts, and a RST behind an EOF."""
        if not self.endings or (self.endings == [Kind.EOF] and kind is Kind.RESET):
            self.endings.append(kind)
        self._advance()

    def end_stream_with(self, slot: Slot | None, kind: Kind) -> None:
        """End the stream where one message has come to; the messages behind it are dropped."""
        self.drop_behind(slot)
        if slot is not None:
            self.end_message(slot)
        self.end_stream(kind)

    def drop_behind(self, slot: Slot | None) -> None:
        """Drop the messages behind one: all that there are where that has been sent already."""
        while self.slots and self.slots[-1] is not slot:
            self._drop(self.slots.pop())

    def block(self, blocked: bool) -> None:
        """Learn that the sink asked for a pause, or took it back."""
        self.blocked = blocked
        if self.slots and (pipe := self.slots[0].pipe) is not None:
            pipe.block(blocked or self.slots[0].on_hold)

    def close(self) -> None:
        """Stop; what waits is dropped, and nothing is sent any more."""
        self.closed = True
        self.endings.clear()
        while self.slots:
            self._drop(self.slots.pop())

    def dissolve(self) -> None:
        """Let go of the account, which calls back."""
        del self._account

    def _piped(self, slot: Slot) -> Pipe:
        if slot.pipe is None:
            slot.pipe = Pipe(
                self._clock, lambda segment: self._sent(slot, segment), self._pipe_filled, self._account, self._limits
            )
            slot.pipe.blocked = slot is not self.slots[0] or slot.on_hold or self.blocked
        return slot.pipe

    def _sent(self, slot: Slot, segment: Segment) -> None:
        """Take what is through a slot's pipe."""
        if segment.kind is Kind.EOF:
            self._drop(self.slots.pop(0))
            slot.on_sent()
            self._advance()
        else:
            self._sink(segment)

    def _advance(self) -> None:
        """Send the front; where it has come to its end, the next one."""
        if self._advancing:
            return
        self._advancing = True
        while self.slots and self._send(self.slots[0]):
            pass
        self._advancing = False
        if self.full:
            self._measure()
        while self.endings and not self.slots:
            self._sink(Segment(0.0, kind=self.endings.pop(0)))

    def _send(self, slot: Slot) -> bool:
        """Send what the front has; return whether that was the end of it."""
        if slot.on_hold:
            return False
        if slot.pipe is not None:
            if not self.blocked:
                slot.pipe.block(False)
            if slot.ending is not None and not slot.ending_fed:
                slot.ending_fed = True
                slot.pipe.feed(kind=slot.ending)
            return not self.slots or self.slots[0] is not slot
        if slot.ending is Kind.EOF:
            self.slots.pop(0)
            slot.on_sent()
            return True
        if slot.ending is not None and not slot.ending_fed:
            slot.ending_fed = True
            self._sink(Segment(0.0, kind=slot.ending))
        return False

    def _drop(self, slot: Slot) -> None:
        if slot.pipe is not None:
            if slot.pipe.full:
                self._pipe_filled(False)
            slot.pipe.stop()

    def _pipe_filled(self, full: bool) -> None:
        self._full_pipes += 1 if full else -1
        self._measure()

    def _measure(self) -> None:
        room = self._limits.pipe // 2 if self.full else self._limits.pipe
        full = self._full_pipes > 0 or self._account.held > room
        starved = full and self._is_starved()
        if (full, starved) != (self.full, self.starved):
            self.full, self.starved = full, starved
            self._throttle()

    def _is_starved(self) -> bool:
        if not self.slots or self.slots[0].ending is not None:
            return False
        pipe = self.slots[0].pipe
        return pipe is None or not (pipe.waiting or pipe.outbox_bytes)
