"""Heads of HTTP/1.x messages, edited and made: RFC 9112."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from http import HTTPStatus

from .head import FIELD, STATUS_LINE

_REASONS: dict[int, str] = {status.value: status.phrase for status in HTTPStatus}


def edit_fields(
    head: bytes,
    remove: Collection[str] = (),
    set: Iterable[tuple[str, str]] = (),  # noqa: A002 (remove, set, add: the words of the faults)
    add: Iterable[tuple[str, str]] = (),
) -> bytes:
    """Return a head with fields removed, set and added, and every other byte as it was.

    Names are the same in any case. A field that is set takes the place of the first of its name, the others of that
    name go; where there is none it comes last. Raises ValueError for what cannot stand in a field.
    """
    end = b"\r\n" if head.partition(b"\n")[0].endswith(b"\r") else b"\n"
    start = head.index(b"\n") + 1
    gone = {name.lower() for name in remove}
    new = {name.lower(): _line(name, value, end) for name, value in set}
    parts = [head[:start]]
    left = dict(new)
    for field in FIELD.finditer(head, start):
        start = field.end()
        name = field[0].partition(b":")[0].decode().lower()
        if name in new:
            parts.append(left.pop(name, b""))
        elif name not in gone:
            parts.append(field[0])
    return b"".join([*parts, *left.values(), *(_line(name, value, end) for name, value in add), head[start:]])


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
    if not re.fullmatch("".join(STATUS_LINE).encode(), line):
        raise ValueError(f"'{reason}' cannot be a reason")
    fields = list(fields)
    bare = code < 200 or code in (204, 304)
    if not bare and "content-length" not in {name.lower() for name, _ in fields}:
        fields.append(("content-length", str(len(body))))
    lines = b"".join(_line(name, value, b"\r\n") for name, value in fields)
    return line + lines + b"\r\n" + (b"" if bare or head_only else body)


def _line(name: str, value: str, end: bytes) -> bytes:
    line = f"{name}: {value}".encode("latin-1") + end
    if not FIELD.fullmatch(line) or b"\n" in line[: -len(end)]:
        raise ValueError(f"'{name}: {value}' cannot stand in a head")
    return line
