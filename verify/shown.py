"""Texts as they may be shown: without secrets, and without characters that move a terminal or that XML does not know.

All that leaves a `verify` goes through here once, so that no writer has to think of it.
"""

from __future__ import annotations

import fnmatch
import functools
import glob
import re
from typing import TypeVar

import msgspec

from ..wire.mask import mask

S = TypeVar("S", bound=msgspec.Struct)

MASKED = "***"
_SEVERAL_LINES = ("shown", "log", "command")
"""The fields whose texts may have several lines."""
_AS_IT_IS = "repeat"
"""The field of a command that was made of texts as they may be shown: it is quoted."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Control characters but TAB and LF, those that turn the direction of a text, and what is no character."""

_URL = re.compile(r"\w+://[^\s'\"<>]+")
_QUERY = re.compile(r"([?&][^\s=&?#'\"<>]{1,100})=[^\s&#'\"<>)\]]+")
_SECRET = re.compile(
    r"(?i)((?:password|passwd|passphrase|pwd|secret|token|api_?key)\w{0,30})"
    r"(?:(\s?=\s?)(?!=)|(['\"]\s?[:,]\s?))"
    r"('[^'\n]*'|\"[^\"\n]*\"|[^\s,;&)}\]]+)"
)
_BEARER = re.compile(r"\b(Bearer|Basic) [\w.~+/=-]{8,}", re.IGNORECASE)
_STATEMENT = re.compile(r"\[SQL: [^\]]*")
_PARAMETERS = re.compile(r"(\[parameters: )[^\n]*")
_KEY = re.compile(r"(\bKey \([^()\n]{1,200}\)=\()[^)\n]*")
"""The values of a statement, in SQLAlchemy's errors and in the details of Postgres's. The end of one may be cut off."""
_LITERAL = re.compile(r"'(?:[^']|'')*'?|\b\d+(?:\.\d+)?\b")


@functools.lru_cache(maxsize=4096)
def text(given: str) -> str:
    """Return a text in which secrets are `***` and control characters are spelled out. Lines stay lines."""
    return _spelled(_masked(given.replace("\r\n", "\n")))


def line(given: str) -> str:
    """Return it as one line."""
    return text(given).replace("\n", "\\n").replace("\t", " ")


def pattern(name: str) -> str:
    """Return what means a name in a glob: itself where it may be shown, with a `*` for what may not."""
    if line(name) == name:
        return name
    pieces = [glob.escape(_ANSI.sub("\0", piece)) for piece in _masked(name).split(MASKED)]
    found = _UNSEEN.sub("*", "*".join(pieces)).replace("\n", "?").replace("\t", "?")
    return found if fnmatch.fnmatchcase(name, found) else "*"


def struct(given: S) -> S:
    """Return data with all its texts as they may be shown, those of structs within as well."""
    changed = {}
    for name in given.__struct_fields__:
        value = getattr(given, name)
        if name == _AS_IT_IS:
            continue
        new = _value(value, name in _SEVERAL_LINES)
        if new is not value:
            changed[name] = new
    return msgspec.structs.replace(given, **changed) if changed else given


def _value(value: object, several_lines: bool) -> object:
    if isinstance(value, str):
        new: object = text(value) if several_lines else line(value)
        return value if new == value else new
    if isinstance(value, msgspec.Struct):
        return struct(value)
    if isinstance(value, tuple):
        found = tuple(_value(each, several_lines) for each in value)
        return found if any(new is not old for new, old in zip(found, value, strict=True)) else value
    return value


def _masked(given: str) -> str:
    """Mask what is not to be known; what holds no sign of it is not looked at."""
    if "://" in given:
        given = _URL.sub(lambda url: mask(url[0]), given)
    if "=" in given:
        given = _QUERY.sub(rf"\1={MASKED}", given)
    given = _SECRET.sub(lambda found: f"{found[1]}{found[2] or found[3]}{MASKED}", given)
    given = _BEARER.sub(rf"\1 {MASKED}", given)
    if "[" in given or "Key (" in given:
        given = _STATEMENT.sub(lambda found: _LITERAL.sub(MASKED, found[0]), given)
        given = _KEY.sub(rf"\1{MASKED}", _PARAMETERS.sub(rf"\1{MASKED}]", given))
    return given


def _spelled(given: str) -> str:
    if "\x1b" in given:
        given = _ANSI.sub("", given)
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), given)
