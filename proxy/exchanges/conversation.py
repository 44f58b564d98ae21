"""What is said on one link, exchange by exchange: judged on the request, answered in order.

    client -> requests reader -> judged -> [ slots ] -> upstream
    client <- [ slots ] <- planned <- replies reader <- upstream, or an answer of our own

    theory of operation

**Who owns what.** The conversation owns the two readers, the mode of each direction, and the open exchanges: `_open`
has all of them, `_unanswered` those whose reply the upstream still owes, in order, and `_incoming` is the one whose
request is being read. Handlers decide what becomes of messages. Bytes that wait are in queues; a message that has to be
seen first, to its end or as far as a fault wants, is in the plan of its exchange (at most 1 MiB, outside the budget).
The conversation looks at the clock only to note a moment, and sets no timer.

**Modes.** Each direction is in one `Mode`. What need not wait does not: as long as no fault is armed, requests are
forwarded first and read afterwards, and replies are until a fault has a plan for one of them. `_begin()` turns replies
to QUEUED; `rearm()` turns requests, and is the only place that returns to FORWARDED.

    requests   FORWARDED <-> QUEUED            a fault is armed / none is, no message waits, the reader holds nothing
    replies    FORWARDED <-> QUEUED            an exchange has a plan / no message waits, the reader is at its beginning
    either     FORWARDED  -> RAW               what comes cannot be read any more: the link is no longer parsed
               QUEUED     -> DRAINING -> RAW   the same, behind what waits
    requests   any        -> SILENCED          a message was dropped: the next one would be taken for it
    replies    any        -> ENDED             the upstream has ended its stream, or the rest of a reply that was
                                               withheld in part cannot be read
    either     any        -> CLOSED            the link has ended

**Overlap.** A reader keeps back a head that is not yet complete. On the way from FORWARDED to QUEUED such bytes were
sent already: `_request_overlap` and `_reply_overlap` count them, they are cut off the next pieces, and a request that
began so is not judged.

**Switching.** The reply to a request that `may_switch` (an upgrade, a tunnel) says whether what the client sends behind
it are requests. Until its status is known such an exchange is `_switching`, and the pieces behind it are `_behind`.
They are sent at once, and count as overlap, up to the first that a fault would act on if it were a request: from there
on they wait, and so does an EOF (`_end_behind`).

**In order.** What a reader keeps back comes behind all the pieces that it has returned. So where the parsing stops in a
loop over pieces, `_give_up()` waits for the end of that loop (`_reading`).

**What may happen during a call.** Everything that sends (an outlet, a queue, a handler that acts) may end the link,
which calls `close()` within our call; and a piece may stop the parsing, or silence the link. So `_request()` and
`_reply()` look at the mode again for every piece; a handler that sends several pieces looks whether the exchange still
has its slot; and what one write ended, `flush()` does not write to the other side. `close()` records what is open and
empties the queues. A link calls it twice, when it begins to end and when its last socket is gone: that records a
request that was read behind the write that ended the link.

**What must not be broken.** Bytes of a message are in one slot, in order. An exchange is recorded exactly once: when
its request is complete and its reply was sent, when the link ends, or when it is no longer parsed. Every byte that is
read is forwarded, or withheld and sent later, or withheld for good: the outlet's counts tell.
"""

from __future__ import annotations

import enum
from functools import partial
from typing import cast

from ...faults.action import Close, Drop, Repeat
from ...faults.fault import Stream
from ...faults.segment import Kind
from ...wire.dialect import Dialect, Part, Piece, ReplyHead, RequestHead, whole
from ..shaping.budget import Budget, Limits
from ..shaping.injection import Injection
from ..system.clock import Clock
from .exchange import BRIEF, Exchange
from .host import ConversationHost, Outlet, record_missed, record_too_long
from .message_queue import MessageQueue
from .message_queues import MessageQueues
from .plan import Plan
from .reply_handler import ReplyHandler, note_head
from .request_handler import RequestHandler

MOST_OPEN = 1000
"""How many exchanges may be open on a link before it is not parsed any more."""
MOST_BEHIND = 65536
"""How many bytes may wait behind a request whose reply says what they are, before the link is not parsed any more."""


class Mode(enum.Enum):
    """How one direction is carried."""

    FORWARDED = enum.auto()
    """Bytes are sent on as they come, and read afterwards."""
    QUEUED = enum.auto()
    """Bytes are read first; each message is sent in its slot."""
    DRAINING = enum.auto()
    """Not parsed any more: bytes follow behind the messages that wait."""
    RAW = enum.auto()
    """Not parsed any more: bytes are sent on as they come."""
    SILENCED = enum.auto()
    """Bytes are read and thrown away, until a fault is healed: then the link is closed."""
    ENDED = enum.auto()
    """No more bytes come."""
    CLOSED = enum.auto()
    """The link has ended."""


FORWARDED, QUEUED, DRAINING, RAW, SILENCED, ENDED, CLOSED = Mode  # a name costs less than an attribute
_NOT_PARSED = (RAW, DRAINING)
_UNPARSED = {FORWARDED: RAW, QUEUED: DRAINING}
"""What a direction becomes when it is not parsed any more; other modes stay."""


class Conversation:
    """The exchanges of one link. It is fed bytes (`feed_requests`, `feed_replies`) and ends of streams (`feed_end`)."""

    __slots__ = (
        "_behind", "_bytes_behind", "_clock", "_end_behind", "_host", "_incoming", "_last", "_open", "_queues",
        "_reading", "_replies_begun", "_reply_handler", "_reply_mode", "_reply_overlap", "_reply_queue",
        "_reply_reader", "_request_handler", "_request_mode", "_request_overlap", "_request_queue", "_request_reader",
        "_silenced_by", "_switching", "_to_client", "_to_upstream", "_unanswered", "came",
    )  # fmt: skip

    def __init__(
        self,
        dialect: Dialect,
        to_upstream: Outlet,
        to_client: Outlet,
        host: ConversationHost,
        clock: Clock,
        budget: Budget,
        limits: Limits,
    ) -> None:
        self._host = host
        self._clock = clock
        self._request_reader = dialect.requests()
        self._reply_reader = dialect.replies(self._next_request)
        self._to_upstream, self._to_client = to_upstream, to_client
        self._queues = MessageQueues(to_upstream, to_client, clock, budget, limits)
        self._request_queue, self._reply_queue = self._queues.requests, self._queues.replies
        self._open: dict[Exchange, None] = {}
        self._incoming: Exchange | None = None
        self._last: Exchange | None = None  # the one that was recorded last
        self._unanswered: list[Exchange] = []
        self._replies_begun = 0  # of the unanswered ones, those whose reply was read, at least in part
        self._reply_handler = ReplyHandler(dialect, host, self._reply_queue, self._silence, limits)
        self._request_handler = RequestHandler(host, self._request_queue, self._unanswered, self._reply_handler, limits)
        self._request_mode = QUEUED if host.rules.injections else FORWARDED
        self._reply_mode = FORWARDED
        self._request_overlap = self._reply_overlap = 0
        self._silenced_by: Injection | None = None
        self._reading = 0  # how many loops over pieces are under way
        self._switching: Exchange | None = None
        self._behind: list[Piece] = []
        self._bytes_behind = 0
        self._end_behind: Kind | None = None
        self.came = 0.0
        """When what is fed now has come, where that was before the link was open; else 0."""

    @property
    def parsed(self) -> bool:
        """Whether the link is parsed still."""
        return self._request_mode not in _NOT_PARSED and self._reply_mode not in _NOT_PARSED

    @property
    def open(self) -> tuple[Exchange, ...]:
        """The exchanges that have not ended."""
        return tuple(self._open)

    # What comes

    def feed_requests(self, data: bytes) -> None:
        """Take bytes from the client."""
        mode = self._request_mode
        if mode is FORWARDED:
            self._to_upstream.forward(data)
            head = self._request_reader.read_whole(data)
            if head is not None and len(self._open) < MOST_OPEN and self._switching is None:
                self._add_complete(Exchange(head, self.came or self._clock.time()), data)
            else:
                self._read_requests(data)
            return
        if mode is RAW:
            self._to_upstream.forward(data)
            return
        self._to_upstream.withhold(len(data))
        if mode is SILENCED or mode is CLOSED:
            return
        if mode is QUEUED and not self._request_queue.slots and len(self._open) < MOST_OPEN and self._switching is None:
            head = self._request_reader.read_whole(data)
            rules = self._host.rules
            if head is not None and head.size <= rules.index.reach:
                mask = rules.index.by_head(head)
                if not mask:
                    self._to_upstream.send(data)
                    self._add_complete(Exchange(head, self.came or self._clock.time()), data)
                    return
                if not head.expects and self._reply_mode is not ENDED:  # as it would be judged if it came in parts
                    self._judge_whole(head, data, Plan(rules, mask, head))
                    return
        self._queues.gather()
        self._read_requests(data)
        self._queues.flush()
        self.rearm()

    def feed_replies(self, data: bytes) -> None:
        """Take bytes from the upstream."""
        mode = self._reply_mode
        if mode is FORWARDED:
            self._to_client.forward(data)
            if self._reply_mode is CLOSED:  # by a fault of streams, which has cut the link at these bytes
                return
            if not (self._unanswered and self._take_unread(data)):
                self._read_replies(data)
        elif mode is RAW:
            self._to_client.forward(data)
        else:
            self._to_client.withhold(len(data))
            if mode is not CLOSED:
                pieces = self._whole_reply(data) if self._unanswered and not self._replies_begun else None
                self._queues.gather()
                self._read_replies(data, pieces)
                self._queues.flush()
                self.rearm()

    def feed_end(self, stream: Stream, kind: Kind) -> None:
        """Take the end of a stream, or a RST in it."""
        if stream == "upstream":
            self._note_leaving()
            self._client_ended(kind)
        else:
            self._upstream_ended(kind)
        self.rearm()

    def block(self, stream: Stream, blocked: bool) -> None:
        """Learn that the reader of a stream asked for a pause, or took it back."""
        self._queues.block(stream, blocked)

    def _append(self, queue: MessageQueue, data: bytes) -> None:
        """Send bytes that belong to no message, behind those that do."""
        if data:
            slot = queue.add()
            queue.put(slot, data)
            queue.end_message(slot)

    # Faults come and go

    def rearm(self) -> None:
        """Follow the faults that are armed now, and go back to what costs least."""
        self._settle_switching()
        if self._request_mode is FORWARDED:
            if self._host.rules.injections:
                self._request_mode, self._request_overlap = QUEUED, self._bytes_behind + self._request_reader.held
        elif not self._request_queue.slots:
            if self._request_mode is DRAINING:
                self._request_mode = RAW
            elif self._request_mode is QUEUED and not self._host.rules.injections:
                planned = self._incoming is not None and self._incoming.plan is not None
                if not planned and not self._request_reader.held and not self._behind:
                    self._request_mode = FORWARDED
        if not self._reply_queue.slots:
            if self._reply_mode is DRAINING:
                self._reply_mode = RAW
            elif self._reply_mode is QUEUED and not self._reply_reader.held and not self._replies_begun:
                self._reply_mode = FORWARDED

    def heal(self, injection: Injection) -> None:
        """Let go of what a fault holds. What it silenced is closed."""
        for queue in (self._request_queue, self._reply_queue):
            for slot in tuple(queue.slots):
                if slot.pipe is not None:
                    slot.pipe.heal(injection)
        for exchange in tuple(self._open):
            if exchange.plan is not None:
                exchange.plan.forget(injection)
                self._take_back(exchange, exchange.plan, injection)
        if self._silenced_by is injection:
            self._queues.event("downstream", Kind.CLOSE)
        self.rearm()

    def _take_back(self, exchange: Exchange, plan: Plan, injection: Injection) -> None:
        """Take back what a healed fault has not done yet."""
        if plan.pending_request:
            self._request_handler.reconsider(exchange, plan, plan.pending_request)
            return
        if plan.winner is None or plan.winner.injection is not injection:
            return
        if isinstance(plan.winner.action, Repeat) and exchange.request_slot is not None:
            self._request_queue.release(exchange.request_slot)
        elif plan.swallow_reply and not plan.reply_swallowed:
            plan.winner, plan.swallow_reply = None, False
        elif plan.swallow_reply and isinstance(plan.winner.action, Drop):  # a part of its reply is lost already
            plan.winner = plan.winner._replace(action=Close())

    def _silence(self, injection: Injection) -> None:
        """Say nothing from here on: the next reply would be taken for the one that was dropped.

        A client that left before that waits for none.
        """
        self._request_mode, self._silenced_by = SILENCED, injection
        self._forget_behind()
        if any(exchange.left is not None for exchange in self._open):
            self._queues.event("upstream", Kind.CLOSE)

    def close(self, kind: Kind) -> None:
        """Take the end of the link: what is open comes to nothing."""
        self._request_mode = self._reply_mode = CLOSED
        self._forget_behind()
        self._queues.close()
        for exchange in tuple(self._open):
            self._end(exchange, kind)
            self._record(exchange)

    def dissolve(self) -> None:
        """Break the reference cycles between its objects, since the link is gone; nothing may be fed any more."""
        self._queues.dissolve()
        del self._reply_reader, self._reply_handler, self._request_handler

    def _stop_parsing(self, why: str) -> None:
        """Send on what is under way, then everything as it comes."""
        self._request_mode = _UNPARSED.get(self._request_mode, self._request_mode)
        self._reply_mode = _UNPARSED.get(self._reply_mode, self._reply_mode)
        self._host.parsing_stopped(why)
        incoming, self._incoming = self._incoming, None
        if incoming is not None and incoming.plan is not None:
            if incoming.plan.pending_request is not None:
                self._request_handler.send_undecided(incoming, incoming.plan)
            elif incoming.plan.swallow_request:  # the upstream did not get its beginning: the rest cannot follow alone
                self._reply_queue.end_stream(Kind.CLOSE)
        if incoming is not None and incoming.request_slot is not None:
            self._request_queue.end_message(incoming.request_slot)
        self._take_behind()
        if self._replies_begun and self._unanswered:
            self._reply_handler.cut_short(self._unanswered[0])
            if self._unanswered[0].reply_is_torn:  # the rest of it cannot follow alone
                self._reply_mode = ENDED
                self._end_replies(Kind.CLOSE)
        unanswered = tuple(self._unanswered)
        self._unanswered.clear()
        for exchange in unanswered:
            exchange.end = "unparsed"
            record_missed(exchange)
            exchange.plan = None
            if exchange.reply_slot is not None:
                self._reply_queue.end_message(exchange.reply_slot)
            self._record(exchange)
        self._give_up()

    def _done_reading(self) -> None:
        """Take the end of a loop over pieces; behind the outermost one comes what had to wait for it."""
        self._reading -= 1
        if not self.parsed:
            self._give_up()
        if self._end_behind is not None and not self._reading and not self._behind:
            kind, self._end_behind = self._end_behind, None
            self._client_ended(kind)

    def _give_up(self) -> None:
        """Send on what the readers keep back where the link is not parsed any more, behind all that they have read."""
        if self._reading:
            return
        for piece in self._request_reader.give_up("given up"):
            self._request(piece)
        for piece in self._reply_reader.give_up("given up"):
            self._reply(piece)

    # Requests

    def _judge_whole(self, head: RequestHead, data: bytes, plan: Plan) -> None:
        """Take a request that came whole, and may meet faults. One that none chooses goes on as it came."""
        exchange, pieces = Exchange(head, self.came or self._clock.time()), whole(head, data, len(data) - head.size)
        self._request_handler.judge(exchange, plan, pieces)
        if not (plan.chosen_by or plan.ask_on_reply):
            self._to_upstream.send(data)
            self._add_complete(exchange, data)
            return
        exchange.plan = plan
        self._queues.gather()
        self._queue_replies()
        self._add_complete(exchange, data)
        self._request_handler.carry_out(exchange, plan, pieces)
        self._queues.flush()
        self.rearm()

    def _add_complete(self, exchange: Exchange, data: bytes) -> None:
        """Take a request that came whole; one without a plan was sent on."""
        head = exchange.head
        exchange.request_bytes, exchange.request_complete = len(data), True
        if len(data) > head.size:
            exchange.digest(data[head.size :])
        self._open[exchange] = None
        if exchange.plan is None:
            self._unanswered.append(exchange)
        if self._reply_mode is QUEUED:
            self._add_reply_slot(exchange)
        if head.may_switch:
            self._switching = exchange

    def _queue_replies(self) -> None:
        """Read replies first from now on, since there is a plan for one of them."""
        if self._reply_mode is FORWARDED:
            self._reply_mode, self._reply_overlap = QUEUED, self._reply_reader.held
            for each in self._unanswered:
                self._add_reply_slot(each)

    def _add_reply_slot(self, exchange: Exchange) -> None:
        exchange.reply_slot = self._reply_queue.add(partial(self._reply_sent, exchange))

    def _read_requests(self, data: bytes) -> None:
        self._reading += 1
        for piece in self._request_reader.feed(data):
            self._request(piece)
        self._done_reading()

    def _request(self, piece: Piece) -> None:
        """Take a piece of the client's stream."""
        if self._behind or (self._switching is not None and self._switching is not self._incoming):
            self._add_behind(piece)
        else:
            self._take(piece)

    def _take(self, piece: Piece, *, answered: bool = False) -> None:
        """Take a piece of a request; where it is not queued, the bytes are on their way.

        `answered`: the upstream has replied to it, so it is too late to judge it.
        """
        part, data, last, head, spans = piece
        data, self._request_overlap = data[self._request_overlap :], max(0, self._request_overlap - len(data))
        if self._request_mode is FORWARDED or self._request_mode is QUEUED:
            if part is Part.OPAQUE:
                self._stop_parsing(self._request_reader.opaque)
            elif part is Part.HEAD and len(self._open) >= MOST_OPEN:
                self._stop_parsing("too many requests at once")
        mode = self._request_mode
        if mode is DRAINING or (mode is QUEUED and part is Part.STRAY):
            self._append(self._request_queue, data)
        if part is Part.STRAY or (mode is not FORWARDED and mode is not QUEUED):
            return
        if part is Part.HEAD:
            judged = mode is QUEUED and len(data) == len(piece.data) and not answered
            self._incoming = self._begin(cast("RequestHead", head), judged=judged)
            if self._incoming.head.may_switch:
                self._switching = self._incoming
        exchange = self._incoming
        assert exchange is not None
        exchange.request_bytes += len(piece.data)
        if part is Part.BODY:
            exchange.digest(piece.payload)
        if last:
            self._incoming = None
        if mode is QUEUED and data:
            self._request_handler.add(exchange, Piece(part, data, last, spans=spans))
        exchange.request_complete = last
        if last and exchange.reply_sent:  # the reply came before the request's end
            self._record(exchange)

    def _begin(self, head: RequestHead, *, judged: bool) -> Exchange:
        exchange = Exchange(head, self.came or self._clock.time())
        self._open[exchange] = None
        rules = self._host.rules
        mask = rules.index.by_head(head) if judged and self._reply_mode is not ENDED else 0
        if judged and head.size > rules.index.reach:
            record_too_long(self._host, rules, rules.index.beyond_head(head))
        if mask:
            self._queue_replies()
        if self._reply_mode is QUEUED:
            self._add_reply_slot(exchange)
        if mask:
            exchange.plan = Plan(rules, mask, head)
        else:
            self._unanswered.append(exchange)
        return exchange

    def _add_behind(self, piece: Piece) -> None:
        """Take a piece of which only a reply will say what it is."""
        part, data, _, head, _ = piece
        before, self._bytes_behind = self._bytes_behind, self._bytes_behind + len(data)
        self._behind.append(piece)
        if self._request_mode is QUEUED and self._request_overlap >= before:
            acts = part is Part.HEAD and self._host.rules.index.by_head(cast("RequestHead", head))
            if not acts or self._request_overlap > before:
                self._append(self._request_queue, data[self._request_overlap - before :])
                self._request_overlap = max(self._request_overlap, self._bytes_behind)
        if self._bytes_behind > MOST_BEHIND:
            self._stop_parsing("too much before the reply to an upgrade")
        else:
            self._settle_switching()

    def _settle_switching(self) -> None:
        """Take what is behind a request as requests, if its reply says so or will not come."""
        if self._switching is None or not (self._switching.status or self._reply_mode is ENDED):
            return
        self._take_behind()

    def _take_behind(self) -> None:
        """Take what is behind a request."""
        behind = self._behind
        self._forget_behind()
        self._reading += 1
        for piece in behind:
            self._request(piece)
        self._done_reading()

    def _forget_behind(self) -> None:
        self._switching, self._behind, self._bytes_behind = None, [], 0

    def _note_leaving(self) -> None:
        """Note when the client's stream ended: most clients have given up what is open then."""
        for exchange in self._open:
            if exchange.left is None and not exchange.end:
                exchange.left = self.came or self._clock.time()
                self._host.settled(exchange)

    def _client_ended(self, kind: Kind) -> None:
        if self._request_mode is SILENCED:
            self._queues.event("upstream", Kind.CLOSE if kind is Kind.EOF else kind)
            return
        if self._request_mode is QUEUED and self._request_overlap < self._bytes_behind and kind is Kind.EOF:
            self._end_behind = kind
            return
        incoming, self._incoming = self._incoming, None
        if incoming is not None and incoming.plan is not None and incoming.plan.pending_request is not None:
            self._request_handler.send_undecided(incoming, incoming.plan)
        if incoming is not None and incoming.request_slot is not None:
            self._request_queue.end_message(incoming.request_slot)
        for piece in self._request_reader.eof():
            if self._request_mode in (QUEUED, DRAINING):
                self._append(self._request_queue, piece.data[max(0, self._request_overlap - self._bytes_behind) :])
        self._request_queue.end_stream(kind)

    # Replies

    def _next_request(self) -> RequestHead | None:
        """Return the request of the next reply; some of those before are perhaps still to be taken."""
        ahead, self._replies_begun = self._replies_begun, self._replies_begun + 1
        if self._behind and ahead == len(self._unanswered):  # the reply before it, just read, says: no switch
            behind, self._behind = self._behind, []
            while behind and (ahead == len(self._unanswered) or not self.parsed):
                self._take(behind.pop(0), answered=True)
            self._behind, self._bytes_behind = behind, sum(len(piece.data) for piece in behind)
        return self._unanswered[ahead].head if ahead < len(self._unanswered) else None

    def _take_unread(self, data: bytes) -> bool:
        """Take data of a reply that was forwarded, if no piece of it need be looked at; return whether that is so.

        It is all of the reply and nothing else, or within its body.
        """
        exchange = self._unanswered[0]
        if self._replies_begun:
            skipped = self._reply_reader.skip(data)
            exchange.reply_bytes += len(data) if skipped else 0
            return skipped
        head = self._reply_reader.read_whole(data, exchange.head)
        if head is None:
            return False
        self._unanswered.pop(0)
        exchange.reply_began = exchange.ended = self._clock.time()
        exchange.status, exchange.outcome, exchange.retry_after = head.status, head.outcome, head.retry_after
        exchange.reply_bytes = len(data)
        exchange.reply_sent = True
        if exchange.request_complete:
            del self._open[exchange]
            if exchange.request_bytes > BRIEF:
                exchange.compact()
            self._last = exchange
            self._host.ended(exchange)
        if self._switching is exchange:
            self._settle_switching()
        return True

    def _whole_reply(self, data: bytes) -> list[Piece] | None:
        """Return the pieces of a reply that begins, if the data is all of it and nothing else."""
        if self._switching is not None or self._reply_overlap:
            return None
        head = self._reply_reader.read_whole(data, self._unanswered[0].head)
        if head is None or head.length is None:
            return None
        self._replies_begun = 1
        return whole(head, data, head.length)

    def _read_replies(self, data: bytes, pieces: list[Piece] | None = None) -> None:
        """Take the upstream's stream; `pieces` are those of the data where it is one reply, which was read already."""
        self._reading += 1
        for piece in self._reply_reader.feed(data) if pieces is None else pieces:
            self._reply(piece)
        if self._reply_reader.opaque and self._reply_mode in (FORWARDED, QUEUED):
            self._stop_parsing(self._reply_reader.opaque)
        self._settle_switching()
        self._done_reading()

    def _reply(self, piece: Piece) -> None:
        """Take a piece of the upstream's stream; where it is not queued, the bytes are on their way."""
        part, data, last, head, spans = piece
        data, self._reply_overlap = data[self._reply_overlap :], max(0, self._reply_overlap - len(data))
        if part is Part.OPAQUE and (self._reply_mode is FORWARDED or self._reply_mode is QUEUED):
            self._stop_parsing(self._reply_reader.opaque)
        mode = self._reply_mode
        if mode is DRAINING or (mode is QUEUED and part is Part.STRAY):
            self._append(self._reply_queue, data)
        if part is Part.STRAY or (mode is not FORWARDED and mode is not QUEUED):
            return
        exchange = self._unanswered[0]
        if last:
            self._unanswered.pop(0)
            self._replies_begun -= 1
        if exchange.reply_sent:  # it ended before the upstream's own end of it
            return
        if exchange.reply_began is None:
            exchange.reply_began = self._clock.time()
        plan = exchange.plan
        if exchange.reply_slot is None:
            note_head(exchange, piece)
            exchange.reply_bytes += len(data)
            if last:
                self._reply_sent(exchange)
        elif plan is None or not plan.swallow_reply or (head is not None and cast("ReplyHead", head).interim):
            self._reply_handler.add(exchange, Piece(part, data, last, head, spans))
        else:
            plan.reply_swallowed = True
            if plan.winner is not None:
                plan.winner.fired()
            if last:
                plan.swallow_reply = False
                self._reply_handler.act(exchange, plan)

    def _upstream_ended(self, kind: Kind) -> None:
        if self._request_mode is SILENCED:
            return
        if self._reply_mode is ENDED:  # a RST behind the end
            self._reply_queue.end_stream(kind)
            return
        incoming = self._incoming
        if incoming is not None and incoming.plan is not None and incoming.plan.pending_request is not None:
            self._request_handler.send_undecided(incoming, incoming.plan)
        if kind is Kind.EOF:
            self._read_last_reply(self._reply_reader.eof())
        if self._reply_mode is not CLOSED:
            self._reply_mode = ENDED
        if self._unanswered:
            self._end_replies(kind)
        else:
            self._reply_queue.end_stream(kind)

    def _read_last_reply(self, pieces: list[Piece]) -> None:
        """Take the last pieces of the upstream's stream. Nothing can come behind a reply that ends with it."""
        if pieces and pieces[-1].last:
            self._reply_queue.drop_behind(self._unanswered[0].reply_slot)
            del self._unanswered[1:]
        for piece in pieces:
            self._reply(piece)

    def _end_replies(self, kind: Kind) -> None:
        """End the stream of replies where the upstream's first one has come to: no more comes."""
        exchange = self._unanswered[0]
        plan, slot = exchange.plan, exchange.reply_slot
        self._unanswered.clear()
        if plan is not None and plan.swallow_reply:
            plan.swallow_reply = False
            self._reply_handler.act(exchange, plan)
            if self._silenced_by is not None:
                return
        else:
            self._reply_handler.cut_short(exchange)
            self._end(exchange, kind)
        self._reply_queue.end_stream_with(slot, kind)

    # Ends

    def last_reply_left(self) -> None:
        """Note that the client left before it got the last reply, which was sent and is held behind us."""
        if self._last is not None and self._last.left is None:
            self._last.left = self._clock.time()

    def last_reply_cut(self) -> None:
        """Note that the last reply, which was sent and is held behind us, will not get to the client."""
        if self._last is not None:
            self._last.end = self._last.end or "cut"

    def _end(self, exchange: Exchange, kind: Kind) -> None:
        if not exchange.reply_sent:
            exchange.end = exchange.end or ("cut" if exchange.status else "reset" if kind is Kind.RESET else "closed")

    def _reply_sent(self, exchange: Exchange) -> None:
        """Record that all of a reply was sent."""
        exchange.reply_sent, exchange.ended = True, self._clock.time()
        if exchange.request_complete:
            self._record(exchange)

    def _record(self, exchange: Exchange) -> None:
        if self._open.pop(exchange, exchange) is None:  # else the link is not parsed any more, or has ended
            record_missed(exchange)
            exchange.ended = exchange.ended or self._clock.time()
            exchange.compact()
            self._last = exchange
            self._host.ended(exchange)
