"""The fields of HTTP/1.x heads, edited: RFC 9112."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .head import FIELD


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
    new = {name.lower(): field_line(name, value, end) for name, value in set}
    parts = [head[:start]]
    left = dict(new)
    for field in FIELD.finditer(head, start):
        start = field.end()
        name = field[0].partition(b":")[0].decode().lower()
        if name in new:
            parts.append(left.pop(name, b""))
        elif name not in gone:
            parts.append(field[0])
    return b"".join([*parts, *left.values(), *(field_line(name, value, end) for name, value in add), head[start:]])


def field_line(name: str, value: str, end: bytes = b"\r\n") -> bytes:
    """Return the line of a field. Raises ValueError for what cannot stand in one."""
    line = f"{name}: {value}".encode("latin-1") + end
    if not FIELD.fullmatch(line) or b"\n" in line[: -len(end)]:
        raise ValueError(f"'{name}: {value}' cannot stand in a head")
    return line
