"""Requests that arrive more than once."""

from __future__ import annotations

import random
from typing import Annotated

from msgspec import Meta

from ..action import Repeat
from ..exchange import Request
from .fault import HttpFault


class Duplicate(HttpFault, frozen=True):
    """The upstream gets the request more than once, as after a retry on the way; the client gets one reply.

    It looks like success: what the server did twice shows in its data alone. A request that is too long to be kept
    passes once.
    """

    name = "http.duplicate"
    needs_whole_request = True

    copies: Annotated[int, Meta(ge=1, le=100, description="How many more arrive.")] = 1

    def on_request(self, request: Request, rng: random.Random) -> tuple[Repeat]:
        """Repeat the request."""
        return (Repeat(self.copies),)
