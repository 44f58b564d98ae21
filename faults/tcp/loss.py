"""Packets that get lost, as TCP shows it: nothing is missing, some of it comes late."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from statistics import NormalDist
from typing import Annotated

from msgspec import Meta

from ..fault import DEFAULT_BUFFER, Fault
from ..segment import Kind, Segment, Stage, StageContext
from ..settings.units import Duration, Share

PACKET = 1448
"""Bytes of a full packet: an Ethernet frame without the headers of IPv4 and TCP and its timestamps."""
RETRIES = 15
"""How often Linux sends a packet again (tcp_retries2), and the longest pause before it does (TCP_RTO_MAX)."""
LONGEST = 120.0


class Loss(Fault, frozen=True):
    """Loses packets: TCP sends them again, so they arrive late, and everything behind them waits.

    The client sees some replies pause for 200 ms, 600 ms or 1.4 s. No byte is missing. On average nothing is slow,
    but the slowest of a hundred requests is.

    Use it for Wi-Fi and congested networks, and to see what the slowest requests do to the rest.
    """

    name = "loss"

    share: Annotated[Share, Meta(description="The share of packets that are lost.")]
    rto: Annotated[Duration, Meta(description="How long until a packet is sent again; it doubles each time.")] = (
        Duration(0.2)
    )
    correlation: Annotated[
        Share,
        Meta(description="How closely a packet's fate follows the one before."),
    ] = Share(0)

    def start(self, context: StageContext) -> Stage:
        """Start at a packet's first byte."""
        lost, share, rng = self._losses(context), float(self.share), context.rng

        def delay() -> float:
            if not lost():
                return 0.0
            late, pause = float(self.rto), float(self.rto)
            for _ in range(RETRIES - 1):
                if rng.random() >= share:  # so much later, each is lost independently
                    break
                pause = min(pause * 2, LONGEST)
                late += pause
            return late

        left = 0  # bytes of the packet that is under way

        def stage(segment: Segment) -> Iterable[Segment]:
            at, data, kind = segment
            if kind is not Kind.DATA:
                return () if kind is Kind.OPEN else (segment,)
            return packets(at, data)

        def packets(at: float, data: bytes) -> Iterator[Segment]:
            nonlocal left
            start, end, due = 0, left, at
            while end < len(data):
                late = delay()
                if late:
                    if end:  # what came through before it goes on in one piece
                        yield Segment(due, data[start:end])
                    start, due = end, at + late
                end += PACKET
            left = end - len(data)
            yield Segment(due, data[start:])

        return stage

    def _losses(self, context: StageContext) -> Callable[[], bool]:
        """Return the draw for a packet: correlated ones are an AR(1) process of normal variables, cut at the share."""
        share, correlation, rng = float(self.share), float(self.correlation), context.rng
        if not correlation or not 0 < share < 1:
            return lambda: rng.random() < share
        threshold: float
        threshold, fresh = NormalDist().inv_cdf(share), math.sqrt(1 - correlation**2)
        before = rng.gauss(0, 1)

        def lost() -> bool:
            nonlocal before
            before = correlation * before + fresh * rng.gauss(0, 1)
            return before < threshold

        return lost

    def odds(self) -> str:
        """Pick packets."""
        return f"{self.share} of the packets" if self.share and self.rto else ""

    def queue_limit(self) -> int:
        """Return what a sender has under way before it waits for the acknowledgement."""
        return DEFAULT_BUFFER
