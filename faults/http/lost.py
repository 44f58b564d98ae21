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
    """The upstream does the work, and its reply never arrives.

    A retry does the work twice, unless the upstream knows a request again by its key: ambiguous.
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
    """The request never arrives at the upstream.

    Nothing was done, but the client cannot know that: to it this is a lost reply, and ambiguous.
    """

    name = "http.lost_request"
    needs_no_upstream = True

    client_sees: Annotated[Literal["hang", "reset"], Meta(description="What the client sees: silence, or an RST.")] = (
        "hang"
    )

    def on_request(self, request: Request, rng: random.Random) -> tuple[Drop | Reset]:
        """Lose the request."""
        return (Drop() if self.client_sees == "hang" else Reset(),)
