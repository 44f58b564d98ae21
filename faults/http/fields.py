"""Header fields as users write them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from ...wire.errors import BrownoutError
from ...wire.http1.head import TOKEN

FRAMING = frozenset({"connection", "content-length", "expect", "transfer-encoding", "upgrade"})
"""What says where a message ends, and what follows it: not to be set, or the next message would be misread."""

MOST = 100
"""How many fields a fault may name."""
_TOKEN = re.compile(f"{TOKEN}+")
_LINE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # section 5.5


def check_names(names: Collection[str]) -> None:
    """Check the names of fields. Raises BrownoutError."""
    if len(names) > MOST:
        raise BrownoutError(f"there are {len(names)} headers", f"at most {MOST}")
    for name in names:
        if not _TOKEN.fullmatch(name):
            raise BrownoutError(f"{name!r} is not the name of a header", "use letters, digits and '-'")
        if name.lower() in FRAMING:
            raise BrownoutError(
                f"{name} says where messages end, and cannot be changed",
                "http.truncate cuts a reply, http.lost_reply ends the connection",
            )


def check_fields(fields: Mapping[str, str]) -> None:
    """Check names and values. Raises BrownoutError."""
    check_names(fields)
    for name, value in fields.items():
        check_line(name, value)


def check_line(what: str, text: str) -> None:
    """Check that a text can stand in a line of a head. Raises BrownoutError."""
    if not _LINE.fullmatch(text):
        raise BrownoutError(f"{what}: {text!r} cannot be in a header", "use one line of Latin letters")
