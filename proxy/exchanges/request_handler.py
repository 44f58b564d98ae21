"""What becomes of requests: kept until their exchange is decided, then sent, or not."""

from __future__ import annotations

from functools import partial

from ...faults.action import Answer, Close, Drop, Repeat, Replace, Reset, Rewrite
from ...faults.exchange import Request
from ...wire.dialect import Piece
from ..shaping.budget import Limits
from ..shaping.injection import Injection
from .exchange import Exchange
from .host import ConversationHost, record_fired, record_too_long
from .message_queue import MessageQueue, Slot
from .plan import AskOnReply, Plan, Rewritten
from .reply_handler import ReplyHandler
from .rules import fault_of

CONTENT_CODING = "header.content-encoding"
"""How a protocol that has headers says that a body is compressed; others have no such value."""


class RequestHandler:
    """Puts the requests of a link into their slots, as the plans of their exchanges say.

    Those that the upstream is to answer go to `unanswered`, in their order.
    """

    __slots__ = ("_host", "_limits", "_queue", "_replies", "_unanswered")

    def __init__(
        self,
        host: ConversationHost,
        queue: MessageQueue,
        unanswered: list[Exchange],
        replies: ReplyHandler,
        limits: Limits,
    ) -> None:
        self._host = host
        self._queue = queue
        self._unanswered = unanswered
        self._replies = replies
        self._limits = limits

    def add(self, exchange: Exchange, piece: Piece) -> None:
        """Keep a piece of a request until its exchange is decided, then send it."""
        plan = exchange.plan
        if plan is not None and plan.pending_request is not None:
            plan.pending_request.append(piece)
            plan.pending_bytes += len(piece.data)
            wanted = plan.met & plan.rules.collect and not exchange.head.expects
            if piece.last or not wanted or plan.pending_bytes > self._limits.body:
                self._decide(exchange, plan, plan.pending_request)
            return
        if plan is not None and plan.swallow_request:
            return
        if exchange.request_slot is None and not self._queue.slots:
            if piece.data:
                self._queue.bypass(piece.data)
            return
        slot = self._slot(exchange)
        self._queue.put(slot, piece.data)
        if piece.last:
            self._queue.end_message(slot)

    def _slot(self, exchange: Exchange) -> Slot:
        """Return the slot of a request."""
        if exchange.request_slot is None:
            exchange.request_slot = self._queue.add()
        return exchange.request_slot

    def send_undecided(self, exchange: Exchange, plan: Plan) -> None:
        """Send what was kept of a request that will not be decided any more."""
        pending, exchange.plan = plan.pending_request, None
        self._unanswered.append(exchange)
        for piece in pending or ():
            self.add(exchange, piece)

    def reconsider(self, exchange: Exchange, plan: Plan, pending: list[Piece]) -> None:
        """Decide an exchange if no fault waits for the rest of its request any more."""
        if not plan.met & plan.rules.collect:
            self._decide(exchange, plan, pending)

    def _decide(self, exchange: Exchange, plan: Plan, pending: list[Piece]) -> None:
        """Judge an exchange, and do what its request becomes."""
        self.judge(exchange, plan, pending)
        self.carry_out(exchange, plan, pending)

    def judge(self, exchange: Exchange, plan: Plan, pending: list[Piece]) -> None:
        """Find which faults choose an exchange, by its request as far as that was kept, and what they ask for."""
        plan.pending_request, complete = None, pending[-1].last
        body = b"".join([piece.payload for piece in pending])
        data = b"".join([piece.data for piece in pending]) if complete else b""
        plan.request = Request(exchange.head, body, complete, data)
        if len(body) > plan.rules.index.reach:
            record_too_long(self._host, plan.rules, plan.rules.index.beyond_body(plan.met, body, complete))
        fitting = plan.rules.index.by_body(plan.met, body, complete)
        if missed := plan.met & plan.rules.index.needs_body & ~fitting:
            self._record_unread(exchange, plan, missed)
        for bit, injection in plan.rules.among(fitting):
            self._judge(exchange, plan, bit, injection)

    def carry_out(self, exchange: Exchange, plan: Plan, pending: list[Piece]) -> None:
        """Do what the request of an exchange becomes that was judged."""
        action = plan.winner.action if plan.winner is not None else None
        if isinstance(action, (Answer, Drop, Reset, Close)):
            plan.swallow_request, plan.swallow_reply = not action.forward, action.forward
        if plan.swallow_request:
            plan.shape_reply_instead()
        else:
            self._unanswered.append(exchange)
            for lane in plan.lanes("request", len(pending[0].data)):
                self._queue.shape(self._slot(exchange), lane)
        if isinstance(action, Repeat):
            slot = self._slot(exchange)
            self._queue.hold(slot)
            assert plan.winner is not None
            fired, release = plan.winner.fired, partial(self._queue.release, slot)
            self._host.copy(exchange, plan.request.data, action.times, fired, release)
        elif isinstance(action, Replace) and plan.winner is not None:
            injection, _, fired = plan.winner
            plan.rewrites.append(Rewritten(injection, Rewrite(action.reply, whole=True), fired))
            self._queue.put(self._slot(exchange), action.request)
            self._queue.end_message(self._slot(exchange))
            plan.swallow_request = True
        if not plan.swallow_request:
            pending = plan.rewrite_request(pending)
        for piece in pending:
            self.add(exchange, piece)
        if plan.swallow_request and not isinstance(action, Replace):
            self._replies.act(exchange, plan)

    def _record_unread(self, exchange: Exchange, plan: Plan, missed: int) -> None:
        """Record which matches did not fit only because nobody could read the body."""
        coding = exchange.head.value(CONTENT_CODING) or "identity"
        if coding.lower() != "identity":
            reason = f"it is compressed ({coding})"
        elif plan.request.complete:
            return
        elif exchange.head.expects:
            reason = "its client may wait for 100 Continue before it sends one"
        else:
            missed &= plan.rules.index.needs_json
            reason = f"it is longer than {self._limits.body} bytes"
        for _, injection in plan.rules.among(missed):
            self._host.body_unread(injection, reason)

    def _judge(self, exchange: Exchange, plan: Plan, bit: int, injection: Injection) -> None:
        fault = fault_of(injection)
        if bit & plan.rules.index.needs_reply:
            plan.ask_on_reply.append(AskOnReply(injection, bit, None))
        elif fault.needs_whole_request and not plan.request.complete:
            self._host.record_untouched(injection)
        elif (chosen := injection.choose_exchange(self._host.operation(exchange.head.operation))) is not None:
            plan.chosen_by.append(injection)
            if fault.acts_on == "reply":
                plan.ask_on_reply.append(AskOnReply(injection, bit, chosen))
            else:
                fired = partial(record_fired, self._host, exchange, injection, chosen.n)
                plan.add(injection, fault.on_request(plan.request, chosen.rng), chosen.rng, fired)
