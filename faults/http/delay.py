"""Requests and replies that come late."""

from __future__ import annotations

import random
from typing import Annotated, Literal

from msgspec import Meta

from ...wire.dialect import ReplyHead
from ..action import Hold, Message
from ..exchange import Request
from ..settings.units import Duration
from .fault import HttpFault


class Delay(HttpFault, frozen=True):
    """Delays single requests; what follows on the same connection waits.

    The client sees some requests take longer. With `delays=body` it gets the head at once, and then waits.

    Use it for an API on which only some requests are slow. If the client gives up, it cannot know whether the work
    was done, so a retry is ambiguous.
    """

    name = "http.delay"

    delay: Annotated[Duration, Meta(description="The mean delay.")]
    jitter: Annotated[Duration, Meta(description="Up to this much more or less, uniformly distributed.")] = Duration(0)
    delays: Annotated[
        Literal["request", "reply", "body"],
        Meta(description="What arrives late: the request at the upstream, the whole reply, or only the reply's body."),
    ] = "reply"

    @property
    def acts_on(self) -> Message:
        """When it is asked what to do."""
        return "request" if self.delays == "request" else "reply"

    def on_request(self, request: Request, rng: random.Random) -> tuple[Hold, ...]:
        """Hold the request."""
        return (self._hold(rng),) if self.acts_on == "request" else ()

    def on_reply(self, request: Request, reply: ReplyHead, rng: random.Random) -> tuple[Hold, ...]:
        """Hold the reply."""
        return (self._hold(rng),)

    def _hold(self, rng: random.Random) -> Hold:
        jitter = self.jitter * (2 * rng.random() - 1) if self.jitter else 0.0
        seconds = max(0.0, self.delay + jitter)
        return Hold(seconds, self.acts_on, body=self.delays == "body")
