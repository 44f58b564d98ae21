"""Replies of the proxy's own."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus

from ...wire.http1 import HttpRequest, reply_bytes
from ..action import Answer

now = time.time
"""The clock of the dates, in Unix time."""


def http_date(ahead: float = 0.0) -> str:
    """Return the moment so many seconds ahead as HTTP writes it (RFC 9110, section 5.6.7), never too early."""
    return formatdate(math.ceil(now() + ahead) if ahead > 0 else now() + ahead, usegmt=True)


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
    """Return a reply in the place of the upstream's, framed right for this request.

    Fields that are `given`, by a user, stand in the place of ours. The link ends behind it if the client asks for that,
    or waits for a go-ahead: then it is open whether its body comes.
    """
    close = not request.persistent or request.expects
    ours = {"date": http_date(), **({"connection": "close"} if close else {}), **(fields or {})}
    said = {name.lower() for name in given or {}}
    told = {name: value for name, value in ours.items() if name not in said} | dict(given or {})
    data = reply_bytes(code, reason, told.items(), body, head_only=request.method == "HEAD")
    return Answer(data, forward=forward, close=close)


def page(code: int, reason: str | None = None) -> bytes:
    """Return what a gateway shows people with a status."""
    usual = next((each.phrase for each in HTTPStatus if each == code), "")
    title = f"{code} {usual if reason is None else reason}".rstrip()
    return f"<html>\n<head><title>{title}</title></head>\n<body><h1>{title}</h1></body>\n</html>\n".encode()
