"""Settings of more than one value, and how each is written where there is text alone, as on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...wire.errors import BrownoutError
from ...wire.json_document import JsonError, read_json_document


class Composite(NamedTuple):
    """A kind of them: what it is called, what is due, and what text means that is not JSON."""

    noun: str
    due: str
    plain: Callable[[str], object]

    def read(self, text: str) -> object:
        """Return what a text means. Raises BrownoutError."""
        return _json(text) if text.lstrip()[:1] in ("{", "[") else self.plain(text)


def _json(text: str) -> object:
    try:
        return read_json_document(text)
    except JsonError as error:
        raise BrownoutError(f"{text!r} is not JSON: {error}", """write it like {"error": "busy"}""") from None


def _names(text: str) -> object:
    return [name.strip() for name in text.split(",")]


def _numbers(text: str) -> object:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words):
        raise BrownoutError(f"{text!r} contains something other than numbers", "write them like 200, 503")
    return [int(word) for word in words]


def _headers(text: str) -> object:
    lines = [line.partition(":") for line in text.splitlines() if line.strip()]
    if not all(colon for _, colon, _ in lines):
        raise BrownoutError(f"{text!r} is not a header", "write it like X-Answer: 42, each on a line of its own")
    return {name.strip(): value.strip() for name, _, value in lines}


_JSON = Composite("JSON", "a mapping or a list, or JSON as text", _json)

COMPOSITES: dict[object, Composite] = {
    tuple[str, ...]: Composite("names", "a list of names, or names as text with commas", _names),
    tuple[int, ...]: Composite("numbers", "a list of numbers, or numbers as text with commas", _numbers),
    dict[str, str]: Composite("headers", "a mapping of names to text, numbers in quotes, or NAME: VALUE", _headers),
    dict[str, object]: _JSON,
    list[object]: _JSON,
}
"""By the declared type."""
