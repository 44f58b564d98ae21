"""What an HTTP request asks for, without what differs from one time to the next."""

from __future__ import annotations

import re

METHODS = frozenset([
    "ACL", "BASELINE-CONTROL", "BIND", "CHECKIN", "CHECKOUT", "CONNECT", "COPY", "DELETE", "GET", "HEAD", "LABEL",
    "LINK", "LOCK", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MKREDIRECTREF", "MKWORKSPACE", "MOVE", "OPTIONS",
    "ORDERPATCH", "PATCH", "POST", "PRI", "PROPFIND", "PROPPATCH", "PUT", "QUERY", "REBIND", "REPORT", "SEARCH",
    "TRACE", "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL",
])  # fmt: skip
"""The methods of IANA's registry; any other is `?`, so that clients cannot make up operations without end."""

LONGEST = 200
"""How many characters of an operation are kept."""
MOST_SEGMENTS = 16
"""How many segments of its path."""

_DIFFERS = re.compile(
    r"""
    (?<=/) (?=[^/]*[0-9])                                    # a whole segment, with a digit
    (?: [0-9]+
      | [0-9a-fA-F]{8} (?:-[0-9a-fA-F]{4}){3} -[0-9a-fA-F]{12}                # UUID
      | [0-9a-fA-F]{8,}
      | [0-9]{4}-[0-9]{2} (?:-[0-9]{2} (?:T[0-9A-Z:.%+-]+)?)?                 # a month, a day, a moment
      | [0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}                              # ULID
      | (?=[^/]*(?:[A-Za-z][0-9]+[A-Za-z]|[0-9][A-Za-z]+[0-9]))               # digits amid letters: no words
        [A-Za-z0-9_-]{20,} (?:\.[A-Za-z0-9_-]{20,})* ={0,2}
    ) (?=/|\Z)
    """,
    re.VERBOSE,
)


def operation(method: str, path: str) -> str:
    """Return method and path with numbers, UUIDs, hashes, dates and random tokens folded: `GET /users/{}`.

    Words, versions (`v1`) and names of files stay, and so does percent-encoding. What is not ASCII is escaped.
    """
    text = _DIFFERS.sub("{}", path)
    if text.count("/") > MOST_SEGMENTS:
        text = "/".join([*text.split("/")[: MOST_SEGMENTS + 1], "..."])
    if not text.isascii():
        text = text.encode("ascii", "backslashreplace").decode()
    text = f"{method if method in METHODS else '?'} {text}".rstrip(" ")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
