"""A fault placed on a proxy."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol, cast

from ...faults.chance import Dice, draw
from ...faults.fault import Stream
from ...faults.segment import Counted, StageContext
from ...faults.spec import Spec
from ...faults.trigger import Identity
from ...supervisor.scope import Scope
from ..record.caller import Caller
from ..record.finding import Finding, Scene
from ..record.tally import Tally
from ..record.workers import Worker
from .countdown import Countdown, Pending

UNTOUCHED_SHOWN = 1000
"""How many numbers of connections that a fault could not act on are kept."""

STRANGERS_SHOWN = 5
"""How many programs are named whose connections a fault was not for."""


class Connection(Protocol):
    """A connection, as the faults that chose it know it."""

    open: bool
    """Whether it has begun to carry."""
    client_left: bool
    """Whether its client left before that."""

    @property
    def number(self) -> int:
        """Its number: 1, 2, ... in the order of accepting."""

    def change(self, injection: Injection) -> None:
        """Follow a change of a fault's settings."""

    def heal(self, injection: Injection) -> None:
        """Let go of what a fault holds, since it is healed."""


class Hit:
    """A connection or a turn that a fault could hit, its n-th match; `shared` is what both streams' stages share."""

    __slots__ = ("chosen", "fired", "n", "shared")

    def __init__(self, n: int, chosen: bool) -> None:
        self.n = n
        self.shared: dict[str, float] = {}
        self.chosen = chosen  # now, or once
        self.fired = False


class Chosen(NamedTuple):
    """An exchange that a fault chose, its n-th match; `rng` are the random numbers for it."""

    n: int
    rng: random.Random


class Missed:
    """What became of connections and exchanges that a fault chose and did not fire on, until they ended.

    `unopened`: connections that ended before they carried anything, and not by their client. `cut`: those that were cut
    silently, and that nobody used afterwards. `unchanged`: exchanges in which there was nothing to change. `ended`:
    exchanges that ended before the fault could act.
    """

    __slots__ = ("cut", "ended", "unchanged", "unopened")

    def __init__(self) -> None:
        self.unopened = self.cut = self.unchanged = self.ended = 0


Told = Callable[[int, int, str], None]
"""What is told that a fault fired: on which connection, on which of its matches, and on which operation, if any."""


def _untold(connection: int, n: int, operation: str) -> None:
    """Take the place of what is told."""


class Injection:
    """A fault on a proxy, under a name, with its counters and the connections, turns or exchanges that it chose.

    `matched` counts what it could hit since it began, `chosen` what its trigger picked of that, and `fired` on how many
    of those something happened that a peer could notice. `bytes` is what went through its stages. `hits` are the open
    connections that it chose (all, if it picks among their turns), `spared` those that it matched and leaves alone.
    `untouched` are the numbers of those that it could not act on, the first 1000 of `untouched_total`; `unread` is why
    a body could not be looked at, the last time. `tally` goes on when it is healed.

    Its `start` and `for` count from its `countdown`. `began` is how the proxy stood when it began. When it is healed,
    `finding` is why it never fired, if that is known, and `refused` how many connection attempts failed on this machine
    meanwhile. `key` is that of the `profile`, where one says so.

    `worker` is the one that has injected it for itself. Its name then tells whose it is, and its chances do not know.
    `scope` says for whose connections it is, None: for all. With a scope, `meant` are the open ones for which it is,
    `met` counts them, and `strangers` has programs with other ones, some of them.
    """

    __slots__ = ("__weakref__", "_operations", "_shared", "_told", "_untouched", "active", "armed_at", "began",
                 "bytes", "chosen", "countdown", "expired", "finding", "fired", "healed_at", "hits", "identity", "key",
                 "matched", "meant", "met", "missed", "name", "profile", "refused", "scope", "spared", "spec",
                 "strangers", "tally", "timer", "unread", "untouched", "untouched_total", "worker")  # fmt: skip

    def __init__(
        self,
        spec: Spec,
        *,
        seed: int,
        proxy: str,
        profile: str = "",
        key: str = "",
        told: Told = _untold,
        countdown: Countdown | None = None,
        worker: Worker | None = None,
    ) -> None:
        self.spec = spec
        self.worker = worker
        self.name = spec.name
        self.profile = profile
        self.key = key
        self.countdown = countdown
        self.began: Scene | None = None
        self.expired = False  # healed by its own `for`
        self.finding: Finding | None = None
        self.refused: int | None = None
        self.identity = Identity(seed, proxy, self.plain(spec.name))
        self.scope: Scope | None = None
        self.meant: dict[Connection, None] = {}
        self.met = 0
        self.strangers: dict[str, None] = {}
        self.armed_at = time.time()
        self.healed_at: float | None = None
        self.active = False
        self.matched = 0
        self.chosen = 0
        self.fired = 0
        self.bytes = 0
        self.hits: dict[Connection, Hit] = {}
        self.spared: dict[Connection, Hit] = {}
        self.missed = Missed()
        self.unread = ""
        self.untouched: list[int] = []
        self.untouched_total = 0
        self._untouched: set[Connection] = set()
        self.tally = Tally()
        self.timer: Pending | None = None
        self._told = told
        self._shared: dict[Stream, dict[str, float]] = {}
        self._operations: Counter[str] = Counter()  # what was matched, by operation

    # Who is chosen

    def meets(self, caller: Caller | None) -> bool:
        """Say whether it is for the connections of a caller, None: one that nobody knows."""
        return self.scope is None or (caller is not None and self.scope.fits(caller.who))

    def plain(self, label: str) -> str:
        """Return a name without the label of its worker, if it has one."""
        return label if self.worker is None else self.worker.plain(label)

    @property
    def callers(self) -> str:
        """For whose connections it is, in words; empty: for all."""
        whose = [f"of worker {self.worker.name or self.worker.process}"] if self.worker is not None else []
        return " ".join([*([f"by {self.spec.caller}"] if self.spec.caller else []), *whose])

    def take_meant(self, connection: Connection) -> None:
        """Take an open connection for which it is, by its scope."""
        self.met += 1
        self.meant[connection] = None

    def note_stranger(self, program: str) -> None:
        """Note whose connection its scope has left out."""
        if len(self.strangers) < STRANGERS_SHOWN:
            self.strangers[program] = None

    def applies_to_new_link(self, ahead: int) -> bool:
        """Say whether a new link, with `ahead` open ones before it, is one that the fault could hit."""
        fault = self.spec.fault
        return self.active and (bool(fault.streams or fault.streams is None) or fault.admit(ahead) != 0)

    @property
    def acts_per_turn(self) -> bool:
        """Whether it picks among turns: then its fault acts on every connection, and there on single turns."""
        return self.spec.trigger.per == "turn"

    def chooses(self, connection: Connection) -> bool:
        """Count a connection and say whether the fault chooses it: once for each, changes draw no more."""
        if self.acts_per_turn:
            self.hits[connection] = Hit(0, chosen=True)
            return True
        self.matched += 1
        chosen = self.spec.trigger.chooses(self.matched, self.chosen, self.identity)
        (self.hits if chosen else self.spared)[connection] = Hit(self.matched, chosen)
        self.chosen += chosen
        return chosen

    def take(self, connection: Connection) -> None:
        """Choose a connection that was spared."""
        hit = self.hits[connection] = self.spared.pop(connection)
        self.chosen += not hit.chosen
        hit.chosen = True

    def spare(self, connection: Connection) -> None:
        """Leave a connection alone that was chosen, from now on."""
        self.spared[connection] = self.hits.pop(connection)

    def choose_turn(self) -> Hit | None:
        """Count a turn that begins on one of its connections; None where the fault does not choose it."""
        self.matched += 1
        if not self.spec.trigger.chooses(self.matched, self.chosen, self.identity):
            return None
        self.chosen += 1
        return Hit(self.matched, chosen=True)

    def choose_exchange(self, operation: str) -> Chosen | None:
        """Count an exchange; None where the fault does not choose it.

        Chances are drawn for the n-th exchange of its operation: the others do not come into it.
        """
        self.matched += 1
        self._operations[operation] += 1
        seed, proxy, injection, _ = self.identity
        identity, nth = Identity(seed, proxy, injection, operation), self._operations[operation]
        if not self.spec.trigger.chooses(self.matched, self.chosen, identity, nth):
            return None
        self.chosen += 1
        return Chosen(self.matched, cast("random.Random", Dice(*identity, nth, "exchange")))  # it is one when asked

    def context(self, connection: Connection, stream: Stream, other: Counted) -> StageContext:
        """Return the context of this fault's stage on one stream of a connection; `other` is its other stream."""
        return self.context_of(self.hits[connection], stream, other)

    def context_of(self, hit: Hit, stream: Stream, other: Counted) -> StageContext:
        """Return the same for what it chose: a connection, or a turn."""
        shared = self._shared.setdefault(stream, {})
        seed = partial(draw, *self.identity, hit.n, stream)
        return StageContext(seed, connection=hit.shared, shared=shared, other=other, stream=stream)

    # What happened to them

    def record_fired(self, connection: Connection) -> None:
        """Record that a peer could notice the fault on a connection that it chose."""
        if (hit := self.hits.get(connection)) is not None:
            self.record_fired_on(connection.number, hit)

    def record_fired_on(self, connection: int, hit: Hit) -> None:
        """Record that a peer could notice the fault on what it chose: a connection, or a turn there."""
        if not hit.fired:
            hit.fired = True
            self.count_fired(connection, hit.n)

    def count_fired(self, connection: int, n: int, operation: str = "") -> None:
        """Count that it fired on its n-th match: the connection of that number, or a turn or an exchange on it."""
        self.fired += 1
        if self.healed_at is not None:  # a copy of a request was answered since
            self.tally.fired += 1
        self._told(connection, n, operation)

    def record_untouched(self, connection: Connection) -> bool:
        """Record an open connection on which the fault could not act, or not on one of its exchanges.

        Return whether it is the first time.
        """
        if connection in self._untouched:
            return False
        self._untouched.add(connection)
        self.untouched_total += 1
        if len(self.untouched) < UNTOUCHED_SHOWN:
            self.untouched.append(connection.number)
        return True

    def forget(self, connection: Connection) -> None:
        """Let go of a connection that has ended."""
        hit = self.hits.pop(connection, None)
        if hit is not None and not hit.fired:
            self.missed.unopened += not (connection.open or connection.client_left)
            self.missed.cut += "cut" in hit.shared
        self.spared.pop(connection, None)
        self.meant.pop(connection, None)
        self._untouched.discard(connection)

    def change(self, spec: Spec) -> None:
        """Take other settings, which empty what connections share."""
        if spec.fault != self.spec.fault:
            for shared in self._shared.values():
                shared.clear()
        self.spec = spec

    def heal(self) -> None:
        """Forget the connections, and leave the counts to the tally."""
        self.healed_at = time.time()
        for connection in tuple(self.hits):
            self.forget(connection)
        self.spared.clear()
        self.meant.clear()
        self._untouched.clear()
        self.tally.matched += self.matched
        self.tally.chosen += self.chosen
        self.tally.fired += self.fired
        self.tally.vacuous += self.finding is not None
        if self.timer is not None:
            self.timer.cancel()
