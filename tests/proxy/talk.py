"""A conversation to be talked in: a client, an upstream and a clock under control, and faults that do as a test says."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import ClassVar

from brownout.faults.action import Action, Answer
from brownout.faults.exchange import ExchangeFault, Request
from brownout.faults.match import Match
from brownout.faults.segment import Kind
from brownout.faults.spec import Spec
from brownout.faults.trigger import Trigger
from brownout.proxy.exchanges.conversation import Conversation
from brownout.proxy.exchanges.exchange import Origin
from brownout.proxy.exchanges.rules import Rules
from brownout.proxy.record.request_log import Entry
from brownout.proxy.shaping.budget import LIMITS, Budget
from brownout.proxy.shaping.injection import Injection
from brownout.testing.clock import VirtualClock
from brownout.wire.http1 import Http1


class Does(ExchangeFault, frozen=True):
    """Does what a test says."""

    name = "does"
    protocol = "http"
    said: ClassVar[tuple[Action, ...]] = ()
    when: ClassVar[str] = "request"

    @property
    def acts_on(self):
        return self.when

    def on_request(self, request: Request, rng: random.Random) -> Iterable[Action]:
        return self.said

    def on_reply(self, request, reply, rng) -> Iterable[Action]:
        return self.said


def does(*actions: Action, on: str = "request", needs_whole: bool = False) -> ExchangeFault:
    class Said(Does, frozen=True):
        said = actions
        when = on
        needs_whole_request = needs_whole

    return Said()


class RecordingOutlet:
    """The outlet of a stream: records what is sent, joined where it comes at once."""

    def __init__(self, talk: Talk, stream: str) -> None:
        self.talk = talk
        self.stream = stream
        self.read = 0

    def forward(self, data: bytes) -> None:
        self.withhold(len(data))
        self.send(data)

    def withhold(self, count: int) -> None:
        self.read += count

    def send(self, data: bytes) -> None:
        self.talk.writes.append((self.stream, data))
        now, heard = round(self.talk.clock.now - self.talk.start, 6), self.talk.heard[self.stream]
        if heard and heard[-1][0] == now and isinstance(heard[-1][1], bytes):
            data = heard.pop()[1] + data
        heard.append((now, data))

    def send_event(self, kind: Kind) -> None:
        if self.talk.gone:
            return
        self.talk.heard[self.stream].append((round(self.talk.clock.now - self.talk.start, 6), kind))
        if kind in (Kind.RESET, Kind.CLOSE):  # as a link does
            self.talk.gone = True
            self.talk.talk.close(kind)

    def set_paused(self, paused: bool) -> None:
        self.talk.paused[self.stream] = paused


class Talk:
    """A conversation on a virtual clock. What was heard is `[(seconds, bytes or kind)]`, joined where it came at once."""

    def __init__(self, limits=LIMITS) -> None:
        self.clock = VirtualClock()
        self.start = self.clock.now
        self.rules = Rules()
        self.heard: dict[str, list[tuple[float, bytes | Kind]]] = {"upstream": [], "downstream": []}
        self.outlets = {stream: RecordingOutlet(self, stream) for stream in ("upstream", "downstream")}
        self.said = {"upstream": 0, "downstream": 0}
        self.gone = False
        self.writes: list[tuple[str, bytes]] = []
        self.paused: dict[str, bool] = {"upstream": False, "downstream": False}
        self.over: list = []
        self.unanswered: list = []
        self.stop_reason = ""
        self.copies: list[tuple[bytes, int, Callable[[], None]]] = []
        self.answered: list[Callable[[], None]] = []
        self.fired_on: list[tuple[str, str]] = []
        self.fired_ns: list[int] = []
        self.entries: list[Entry] = []
        self.untouched_by: list[Injection] = []
        self.too_long_for: list[Injection] = []
        self.unread_for: list[tuple[Injection, str]] = []
        self.limits = limits
        self.budget = Budget(limits.total)
        self.talk: Conversation | None = None

    def begin(self) -> None:
        if self.talk is None:
            self.talk = Conversation(Http1(), *self.outlets.values(), self, self.clock, self.budget, self.limits)

    def inject(self, fault: ExchangeFault, name: str = "", match: dict | None = None, **trigger: object) -> Injection:
        spec = Spec(fault, Trigger(**trigger), name=name or fault.name, match=match and Match.parse("http", match))
        injection = Injection(spec, seed=1, proxy="api")
        self.rules = Rules([*self.rules.injections, injection])
        if self.talk is not None:
            self.talk.rearm()
        return injection

    def heal(self, injection: Injection) -> None:
        self.rules = Rules(each for each in self.rules.injections if each is not injection)
        self.talk.rearm()
        self.talk.heal(injection)

    def client(self, *says: bytes | Kind) -> None:
        self.begin()
        for each in says:
            self._say("upstream", each)

    def server(self, *says: bytes | Kind) -> None:
        for each in says:
            self._say("downstream", each)

    def _say(self, stream: str, said: bytes | Kind) -> None:
        if self.gone:
            return
        if isinstance(said, Kind):
            self.talk.feed_end(stream, said)
            return
        self.said[stream] += len(said)
        (self.talk.feed_requests if stream == "upstream" else self.talk.feed_replies)(said)

    def check_counts(self) -> None:
        """Check that all that was said was counted."""
        assert {stream: outlet.read for stream, outlet in self.outlets.items()} == self.said

    def wait(self, seconds: float) -> None:
        self.clock.run(seconds)

    def at_server(self) -> list[tuple[float, bytes | Kind]]:
        return self.heard["upstream"]

    def at_client(self) -> list[tuple[float, bytes | Kind]]:
        return self.heard["downstream"]

    # The ConversationHost

    def operation(self, name: str) -> str:
        return name

    def fired(self, injection, exchange, n) -> None:
        self.fired_on.append((injection.name, exchange.head.operation))
        self.fired_ns.append(n)
        injection.count_fired(1, n, exchange.head.operation)

    def record_untouched(self, injection) -> None:
        self.untouched_by.append(injection)

    def text_too_long(self, injection) -> None:
        self.too_long_for.append(injection)

    def body_unread(self, injection, reason) -> None:
        self.unread_for.append((injection, reason))

    def copy(self, exchange, data, times, answered, done) -> None:
        self.copies.append((data, times, done))
        self.answered.append(answered)

    def parsing_stopped(self, why: str) -> None:
        assert not self.stop_reason, "told twice"
        self.stop_reason = why

    def settled(self, exchange) -> None:
        self.unanswered.append(exchange)

    def ended(self, exchange) -> None:
        exchange.origin = Origin(0.0, "api", 1)
        self.entries.append(exchange.entry(len(self.entries) + 1, values=False))
        self.ended_last = exchange
        self.over.append((exchange.head.operation, exchange.status, exchange.end, exchange.faults))


GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /charge HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n6\r\nefghij\r\n0\r\n\r\n"
ANSWER = Answer(BUSY)


def get(number: int) -> bytes:
    return b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number


def ok(number: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number
