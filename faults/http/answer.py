"""Replies of the proxy's own."""

from __future__ import annotations

from collections.abc import Mapping

from ...wire.http1 import HttpRequest
from ...wire.http1.reply import reply_to
from ..action import Answer


def answer(
    request: HttpRequest,
    code: int,
    body: bytes = b"",
    fields: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
    *,
    reason: str | None = None,
    forward: bool = False,
) -> Answer:
    """Return a reply in the place of the upstream's, framed right for this request: see `reply_to`."""
    data, close = reply_to(request, code, body, fields, given, reason=reason)
    return Answer(data, forward=forward, close=close)
