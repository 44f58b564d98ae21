"""Both streams of a conversation, over the link's two ways: what one read brings about goes in one write."""

from __future__ import annotations

from functools import partial

from ...faults.fault import Stream
from ...faults.segment import Kind, Segment
from ..shaping.budget import Budget, Limits
from ..system.clock import Clock
from .host import Way
from .message_queue import Course


class Courses:
    """The courses of requests, `up`, and of replies, `down`.

    What they let go between `gather()` and `flush()` is sent by the latter, what they let go at other times at once.
    """

    __slots__ = ("_heap", "_ways", "down", "up")

    def __init__(self, up: Way, down: Way, clock: Clock, budget: Budget, limits: Limits) -> None:
        self._ways: dict[Stream, Way] = {"upstream": up, "downstream": down}
        self._heap: dict[Way, list[bytes]] | None = None
        self.up = Course(partial(self._out, up), self._throttle, clock, budget, limits)
        self.down = Course(partial(self._out, down), self._throttle, clock, budget, limits)

    def gather(self) -> None:
        """Keep what is let go from now on."""
        self._heap = {}

    def flush(self) -> None:
        """Send what was gathered."""
        heap, self._heap = self._heap, None
        for way, datas in (heap or {}).items():
            way.send(datas[0] if len(datas) == 1 else b"".join(datas))

    def event(self, stream: Stream, kind: Kind) -> None:
        """Send an event at once, past all that waits."""
        self._out(self._ways[stream], Segment(0.0, kind=kind))

    def block(self, stream: Stream, blocked: bool) -> None:
        """Learn that who reads a stream asked for a pause, or took it back."""
        (self.up if stream == "upstream" else self.down).block(blocked)

    def close(self) -> None:
        """Stop; what waits is dropped."""
        self._heap = None
        self.up.close()
        self.down.close()

    def _throttle(self) -> None:
        """Hold the upstream back where replies wait, and the client where anything does: it makes both.

        Not so the upstream where all the replies wait for more of its own.
        """
        self._ways["downstream"].hold_back(self.down.full and not self.down.starved)
        self._ways["upstream"].hold_back(self.up.full or self.down.full)

    def _out(self, way: Way, segment: Segment) -> None:
        if segment.kind is not Kind.DATA:
            if self._heap and (before := self._heap.pop(way, None)):
                way.send(b"".join(before))
            way.send_event(segment.kind)
        elif self._heap is None:
            way.send(segment.data)
        else:
            self._heap.setdefault(way, []).append(segment.data)
