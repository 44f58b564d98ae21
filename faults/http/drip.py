"""Replies that come in drops."""

from __future__ import annotations

import random
from typing import Annotated, Literal

from msgspec import Meta

from ...wire.dialect import ReplyHead
from ..action import Message, Shape
from ..exchange import Request
from ..fault import DEFAULT_BUFFER
from ..segment import Stage, StageContext
from ..settings.units import Duration, Size
from ..tcp.drip import check_drop
from ..tcp.slicer import sliced
from .fault import HttpFault


class Drip(HttpFault, frozen=True):
    """Sends the body of the reply, or its head, a few bytes at a time.

    The client sees the status at once and then a few bytes now and then. Each read returns in time, so a timeout
    for each read never strikes. With `part=head` the status itself comes slowly.

    Use it to find HTTP calls without a deadline for the whole reply. The work was done, so a retry is ambiguous.
    """

    name = "http.drip"

    bytes: Annotated[Size, Meta(description="How many bytes arrive at a time.")]
    interval: Annotated[Duration, Meta(description="The pause after that.")]
    part: Annotated[
        Literal["head", "body"], Meta(description="Which part of the reply drips; the rest arrives at once.")
    ] = "body"

    def __post_init__(self) -> None:
        """Check that a drop has at least one byte."""
        super().__post_init__()
        check_drop(self.bytes, silence="http.lost_reply")

    @property
    def acts_on(self) -> Message:
        """When it is asked what to do."""
        return "reply"

    def on_reply(self, request: Request, reply: ReplyHead, rng: random.Random) -> tuple[Shape]:
        """Let the reply drip."""
        return (Shape(self._drops, "reply", self.part),)

    def queue_limit(self) -> int:
        """Return what may wait behind the drop: beyond that the upstream is held back."""
        return DEFAULT_BUFFER

    def _drops(self, context: StageContext) -> Stage:
        return sliced(lambda: self.bytes, self.interval)
