"""What heads of HTTP/1.x messages say: RFC 9112.

A head is read strictly where it says how long its message is: what two programs could read in two ways is unreadable.
Heads are remembered by their bytes, for most come again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

from ..keyed_hash import keyed_hash
from ..mask import mask
from .operation import operation

REMEMBERED = 256
"""How many heads of requests, and of replies, are remembered."""
LONGEST_REMEMBERED = 2048
"""The longest head that is remembered, in bytes, so that all of them take less than 3 MB."""
LONGEST_SUMMARY = 300
"""How many characters of a target are shown."""
IDEMPOTENT = frozenset(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PROPFIND", "QUERY", "REPORT", "SEARCH"])
"""Methods of requests that may be sent again: RFC 9110, section 9.2.2, and those of other RFCs that only read."""

TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]"  # noqa: S105 (RFC 9110, 5.6.2: what names are made of)
TARGET = r"[^\0-\x20\x7f]"
_FIELD_TEXT = rf"{TOKEN}++:[^\r\n\0]*+\r?\n(?:[ \t][^\r\n\0]*+\r?\n)*"
# First lines, in the parts in which they may come.
REQUEST_LINE = (f"({TOKEN}{{1,32}})", " ", f"({TARGET}++)", " ", *"HTTP/1", r"\.", "([01])", "\r?", "\n")
STATUS_LINE = (*"HTTP/1", r"\.", "([01])", " ", "[1-9]", r"\d", r"\d(?: [^\r\n\0]*+)?", "\r?", "\n")
_REQUEST_LINE = re.compile("".join(REQUEST_LINE).encode())
_STATUS_LINE = re.compile("".join(STATUS_LINE).encode())
_REQUEST = re.compile("".join([*REQUEST_LINE, rf"(?:{_FIELD_TEXT})*\r?\n"]).encode())
_REPLY = re.compile("".join([*STATUS_LINE, rf"(?:{_FIELD_TEXT})*\r?\n"]).encode())
FIELD = re.compile(_FIELD_TEXT.encode())
"""A field with the lines that go on with it."""
# What decides on framing, and the beginning of a line that goes on with it.
_FRAMING = re.compile(
    rb"\n(?:content-length|transfer-encoding|connection|expect|host|upgrade):[^\r\n]*+(?:\r?\n[ \t])?", re.IGNORECASE
)
_CODING = re.compile(f"{TOKEN}+")
_HOST = re.compile(r"(?:[^@/?#]*@)?(\[[^\]]*\]|[^:/?#]*)")
_WRONG = (
    (re.compile(rb"\0"), "NUL in a head"),
    (re.compile(rb"\r(?!\n)"), "bare CR in a head"),
    (re.compile(rf"\n{TOKEN}+[ \t]+:".encode()), "space before a colon"),
    (re.compile(rb"\A[^\n]*\n[ \t]"), "fold without a field"),
    (re.compile(rb"\n[^\S\n]*+[^:\s][^:\n]*+(?=\n)"), "line without a colon"),
)


_Read = TypeVar("_Read")


class _Remembered(Generic[_Read]):
    """Remembers what the last short texts meant: most come again. `short` is for those of at most 2 KiB."""

    def __init__(self, read: Callable[[bytes], _Read]) -> None:
        self._read = read
        self.short: Callable[[bytes], _Read] = lru_cache(REMEMBERED)(read)
        self.__doc__ = read.__doc__

    def __call__(self, data: bytes) -> _Read:
        return self.short(data) if len(data) <= LONGEST_REMEMBERED else self._read(data)


class UnreadableError(ValueError):
    """A head that is not HTTP/1.x, or leaves in doubt where its message ends. Its text says why, in a few words."""


class HttpRequest(NamedTuple):
    """The head of a request, `data` being its bytes.

    `host` is in lower case and without port, `query` raw and without `?`; either may be empty. `length` is the size of
    the body in bytes, None for a chunked one. `persistent`: the client wants to use the connection again; `expects`: it
    may wait for `100 Continue`; `may_switch`: an upgrade or a tunnel is asked for;
    `asks_to_stay`: the client speaks HTTP/1.0, is persistent, and takes the connection for closed unless it is told.
    `brief_key` is the idempotency key of a head that is kept without its bytes.
    """

    method: str
    target: str
    path: str
    query: str
    host: str
    length: int | None
    persistent: bool
    expects: bool
    operation: str
    size: int
    data: bytes
    may_switch: bool = False
    asks_to_stay: bool = False
    brief_key: str = ""

    def summary(self, *, values: bool = False) -> str:
        """Return method and target, without the values of its query unless `values` are to be shown."""
        target = _shown(self.target)
        return f"{self.method} {target if values else _without_values(target)}"

    def brief(self) -> HttpRequest:
        """Return it with what operation, summary and idempotency key need, to be kept for long."""
        key = self.idempotency_key()
        return self._replace(target=_shown(self.target), path="", query="", data=b"", brief_key=key)

    def idempotency_key(self) -> str:
        """Return the hash of its `Idempotency-Key`; empty without one."""
        value = _field(self.data, "idempotency-key")
        return self.brief_key if value is None else keyed_hash(value)

    @property
    def idempotent(self) -> bool:
        """Whether its method is one that may be sent again."""
        return self.method in IDEMPOTENT

    def value(self, key: str) -> str | None:
        """Return `method` (in capitals), `host`, `path`, `query`, `content_type` (lower case) or `header.NAME`."""
        if key == "method":
            return self.method.upper()
        if key.startswith("header."):
            return _field(self.data, key[7:].lower())
        if key == "content_type":
            found = _field(self.data, "content-type")
            return None if found is None else found.partition(";")[0].strip(" \t").lower()
        return (getattr(self, key) or None) if key in ("host", "path", "query") else None


class HttpReply(NamedTuple):
    """The head of a reply, `data` being its bytes.

    `length` is the size of the body in bytes, 0 where none may follow, None for one that is `chunked` or ends with the
    stream. `interim`: a 1xx other than 101, which is the last reply of its connection. `retry_after` is in seconds.
    """

    code: int
    status: str
    outcome: str
    length: int | None
    chunked: bool
    interim: bool
    data: bytes
    retry_after: float | None = None

    def value(self, key: str) -> str | None:
        """Return `status` or `reply_header.NAME`."""
        if key == "status":
            return self.status
        return _field(self.data, key[13:].lower()) if key.startswith("reply_header.") else None


@_Remembered
def request_head(data: bytes) -> HttpRequest:
    """Read a request's head, with the empty line that ends it. Raises UnreadableError."""
    found = _REQUEST.fullmatch(data)
    if found is None:
        raise UnreadableError(_wrong(data, _REQUEST_LINE))
    framing = _framing(found[3] + b"".join(_FRAMING.findall(data)))
    chunked = framing.codings[-1:] == ["chunked"]
    if framing.codings and not chunked:
        raise UnreadableError("transfer-encoding that does not end in chunked")
    asked = _asked(data[: found.end(2)])
    return HttpRequest(
        asked.method,
        asked.target,
        asked.path,
        asked.query,
        asked.host or framing.host,
        None if chunked else framing.length or 0,
        framing.persistent,
        framing.expects,
        asked.operation,
        len(data),
        data,
        framing.upgrade or asked.method == "CONNECT",
        framing.persistent and found[3] == b"0",
    )


@_Remembered
def reply_head(data: bytes) -> HttpReply:
    """Read a reply's head, with the empty line that ends it. Raises UnreadableError."""
    found = _REPLY.fullmatch(data)
    if found is None:
        raise UnreadableError(_wrong(data, _STATUS_LINE))
    framing = _framing(found[1] + b"".join(_FRAMING.findall(data)))
    status = data[9:12].decode()
    code = int(status)
    bodiless = code < 200 or code in (204, 304)
    return HttpReply(
        code,
        status,
        f"{status[0]}xx",
        0 if bodiless else framing.length,
        framing.codings[-1:] == ["chunked"] and not bodiless,
        code < 200 and code != 101,
        data,
        _retry_after(data) if code >= 300 else None,
    )


class _Asked(NamedTuple):
    method: str
    target: str
    path: str
    query: str
    host: str
    operation: str


@_Remembered
def _asked(line: bytes) -> _Asked:
    """Read method and target, which has one of four forms: RFC 9112, section 3.2."""
    method, _, target = line.decode("latin-1").partition(" ")
    before, _, query = target.partition("?")
    path, authority = before, ""
    if method == "CONNECT":
        path, authority = "", target
    elif target[0] != "/" and "://" in before:
        authority, _, rest = before.partition("://")[2].partition("/")
        path = f"/{rest}"
    host = _host(authority) if authority else ""
    return _Asked(method, target, path, query, host, operation(method, path))


def _shown(target: str) -> str:
    """Return a target for people: short, in ASCII, no password in it. What was returned stays as it is."""
    text = mask(target) if "://" in target or target[0] != "/" else target  # no user stands before a path
    text = text.encode("ascii", "backslashreplace").decode()
    return text if len(text) <= LONGEST_SUMMARY else f"{text[:LONGEST_SUMMARY]}..."


def _without_values(shown: str) -> str:
    path, mark, query = shown.partition("?")
    if not query:
        return shown
    items = [item.partition("=") for item in query.split("&")]
    masked = "&".join([f"{name}=***" if equals else "***" for name, equals, _ in items])
    return f"{path}{mark}{masked}{'...' if len(shown) > LONGEST_SUMMARY else ''}"


def _host(authority: str) -> str:
    found = _HOST.match(authority)
    return found[1].lower() if found else ""


class _Framing(NamedTuple):
    length: int | None
    codings: list[str]
    persistent: bool
    expects: bool
    upgrade: bool
    host: str


@_Remembered
def _framing(lines: bytes) -> _Framing:
    """Read the fields that say where a message ends, behind its minor version: RFC 9112, section 6."""
    minor, *fields = lines.decode("latin-1").split("\n")
    values: dict[str, list[str]] = {}
    for field in fields:
        name, colon, value = field.partition(":")
        if not colon:
            raise UnreadableError("folded framing field")
        values.setdefault(name.lower(), []).append(value)
    lengths = _items(values.get("content-length"))
    codings = [coding.lower() for coding in _items(values.get("transfer-encoding"))]
    if lengths and codings:
        raise UnreadableError("content-length and transfer-encoding")
    if not all(length.isascii() and length.isdigit() and len(length) < 20 for length in lengths):
        raise UnreadableError("unreadable content-length")
    if len(known := {int(length) for length in lengths}) > 1:
        raise UnreadableError("differing content-lengths")
    if codings and minor == "0":
        raise UnreadableError("transfer-encoding in HTTP/1.0")
    if codings.count("chunked") > 1:
        raise UnreadableError("chunked twice")
    # A tab is legal, and widely read as a part of the coding.
    if "\t" in "".join(values.get("transfer-encoding", ())) or not all(map(_CODING.fullmatch, codings)):
        raise UnreadableError("unreadable transfer-encoding")
    options = {option.lower() for option in _items(values.get("connection"))}
    return _Framing(
        known.pop() if known else None,
        codings,
        "close" not in options and (minor == "1" or "keep-alive" in options),
        "100-continue" in {expected.lower() for expected in _items(values.get("expect"))},
        "upgrade" in values,
        _host(values["host"][0].strip(" \t")) if "host" in values else "",
    )


def _items(values: list[str] | None) -> list[str]:
    """Return the items of a list that may stand in several fields; an empty field has an empty one."""
    return [item.strip(" \t") for value in values or () for item in value.split(",")]


def _wrong(data: bytes, line: re.Pattern[bytes]) -> str:
    """Return why a head is unreadable."""
    if not line.match(data):
        return "not HTTP/1"
    return next((why for pattern, why in _WRONG if pattern.search(data)), "unreadable name")


def _field(data: bytes, name: str) -> str | None:
    """Return the value of a name in lower case, unfolded, read as Latin-1; those of fields of one name are joined."""
    lines, begins = data.lower(), b"\n%b:" % name.encode("latin-1", "replace")
    at = lines.find(begins)
    if at < 0:  # most heads have no such field
        return None
    values = []
    while at >= 0:
        start = at + len(begins)
        at = lines.index(b"\n", start)
        while lines[at + 1] in b" \t":
            at = lines.index(b"\n", at + 1)
        values.append(_unfolded(data[start:at].decode("latin-1")))
        at = lines.find(begins, at)
    return ", ".join(values)


def _retry_after(data: bytes) -> float | None:
    """Return what Retry-After asks for, in seconds; a moment counts from Date: RFC 9110, section 10.2.3."""
    value = _field(data, "retry-after")
    if value is None:
        return None
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        until, now = parsedate_to_datetime(value), parsedate_to_datetime(_field(data, "date") or "")
        return max(0.0, (until - now).total_seconds())
    except (TypeError, ValueError, OverflowError):  # no date, or with a zone and without
        return None


def _unfolded(value: str) -> str:
    """Return a field's value in one line: RFC 9112, section 5.2."""
    if "\n" not in value:
        return value.strip(" \t\r")
    return " ".join([line.strip(" \t\r") for line in value.split("\n")]).strip(" ")
