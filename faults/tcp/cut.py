"""Connections that break: by RST or by FIN, at once, later, or after a number of bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar

from msgspec import Meta

from ..fault import Fault
from ..segment import Kind, Segment, Stage, StageContext, Stream
from ..settings.units import Duration, Size


class _Cut(Fault, frozen=True):
    streams: ClassVar[tuple[Stream, ...] | None] = ("downstream",)
    acts_on_turns = True
    how: ClassVar[Kind]

    delay: Annotated[Duration, Meta(description="How long after the opening, or after the last of `bytes`.")] = (
        Duration(0)
    )
    bytes: Annotated[Size, Meta(description="How many bytes of the reply arrive first.")] = Size(0)

    def start(self, context: StageContext) -> Stage:
        """Start with the count of this link's reply bytes, or with the delay."""
        if self.bytes:
            return self.start_turn(context)

        def stage(segment: Segment) -> Iterable[Segment]:
            at, _, kind = segment
            if kind is Kind.ALARM:
                return (Segment(at, kind=self.how),)
            return (Segment(at + self.delay, kind=Kind.ALARM),) if kind is Kind.OPEN else (segment,)

        return stage

    def start_turn(self, context: StageContext) -> Stage:
        """Start with the count of the reply's bytes; the end takes the place of the first one beyond them."""
        state = context.state

        def stage(segment: Segment) -> Iterable[Segment]:
            at, data, kind = segment
            if kind is not Kind.DATA:
                return () if kind is Kind.OPEN else (segment,)
            passed = int(state.get("passed", 0))
            room = max(0, self.bytes - passed)
            state["passed"] = passed + min(room, len(data))
            if len(data) < room:
                return (segment,)
            # What is beyond waits behind the end: healed before that, it goes on.
            end = at + self.delay
            parts = (Segment(at, data[:room]), Segment(end, kind=self.how), Segment(end, data[room:]))
            return [part for part in parts if part.data or part.kind is self.how]

        return stage

    def awaits(self) -> str:
        """Wait for bytes of the reply, or for time to pass."""
        first = f"{self.bytes} of the reply" if self.bytes else ""
        return " and then ".join(part for part in (first, f"{self.delay} of waiting" if self.delay else "") if part)


class Reset(_Cut, frozen=True):
    """Breaks the connection with a TCP reset (RST), even if it is already open and idle.

    The client sees ECONNRESET (connection reset by peer) at its next read or write. With `bytes`, exactly that many
    bytes of the reply arrive first.

    Use it for a server that crashed or was restarted, and to test retries: after `bytes`, the server may have done
    the work.
    """

    name = "reset"
    how = Kind.RESET


class Disconnect(_Cut, frozen=True):
    """Closes the connection normally (FIN), even in the middle of a reply.

    The client sees a clean end of file: `recv()` returns nothing. A reply that was cut off looks whole to code that
    does not count its bytes.

    Use it for a server that shuts down, and to find code that takes the end of the connection for the end of the
    reply.
    """

    name = "disconnect"
    how = Kind.CLOSE
