"""Replies of our own to HTTP/1.x requests, framed right for each."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Mapping
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

from .edit import field_line
from .head import STATUS_LINE, HttpRequest

_REASONS: dict[int, str] = {status.value: status.phrase for status in HTTPStatus}
_LINE = re.compile("".join(STATUS_LINE).encode())

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
    connection = "close" if close else "keep-alive" if request.asks_to_stay else ""
    ours = {"date": http_date(), **({"connection": connection} if connection else {}), **(fields or {})}
    said = {name.lower() for name in given or {}}
    told = {name: value for name, value in ours.items() if name not in said} | dict(given or {})
    return Reply(reply_bytes(code, reason, told.items(), body, head_only=request.method == "HEAD"), close)


def reply_bytes(
    code: int,
    reason: str | None = None,
    fields: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    head_only: bool = False,
) -> bytes:
    """Return an HTTP/1.1 reply, with the usual reason for its code and a content-length where none is given.

    `head_only` is for replies to HEAD: the length of the body is told, and the body left out. Raises ValueError for
    what cannot stand in a head.
    """
    if reason is None:
        reason = _REASONS.get(code, "")
    line = f"HTTP/1.1 {code} {reason}\r\n".encode("latin-1")
    if not _LINE.fullmatch(line):
        raise ValueError(f"'{reason}' cannot be a reason")
    fields = list(fields)
    bare = code < 200 or code in (204, 304)
    if not bare and "content-length" not in {name.lower() for name, _ in fields}:
        fields.append(("content-length", str(len(body))))
    lines = b"".join(field_line(name, value) for name, value in fields)
    return line + lines + b"\r\n" + (b"" if bare or head_only else body)


def http_date(ahead: float = 0.0) -> str:
    """Return the moment `ahead` seconds from now as HTTP writes it (RFC 9110, section 5.6.7), never too early."""
    return _date(math.ceil(now() + ahead) if ahead > 0 else math.floor(now() + ahead))


@lru_cache(2)  # most replies of a second have the same
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def page(code: int, reason: str | None = None) -> bytes:
    """Return the HTML page that a gateway shows with a status."""
    title = f"{code} {_REASONS.get(code, '') if reason is None else reason}".rstrip()
    return f"<html>\n<head><title>{title}</title></head>\n<body><h1>{title}</h1></body>\n</html>\n".encode()
