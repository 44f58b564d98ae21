"""A fault placed on a proxy."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..faults.dice import draw
from ..faults.fault import Stream
from ..faults.segment import Seat
from ..faults.spec import Spec
from ..faults.trigger import Dice

if TYPE_CHECKING:
    from .clock import Timer
    from .link import Link

UNTOUCHED_SHOWN = 1000


class Injection:
    """A fault on a proxy, under a name, with its counters and the links that it fired on.

    `matched` counts what it could hit since it began, `fired` what it did hit, `bytes` what went through its stages.
    `untouched` are the numbers of links that were open when it began and that it fired on but could not touch, the
    first 1000 of `untouched_total`.
    """

    __slots__ = ("_shared", "active", "armed_at", "bytes", "dice", "fired", "links", "matched", "name", "profile",
                 "spec", "timer", "untouched", "untouched_total")  # fmt: skip

    def __init__(self, spec: Spec, *, seed: int, proxy: str, profile: str = "") -> None:
        self.spec = spec
        self.name = spec.name
        self.profile = profile
        self.dice = Dice(seed, proxy, spec.name)
        self.armed_at = time.time()
        self.active = False
        self.matched = 0
        self.fired = 0
        self.bytes = 0
        self.links: dict[Link, int] = {}
        self.untouched: list[int] = []
        self.untouched_total = 0
        self.timer: Timer | None = None
        self._shared: dict[Stream, dict[str, float]] = {}

    def judge(self, link: Link) -> bool:
        """Count a link and say whether the fault fires on it: once for each link, changes do not ask again."""
        self.matched += 1
        if not self.spec.trigger.fires(self.matched, self.fired, self.dice):
            return False
        self.fired += 1
        self.links[link] = self.matched
        return True

    def seat(self, link: Link, stream: Stream) -> Seat:
        """Return the seat of this fault's stage on one stream of a link that it fired on."""
        shared = self._shared.setdefault(stream, {})
        return Seat(draw(*self.dice, self.links[link], stream), shared)

    def spare(self, link: Link) -> None:
        """Record a link that the fault could not touch."""
        self.untouched_total += 1
        if len(self.untouched) < UNTOUCHED_SHOWN:
            self.untouched.append(link.number)

    def change(self, spec: Spec) -> None:
        """Take other settings; what links share starts anew with them."""
        if spec.fault != self.spec.fault:
            for shared in self._shared.values():
                shared.clear()
        self.spec = spec
