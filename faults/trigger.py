"""Which connections, turns or requests an injection chooses, and when."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from ..wire.errors import BrownoutError
from .chance import chance, picked
from .settings import Settings, fields
from .settings.units import Duration, Quota, Share


class Identity(NamedTuple):
    """What a chance is drawn for; equal ones draw the same. Scope: the operation for exchanges, else empty."""

    seed: int
    proxy: str
    injection: str
    scope: str = ""


class Trigger(Settings, frozen=True):
    """Which of what an injection could hit it does hit: connections, turns or requests. Default: all, until healed."""

    probability: Annotated[Share | None, Meta(description="The chance that each one is hit.")] = None
    quota: Annotated[Quota | None, Meta(description="Hits exactly N out of every M: '3 of 10'.")] = None
    after: Annotated[int, Meta(ge=0, description="Skips the first N.")] = 0
    every: Annotated[int, Meta(ge=1, description="Of the rest, considers only every N-th.")] = 1
    times: Annotated[int, Meta(ge=1, description="Hits at most N.")] | None = None
    per: Annotated[Literal["connection", "turn"], Meta(description="What is chosen: connections, or single turns.")] = (
        "connection"
    )
    start: Annotated[Duration, Meta(description="How long to wait before the fault begins.")] = Duration(0)
    for_: Annotated[Duration | None, Meta(description="How long the fault lasts before it heals itself.")] = (
        msgspec.field(default=None, name="for")
    )

    def __post_init__(self) -> None:
        """Check that there is one kind of chance."""
        super().__post_init__()
        if self.probability is not None and self.quota is not None:
            raise BrownoutError("probability and quota exclude each other", "give one of them")

    @property
    def sure(self) -> bool | None:
        """What it says of every match, whatever comes: True chooses all, False none. None: it picks among them."""
        share = 1 if self.probability is None else self.probability
        if share <= 0 or (self.quota is not None and not self.quota.hits):
            return False
        picks = self != Trigger(probability=self.probability, start=self.start, for_=self.for_)
        return None if picks or share < 1 else True

    def chooses(self, n: int, chosen: int, identity: Identity, nth: int | None = None) -> bool:
        """Say whether the n-th match (1, 2, ...) is chosen, when `chosen` ones were before it.

        `nth`: its number within the scope, if that is another count.
        """
        if self.times is not None and chosen >= self.times:
            return False
        considered, rest = divmod(n - self.after, self.every)
        if considered < 1 or rest:
            return False
        if self.quota is not None:
            block = (considered - 1) // self.quota.of
            return considered in picked(self.quota, *identity._replace(scope=""), block)
        return self.probability is None or chance(*identity, n if nth is None else nth) < self.probability


TRIGGER_KEYS = tuple(field.name for field in fields(Trigger))
RESERVED = ("fault", "name", "stream", *TRIGGER_KEYS, "match", "caller")
"""The keys of an injection that no fault may have among its settings."""
