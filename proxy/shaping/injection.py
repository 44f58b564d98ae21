"""A fault placed on a proxy."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from ...faults.dice import draw
from ...faults.fault import Stream
from ...faults.segment import Seat
from ...faults.spec import Spec
from ...faults.trigger import Dice
from ..record.tally import Tally

if TYPE_CHECKING:
    from ..links.link import Link
    from ..system.clock import Timer

UNTOUCHED_SHOWN = 1000


class Hit(NamedTuple):
    """A link that a fault fired on: as which one, and what the stages of both its streams share."""

    n: int
    shared: dict[str, float]


class Injection:
    """A fault on a proxy, under a name, with its counters and the links, or the exchanges, that it fired on.

    `matched` counts what it could hit since it began, `fired` what it did hit, `bytes` what went through its stages.
    `untouched` are the numbers of links that were open when it began and that it fired on but could not touch, the
    first 1000 of `untouched_total`. `tally` goes on when this one is healed.
    """

    __slots__ = ("__weakref__", "_scopes", "_shared", "active", "armed_at", "bytes", "dice", "fired", "healed_at",
                 "links", "matched", "name", "profile", "spec", "tally", "timer", "untouched",
                 "untouched_total")  # fmt: skip

    def __init__(self, spec: Spec, *, seed: int, proxy: str, profile: str = "") -> None:
        self.spec = spec
        self.name = spec.name
        self.profile = profile
        self.dice = Dice(seed, proxy, spec.name)
        self.armed_at = time.time()
        self.healed_at: float | None = None
        self.active = False
        self.matched = 0
        self.fired = 0
        self.bytes = 0
        self.links: dict[Link, Hit] = {}
        self.untouched: list[int] = []
        self.untouched_total = 0
        self.tally = Tally()
        self.timer: Timer | None = None
        self._shared: dict[Stream, dict[str, float]] = {}
        self._scopes: Counter[str] = Counter()

    def judge(self, link: Link) -> bool:
        """Count a link and say whether the fault fires on it: once for each link, changes do not ask again."""
        self.matched += 1
        if not self.spec.trigger.fires(self.matched, self.fired, self.dice):
            return False
        self.fired += 1
        self.links[link] = Hit(self.matched, {})
        return True

    def hits(self, operation: str) -> random.Random | None:
        """Count an exchange, and return the dice for it if the fault fires on it.

        Chances are drawn for the n-th exchange of its operation: the others do not come into it.
        """
        self.matched += 1
        self._scopes[operation] += 1
        whose, nth = self.dice._replace(scope=operation), self._scopes[operation]
        if not self.spec.trigger.fires(self.matched, self.fired, whose, nth):
            return None
        self.fired += 1
        return random.Random(draw(*whose, nth, "exchange"))  # noqa: S311 (dice that must be repeatable)

    def missed(self, link: Link) -> None:
        """Take back that it fired: there was nothing for it to do."""
        self.fired -= 1
        self.spare(link)

    def seat(self, link: Link, stream: Stream) -> Seat:
        """Return the seat of this fault's stage on one stream of a link that it fired on."""
        hit, other = self.links[link], link.server if stream == "upstream" else link.client
        shared = self._shared.setdefault(stream, {})
        return Seat(draw(*self.dice, hit.n, stream), link=hit.shared, shared=shared, other=other)

    def meets(self, ahead: int) -> bool:
        """Say whether a new link, with so many before it, is one that the fault could hit."""
        fault = self.spec.fault
        return self.active and (bool(fault.streams or fault.streams is None) or fault.admit(ahead) != 0)

    def heal(self) -> None:
        """Let go of the links, and leave the counts to the tally."""
        self.healed_at = time.time()
        self.links.clear()
        self.tally.matched += self.matched
        self.tally.fired += self.fired
        if self.timer is not None:
            self.timer.cancel()

    def spare(self, link: Link) -> None:
        """Record a link that the fault could not touch, or on which it could not touch an exchange."""
        if link.number in self.untouched:
            return
        self.untouched_total += 1
        if len(self.untouched) < UNTOUCHED_SHOWN:
            self.untouched.append(link.number)

    def change(self, spec: Spec) -> None:
        """Take other settings; what links share starts anew with them."""
        if spec.fault != self.spec.fault:
            for shared in self._shared.values():
                shared.clear()
        self.spec = spec
