"""What becomes of replies: the upstream's, and answers of our own, which take the same way."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

from ...faults.action import Answer, Drop, Reset
from ...faults.segment import Kind
from ...wire.dialect import Dialect, Piece, ReplyHead, whole
from ..shaping.budget import Limits
from ..shaping.injection import Injection
from .exchange import Exchange
from .host import ConversationHost, record_fired, record_too_long
from .message_queue import MessageQueue
from .plan import Plan
from .rules import fault_of

_CUT_ENDINGS = {"fin": Kind.CLOSE, "rst": Kind.RESET, "nothing": Kind.EOF}


class ReplyHandler:
    """Puts the replies of a link into their slots, as the plans of their exchanges say.

    `silence` is called with the fault that dropped a message: nothing is said on this link from there on.

    An exchange without a slot was sent to its end, or its link has ended, perhaps with the piece before: nothing more
    of it is sent.
    """

    __slots__ = ("_dialect", "_host", "_limits", "_queue", "_silence")

    def __init__(
        self,
        dialect: Dialect,
        host: ConversationHost,
        queue: MessageQueue,
        silence: Callable[[Injection], None],
        limits: Limits,
    ) -> None:
        self._dialect = dialect
        self._host = host
        self._queue = queue
        self._silence = silence
        self._limits = limits

    def add(self, exchange: Exchange, piece: Piece) -> None:
        """Take a piece of an exchange's reply."""
        plan, head = exchange.plan, note_head(exchange, piece)
        if plan is None:
            self._send(exchange, piece.data, last=piece.last)
            return
        if head is not None:
            piece = piece._replace(data=self._decide(exchange, plan, head, piece.data))
        if plan.pending_reply is None:
            self._trim(exchange, plan, piece)
            return
        plan.pending_reply.append(piece)
        plan.pending_bytes += len(piece.data)
        if piece.last or plan.pending_bytes > self._limits.body:
            self._release(exchange, plan, plan.pending_reply, complete=piece.last)

    def act(self, exchange: Exchange, plan: Plan) -> None:
        """Do what happens instead of the upstream's reply."""
        assert plan.winner is not None
        injection, action, fired = plan.winner
        fired()
        if isinstance(action, Answer):
            plan.ending = Kind.CLOSE if action.close else None
            self._answer(exchange, action.data)
            return
        plan.reply_done = True
        plan.ask_on_reply = []
        self._shape(exchange, plan, 0)
        if isinstance(action, Drop):
            exchange.end = "lost"
            self._host.settled(exchange)
            self._silence(injection)
        else:
            exchange.end, kind = ("reset", Kind.RESET) if isinstance(action, Reset) else ("closed", Kind.CLOSE)
            self._finish(exchange, kind)

    def cut_short(self, exchange: Exchange) -> None:
        """Send what was kept of a reply whose end will not come."""
        plan = exchange.plan
        if plan is not None and plan.pending_reply is not None:
            self._release(exchange, plan, plan.pending_reply, complete=False)

    def _decide(self, exchange: Exchange, plan: Plan, head: ReplyHead, data: bytes) -> bytes:
        """Ask the faults that act on the reply; return what its head becomes."""
        before, matching = plan.winner, plan.matching_reply(head)
        if len(data) > plan.rules.index.reach:
            record_too_long(self._host, plan.rules, plan.beyond_reply(head))
        for injection, bit, chosen in plan.ask_on_reply:
            if chosen is None and bit & matching:
                chosen = injection.choose_exchange(self._host.operation(exchange.head.operation))
                if chosen is not None:
                    plan.chosen_by.append(injection)
            if chosen is not None:
                actions = fault_of(injection).on_reply(plan.request, head, chosen.rng)
                fired = partial(record_fired, self._host, exchange, injection, chosen.n)
                plan.add(injection, actions, chosen.rng, fired)
        plan.ask_on_reply = []
        data = plan.begin_reply(head, data)
        if plan.pending_reply is None:
            self._shape(exchange, plan, len(data))
        if plan.winner is not before:
            self.act(exchange, plan)
        return data

    def _shape(self, exchange: Exchange, plan: Plan, head: int) -> None:
        if (slot := exchange.reply_slot) is not None:
            for lane in plan.lanes("reply", head):
                self._queue.shape(slot, lane)
        plan.shapes = []

    def _release(self, exchange: Exchange, plan: Plan, kept: list[Piece], *, complete: bool) -> None:
        """Send a reply that was kept, as it is to be."""
        data, too_long = plan.rewrite_reply(kept, complete=complete)
        for injection in too_long:
            self._host.record_untouched(injection)
        if data is not None:
            self._answer(exchange, data)
            return
        self._shape(exchange, plan, len(kept[0].data))
        for piece in kept:
            self._trim(exchange, plan, piece)

    def _answer(self, exchange: Exchange, data: bytes) -> None:
        """Let bytes of our own be an exchange's reply."""
        reader = self._dialect.replies(lambda: exchange.head)
        head = reader.read_whole(data, exchange.head)
        if head is not None and head.length is not None:
            pieces = whole(head, data, head.length)
        else:
            pieces = [*reader.feed(data), *reader.eof()]
        for piece in pieces:
            self.add(exchange, piece)
        self._finish(exchange, Kind.EOF)

    def _trim(self, exchange: Exchange, plan: Plan, piece: Piece) -> None:
        """Send a piece of a reply, as far as it goes."""
        if plan.reply_done:
            return
        data, cut = plan.trim(piece)
        self._send(exchange, data, last=piece.last and not cut)
        if cut and plan.cut is not None and exchange.reply_slot is not None:
            plan.reply_done, exchange.end = True, "cut"
            plan.cut_fired()
            self._finish(exchange, _CUT_ENDINGS[plan.cut.how])

    def _send(self, exchange: Exchange, data: bytes, *, last: bool) -> None:
        slot = exchange.reply_slot
        if slot is not None and data:
            exchange.reply_bytes += len(data)
            self._queue.put(slot, data)
        if last:
            self._finish(exchange, Kind.EOF)

    def _finish(self, exchange: Exchange, kind: Kind) -> None:
        if kind is Kind.EOF and exchange.plan is not None and exchange.plan.ending is not None:
            kind = exchange.plan.ending
        if (slot := exchange.reply_slot) is not None:
            self._queue.end_message(slot, kind)


def note_head(exchange: Exchange, piece: Piece) -> ReplyHead | None:
    """Note what a reply's head says, and return it, if it is the one that counts."""
    head = cast("ReplyHead | None", piece.head)
    if head is None or head.interim:
        return None
    exchange.status, exchange.outcome, exchange.retry_after = head.status, head.outcome, head.retry_after
    return head
