"""Bytes that come wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from ..fault import Fault
from ..segment import Kind, Segment, Stage, StageContext
from ..settings.units import Share


class Corrupt(Fault, frozen=True):
    """Flips one bit in some of the bytes; the number of bytes stays the same.

    The client sees wrong values, an error of its parser, or a TLS alert.

    Use it for damage that TCP's checksum does not find, such as broken memory. TLS and protocols with checksums
    notice it, plain values do not.
    """

    name = "corrupt"
    acts_on_turns = True

    share: Annotated[Share, Meta(description="The share of bytes that are damaged.")]

    def start(self, context: StageContext) -> Stage:
        """Start with the distance to the first byte that is hit."""
        rng, spread = context.rng, math.log1p(-self.share) if self.share < 1 else -math.inf

        def skip() -> float:
            # Every byte is hit with the same chance, so the distance to the next hit is geometric: one draw for all.
            return rng.expovariate(1) // -spread if spread else math.inf

        distance = skip()  # bytes that pass before the next hit

        def stage(segment: Segment) -> Iterable[Segment]:
            nonlocal distance
            at, data, kind = segment
            if kind is not Kind.DATA:
                return () if kind is Kind.OPEN else (segment,)
            if distance >= len(data):
                distance -= len(data)
                return (segment,)
            wrong = bytearray(data)
            while distance < len(wrong):
                wrong[int(distance)] ^= 1 << rng.randrange(8)
                distance += 1 + skip()
            distance -= len(wrong)
            return (Segment(at, bytes(wrong)),)

        return stage

    def odds(self) -> str:
        """Pick bytes."""
        return f"{self.share} of the bytes" if self.share else ""
