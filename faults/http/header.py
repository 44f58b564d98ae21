"""Headers that are missing, wrong or new."""

from __future__ import annotations

import random
from typing import Annotated

from msgspec import Meta

from ...wire.dialect import ReplyHead
from ...wire.errors import BrownoutError
from ...wire.http1 import edit_fields
from ..action import Message, Rewrite
from ..exchange import Request
from .fault import HttpFault
from .fields import check_fields, check_names


class Header(HttpFault, frozen=True):
    """Removes, sets or adds headers of the reply or of the request; the rest of the message stays as it is.

    The client sees a reply that lacks a header, or has another one: it looks like success. With `message=request`
    it is the upstream that sees the change.

    Use it for gateways and caches that drop or rewrite headers, and to see what the client does without an ETag or
    with a wrong content type.
    """

    name = "http.header"

    remove: Annotated[tuple[str, ...] | None, Meta(description="Headers to remove, however often they occur.")] = None
    set: Annotated[dict[str, str] | None, Meta(description="Headers to set, replacing those of that name.")] = None
    add: Annotated[dict[str, str] | None, Meta(description="Headers to add, after those that are there.")] = None
    message: Annotated[Message, Meta(description="The message whose headers are edited.")] = "reply"

    def __post_init__(self) -> None:
        """Check that there is something to do, which leaves the framing alone."""
        super().__post_init__()
        if not (self.remove or self.set or self.add):
            raise BrownoutError("no header is named", "give remove=NAME, set='NAME: VALUE' or add='NAME: VALUE'")
        check_names(self.remove or ())
        check_fields(self.set or {})
        check_fields(self.add or {})

    @property
    def acts_on(self) -> Message:
        """When it is asked what to do."""
        return self.message

    def on_request(self, request: Request, rng: random.Random) -> tuple[Rewrite, ...]:
        """Edit the request's head."""
        return (Rewrite(self._edited, "request"),) if self.message == "request" else ()

    def on_reply(self, request: Request, reply: ReplyHead, rng: random.Random) -> tuple[Rewrite, ...]:
        """Edit the reply's head."""
        return (Rewrite(self._edited, "reply"),)

    def _edited(self, head: bytes) -> bytes:
        return edit_fields(head, self.remove or (), (self.set or {}).items(), (self.add or {}).items())
