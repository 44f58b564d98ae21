"""Requests that arrive more than once."""

from __future__ import annotations

import random
from typing import Annotated

from msgspec import Meta

from ..action import Repeat
from ..exchange import Request
from .fault import HttpFault


class Duplicate(HttpFault, frozen=True):
    """Delivers the request to the upstream more than once; the client gets one reply.

    The client sees nothing unusual: it looks like success. What the server did twice shows only in its data.

    Use it to check that the server does the work once, as after a retry on the way. A request that is too long to
    be kept passes once.
    """

    name = "http.duplicate"
    needs_whole_request = True

    copies: Annotated[int, Meta(ge=1, le=100, description="How many extra copies the upstream gets.")] = 1

    def on_request(self, request: Request, rng: random.Random) -> tuple[Repeat]:
        """Repeat the request."""
        return (Repeat(self.copies),)
