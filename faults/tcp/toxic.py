"""What toxics of Toxiproxy do where the fault of ours that bears their words does something else.

They are no faults of the catalogue: users place them as toxics alone, and read them under the name of our own fault,
whose settings they have.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..segment import Kind, Segment, Stage, StageContext
from .cut import Reset
from .timeout import Timeout

_CONNECTED = 0.05
"""Seconds after which `connect()` has returned to a client: a RST before that would be its error."""


class ResetPeer(Reset, frozen=True):
    """Breaks the connection by RST, `delay` after the first bytes of a stream, and swallows all that it says.

    A connection on which nothing is said is broken `delay` after it was opened. Where the client has said nothing, that
    is 50 ms after the opening at the earliest.
    """

    discards = True

    def start(self, context: StageContext) -> Stage:
        """Start to swallow; with `bytes`, which no toxic has, it is our own fault."""
        if self.bytes:
            return super().start(context)
        state = context.state

        def stage(segment: Segment) -> Iterable[Segment]:
            at, _, kind = segment
            if kind is Kind.ALARM:
                return (Segment(at, kind=Kind.RESET),)
            if kind is Kind.DATA and "met" not in state:
                state["met"] = at
            elif kind is not Kind.OPEN:
                return () if kind in (Kind.DATA, Kind.EOF) else (segment,)
            opened = state.setdefault("opened", at)
            spoken = context.other.bytes or (context.stream == "upstream" and "met" in state)
            return (Segment(at + self.delay if spoken else max(at + self.delay, opened + _CONNECTED), kind=Kind.ALARM),)

        return stage


class ResetPeerUpstream(ResetPeer, frozen=True):
    """The same for what the client says."""

    streams = ("upstream",)


class TimeoutThatEnds(Timeout, frozen=True):
    """Swallows all bytes of a stream, and lets its end pass."""

    def start(self, context: StageContext) -> Stage:
        """Start the countdown."""
        swallow = super().start(context)
        return lambda segment: (segment,) if segment.kind is Kind.EOF else swallow(segment)
