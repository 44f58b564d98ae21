"""Bytes that come in drops."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ...wire.errors import BrownoutError
from ..fault import DEFAULT_BUFFER, Fault
from ..segment import Stage, StageContext
from ..settings.units import Duration, Size
from .slicer import sliced


class Drip(Fault, frozen=True):
    """Sends a few bytes, pauses, and sends a few more.

    The client sees a few bytes now and then. Each read returns in time, so a timeout for each read never strikes,
    and the reply takes forever.

    Use it to find calls without a deadline for the whole reply.
    """

    name = "drip"
    acts_on_turns = True

    bytes: Annotated[Size, Meta(description="How many bytes arrive at a time.")]
    interval: Annotated[Duration, Meta(description="The pause after that.")]
    buffer: Annotated[Size, Meta(description="How much may wait before the sender is slowed down.")] = DEFAULT_BUFFER

    def __post_init__(self) -> None:
        """Check that a drop has at least one byte."""
        super().__post_init__()
        check_drop(self.bytes, silence="timeout")

    def start(self, context: StageContext) -> Stage:
        """Start at a drop's first byte."""
        return sliced(lambda: self.bytes, self.interval)

    def awaits(self) -> str:
        """Wait for more than a drop."""
        return f"more than {self.bytes}"

    def queue_limit(self) -> int:
        """Return what may wait behind the drop."""
        return self.buffer


def check_drop(size: Size, *, silence: str) -> None:
    """Check that a drop has at least one byte; `silence` is the fault for none at all. Raises BrownoutError."""
    if not size:
        raise BrownoutError(
            "with 0 bytes at a time, nothing would ever arrive", f"give bytes=1B or more; silence is `{silence}`"
        )
