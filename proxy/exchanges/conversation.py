"""What is said on one link, exchange by exchange: judged on the request, answered in order.

    client -> requests -> judged -> [ turns ] -> upstream
    client <- [ turns ] <- planned <- replies <- upstream, or an answer of our own

What need not wait does not: without an armed fault requests are sent on before they are read, and replies are while no
fault has a plan for one of them. From then on each message has its turn, until all turns are over.
"""

from __future__ import annotations

from functools import partial
from typing import cast

from ...faults.action import Close, Drop, Repeat
from ...faults.fault import Stream
from ...faults.segment import Kind
from ...wire.dialect import Dialect, Part, Piece, RequestHead
from ..shaping.budget import Budget, Limits
from ..shaping.injection import Injection
from ..system.clock import Clock
from .exchange import BRIEF, Exchange
from .host import Carrier, Way
from .message_queue import Course
from .message_queues import Courses
from .plan import Plan
from .reply_handler import Replying, heard
from .request_handler import Asking

MANY = 1000
"""How many exchanges may be open on a link before it is followed no more."""


class Conversation:
    """The exchanges of one link. Bytes go in by `requested` and `replied`, the ends of streams by `ends`.

    `raw`: the link is followed no more, `armed`: requests are judged before they are sent on, `turning`: replies have
    their turns.
    """

    __slots__ = (
        "_armed", "_asking", "_asks", "_awaiting", "_begun", "_carrier", "_clock", "_courses", "_down", "_down_way",
        "_early", "_late", "_left", "_open", "_over", "_replies", "_replying", "_requests", "_turning", "_up",
        "_up_way", "raw",
    )  # fmt: skip

    def __init__(
        self, dialect: Dialect, up: Way, down: Way, carrier: Carrier, clock: Clock, budget: Budget, limits: Limits
    ) -> None:
        self._carrier = carrier
        self._clock = clock
        self._requests = dialect.requests()
        self._replies = dialect.replies(self._asked)
        self._up_way, self._down_way = up, down
        self._courses = Courses(up, down, clock, budget, limits)
        self._up, self._down = self._courses.up, self._courses.down
        self._replying = Replying(dialect, carrier, self._down, limits)
        self._open: dict[Exchange, None] = {}
        self._asking: Exchange | None = None  # its request is being read
        self._awaiting: list[Exchange] = []  # of the upstream
        self._asks = Asking(carrier, self._up, self._awaiting, self._replying, limits)
        self._begun = 0  # of them, those whose reply was read, at least in part
        self._armed = bool(carrier.rules.injections)
        self._turning = False
        self._early = self._late = 0  # bytes that the readers hold and that were sent on already
        self._left = False  # the upstream has: no reply will come any more, nor one of ours behind its end
        self._over = False  # the link has ended
        self.raw = False

    # What comes

    def requested(self, data: bytes) -> None:
        """Take bytes from the client."""
        if not self._armed:
            self._up_way.forward(data)
            if not self.raw:
                head = self._requests.whole(data)
                if head is not None and len(self._open) < MANY:
                    self._asked_whole(head, data)
                else:
                    self._read_requests(data)
            return
        self._up_way.took(len(data))
        if not self._up.turns and self._replying.silenced is None and len(self._open) < MANY:
            head = self._requests.whole(data)
            if head is not None and not self._carrier.rules.index.by_head(head):
                self._up_way.send(data)
                self._asked_whole(head, data)
                return
        self._courses.gather()
        self._read_requests(data)
        self._fed()

    def replied(self, data: bytes) -> None:
        """Take bytes from the upstream."""
        if not self._turning:
            self._down_way.forward(data)
            if self.raw:
                return
            if self._awaiting:
                exchange = self._awaiting[0]
                head = self._replies.whole(data, exchange.head)
                if head is not None:
                    self._awaiting.pop(0)
                    exchange.first = exchange.ended = self._clock.time()
                    exchange.status, exchange.outcome = head.status, head.outcome
                    exchange.reply_bytes = len(data)
                    exchange.replied = True
                    if exchange.asked:
                        del self._open[exchange]
                        if exchange.request_bytes > BRIEF:
                            exchange.done()
                        self._carrier.ended(exchange)
                    return
            self._read_replies(data)
            return
        self._down_way.took(len(data))
        self._courses.gather()
        self._read_replies(data)
        self._fed()

    def ends(self, stream: Stream, kind: Kind) -> None:
        """Take the end of a stream, or a RST in it."""
        if stream == "upstream":
            self._client_ends(kind)
        else:
            self._upstream_ends(kind)
        self.rearm()

    def block(self, stream: Stream, blocked: bool) -> None:
        """Learn that who reads a stream asked for a pause, or took it back."""
        self._courses.block(stream, blocked)

    def _fed(self) -> None:
        self._courses.flush()
        self.rearm()

    def _tail(self, course: Course, data: bytes) -> None:
        """Send bytes that belong to no message, behind those that do."""
        if data and not self._over:
            turn = course.turn()
            course.put(turn, data)
            course.finish(turn)

    # Faults come and go

    def rearm(self) -> None:
        """Follow the rules of now, and go back to what costs least."""
        armed = bool(self._carrier.rules.injections) and not self.raw
        if armed and not self._armed:
            self._armed, self._early = True, self._requests.held
        elif self._armed and not (armed or self._up.turns or self._replying.silenced):
            planned = self._asking is not None and self._asking.plan is not None
            self._armed = not self.raw and (planned or self._requests.held > 0)
        if self._turning and not self._down.turns:
            self._turning = not self.raw and self._replies.held > 0

    def leave(self, injection: Injection) -> None:
        """Let go of what a fault holds. What it silenced is closed."""
        for course in (self._up, self._down):
            for turn in tuple(course.turns):
                if turn.pipe is not None:
                    turn.pipe.heal(injection)
        for exchange in tuple(self._open):
            if exchange.plan is not None:
                exchange.plan.without(injection)
                self._take_back(exchange, exchange.plan, injection)
        if self._replying.silenced is injection:
            self._courses.event("downstream", Kind.CLOSE)
        self.rearm()

    def _take_back(self, exchange: Exchange, plan: Plan, injection: Injection) -> None:
        """Take back what a healed fault has not done yet."""
        if plan.asked:
            self._asks.reconsider(exchange, plan, plan.asked)
            return
        if plan.winner is None or plan.winner.injection is not injection:
            return
        if isinstance(plan.winner.action, Repeat) and exchange.asking is not None:
            self._up.release(exchange.asking)
        elif plan.unheard and exchange.first is None:
            plan.winner, plan.unheard = None, False
            exchange.faults = tuple(name for name in exchange.faults if name != injection.name)
        elif plan.unheard and isinstance(plan.winner.action, Drop):  # a part of its reply is lost already
            plan.winner = plan.winner._replace(action=Close())

    def close(self, kind: Kind) -> None:
        """Take the end of the link: what is open comes to nothing."""
        self._over = True
        self._courses.close()
        for exchange in tuple(self._open):
            self._end(exchange, kind)
            self._record(exchange)

    def _give_up(self, why: str) -> None:
        """Follow no more: what is on its way goes on, then everything as it comes."""
        self.raw = True
        self._carrier.opaque(why)
        asking, self._asking = self._asking, None
        if asking is not None and asking.plan is not None:
            if asking.plan.asked is not None:
                self._asks.undecided(asking, asking.plan)
            elif asking.plan.unsent:  # the rest of what the upstream did not get: it cannot follow alone
                self._down.end(Kind.CLOSE)
        if asking is not None and asking.asking is not None:
            self._up.finish(asking.asking)
        for piece in self._requests.give_up(why):
            self._request(piece)
        awaiting = tuple(self._awaiting)
        self._awaiting.clear()
        for exchange in awaiting:
            if exchange.plan is not None:
                exchange.plan.settle(self._carrier)
            exchange.end, exchange.plan = "unfollowed", None
            if exchange.replying is not None:
                self._down.finish(exchange.replying)
            self._record(exchange)
        for piece in self._replies.give_up(why):
            self._reply(piece)

    # Requests

    def _asked_whole(self, head: RequestHead, data: bytes) -> None:
        """Take a request that was sent on, whole and as it came."""
        exchange = Exchange(head, self._clock.time())
        exchange.request_bytes, exchange.asked = len(data), True
        if len(data) > head.size:
            exchange.digest(data[head.size :])
        self._open[exchange] = None
        self._awaiting.append(exchange)
        if self._turning and not self._left:
            exchange.replying = self._down.turn(partial(self._replied, exchange))

    def _read_requests(self, data: bytes) -> None:
        if self._replying.silenced is None:
            for piece in self._requests.feed(data):
                self._request(piece)

    def _request(self, piece: Piece) -> None:
        """Take a piece of the client's stream; where it is not armed, the bytes are on their way."""
        if self._over:  # by what came before it in the same read
            return
        part, data, last, head = piece
        data, self._early = data[self._early :], max(0, self._early - len(data))
        if part is Part.OPAQUE and not self.raw:
            self._give_up(self._requests.opaque)
        elif part is Part.HEAD and not self.raw and len(self._open) >= MANY:
            self._give_up("too many requests at once")
        if self._replying.silenced is not None:
            return
        if self.raw or part is Part.STRAY:
            if self._armed:
                self._tail(self._up, data)
            return
        if part is Part.HEAD:
            self._asking = self._began(cast("RequestHead", head), judged=self._armed and len(data) == len(piece.data))
        exchange = self._asking
        assert exchange is not None
        exchange.request_bytes += len(piece.data)
        if part is Part.BODY:
            exchange.digest(piece.data)
        if last:
            self._asking = None
        if self._armed:
            self._asks.take(exchange, Piece(part, data, last))
        exchange.asked = last
        if last and exchange.replied:  # the reply came before the request's end
            self._record(exchange)

    def _began(self, head: RequestHead, *, judged: bool) -> Exchange:
        exchange = Exchange(head, self._clock.time())
        self._open[exchange] = None
        rules = self._carrier.rules
        mask = rules.index.by_head(head) if judged and not self._left else 0
        if mask and not self._turning:
            self._turning, self._late = True, self._replies.held
            for each in self._awaiting:
                each.replying = self._down.turn(partial(self._replied, each))
        if self._turning and not self._left:
            exchange.replying = self._down.turn(partial(self._replied, exchange))
        if mask:
            exchange.plan = Plan(rules, mask, head)
        else:
            self._awaiting.append(exchange)
        return exchange

    def _client_ends(self, kind: Kind) -> None:
        if self._replying.silenced is not None:
            self._courses.event("upstream", Kind.CLOSE if kind is Kind.EOF else kind)
            return
        asking, self._asking = self._asking, None
        if asking is not None and asking.plan is not None and asking.plan.asked is not None:
            self._asks.undecided(asking, asking.plan)
        if asking is not None and asking.asking is not None:
            self._up.finish(asking.asking)
        for piece in self._requests.eof():
            if self._armed:
                self._tail(self._up, piece.data[self._early :])
        self._up.end(kind)

    # Replies

    def _asked(self) -> RequestHead | None:
        """Return the request of the next reply; some of those before are perhaps still to be taken."""
        ahead, self._begun = self._begun, self._begun + 1
        return self._awaiting[ahead].head if ahead < len(self._awaiting) else None

    def _read_replies(self, data: bytes) -> None:
        for piece in self._replies.feed(data):
            self._reply(piece)
        if self._replies.opaque and not (self.raw or self._over):
            self._give_up(self._replies.opaque)

    def _reply(self, piece: Piece) -> None:
        """Take a piece of the upstream's stream; where there are no turns, the bytes are on their way."""
        if self._over:
            return
        part, data, last, head = piece
        data, self._late = data[self._late :], max(0, self._late - len(data))
        if part is Part.OPAQUE and not self.raw:
            self._give_up(self._replies.opaque)
        if self.raw or part is Part.STRAY:
            if self._turning:
                self._tail(self._down, data)
            return
        exchange = self._awaiting[0]
        if last:
            self._awaiting.pop(0)
            self._begun -= 1
        if exchange.first is None:
            exchange.first = self._clock.time()
        plan = exchange.plan
        if exchange.replying is None:
            heard(exchange, piece)
            exchange.reply_bytes += len(data)
            if last:
                self._replied(exchange)
        elif plan is None or not plan.unheard:
            self._replying.take(exchange, Piece(part, data, last, head))
        elif last:
            plan.unheard = False
            self._replying.act(exchange, plan)

    def _upstream_ends(self, kind: Kind) -> None:
        if self._replying.silenced is not None:
            return
        self._left, asking = True, self._asking
        if asking is not None and asking.plan is not None and asking.plan.asked is not None:
            self._asks.undecided(asking, asking.plan)
        if kind is Kind.EOF:
            for piece in self._replies.eof():
                self._reply(piece)
        if not self._awaiting:
            self._down.end(kind)
            return
        exchange = self._awaiting[0]
        plan, turn = exchange.plan, exchange.replying
        self._awaiting.clear()
        if plan is not None and plan.unheard:
            plan.unheard = False
            self._replying.act(exchange, plan)
            if self._replying.silenced is None:
                self._down.end(kind, after=turn)
            return
        self._replying.cut_short(exchange)
        self._end(exchange, kind)
        self._down.end(kind, after=turn)

    # Ends

    def _end(self, exchange: Exchange, kind: Kind) -> None:
        if not exchange.replied:
            exchange.end = exchange.end or ("cut" if exchange.status else "reset" if kind is Kind.RESET else "closed")

    def _replied(self, exchange: Exchange) -> None:
        """Take note that all of a reply was sent."""
        exchange.replied, exchange.ended = True, self._clock.time()
        if exchange.asked:
            self._record(exchange)

    def _record(self, exchange: Exchange) -> None:
        if self._open.pop(exchange, exchange) is None:  # else the link was given up, or is over
            if exchange.plan is not None:
                exchange.plan.settle(self._carrier)
            exchange.ended = exchange.ended or self._clock.time()
            exchange.done()
            self._carrier.ended(exchange)
