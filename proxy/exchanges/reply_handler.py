"""What becomes of replies: the upstream's, and answers of our own, which take the same way."""

from __future__ import annotations

from typing import cast

from ...faults.action import Answer, Drop, Reset
from ...faults.segment import Kind
from ...wire.dialect import Dialect, Piece, ReplyHead
from ..shaping.budget import Limits
from ..shaping.injection import Injection
from .exchange import Exchange
from .host import Carrier
from .message_queue import Course
from .plan import Plan
from .rules import fault_of

_CUTS = {"fin": Kind.CLOSE, "rst": Kind.RESET, "nothing": Kind.EOF}


class Replying:
    """Puts the replies of a link into their turns, as the plans of their exchanges will have it.

    `silenced` is the fault because of which nothing is said on this link any more.
    """

    __slots__ = ("_carrier", "_course", "_dialect", "_limits", "silenced")

    def __init__(self, dialect: Dialect, carrier: Carrier, course: Course, limits: Limits) -> None:
        self._dialect = dialect
        self._carrier = carrier
        self._course = course
        self._limits = limits
        self.silenced: Injection | None = None

    def take(self, exchange: Exchange, piece: Piece) -> None:
        """Take a piece of an exchange's reply."""
        plan, head = exchange.plan, heard(exchange, piece)
        if plan is None:
            self._send(exchange, piece.data, last=piece.last)
            return
        if head is not None:
            piece = piece._replace(data=self._decide(exchange, plan, head, piece.data))
        if plan.kept is None:
            self._trim(exchange, plan, piece)
            return
        plan.kept.append(piece)
        plan.size += len(piece.data)
        if piece.last or plan.size > self._limits.body:
            self._release(exchange, plan, plan.kept, complete=piece.last)

    def act(self, exchange: Exchange, plan: Plan) -> None:
        """Do what an exchange's reply is to become instead of the upstream's."""
        assert plan.winner is not None
        injection, action = plan.winner
        if isinstance(action, Answer):
            plan.ending = Kind.CLOSE if action.close else None
            self._say(exchange, action.data)
            return
        plan.over = True
        plan.settle(self._carrier)
        self._shape(exchange, plan, 0)
        if isinstance(action, Drop):
            exchange.end, self.silenced = "lost", injection
        else:
            exchange.end, kind = ("reset", Kind.RESET) if isinstance(action, Reset) else ("closed", Kind.CLOSE)
            self._finish(exchange, kind)

    def cut_short(self, exchange: Exchange) -> None:
        """Let go of a reply whose end will not come."""
        plan = exchange.plan
        if plan is not None and plan.kept is not None:
            self._release(exchange, plan, plan.kept, complete=False)

    def _decide(self, exchange: Exchange, plan: Plan, head: ReplyHead, data: bytes) -> bytes:
        """Ask the faults that act on the reply; return what its head is to be."""
        before, matching = plan.winner, plan.matching(head)
        for injection, bit, dice in plan.fired:
            if dice is None and bit & matching:
                dice = injection.hits(self._carrier.operation(exchange.head.operation))
            if dice is not None:
                took = plan.take(injection, fault_of(injection).on_reply(plan.request, head, dice), dice)
                plan.took(self._carrier, exchange, injection, took)
        plan.fired = []
        data = plan.decide_reply(head, data)
        if plan.kept is None:
            self._shape(exchange, plan, len(data))
        if plan.winner is not before:
            self.act(exchange, plan)
        return data

    def _shape(self, exchange: Exchange, plan: Plan, head: int) -> None:
        assert exchange.replying is not None
        for lane in plan.lanes("reply", head):
            self._course.shape(exchange.replying, lane)
        plan.shapes = []

    def _release(self, exchange: Exchange, plan: Plan, kept: list[Piece], *, complete: bool) -> None:
        """Send a reply that was kept, as it is to be."""
        data, too_long = plan.whole(kept, complete=complete)
        for injection in too_long:
            self._carrier.spared(injection)
        if data is not None:
            self._say(exchange, data)
            return
        self._shape(exchange, plan, len(kept[0].data))
        for piece in kept:
            self._trim(exchange, plan, piece)

    def _say(self, exchange: Exchange, data: bytes) -> None:
        """Let bytes of our own be an exchange's reply."""
        reader = self._dialect.replies(lambda: exchange.head)
        for piece in (*reader.feed(data), *reader.eof()):
            self.take(exchange, piece)
        if exchange.replying is not None:  # else all of it was sent
            self._finish(exchange, Kind.EOF)

    def _trim(self, exchange: Exchange, plan: Plan, piece: Piece) -> None:
        """Send a piece of a reply, as far as it goes."""
        if plan.over:
            return
        data, cut = plan.trim(piece)
        self._send(exchange, data, last=piece.last and not cut)
        if cut and plan.cut is not None:
            plan.over, exchange.end = True, "cut"
            self._finish(exchange, _CUTS[plan.cut.how])

    def _send(self, exchange: Exchange, data: bytes, *, last: bool) -> None:
        assert exchange.replying is not None
        if data:
            exchange.reply_bytes += len(data)
            self._course.put(exchange.replying, data)
        if last:
            self._finish(exchange, Kind.EOF)

    def _finish(self, exchange: Exchange, kind: Kind) -> None:
        assert exchange.replying is not None
        if kind is Kind.EOF and exchange.plan is not None and exchange.plan.ending is not None:
            kind = exchange.plan.ending
        self._course.finish(exchange.replying, kind)


def heard(exchange: Exchange, piece: Piece) -> ReplyHead | None:
    """Note what a reply's head says, and return it, if it is the one that counts."""
    head = cast("ReplyHead | None", piece.head)
    if head is None or head.interim:
        return None
    exchange.status, exchange.outcome = head.status, head.outcome
    return head
