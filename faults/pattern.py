"""What a text must look like: a literal, a glob, or a regular expression."""

from __future__ import annotations

import fnmatch
import re
from typing import Literal, NamedTuple, Self

from ..wire.errors import BrownoutError

_PLAIN = re.compile(r"[\w/,:;@%&=<>~'\"!-]*")
"""Characters that stand for themselves in globs and regular expressions."""


class Pattern(NamedTuple):
    """A pattern as its user wrote it: `/charge`, `/charge*` or `~^/charge/[0-9]+$`.

    `prefix` is how every text begins that looks like it.
    """

    text: str
    kind: Literal["literal", "glob", "regex"]
    compiled: re.Pattern[str] | None = None
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a pattern. Raises BrownoutError for an invalid regular expression.

        With a leading `~` it is a regular expression, which may be found anywhere in the text. Else with `*`, `?` or
        `[` in it it is a glob, of fnmatch's rules, for the whole text. Upper and lower case differ.
        """
        if text.startswith("~"):
            try:
                return cls(text, "regex", re.compile(text[1:]), _prefix(text[1:]))
            except (re.error, OverflowError, RecursionError) as error:
                raise BrownoutError(
                    f"'{text}' is not a regular expression: {error}",
                    "after ~ stands a regular expression of Python; without ~ * stands for any characters",
                ) from None
        if any(char in text for char in "*?["):
            return cls(text, "glob", re.compile(fnmatch.translate(text)), _plain(text))
        return cls(text, "literal")

    def fits(self, value: str) -> bool:
        """Say whether a text looks like it."""
        if self.compiled is None:
            return value == self.text
        found = self.compiled.search(value) if self.kind == "regex" else self.compiled.match(value)
        return found is not None


def _plain(text: str) -> str:
    found = _PLAIN.match(text)
    return found[0] if found else ""


def _prefix(expression: str) -> str:
    """Return how a text must begin in which a regular expression is found."""
    if not expression.startswith("^") or "|" in expression:
        return ""
    prefix = _plain(expression[1:])
    return prefix[:-1] if expression[1 + len(prefix) :][:1] in ("*", "?", "{") else prefix
