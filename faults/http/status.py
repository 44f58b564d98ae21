"""Answers that say that it did not work."""

from __future__ import annotations

import math
import random
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ...wire.errors import BrownoutError
from ...wire.http1.reply import http_date, page
from ..action import Answer
from ..exchange import Request
from ..settings import Problem, SettingsError
from ..settings.units import Duration
from .answer import answer
from .fault import HttpFault, request_head
from .fields import check_fields, check_line


class Status(HttpFault, frozen=True):
    """Answers with a status of its own; the upstream never sees the request.

    The client sees the reply of a server that is overloaded, broken or gone. The connection stays open.

    Use it to test how the client reacts to errors. 502, 503 and 429 are safe to retry, after `Retry-After` if there
    is one. A retry of another 4xx is a bug. 500 and 504 are ambiguous. A 2xx looks like success.
    """

    name = "http.status"
    needs_no_upstream = True
    body_settings = ("body", "json", "html")

    status: Annotated[int, Meta(ge=200, le=599, description="The status, from 200 to 599.")]
    reason: Annotated[str | None, Meta(description="The reason phrase, if not the usual one.")] = None
    headers: Annotated[dict[str, str] | None, Meta(description="Additional headers.")] = None
    body: Annotated[str | None, Meta(description="A body of text. Without any body setting the body is empty.")] = None
    file: Annotated[
        str | None,
        Meta(description="A file with the body's text, on the command line and in configuration files."),
    ] = None
    json: Annotated[dict[str, object] | list[object] | None, Meta(description="A body of JSON.")] = None
    html: Annotated[bool, Meta(description="An HTML page as the body, as gateways send it.")] = False
    retry_after: Annotated[
        Duration | None, Meta(description="When the client may try again (Retry-After), in seconds.")
    ] = None
    retry_as: Annotated[
        Literal["seconds", "date", "past", "garbage"],
        Meta(description="How Retry-After is written: in seconds, as a date, as a date in the past, or as nonsense."),
    ] = "seconds"

    def __post_init__(self) -> None:
        """Check that the parts go together."""
        super().__post_init__()
        check_fields(self.headers or {})
        check_line("reason", self.reason or "")
        if self.file is not None:
            message = "file is for `brownout inject` and configuration files, which read it; the API and tests do not"
            raise SettingsError([Problem("file", message, "give its text as body")])
        bodies = [key for key in self.body_settings if getattr(self, key) not in (None, False)]
        if len(bodies) > 1:
            raise BrownoutError(f"{' and '.join(bodies)} exclude each other", "give one of them")
        if bodies and self.status in (204, 304):
            raise BrownoutError(f"a reply with status {self.status} has no body", f"leave {bodies[0]} out")
        if self.retry_as != "seconds" and self.retry_after is None:
            raise BrownoutError(f"retry_as={self.retry_as} needs a retry_after", "give retry_after=2s")

    def on_request(self, request: Request, rng: random.Random) -> tuple[Answer]:
        """Answer."""
        body, content_type = self._body()
        fields = {"content-type": content_type} if content_type else {}
        if self.retry_after is not None:
            fields["retry-after"] = self._retry_after(self.retry_after)
        return (answer(request_head(request), self.status, body, fields, self.headers, reason=self.reason),)

    def _body(self) -> tuple[bytes, str]:
        """Return the body with its type."""
        if self.json is not None:
            return msgspec.json.encode(self.json), "application/json"
        if self.html:
            return page(self.status, self.reason), "text/html"
        return ((self.body or "").encode(), "text/plain; charset=utf-8") if self.body is not None else (b"", "")

    def _retry_after(self, wait: Duration) -> str:
        """Write when to come again (RFC 9110, section 10.2.3), never too early."""
        if self.retry_as == "garbage":
            return "soon"
        if self.retry_as == "seconds":
            return str(math.ceil(wait))
        return http_date(wait if self.retry_as == "date" else -wait)
