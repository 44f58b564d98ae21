"""One client connection and its upstream connection, from accept to the last close."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from typing import Protocol

from ...faults.fault import Stream
from ...faults.segment import Kind
from ...wire.address import Address
from ...wire.recognition import recognise
from ..exchanges.conversation import Conversation
from ..record.caller import Caller
from ..record.connection_log import ConnectionEntry
from ..record.tally import Histogram
from ..shaping.injection import Injection
from ..shared import Shared
from ..system import sockets
from ..system.clock import Clock, GuardedClock
from ..system.dial import dial, dialled
from .gate import Gate
from .side import Opening, Pause, Side
from .stand_in import stand_in

_POLL = 0.001
"""Seconds between two looks at what a link that is being ended has still to send."""
_FIRST = 4096
"""How many of the first bytes of a side are kept until the other one has spoken as well."""
_DIAL_REASONS = {
    errno.ECONNREFUSED: "dial_refused",
    errno.EMFILE: "no_descriptor",
    errno.ENFILE: "no_descriptor",
    errno.ETIMEDOUT: "dial_timeout",
}


class LinkHost(Protocol):
    """The proxy of a link."""

    upstream: Address
    gate: Gate
    dials: Histogram
    """How long upstreams took to accept, in seconds."""

    @property
    def learns(self) -> bool:
        """Whether it is not known yet which protocol is spoken to the upstream."""

    def learn(self, protocol: str) -> None:
        """Take which protocol is spoken to the upstream."""

    def needs_no_upstream(self, link: Link) -> bool:
        """Say whether a fault is armed that acts on a link's requests also where there is no upstream."""

    def conversation_for(self, link: Link) -> Conversation | None:
        """Return the conversation of a link that begins to carry, where its protocol can be parsed."""

    def opened(self, link: Link) -> None:
        """Take a link that begins to carry."""

    def left(self, link: Link) -> None:
        """Take a link whose client has ended its stream."""

    def closed(self, link: Link) -> None:
        """Take a link that has ended."""

    def accept_failed(self, error: OSError) -> None:
        """Record why a client could not be taken."""

    def dial_failed(self, link: Link, reason: str, error: str) -> None:
        """Record why the upstream of a link could not be had."""

    def link_failed(self, link: Link, error: Exception) -> None:
        """Record what was raised on a link, which ends it."""


class Link:
    """Two sides, numbered by the order of accepting.

    A link ends in one of three ways: both streams came to their end, which waits for what is still to be sent however
    slowly it is read; `end()`, which gives that a second; or a RST from one side, which the other side gets too.
    Whatever raises, a fault of another package for one, ends it too: every way in leads to `failed()`.
    """

    __slots__ = (
        "_came", "_closing", "_deadline", "_dialling", "_ended_at", "_host", "_is_finished", "_undialled", "_unguarded",
        "_unread", "_upstream", "accepted_at", "budget", "caller", "client", "client_left", "clock", "conversation",
        "ended_by", "ending", "faults", "learning", "left", "limits", "number", "open", "reason", "server", "task",
    )  # fmt: skip

    def __init__(
        self,
        host: LinkHost,
        shared: Shared,
        number: int,
        caller: Caller | None = None,
        upstream: socket.socket | None = None,
    ) -> None:
        self._host = host
        self._upstream = upstream  # dialled already, or being dialled
        self.caller = caller
        self._unread = shared.unread
        self._undialled = shared.undialled
        self.number = number
        self._unguarded = shared.clock
        self.clock: Clock = GuardedClock(shared.clock, self.failed)
        self.budget = shared.budget
        self.limits = shared.limits
        self.client = Side(self, "upstream")
        self.server = Side(self, "downstream")
        self.client.peer, self.server.peer = self.server, self.client
        self.conversation: Conversation | None = None  # where the protocol is parsed
        self.learning: dict[Stream, bytes] | None = None  # what each side began with, while that may tell the protocol
        self.accepted_at = self.clock.time()
        self.open = self.client_left = False
        self.ending: Kind | None = None
        self.reason = ""
        self.left: tuple[float, int] | None = None  # when the client's stream ended, and what it had been handed
        self.ended_by = ""  # whose stream came to its end first: client or server
        self.faults: tuple[str, ...] = ()  # the names of the injections that acted on it
        self.task: asyncio.Task[None] | None = None
        self._is_finished = False
        self._dialling = self._closing = False
        self._came = self._deadline = self._ended_at = 0.0

    async def run(self, sock: socket.socket) -> None:
        """Take an accepted connection, dial the upstream, and begin to carry; a dial that fails ends the client."""
        try:
            await self._run(sock)
        except Exception as error:
            self.failed(error)
            if not self.open:
                self._close_sockets()

    async def _run(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: Opening(self.client), sock)
        except OSError as error:
            sock.close()
            self._host.accept_failed(error)
            self.end(Kind.RESET, "accept_failed")
            self._close_sockets()
            return
        await self._host.gate.wait(self)
        if self.ending is not None:
            self._close_sockets()
            return
        began = self.clock.time()
        try:
            self._dialling = True  # end() may cancel from here on, and no further: uvloop would forget connection_lost
            try:
                upstream = await self._dial()
            finally:
                self._dialling = False
            self._host.dials.observe(self.clock.time() - began)
            await loop.create_connection(lambda: Opening(self.server), sock=upstream)
        except asyncio.CancelledError:
            if self.ending is None:
                raise
            self._close_sockets()
        except TimeoutError:
            await self._dial_failed("dial_timeout", f"no answer within {self.limits.dial:g}s")
        except socket.gaierror as error:
            await self._dial_failed("dial_unresolved", error)
        except OSError as error:
            await self._dial_failed(_DIAL_REASONS.get(error.errno or 0, "dial_failed"), error)
        else:
            self._opened()

    def forget_upstream(self) -> None:
        """Close what was dialled for it and is not wanted any more."""
        if self._upstream is not None:
            self._upstream.close()
            self._upstream = None

    async def _dial(self) -> socket.socket:
        given, self._upstream = self._upstream, None
        if given is None:
            return await dial(self._host.upstream, self.limits.dial)
        if not sockets.is_unix(given):
            sockets.keep_alive(given)
        return await dialled(given, self.limits.dial)

    async def _dial_failed(self, reason: str, error: OSError | str) -> None:
        self._host.dial_failed(self, reason, error if isinstance(error, str) else sockets.explain(error))
        if not self._host.needs_no_upstream(self):
            self.end(self._undialled, reason)
            self._close_sockets()
            return
        nobody = await stand_in(lambda: self._reached_nobody(reason))
        await asyncio.get_running_loop().create_connection(lambda: Opening(self.server), sock=nobody)
        self._opened()

    def _reached_nobody(self, reason: str) -> None:
        """Take that something was sent to an upstream that could not be reached."""
        try:
            self.end(self._undialled, reason)
        except Exception as error:
            self.failed(error)

    def _opened(self) -> None:
        """Begin to carry. The faults that fired on this link join before its first byte moves."""
        if self.ending is not None:
            self._close_sockets()
            return
        self.open = True
        self.client.write = self.server.transport.write
        self.server.write = self.client.transport.write
        if self._host.learns:
            self.learning = {}
        else:
            self.conversation = self._host.conversation_for(self)
        self._host.opened(self)
        for side in (self.client, self.server):
            if self.ending is None:
                side.open()

    @property
    def parsable(self) -> bool:
        """Whether requests on it are parsed, or may yet be."""
        if self.conversation is not None:
            return self.conversation.parsed
        return not self.open or self.learning == {}

    def learn(self, side: Side, data: bytes) -> None:
        """Take a chunk of a side before it is carried: the first one of each may tell which protocol is spoken.

        The link is parsed if it tells, and nothing has been carried before.
        """
        if self.learning is None or side.stream in self.learning:
            return
        begins = not self.learning
        first = {**self.learning, side.stream: data}
        try:
            found = recognise(first.get("upstream", b""), first.get("downstream", b"")) if self._host.learns else None
            if found is not None:
                self._host.learn(found)
        finally:
            self.learning = {**first, side.stream: data[:_FIRST]} if begins and self._host.learns else None
        if begins and self.ending is None:
            self.conversation = self._host.conversation_for(self)
            self.feed_as_of(self._came)
        for each in (self.client, self.server):
            each.leave_learning()

    def feed_as_of(self, moment: float) -> None:
        """Let the conversation note what comes next as of a moment that has been; 0: as of now."""
        self._came = moment
        if self.conversation is not None:
            self.conversation.came = moment

    @property
    def turns(self) -> int:
        """How many turns have begun on it."""
        return self.client.turns

    def begin_turn(self) -> None:
        """Let the faults that act on single turns draw for the one that begins, each once for both streams."""
        pipes = [side.pipe for side in (self.client, self.server) if side.pipe is not None and side.pipe.turn_lanes]
        if not pipes:
            return
        try:
            met = dict.fromkeys(lane.injection for pipe in pipes for lane in pipe.turn_lanes)
            drawn = {injection: injection.choose_turn() for injection in met}
            for pipe in pipes:
                pipe.begin_turn(drawn)
        except Exception as error:
            self.failed(error)

    def failed(self, error: Exception) -> None:
        """Take what a fault raised, or a mistake of ours: it resets this link, and everything else goes on."""
        self._host.link_failed(self, error)
        try:
            self.end(Kind.RESET, "error")
        except Exception as second:
            self._host.link_failed(self, second)
            for side in (self.client, self.server):
                if not side.disconnected:
                    sockets.reset(side.transport)

    def join(self, injection: Injection) -> None:
        """Put a fault that chose this link where it acts; one that acts on new links alone has had its say."""
        try:
            self._join(injection)
        except Exception as error:
            self.failed(error)

    def _join(self, injection: Injection) -> None:
        fault, streams = injection.spec.fault, injection.spec.streams()
        if not streams:
            return
        sides = [side for side in (self.client, self.server) if side.stream in streams]
        if fault.streams is None:  # a stream fault cannot touch what has ended
            sides = [side for side in sides if not side.eof_forwarded]
        for side in sides:
            side.join(injection)
        if not sides:
            injection.record_untouched(self)

    def heal(self, injection: Injection) -> None:
        """Heal a fault on this link."""
        try:
            if self.conversation is not None and self.ending is None:
                self.conversation.heal(injection)
            for side in (self.client, self.server):
                side.heal(injection)
        except Exception as error:
            self.failed(error)

    def change(self, injection: Injection) -> None:
        """Follow a change of a fault's settings."""
        try:
            for side in (self.client, self.server):
                side.change(injection)
        except Exception as error:
            self.failed(error)

    def eof_forwarded(self) -> None:
        """Close when both streams have come to their end."""
        if self.client.eof_forwarded and self.server.eof_forwarded and self.ending is None:
            self.ending, self.reason = Kind.EOF, self.reason or "closed"
            self._note_end()
            for side in (self.client, self.server):
                if not side.disconnected:
                    side.transport.close()

    def eof_seen(self, side: Side) -> None:
        """Note the first stream that came to its end, and when the client's did."""
        self.ended_by = self.ended_by or side.name
        if self.learning is not None:
            self.learning.setdefault(side.stream, b"")
        if side is self.client and self.left is None:
            self.left = (self.clock.time(), self.server.sent)
            self._client_left()
            self._host.left(self)

    def _note_end(self) -> float:
        """Note when it ends, which is before its last socket is gone: the client may be back by then. Return now."""
        now = self.clock.time()
        self._ended_at = self._ended_at or now
        return now

    def _client_left(self) -> None:
        if self.conversation is not None and self._holds_replies:
            self.conversation.last_reply_left()

    @property
    def _holds_replies(self) -> bool:
        """Whether a fault of streams keeps from the client what the server has sent."""
        return self.server.pipe is not None and self.server.withheld > 0

    def entry(self, proxy: str) -> ConnectionEntry:
        """Return it for the record, as it is now.

        A client that has closed, and is reset for what it did not read, was the one that closed.
        """
        now, end, received = self.clock.time(), self.reason, self.server.sent
        if self.ending is Kind.EOF and end == "closed":
            end = f"closed by {self.ended_by}"
        elif self.left is not None and end in ("", "reset by client"):
            end, received = "closed by client", self.left[1]
        return ConnectionEntry(
            seq=0,
            at=time.time() - (now - self.accepted_at),
            proxy=proxy,
            link=self.number,
            opened=self.open,
            end=end,
            began=self.accepted_at,
            seconds=(self._ended_at or now) - self.accepted_at,
            left=None if self.left is None else self.left[0] - self.accepted_at,
            sent=self.client.bytes,
            received=received,
            faults=self.faults,
            caller=self.caller,
        )

    def ends_seen(self) -> int:
        """Return 0 while the client has not ended its stream, 1 when it has, 2 when the server has as well."""
        if not (self.client.eof_seen or self.client.disconnected):
            return 0
        return 2 if self.server.eof_seen or self.server.disconnected else 1

    def let_go(self) -> None:
        """End both sides if both peers have left, and a fault keeps that from the other one: nobody waits for it."""
        if self.open and self.ending is None and self.client.is_over and self.server.is_over:
            self.end(Kind.CLOSE, "both sides left")

    def side_disconnected(self, side: Side, error: Exception | None) -> None:
        """Take the end of a socket: by a RST, unless we are ending this link."""
        self.unwatch(side)
        if self.client.disconnected and self.server.disconnected and (self.open or self._closing):
            self._finished()
        elif not self.open and side is self.client:
            self.client_left = True
            self.end(Kind.RESET, "client left")
        elif self.ending is None and (side is self.server or not side.eof_seen):
            if not side.eof_seen:
                side.read_rest(ended=sockets.ended_before(error))
            self._reset_by(side)
        elif self.ending is None or (self.ending is Kind.EOF and error is not None):
            self.end(Kind.RESET, f"reset by {side.name}")

    def _reset_by(self, side: Side) -> None:
        """Pass on a RST behind all that came before it."""
        if self.ending is None:
            if side is self.client:
                self._client_left()
            self.reason = f"reset by {side.name}"
            self._note_end()
            side.feed_event(Kind.RESET)

    def end(self, kind: Kind, reason: str = "") -> None:
        """End both sides, by RST or by FIN, as soon as what was written has gone out, after a second at the latest."""
        if self.ending is not None and self.ending is not Kind.EOF:
            return
        self.ending, self.reason = kind, reason or self.reason or ("reset" if kind is Kind.RESET else "closed")
        self._deadline = self._note_end() + self.limits.ending
        if not self.open:
            self._host.gate.release(self)
            if self._dialling and self.task is not None:
                self.task.cancel()
            return  # run() goes on from there
        if self.conversation is not None:
            if self._holds_replies:
                self.conversation.last_reply_cut()
            self.conversation.close(kind)
        for side in (self.client, self.server):
            if side.pipe is not None:
                side.pipe.stop()
            side.pause(Pause.ENDING)
            if kind is Kind.CLOSE:
                side.finish_writing()
        self._close_sockets()

    def _close_sockets(self) -> None:
        self._closing = True
        left = [side for side in (self.client, self.server) if not side.disconnected]
        if not left:
            self._finished()
            return
        late = self.clock.time() >= self._deadline
        if not late and any(sockets.unsent(side.transport) for side in left):
            self.clock.call_at(self.clock.time() + _POLL, self._close_sockets)
            return
        for side in left:
            if self.ending is Kind.RESET:
                sockets.reset(side.transport)
            elif side.transport.get_write_buffer_size():
                side.transport.abort()
            else:
                sockets.read_away(side.transport)
                side.transport.close()

    def _finished(self) -> None:
        if self._is_finished:
            return
        self._is_finished = True
        self.forget_upstream()
        if self.conversation is not None:
            self.conversation.close(self.ending or Kind.EOF)
        for side in (self.client, self.server):
            if side.pipe is not None:
                side.pipe.stop()
            self.unwatch(side)
        self._host.closed(self)
        self._dissolve()

    def _dissolve(self) -> None:
        """Break the reference cycles between the link's objects, so that none is left to the garbage collector."""
        if self.conversation is not None:
            self.conversation.dissolve()
            self.conversation = None
        for side in (self.client, self.server):
            side.dissolve()
        self.clock = self._unguarded

    def watch(self, side: Side) -> None:
        """Let the sweep look after a side that is not read and so is told nothing."""
        self._unread[side] = None

    def unwatch(self, side: Side) -> None:
        """Take a side out of the sweep."""
        self._unread.pop(side, None)
