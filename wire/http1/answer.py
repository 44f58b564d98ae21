"""Replies of our own to HTTP/1.x requests, framed right for each."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import NamedTuple

from .edit import reply_bytes
from .head import HttpRequest

now = time.time
"""The clock of the dates, in Unix time."""


class Reply(NamedTuple):
    """The bytes of a reply, and whether the connection must end behind it."""

    data: bytes
    close: bool


def reply_to(
    request: HttpRequest,
    code: int,
    body: bytes = b"",
    fields: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
    *,
    reason: str | None = None,
) -> Reply:
    """Return a reply with a date, framed right for this request.

    Fields that are `given`, by a user, stand in the place of ours. The connection ends behind it if the client asks for
    that, or waits for a go-ahead: then it is open whether its body comes.
    """
    close = not request.persistent or request.expects
    ours = {"date": http_date(), **({"connection": "close"} if close else {}), **(fields or {})}
    said = {name.lower() for name in given or {}}
    told = {name: value for name, value in ours.items() if name not in said} | dict(given or {})
    return Reply(reply_bytes(code, reason, told.items(), body, head_only=request.method == "HEAD"), close)


def http_date(ahead: float = 0.0) -> str:
    """Return the moment so many seconds ahead as HTTP writes it (RFC 9110, section 5.6.7), never too early."""
    return formatdate(math.ceil(now() + ahead) if ahead > 0 else now() + ahead, usegmt=True)


def page(code: int, reason: str | None = None) -> bytes:
    """Return what a gateway shows people with a status."""
    usual = next((each.phrase for each in HTTPStatus if each == code), "")
    title = f"{code} {usual if reason is None else reason}".rstrip()
    return f"<html>\n<head><title>{title}</title></head>\n<body><h1>{title}</h1></body>\n</html>\n".encode()
