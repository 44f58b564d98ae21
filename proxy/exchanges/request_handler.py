"""What becomes of requests: kept until their exchange is decided, then sent, or not."""

from __future__ import annotations

from functools import partial

from ...faults.action import Answer, Close, Drop, Repeat, Replace, Reset, Rewrite
from ...faults.exchange import Request
from ...wire.dialect import Part, Piece
from ..shaping.budget import Limits
from ..shaping.injection import Injection
from .exchange import Exchange
from .host import Carrier
from .message_queue import Course, Turn
from .plan import Fired, Plan, Rewritten
from .reply_handler import Replying
from .rules import fault_of


class Asking:
    """Puts the requests of a link into their turns, as the plans of their exchanges will have it.

    Those that the upstream is to answer go to `awaiting`, in their order.
    """

    __slots__ = ("_awaiting", "_carrier", "_course", "_limits", "_replying")

    def __init__(
        self, carrier: Carrier, course: Course, awaiting: list[Exchange], replying: Replying, limits: Limits
    ) -> None:
        self._carrier = carrier
        self._course = course
        self._awaiting = awaiting
        self._replying = replying
        self._limits = limits

    def take(self, exchange: Exchange, piece: Piece) -> None:
        """Keep a piece of a request until its exchange is decided, then send it."""
        plan = exchange.plan
        if plan is not None and plan.asked is not None:
            plan.asked.append(piece)
            plan.size += len(piece.data)
            wanted = plan.mask & plan.rules.collect and not exchange.head.expects
            if piece.last or not wanted or plan.size > self._limits.body:
                self._decide(exchange, plan, plan.asked)
            return
        if plan is not None and plan.unsent:
            return
        if exchange.asking is None and not self._course.turns:
            if piece.data:
                self._course.pass_by(piece.data)
            return
        turn = self._turn(exchange)
        self._course.put(turn, piece.data)
        if piece.last:
            self._course.finish(turn)

    def _turn(self, exchange: Exchange) -> Turn:
        """Return the turn of a request in the client's stream."""
        if exchange.asking is None:
            exchange.asking = self._course.turn()
        return exchange.asking

    def undecided(self, exchange: Exchange, plan: Plan) -> None:
        """Send what was kept of a request that will not be decided any more."""
        asked, exchange.plan = plan.asked, None
        self._awaiting.append(exchange)
        for piece in asked or ():
            self.take(exchange, piece)

    def reconsider(self, exchange: Exchange, plan: Plan, asked: list[Piece]) -> None:
        """Decide an exchange if nobody waits for the rest of its request any more."""
        if not plan.mask & plan.rules.collect:
            self._decide(exchange, plan, asked)

    def _decide(self, exchange: Exchange, plan: Plan, asked: list[Piece]) -> None:
        """Judge an exchange, and do what its request is to become."""
        plan.asked, whole = None, asked[-1].last
        body = b"".join(piece.data for piece in asked if piece.part is Part.BODY)
        data = b"".join(piece.data for piece in asked) if whole else b""
        plan.request = Request(exchange.head, body, whole, data)
        for bit, injection in plan.rules.among(plan.rules.index.by_body(plan.mask, body, whole)):
            self._judge(exchange, plan, bit, injection)
        action = plan.winner.action if plan.winner is not None else None
        if isinstance(action, (Answer, Drop, Reset, Close)):
            plan.unsent, plan.unheard = not action.forward, action.forward
        if plan.unsent:
            plan.turn_back()
        else:
            self._awaiting.append(exchange)
            for lane in plan.lanes("request", len(asked[0].data)):
                self._course.shape(self._turn(exchange), lane)
        if isinstance(action, Repeat):
            turn = self._turn(exchange)
            self._course.hold(turn)
            self._carrier.repeat(exchange, data, action.times, partial(self._course.release, turn))
        elif isinstance(action, Replace) and plan.winner is not None:
            plan.rewrites.append(Rewritten(plan.winner.injection, Rewrite(action.reply, whole=True)))
            self._course.put(self._turn(exchange), action.request)
            self._course.finish(self._turn(exchange))
            plan.unsent = True
        for piece in plan.asking(asked):
            self.take(exchange, piece)
        if plan.unsent and not isinstance(action, Replace):
            self._replying.act(exchange, plan)

    def _judge(self, exchange: Exchange, plan: Plan, bit: int, injection: Injection) -> None:
        fault = fault_of(injection)
        if bit & plan.rules.index.needs_reply:
            plan.fired.append(Fired(injection, bit, None))
        elif fault.whole and not plan.request.whole:
            self._carrier.spared(injection)
        elif (dice := injection.hits(self._carrier.operation(exchange.head.operation))) is not None:
            if fault.acts_on == "reply":
                plan.fired.append(Fired(injection, bit, dice))
            else:
                took = plan.take(injection, fault.on_request(plan.request, dice), dice)
                plan.took(self._carrier, exchange, injection, took)
