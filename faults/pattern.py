"""What a text must look like: a literal, a glob, or a regular expression."""

from __future__ import annotations

import fnmatch
import math
import re
from typing import Literal, NamedTuple, Self

from ..wire.errors import BrownoutError
from .regex import LONGEST_TEXT, longest_text

LONGEST = 1024
"""The longest pattern, in characters."""

_PLAIN = re.compile(r"[\w/,:;@%&=<>~'\"!-]*")
"""Characters that stand for themselves in globs and regular expressions."""


class Pattern(NamedTuple):
    """A pattern as its user wrote it: `/charge`, `/charge*` or `~^/charge/[0-9]+$`.

    `prefix` is how every text begins that looks like it. `parts` are what stands between the `*` of a glob that has no
    other special character. `reach` is how many characters a text may have, so that looking at it takes no time to
    speak of; longer ones do not look like it, as far as anybody knows.
    """

    text: str
    kind: Literal["literal", "glob", "regex"]
    compiled: re.Pattern[str] | None = None
    prefix: str = ""
    parts: tuple[str, ...] = ()
    reach: float = math.inf

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pattern. Raises BrownoutError for an invalid or a slow regular expression, and for one too long.

        With a leading `~` it is a regular expression, which may be found anywhere in the text. Else with `*`, `?` or
        `[` in it it is a glob, of fnmatch's rules, for the whole text. Upper and lower case differ.
        """
        if len(text) > LONGEST:
            raise BrownoutError(
                f"the pattern '{text[:20]}...' has {len(text)} characters", f"a pattern has at most {LONGEST}"
            )
        if text.startswith("~"):
            try:
                compiled = re.compile(text[1:])
                return cls(text, "regex", compiled, _prefix(text[1:]), reach=longest_text(text[1:]))
            except (re.error, OverflowError, RecursionError) as error:
                raise BrownoutError(
                    f"'{text}' is not a regular expression: {error}",
                    "~ begins a Python regular expression; without ~, * stands for any characters",
                ) from None
        if any(char in text for char in "?["):
            return cls(text, "glob", re.compile(fnmatch.translate(text)), _plain(text), reach=LONGEST_TEXT)
        if "*" in text:
            return cls(text, "glob", prefix=_plain(text), parts=tuple(text.split("*")))
        return cls(text, "literal")

    def fits(self, value: str) -> bool:
        """Say whether a text looks like it."""
        if self.compiled is None:
            return _in_order(self.parts, value) if self.parts else value == self.text
        if len(value) > self.reach:
            return False
        found = self.compiled.search(value) if self.kind == "regex" else self.compiled.match(value)
        return found is not None


def _in_order(parts: tuple[str, ...], value: str) -> bool:
    """Say whether a text begins with the first part, ends with the last, and has the others in between, in order."""
    first, *others, last = parts
    at, end = len(first), len(value) - len(last)
    if at > end or not value.startswith(first) or not value.endswith(last):
        return False
    for part in others:
        at = value.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _plain(text: str) -> str:
    found = _PLAIN.match(text)
    return found[0] if found else ""


def _prefix(expression: str) -> str:
    """Return how a text must begin in which a regular expression is found."""
    if not expression.startswith("^") or "|" in expression:
        return ""
    prefix = _plain(expression[1:])
    return prefix[:-1] if expression[1 + len(prefix) :][:1] in ("*", "?", "{") else prefix
