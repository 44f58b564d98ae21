"""A fault placed on a proxy."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import NamedTuple, Protocol

from ...faults.chance import draw
from ...faults.fault import Stream
from ...faults.segment import Counted, StageContext
from ...faults.spec import Spec
from ...faults.trigger import Identity
from ..record.tally import Tally
from ..system.clock import Timer

UNTOUCHED_SHOWN = 1000
"""How many numbers of connections that a fault could not act on are kept."""


class Connection(Protocol):
    """A connection, as the faults that fire on it know it."""

    @property
    def number(self) -> int:
        """Its number: 1, 2, ... in the order of accepting."""

    def change(self, injection: Injection) -> None:
        """Follow a change of a fault's settings."""

    def heal(self, injection: Injection) -> None:
        """Let go of what a fault holds, since it is healed."""


class Hit(NamedTuple):
    """That a fault fired on a target, its n-th match; `connection` is what the stages of both streams share."""

    n: int
    connection: dict[str, float]


class Chosen(NamedTuple):
    """That a fault fires on an exchange, the n-th that it matched; `rng` are the random numbers for it."""

    n: int
    rng: random.Random


class Injection:
    """A fault on a proxy, under a name, with its counters and the connections, or exchanges, that it fired on.

    `matched` counts what it could hit since it began, `fired` what it did hit, `bytes` what went through its stages.
    `hits` are the open connections that it fired on. `untouched` are the numbers of those that it could not act on, the
    first 1000 of `untouched_total`. `tally` goes on when it is healed.
    """

    __slots__ = ("__weakref__", "_operations", "_shared", "_untouched_open", "active", "armed_at", "bytes", "fired",
                 "healed_at", "hits", "identity", "matched", "name", "profile", "spec", "tally", "timer", "untouched",
                 "untouched_total")  # fmt: skip

    def __init__(self, spec: Spec, *, seed: int, proxy: str, profile: str = "") -> None:
        self.spec = spec
        self.name = spec.name
        self.profile = profile
        self.identity = Identity(seed, proxy, spec.name)
        self.armed_at = time.time()
        self.healed_at: float | None = None
        self.active = False
        self.matched = 0
        self.fired = 0
        self.bytes = 0
        self.hits: dict[Connection, Hit] = {}
        self.untouched: list[int] = []
        self.untouched_total = 0
        self._untouched_open: set[Connection] = set()
        self.tally = Tally()
        self.timer: Timer | None = None
        self._shared: dict[Stream, dict[str, float]] = {}
        self._operations: Counter[str] = Counter()  # what was matched, by operation

    def applies_to_new_link(self, ahead: int) -> bool:
        """Say whether a new link, with `ahead` open ones before it, is one that the fault could hit."""
        fault = self.spec.fault
        return self.active and (bool(fault.streams or fault.streams is None) or fault.admit(ahead) != 0)

    def fires_on(self, connection: Connection) -> bool:
        """Count a connection and say whether the fault fires on it: once for each, changes do not ask again."""
        self.matched += 1
        if not self.spec.trigger.fires(self.matched, self.fired, self.identity):
            return False
        self.fired += 1
        self.hits[connection] = Hit(self.matched, {})
        return True

    def fires_on_exchange(self, operation: str) -> Chosen | None:
        """Count an exchange; None where the fault does not fire on it.

        Chances are drawn for the n-th exchange of its operation: the others do not come into it.
        """
        self.matched += 1
        self._operations[operation] += 1
        identity, nth = self.identity._replace(scope=operation), self._operations[operation]
        if not self.spec.trigger.fires(self.matched, self.fired, identity, nth):
            return None
        self.fired += 1
        return Chosen(self.matched, random.Random(draw(*identity, nth, "exchange")))  # noqa: S311 (must be repeatable)

    def retract(self, connection: Connection) -> None:
        """Take back that it fired on an exchange there: it had nothing to do."""
        self.fired -= 1
        self.record_untouched(connection)

    def context(self, connection: Connection, stream: Stream, other: Counted) -> StageContext:
        """Return the context of this fault's stage on one stream of a connection; `other` is its other stream."""
        hit, shared = self.hits[connection], self._shared.setdefault(stream, {})
        seed = draw(*self.identity, hit.n, stream)
        return StageContext(seed, connection=hit.connection, shared=shared, other=other, stream=stream)

    def record_untouched(self, connection: Connection) -> bool:
        """Record an open connection on which the fault could not act, or not on one of its exchanges.

        Return whether it is the first time.
        """
        if connection in self._untouched_open:
            return False
        self._untouched_open.add(connection)
        self.untouched_total += 1
        if len(self.untouched) < UNTOUCHED_SHOWN:
            self.untouched.append(connection.number)
        return True

    def forget(self, connection: Connection) -> None:
        """Let go of a connection that has ended."""
        self.hits.pop(connection, None)
        self._untouched_open.discard(connection)

    def change(self, spec: Spec) -> None:
        """Take other settings, which empty what connections share."""
        if spec.fault != self.spec.fault:
            for shared in self._shared.values():
                shared.clear()
        self.spec = spec

    def heal(self) -> None:
        """Forget the connections, and leave the counts to the tally."""
        self.healed_at = time.time()
        self.hits.clear()
        self._untouched_open.clear()
        self.tally.matched += self.matched
        self.tally.fired += self.fired
        if self.timer is not None:
            self.timer.cancel()
