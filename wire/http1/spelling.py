"""In which ways a value of a head may be written: raw bytes beyond ASCII, and percent-encoding (RFC 3986, section 2.1).

Values come as their bytes in latin-1, each byte a character.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes


def of_a_target(value: str) -> tuple[str, ...]:
    """Return how else a path or a query is written: decoded, and with everything beyond ASCII percent-encoded."""
    if value.isascii() and "%" not in value:
        return ()
    decoded = unquote_to_bytes(value.encode("latin-1")).decode("utf-8", "replace")
    encoded = "".join(char if char.isascii() else f"%{ord(char):02X}" for char in value)
    return tuple(dict.fromkeys(each for each in (decoded, encoded) if each != value))


def of_a_header(value: str) -> tuple[str, ...]:
    """Return a header's value as UTF-8, where it can be that."""
    if value.isascii():
        return ()
    try:
        return (value.encode("latin-1").decode(),)
    except UnicodeError:
        return ()
