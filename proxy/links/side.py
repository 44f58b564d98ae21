"""One socket of a link, and the stream that is read from it.

A side is in one of five modes, each an asyncio Protocol; `transport.set_protocol()` switches live:

* opening: what comes is kept until the other side is connected,
* learning: where it is not known which protocol is spoken, the first chunk may tell before it is carried,
* splice (the side itself): what comes is handed straight to the other side's `write`,
* shaped: what comes goes through a pipe,
* parsed: what comes is fed to the link's conversation, which sends it on.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from functools import partial
from typing import Protocol, cast

from ...faults.fault import Stream
from ...faults.segment import Kind, Segment
from ..exchanges.conversation import Conversation
from ..shaping.budget import Budget, Limits
from ..shaping.injection import Connection, Injection
from ..shaping.lane import Lane
from ..shaping.pipe import Pipe
from ..shaping.turn_lane import TurnLane
from ..system import sockets
from ..system.clock import Clock


class Pause(enum.IntEnum):
    """Why a side is not read: bits of a number. Kept here and not in a protocol, for protocols come and go."""

    SINK = 1
    PIPE = 2
    OPENING = 4
    ENDING = 8
    QUEUE = 16


class SideHost(Connection, Protocol):
    """The link of a side."""

    clock: Clock
    budget: Budget
    limits: Limits
    learning: dict[Stream, bytes] | None
    """Where it is not known which protocol is spoken: what each side began with that has spoken."""
    conversation: Conversation | None
    """Where the protocol is parsed."""
    ending: Kind | None
    """How it is being ended, if it is."""

    def learn(self, side: Side, data: bytes) -> None:
        """Take a chunk of a side before it is carried: the first one may tell which protocol is spoken."""

    def begin_turn(self) -> None:
        """Let the faults know that act on single turns."""

    def watch(self, side: Side) -> None:
        """Look after a side that is not read, and so is told nothing."""

    def unwatch(self, side: Side) -> None:
        """Stop looking after it."""

    def side_disconnected(self, side: Side, error: Exception | None) -> None:
        """Take the end of a side's socket."""

    def eof_forwarded(self) -> None:
        """Take that a stream has come to its end, and the other side was told."""

    def feed_as_of(self, moment: float) -> None:
        """Let the conversation note what comes next as of a moment that has been; 0: as of now."""

    def eof_seen(self, side: Side) -> None:
        """Record that the stream has ended."""

    def ends_seen(self) -> int:
        """Return 0 while the client has not ended its stream, 1 when it has, 2 when the server has as well."""

    def let_go(self) -> None:
        """End both sides if both peers have left, and a fault keeps that from the other one."""

    def failed(self, error: Exception) -> None:
        """Take what was raised while a side was told something."""

    def end(self, kind: Kind, reason: str = "") -> None:
        """End both sides."""


def _nowhere(data: bytes) -> None:
    """Take the place of the `write` of a transport that is gone."""


class Side(asyncio.Protocol):
    """The client's or the server's socket of a link. As a protocol it is the splice: one call a chunk."""

    __slots__ = (
        "bytes", "disconnected", "eof_forwarded", "eof_seen", "link", "pauses", "peer", "pipe", "speaks", "stream",
        "transport", "turns", "withheld", "write",
    )  # fmt: skip

    peer: Side
    transport: asyncio.Transport

    def __init__(self, link: SideHost, stream: Stream) -> None:
        self.link = link
        self.stream = stream
        self.bytes = 0
        self.withheld = 0  # of them, those that were not sent: faults hold them, or threw them away
        self.speaks = False  # it has sent something since the other side did
        self.turns = 0  # how often it began to speak: a turn of the link begins when the client does
        self.write = _nowhere  # the other side's, once it is there
        self.pipe: Pipe | None = None
        self.pauses = 0
        self.eof_seen = False  # the stream was read to its end
        self.eof_forwarded = False  # and the other side was told
        self.disconnected = True  # until connected

    # The splice

    def data_received(self, data: bytes) -> None:
        """Hand a chunk to the other side."""
        self.bytes += len(data)
        if not self.speaks:
            self.speaks = True  # what speak() does, written out, since a chunk is one call
            self.peer.speaks = False
            self.turns += 1
            if self.peer.pipe is not None and self.peer.pipe.turn_lanes and self.stream == "upstream":
                self.link.begin_turn()
                if self.link.ending is not None:  # a fault had an end that was due, and left first
                    self.withheld += len(data)
                    return
        self.write(data)

    def eof_received(self) -> bool:
        """Take the end of the stream, which leaves the other direction open."""
        self.eof_seen = True
        self.link.eof_seen(self)
        self.link.watch(self)
        try:
            self.feed_event(Kind.EOF)
        except Exception as error:
            self.link.failed(error)
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """Take the end of the socket: an error is a RST from the peer, none is our own close."""
        self.disconnected = True
        self.peer.write = _nowhere
        try:
            self.link.side_disconnected(self, error)
        except Exception as raised:
            self.link.failed(raised)

    def pause_writing(self) -> None:
        """Hold the other side back: this socket is full."""
        try:
            self.peer.pause(Pause.SINK)
            if self.link.conversation is not None:
                self.link.conversation.block(self.peer.stream, True)
            if self.peer.pipe is not None:
                self.peer.pipe.block(True)
        except Exception as error:
            self.link.failed(error)

    def resume_writing(self) -> None:
        """Let the other side go on."""
        try:
            self.peer.resume(Pause.SINK)
            if self.peer.pipe is not None:
                self.peer.pipe.block(False)
                self.peer.unshape()
            if self.link.conversation is not None:
                self.link.conversation.block(self.peer.stream, False)
        except Exception as error:
            self.link.failed(error)

    # What the modes share

    def speak(self) -> None:
        """Take that this side speaks after the other one did, or for the first time."""
        self.speaks = True
        self.peer.speaks = False
        self.turns += 1
        if self.stream == "upstream":
            self.link.begin_turn()

    @property
    def sent(self) -> int:
        """How many bytes of the stream were handed to the other side's socket."""
        return self.bytes - self.withheld

    @property
    def name(self) -> str:
        """Who is at the other end of this socket."""
        return "client" if self.stream == "upstream" else "server"

    def connected(self, transport: asyncio.Transport) -> None:
        """Take the transport."""
        self.transport = transport
        self.disconnected = False

    def pause(self, reason: Pause) -> None:
        """Stop reading, for one more reason."""
        before, self.pauses = self.pauses, self.pauses | reason
        if not before and self._is_read():
            self.transport.pause_reading()
            self.link.watch(self)

    def resume(self, reason: Pause) -> None:
        """Read again, unless there is another reason not to."""
        before, self.pauses = self.pauses, self.pauses & ~reason
        if before and not self.pauses and self._is_read():
            self.link.unwatch(self)
            self.transport.resume_reading()

    def _is_read(self) -> bool:
        """Say whether more can come, so that reading can be paused."""
        return not (self.eof_seen or self.disconnected or self.transport.is_closing())

    def peer_reset(self, error: OSError) -> None:
        """Take a RST that the transport was not told of, since it is not read."""
        self.transport.set_protocol(asyncio.Protocol())
        self.transport.abort()
        self.connection_lost(error)

    def read_rest(self, *, ended: bool) -> None:
        """Take what came before the socket was lost: a write that fails ends the transport before that is read."""
        mode = self._mode()
        for data in sockets.unread(self.transport):
            mode.data_received(data)
        if ended:
            mode.eof_received()

    def let_go(self) -> None:
        """End the link if nobody waits for anything on it any more."""
        self.link.let_go()

    @property
    def is_over(self) -> bool:
        """Whether its peer has left, and nothing of that is still on its way to the other side."""
        lost_end = self.pipe is not None and self.pipe.lost_end
        return self.disconnected or self.eof_forwarded or (self.eof_seen and lost_end)

    def feed_event(self, kind: Kind) -> None:
        """Take an event of the stream."""
        if self.link.conversation is not None:
            self.link.conversation.feed_end(self.stream, kind)
        else:
            self.send_event(kind)

    def forward(self, data: bytes) -> None:
        """Send what was just read down the stream."""
        self._answer()
        if self.pipe is None:
            self.write(data)
        else:
            self.withheld += len(data)
            self.pipe.feed(data)

    def withhold(self, count: int) -> None:
        """Record `count` bytes as read but not yet sent on."""
        self.withheld += count

    def send(self, data: bytes) -> None:
        """Send bytes down the stream that were withheld, or that are ours."""
        self._answer()
        if self.pipe is None:
            self.withheld -= len(data)
            self.write(data)
        else:
            self.pipe.feed(data)

    def _answer(self) -> None:
        """Take that a conversation sends a stream on: a server speaks when a reply leaves, whoever made it."""
        if not self.speaks and self.stream == "downstream":
            self.speak()

    def send_event(self, kind: Kind) -> None:
        """Send an event down the stream."""
        if self.pipe is not None:
            self.pipe.feed(kind=kind)
        else:
            self.deliver(Segment(0.0, kind=kind))

    def deliver(self, segment: Segment) -> None:
        """Do at the other side what a segment says."""
        if segment.kind is Kind.DATA:
            if not self.peer.transport.is_closing():  # asyncio logs each write that comes after
                self.write(segment.data)
                self.withheld -= len(segment.data)
        elif segment.kind is Kind.EOF:
            self.eof_forwarded = True
            self.peer.finish_writing()
            self.link.eof_forwarded()
        else:
            self.link.end(segment.kind)

    def finish_writing(self) -> None:
        """Send FIN after what has been written, if the socket is still there."""
        if not self.disconnected and not self.transport.is_closing():
            with contextlib.suppress(OSError):  # reset meanwhile: the loop or the sweep will say so
                self.transport.write_eof()

    # Faults

    def join(self, injection: Injection) -> None:
        """Put a fault that chose the link on the stream that is read here."""
        if self.pipe is None:
            self.pipe = Pipe(self.link.clock, self.deliver, self._throttle, self.link.budget, self.link.limits)
            self.pipe.blocked = bool(self.pauses & Pause.SINK)
            if not isinstance(self.transport.get_protocol(), Opening):  # which has early data: open() is to come
                self._switch(self._mode())
        self.pipe.join(self._lane(injection))

    def _lane(self, injection: Injection) -> Lane:
        if injection.acts_per_turn:
            context_of = partial(injection.context_of, stream=self.stream, other=self.peer)
            fired_on = partial(injection.record_fired_on, self.link.number)
            return TurnLane(injection, context_of, fired_on=fired_on, ends_seen=self.link.ends_seen)
        context = injection.context(self.link, self.stream, self.peer)
        fired = partial(injection.record_fired, self.link)
        return Lane(injection, context, fired=fired, ends_seen=self.link.ends_seen)

    def heal(self, injection: Injection) -> None:
        """Heal a fault of this stream; without another one it is a splice again."""
        if self.pipe is not None and not self.pipe.stopped:
            self.pipe.heal(injection)
            self.unshape()

    def unshape(self) -> None:
        """Be a splice again, where no fault is left and nothing that waits for the other side to read."""
        if self.pipe is not None and not (self.pipe.lanes or self.pipe.outbox or self.pipe.stopped):
            self.pipe.stop()
            self.pipe = None
            self._switch(self._mode())
            self.resume(Pause.PIPE)

    def change(self, injection: Injection) -> None:
        """Follow a change of a fault's settings."""
        if self.pipe is not None and not self.pipe.stopped:
            self.pipe.change(injection)

    def open(self) -> None:
        """Leave the opening mode; what came early comes now."""
        opening, mode = self.transport.get_protocol(), self._mode()
        self._switch(mode)
        if isinstance(opening, Opening):
            opening.replay(mode)
        self.resume(Pause.OPENING)

    def receive_first(self, data: bytes) -> None:
        """Let a chunk tell which protocol is spoken, then carry it as that says."""
        try:
            self.link.learn(self, data)
        except Exception as error:
            self.link.failed(error)
        if self.link.ending is None:
            self._mode().data_received(data)
        else:
            self.bytes += len(data)
            self.withheld += len(data)

    def leave_learning(self) -> None:
        """Leave the learning mode, if it is in it and has nothing more to learn."""
        if not self.disconnected and isinstance(self.transport.get_protocol(), Learning):
            self._switch(self._mode())

    def set_paused(self, paused: bool) -> None:
        """Stop reading, since too much waits in the queues, or go on."""
        if paused:
            self.pause(Pause.QUEUE)
        else:
            self.resume(Pause.QUEUE)

    def dissolve(self) -> None:
        """Let go of the link, which has ended, and of the other side: see `Link._dissolve`."""
        self.pipe = None
        del self.link, self.peer

    def _mode(self) -> Side | _Mode:
        """Return the protocol of an open link's side."""
        if self.link.learning is not None and self.stream not in self.link.learning:
            return Learning(self)
        if self.link.conversation is not None:
            return Parsed(self, self.link.conversation)
        return self if self.pipe is None else Shaped(self)

    def _throttle(self, full: bool) -> None:
        if full:
            self.pause(Pause.PIPE)
        else:
            self.resume(Pause.PIPE)

    def _switch(self, protocol: asyncio.Protocol) -> None:
        if not self.disconnected:
            self.transport.set_protocol(protocol)


class _Mode(asyncio.Protocol):
    """A mode other than the splice: all but the data is the side's own business."""

    __slots__ = ("side",)

    def __init__(self, side: Side) -> None:
        self.side = side

    def eof_received(self) -> bool:
        return self.side.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self.side.connection_lost(error)

    def pause_writing(self) -> None:
        self.side.pause_writing()

    def resume_writing(self) -> None:
        self.side.resume_writing()


class Shaped(_Mode):
    """What comes goes through the side's pipe."""

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        """Feed a chunk."""
        side = self.side
        side.bytes += len(data)
        side.withheld += len(data)
        if not side.speaks:
            side.speak()
        if side.pipe is not None:
            try:
                side.pipe.feed(data)
            except Exception as error:
                side.link.failed(error)


class Parsed(_Mode):
    """What comes is fed to the link's conversation, which sends it on."""

    __slots__ = ("feed",)

    def __init__(self, side: Side, conversation: Conversation) -> None:
        super().__init__(side)
        self.feed = conversation.feed_requests if side.stream == "upstream" else conversation.feed_replies

    def data_received(self, data: bytes) -> None:
        """Feed a chunk."""
        self.side.bytes += len(data)
        if not self.side.speaks and self.side.stream == "upstream":
            self.side.speak()
        try:
            self.feed(data)
        except Exception as error:
            self.side.link.failed(error)


class Learning(_Mode):
    """The next chunk is the first one, and may tell which protocol is spoken."""

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        """Take the first chunk."""
        self.side.receive_first(data)


class Opening(_Mode):
    """What comes before the other side is connected is kept with its moment, and little of it."""

    __slots__ = ("_early", "_ended", "_size")

    def __init__(self, side: Side) -> None:
        super().__init__(side)
        self._early: list[tuple[float, bytes]] = []
        self._size = 0
        self._ended: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.side.connected(cast("asyncio.Transport", transport))  # uvloop's is one without inheriting it

    def data_received(self, data: bytes) -> None:
        """Keep a chunk."""
        self._early.append((self.side.link.clock.time(), data))
        self._size += len(data)
        if self._size > self.side.link.limits.early:
            self.side.pause(Pause.OPENING)

    def eof_received(self) -> bool:
        """Keep the end, of which the link hears now: a client that leaves while a fault holds it back has left."""
        self._ended = self.side.link.clock.time()
        self.side.link.eof_seen(self.side)
        self.side.link.watch(self.side)
        return True

    def replay(self, mode: Side | _Mode) -> None:
        """Let another mode have what came, which a conversation notes as of then."""
        link = self.side.link
        for came, data in self._early:
            link.feed_as_of(came)
            mode.data_received(data)
        if self._ended is not None:
            link.feed_as_of(self._ended)
            mode.eof_received()
        link.feed_as_of(0.0)
