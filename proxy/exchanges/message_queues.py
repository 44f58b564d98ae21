"""Both queues of a conversation, over the link's two outlets: what one read brings about leaves in one write."""

from __future__ import annotations

from functools import partial

from ...faults.fault import Stream
from ...faults.segment import Kind, Segment
from ..shaping.budget import Budget, Limits
from ..system.clock import Clock
from .host import Outlet
from .message_queue import MessageQueue


class MessageQueues:
    """The queue of `requests`, and the one of `replies`.

    What they send between `gather()` and `flush()` is written by the latter, what they send at other times at once.
    """

    __slots__ = ("_gathered", "_outlets", "replies", "requests")

    def __init__(self, upstream: Outlet, downstream: Outlet, clock: Clock, budget: Budget, limits: Limits) -> None:
        self._outlets: dict[Stream, Outlet] = {"upstream": upstream, "downstream": downstream}
        self._gathered: dict[Outlet, list[bytes]] | None = None
        self.requests = MessageQueue(partial(self._send, upstream), self._throttle, clock, budget, limits)
        self.replies = MessageQueue(partial(self._send, downstream), self._throttle, clock, budget, limits)

    def gather(self) -> None:
        """Keep what is sent from now on."""
        self._gathered = {}

    def flush(self) -> None:
        """Write what was gathered."""
        gathered, self._gathered = self._gathered, None
        for outlet, chunks in (gathered or {}).items():
            if self.requests.closed:  # the write before has ended the link
                return
            outlet.send(chunks[0] if len(chunks) == 1 else b"".join(chunks))

    def event(self, stream: Stream, kind: Kind) -> None:
        """Send an event at once, past all that waits."""
        self._send(self._outlets[stream], Segment(0.0, kind=kind))

    def block(self, stream: Stream, blocked: bool) -> None:
        """Learn that the reader of a stream asked for a pause, or took it back."""
        (self.requests if stream == "upstream" else self.replies).block(blocked)

    def close(self) -> None:
        """Stop; what waits is dropped."""
        self._gathered = None
        self.requests.close()
        self.replies.close()

    def dissolve(self) -> None:
        """Break the reference cycles with the two queues, which are closed."""
        self.requests.dissolve()
        self.replies.dissolve()
        del self.requests, self.replies

    def _throttle(self) -> None:
        """Hold back the upstream where replies wait, and the client where anything does: it causes both.

        But not the upstream where all replies wait for more of its own.
        """
        self._outlets["downstream"].set_paused(self.replies.full and not self.replies.starved)
        self._outlets["upstream"].set_paused(self.requests.full or self.replies.full)

    def _send(self, outlet: Outlet, segment: Segment) -> None:
        if segment.kind is not Kind.DATA:
            if self._gathered and (before := self._gathered.pop(outlet, None)):
                outlet.send(b"".join(before))
            outlet.send_event(segment.kind)
        elif self._gathered is None:
            outlet.send(segment.data)
        else:
            self._gathered.setdefault(outlet, []).append(segment.data)
