"""Chance that can be repeated: a pure function of names and a count, never of time.

    chance(seed, proxy, injection, scope, n)

n counts 1, 2, ... what the injection could have hit since it began.
"""

from __future__ import annotations

import hashlib
import random
from functools import lru_cache

from .settings.units import Quota


def draw(*words: object) -> int:
    """Return 64 bits that depend on every word and its place."""
    text = "".join([f"{len(word)}:{word}" for word in map(str, words)])
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def chance(seed: int, proxy: str, injection: str, scope: str, n: int) -> float:
    """Return the draw for the n-th, a float from 0 to 1 (exclusive)."""
    return (draw(seed, proxy, injection, scope, n) >> 11) * 2.0**-53


class Dice:
    """The random numbers for one exchange: a `random.Random` that is made when something is drawn.

    Most faults draw nothing, and to make one takes longer than to judge a request.
    """

    __slots__ = ("_made", "_words")

    def __init__(self, *words: object) -> None:
        self._words = words
        self._made: random.Random | None = None

    def __getattr__(self, name: str) -> object:
        if self._made is None:
            self._made = random.Random(draw(*self._words))  # noqa: S311 (draws that must be repeatable)
        return getattr(self._made, name)


@lru_cache(maxsize=256)
def picked(quota: Quota, seed: int, proxy: str, injection: str, scope: str, block: int) -> frozenset[int]:
    """Return which of a block of `quota.of` are hit, counted 1, 2, ... over all blocks: those of the least draws."""
    numbers = range(block * quota.of + 1, (block + 1) * quota.of + 1)
    return frozenset(sorted(numbers, key=lambda n: chance(seed, proxy, injection, scope, n))[: quota.hits])
