"""Requests and replies that never arrive."""

from __future__ import annotations

import random
from typing import Annotated, Literal

from msgspec import Meta

from ...wire.http1.reply import page
from ..action import Answer, Drop, Reset
from ..exchange import Request
from .answer import answer
from .fault import HttpFault, request_head


class LostReply(HttpFault, frozen=True):
    """Lets the upstream do the work and loses its reply.

    The client sees a reset, silence, or the error page of a gateway, once the reply of the upstream is complete.

    Use it to test idempotency keys: the order is placed, and nobody was told. A retry repeats the work unless the
    upstream recognises the request, so it is ambiguous.
    """

    name = "http.lost_reply"

    client_sees: Annotated[
        Literal["reset", "hang", "504"],
        Meta(description="What the client sees once the work is done: an RST, silence, or a gateway's error page."),
    ] = "reset"

    def on_request(self, request: Request, rng: random.Random) -> tuple[Answer | Drop | Reset]:
        """Lose the reply."""
        if self.client_sees == "reset":
            return (Reset(forward=True),)
        if self.client_sees == "hang":
            return (Drop(forward=True),)
        return (answer(request_head(request), 504, page(504), {"content-type": "text/html"}, forward=True),)


class LostRequest(HttpFault, frozen=True):
    """Loses the request before it reaches the upstream.

    The client sees silence, or a reset. It cannot tell this from a lost reply.

    Use it beside `http.lost_reply`: nothing was done, but the client cannot know that, so a retry is ambiguous. A
    client that handles one of the two correctly handles both.
    """

    name = "http.lost_request"
    needs_no_upstream = True

    client_sees: Annotated[Literal["hang", "reset"], Meta(description="What the client sees: silence, or an RST.")] = (
        "hang"
    )

    def on_request(self, request: Request, rng: random.Random) -> tuple[Drop | Reset]:
        """Lose the request."""
        return (Drop() if self.client_sees == "hang" else Reset(),)
