"""What happens in a run of tests, and when faults are armed in it.

They are armed while the first call of a test lasts; where the test's client of the application is known, only while the
application handles a request: what the test itself asks of a database is not the application's.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..faults.catalogue import find
from ..faults.exchange import ExchangeFault
from ..faults.segment import Kind
from ..faults.spec import Spec
from ..proxy import Fleet, Injection, Proxy
from ..testing.verified.channel import Renewed
from .document import Outcome
from .traffic import Traffic, quiet, silence

PATIENCE = 120.0
"""Seconds that set-up and teardown may take, which nothing disturbs."""
PREFIX = "verify"
"""How the names of its injections begin, before `-1`, `-2`."""
TIME_OVER = "the time of its test was over"
"""How a connection ends that is reset since a test hangs."""
_SEEN: Mapping[str, Mapping[str, object]] = {
    "refuse": {"fault": "connection_limit", "connections": 0},
    "unreachable": {"fault": "hang"},
}
"""What takes the place of a fault where connections are not intercepted: a refused one cannot be seen there."""
Told = Callable[[str], None]
"""Who is told which test begins."""


class Breaking(NamedTuple):
    """What a cell breaks: faults on a dependency, `match` for those of requests. `budget` is in seconds.

    `times`: in how many calls; after each of them comes one with all well.
    """

    dependency: str
    faults: Sequence[Mapping[str, object]]
    match: Mapping[str, str] | None
    budget: float
    by_entry: bool
    times: int = 1


class Answered(NamedTuple):
    """A request that the application handled: its status, or the exception that left it (see `channel.Failure`).

    `logged` is the exception that it logged last meanwhile, whatever it answered. `at` is when it was asked, by the
    clock of the fleet; None where that was not seen. `body` is a digest of the answer's, empty where that is unknown.
    """

    asked: str
    status: int | None
    seconds: float
    failure: dict[str, Any] | None = None
    logged: dict[str, Any] | None = None
    at: float | None = None
    body: str = ""


class Phase(NamedTuple):
    """A part of a test that ended (see `channel.Phase`)."""

    outcome: Outcome
    seconds: float
    failure: dict[str, Any] | None
    reason: str
    ended: Sequence[Mapping[str, Any]]
    log: str


class CallSeen:
    """A call of a test: its phases as far as they ended, and what the application answered meanwhile."""

    def __init__(self, renewed: Renewed = "nothing") -> None:
        self.renewed = renewed
        self.setup: Phase | None = None
        self.call: Phase | None = None
        self.teardown: Phase | None = None
        self.began = False
        self.at = 0.0
        """When it began, by the clock of the fleet."""
        self.answered: list[Answered] = []
        self.open: dict[str, int] = {}
        """How many connections to each dependency were open when the call ended."""
        self.printed: Mapping[str, Any] | None = None
        """The exception of the application whose traceback was printed meanwhile, as by a service beside the test."""
        self.inside: dict[str, Traffic] = {}
        """What went to each dependency while the application handled a request, or in all of it where none is known."""

    @property
    def green(self) -> bool:
        """Whether set-up and call passed."""
        return self.setup is not None and self.call is not None and self.call.outcome == "passed"

    @property
    def log(self) -> str:
        """What was logged and printed in the call, and after it until its fixtures were gone: a service may be late."""
        return "\n".join(phase.log for phase in (self.call, self.teardown) if phase is not None and phase.log)


class Seen:
    """What was seen of one test: its calls, and what went to each dependency in them and around them."""

    def __init__(self, test: str) -> None:
        self.test = test
        self.calls: list[CallSeen] = []
        self.around: dict[str, Traffic] = {}
        self.entered = False
        """Whether a client of the application was seen."""
        self.hung = False
        """Whether it was ended when its time was over."""
        self.by_itself: set[str] = set()
        """Which dependencies the test's own process used in its first call; others were used by what runs beside it."""
        self.hands: frozenset[str] = frozenset()
        """The packages of what its fixtures made that lives on."""
        self.holds: frozenset[str] = frozenset()
        """Those of what all its fixtures made."""
        self.kept: CallSeen | None = None
        """A healthy call on the fixtures of the call before it. It is not among the `calls`."""
        self.background: frozenset[str] = frozenset()
        """What was asked while nothing happened."""
        self.chance: set[str] = set()
        """What was asked in the background while the application handled a request."""

    @property
    def inside(self) -> dict[str, Traffic]:
        """What went to each dependency in the first call."""
        return self.calls[0].inside if self.calls else {}


class Watch:
    """Hears what a run says.

    `healthy` limits each call where nothing is broken, in seconds; `usual` is what the test uses among the others,
    where what is asked in the background is to be told from that.
    """

    def __init__(
        self,
        fleet: Fleet,
        breaking: Breaking | None,
        *,
        healthy: float = PATIENCE,
        told: Told = lambda test: None,
        usual: Iterable[str] | None = None,
    ) -> None:
        self._fleet = fleet
        self._breaking = breaking
        self._healthy = healthy
        self._usual = None if usual is None else frozenset(usual)
        self._told = told
        self._loop = asyncio.get_running_loop()
        self.deadline: float | None = None
        self.seen: list[Seen] = []
        self.injections: list[Injection] = []
        self._placed: list[Injection] = []
        self._specs: list[tuple[str, Spec]] = []
        self._before: dict[Proxy, _Counts] = {}
        self.asked = ""
        """What the application was asked last."""
        self.handles = False
        """Whether it handles that still."""
        self._mark = 0
        self._pid: int | None = None
        self._sent: dict[tuple[str, int], int] = {}
        self._ended = fleet.connection_log.seq
        self.hung: int | None = None
        """The number of the call, from 0, that did not end in its time; -1: its fixtures did not."""
        self._left = self._latest = 0.0
        """How long the application may still take for requests in a call, and when that call is to end."""
        self.stood = ""
        """What the application was asked last when that time was over."""
        self.began = 0.0
        """When the first call began, by the clock of the fleet."""
        self.windows: list[tuple[float, float | None]] = []
        """From when to when the faults were there, by the clock of the fleet; None: they are there."""
        self.over: float | None = None
        """When the time of the test was over, by that clock."""
        self.until = math.inf
        """When it had ended: what is asked after that is no retry, for the test was called again."""

    async def follow(self, said: Mapping[str, Any]) -> None:
        """Take a message of a test's process, which waits meanwhile.

        What an application does at its start, in threads of its own, belongs to the start: so that is waited for. What
        is asked in one healthy call and not in all of them is kept in a cache, or has been asked in the background by
        chance: that shows where nothing else happens.
        """
        if said["kind"] == "calls" and len(self._now.calls) == len(self.seen) == 1:
            await quiet(self._fleet, self._pid)
        self.hear(said)
        again = said.get("when") == "call" and len(self._now.calls) > 1 and self._call.renewed != "nothing"
        if again and self._usual is not None:
            usual = [self._usual, *(each.inside.keys() for each in self._now.calls)]
            if frozenset[str]().union(*usual) - frozenset.intersection(*map(frozenset, usual)):
                self._now.background = await silence(self._fleet)

    def hear(self, said: Mapping[str, Any]) -> None:
        """Take a message: place faults, heal them, count."""
        match said["kind"]:
            case "test":
                self._told(said["test"])
                self.seen.append(Seen(said["test"]))
                self._pid = said.get("pid")
                self._count(None)
                self._patient(PATIENCE)
            case "calls":
                self._call.began, self._call.at = True, self._fleet.clock.time()
                self._count(self._now.around)
                if len(self._now.calls) == 1:
                    self._sent = self._sent_by_now()
                    self.began = self._fleet.clock.time()
                after = self._breaking.budget if self._breaking is not None and self._now.hung else self._healthy
                self._patient(after if (breaks := self._breaks) is None else breaks.budget)
                if breaks is not None and breaks.by_entry:
                    self._left = breaks.budget
                    self._latest = self._loop.time() + breaks.budget + PATIENCE
                    self.deadline = self._latest
                elif breaks is not None:
                    self.arm()
            case "enter":
                self._now.entered = True
                self.asked, self.handles = said["what"], True
                self._count(None)
                if (breaks := self._breaks) is not None and breaks.by_entry:
                    self.deadline = min(self._loop.time() + self._left, self._latest)
                    self.arm()
            case "leave":
                self.disarm()
                self.handles = False
                status, seconds, failure, logged = (said[each] for each in ("status", "seconds", "failure", "logged"))
                answered = Answered(self.asked, status, seconds, failure, logged, said["at"], said["body"])
                self._call.answered.append(answered)
                self._count(self._call.inside)
                if (breaks := self._breaks) is not None and breaks.by_entry:
                    self._left = max(0.0, self._left - seconds)
                    self.deadline = self._latest
            case "phase":
                self._phase(said)

    @property
    def _now(self) -> Seen:
        return self.seen[-1]

    @property
    def _call(self) -> CallSeen:
        return self._now.calls[-1]

    @property
    def _breaks(self) -> Breaking | None:
        """What is broken in the call under way: every other call of the first ones."""
        number = len(self._now.calls) - 1
        broken = self._breaking is not None and number % 2 == 0 and number < 2 * self._breaking.times
        return self._breaking if broken else None

    def _phase(self, said: Mapping[str, Any]) -> None:
        phase = Phase(said["outcome"], said["seconds"], said["failure"], said["reason"], said["ended"], said["log"])
        if said["when"] == "setup":
            self._now.calls.append(CallSeen(said.get("renewed", "nothing")))
            self._call.setup = phase
            self._now.hands |= frozenset(said.get("hands", ()))
            self._now.holds |= frozenset(said.get("holds", ()))
        elif said["when"] == "call":
            self._call.call, self._call.at = phase, said["at"]
            self.disarm()
            if len(self._now.calls) == 1:
                self.until = self._fleet.clock.time()
                sent = self._sent_by_now()
                self._now.by_itself = {proxy for (proxy, _), count in (sent.items() - self._sent.items())}
            self._count(None if self._now.entered else self._call.inside)
            self._call.open = {name: _open(proxy) for name, proxy in self._fleet.proxies.items()}
            self._patient(PATIENCE)
        else:
            self._call.teardown = phase
            self._count(self._now.around)
            self._patient(PATIENCE)

    def _sent_by_now(self) -> dict[tuple[str, int], int]:
        """Return how many bytes each connection of the test's process has sent."""
        entries = self._fleet.connections(self._ended)
        mine = [each for each in entries if each.caller is None or each.caller.process == self._pid]
        return {(each.proxy, each.link): each.sent for each in mine}

    def _patient(self, seconds: float) -> None:
        self.deadline = self._loop.time() + seconds

    def note_answer(self, status: int | None, seconds: float, at: float, logged: dict[str, Any] | None) -> None:
        """Take what a service answered that was asked at a moment of the fleet's clock, and what it logged of that."""
        self._call.answered.append(Answered(self.asked, status, seconds, logged=logged, at=at))

    # Faults

    def arm(self) -> None:
        """Place the faults."""
        if self._breaking is None or self._placed:
            return
        proxy = self._fleet.expect(self._breaking.dependency)
        if not self._specs:
            for number, fault in enumerate(self._breaking.faults, 1):
                seen = fault if self._fleet.meets else _SEEN.get(str(fault["fault"]), fault)
                given = {**seen, "name": f"{PREFIX}-{number}"}
                if self._breaking.match is not None and issubclass(find(str(seen["fault"])), ExchangeFault):
                    given["match"] = dict(self._breaking.match)
                self._specs.append((proxy.name, Spec.parse(given)))
        self._placed = [proxy.inject(spec) for _, spec in self._specs]
        self.injections += self._placed
        if self._placed:
            self.windows.append((self._fleet.clock.time(), None))

    def disarm(self) -> None:
        """Heal them."""
        placed, self._placed = self._placed, []
        if placed:
            self.windows[-1] = (self.windows[-1][0], self._fleet.clock.time())
        for injection in placed:
            proxy = self._fleet.proxies.get(self._breaking.dependency if self._breaking else "")
            if proxy is not None and proxy.injections.get(injection.name) is injection:
                proxy.heal(injection.name)

    def late(self) -> None:
        """Take that the time is over; what is done a moment later, or by being let go, hung all the same."""
        if self.seen and self._now.hung:
            return
        calls = self.seen[-1].calls if self.seen else []
        self.hung = len(calls) - 1 if calls and calls[-1].began and calls[-1].call is None else -1
        if self.seen:
            self._now.hung = True
        self.stood = self.asked
        self.over = self._fleet.clock.time()

    def let_go(self) -> None:
        """Reset what is open, and heal: who waits for a reply that is held hears that it will not come."""
        self.late()
        proxy = self._fleet.proxies.get(self._breaking.dependency if self._breaking else "")
        for link in tuple(proxy.links.values()) if proxy is not None else ():
            link.end(Kind.RESET, TIME_OVER)
        self.disarm()

    @property
    def fleet(self) -> Fleet:
        """The proxies that it watches."""
        return self._fleet

    @property
    def zero(self) -> float:
        """When the failure began, or else the first call, by the clock of the fleet."""
        return self.windows[0][0] if self.windows else self.began

    @property
    def fired(self) -> int:
        """How often a peer could notice the faults."""
        return sum(injection.fired for injection in self.injections)

    # Counting

    def _count(self, into: dict[str, Traffic] | None) -> None:
        """Add what went to each dependency since the last call of this."""
        asked: dict[str, Counter[str]] = {}
        for entry in self._fleet.requests(self._mark):
            asked.setdefault(entry.proxy, Counter())[entry.operation] += 1
        self._mark = self._fleet.request_log.seq
        now = {proxy: _Counts(proxy.links_total, proxy.turns) for proxy in self._fleet.proxies.values()}
        for proxy, counts in now.items() if into is not None else ():
            name, before = proxy.name, self._before.get(proxy, _Counts(0, 0))
            new = Traffic(
                counts.connections - before.connections, counts.turns - before.turns, asked.get(name, Counter())
            )
            if new and into is not None:
                into[name] = into.get(name, Traffic()) + new
        self._before = now


def _open(proxy: Proxy) -> int:
    """Return how many connections clients hold: the server's end of others may still be under way."""
    return sum(link.open and not link.client.eof_seen and link.ending is None for link in proxy.links.values())


class _Counts(NamedTuple):
    connections: int
    turns: int
