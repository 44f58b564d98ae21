"""JSON as Go's decoder reads it, which is what Toxiproxy's clients were written against.

Only the first value of a body is read. Keys are found in any case, unknown ones are ignored, `null` is as if the key
were not there. Wrong types are errors, and nothing is turned into another type.
"""

from __future__ import annotations

import json

from ...wire.errors import BrownoutError

_INT64 = range(-(2**63), 2**63)
_WHITE = " \t\r\n"


class DecodeError(BrownoutError):
    """A body that cannot be read; its message begins as Go's do, where a client could look."""

    def __init__(self, message: str) -> None:
        super().__init__(f"bad request body: {message}")


def decode(body: bytes) -> object:
    """Return the first JSON value of a body. Raises DecodeError."""
    text = body.decode(errors="replace").lstrip(_WHITE)
    if not text:
        raise DecodeError("EOF")
    try:
        return _DECODER.raw_decode(text)[0]
    except json.JSONDecodeError as error:
        at_end = error.pos >= len(text.rstrip(_WHITE))
        raise DecodeError("unexpected EOF" if at_end else f"{error.msg} at offset {error.pos}") from None
    except (ValueError, RecursionError) as error:
        raise DecodeError(str(error)) from None


def _no_constant(name: str) -> object:
    raise ValueError(f"invalid value {name}")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


class Fields:
    """A JSON object, read key by key; a key that is not there reads as None."""

    def __init__(self, value: object) -> None:
        """Take an object, or null, which is an empty one. Raises DecodeError."""
        if value is not None and not isinstance(value, dict):
            raise _mismatch(value, "the body", "object")
        self._values = {str(key).lower(): each for key, each in (value or {}).items() if each is not None}

    def get(self, key: str) -> object:
        """Return a value of any type."""
        return self._values.get(key)

    def text(self, key: str) -> str | None:
        """Return a string. Raises DecodeError."""
        value = self.get(key)
        if value is None or isinstance(value, str):
            return value
        raise _mismatch(value, key, "string")

    def switch(self, key: str) -> bool | None:
        """Return a boolean. Raises DecodeError."""
        value = self.get(key)
        if value is None or isinstance(value, bool):
            return value
        raise _mismatch(value, key, "bool")

    def integer(self, key: str) -> int | None:
        """Return an int64; neither 1.0 nor 1e3 is one. Raises DecodeError."""
        value = self.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value in _INT64):
            return value
        raise _mismatch(value, key, "int64")

    def number(self, key: str) -> int | float | None:
        """Return a number. Raises DecodeError."""
        value = self.get(key)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        raise _mismatch(value, key, "float32")

    def items(self, key: str) -> list[object] | None:
        """Return an array. Raises DecodeError."""
        value = self.get(key)
        if value is None or isinstance(value, list):
            return value
        raise _mismatch(value, key, "array")


def array(value: object) -> list[object]:
    """Return a body that is an array, or null, which is an empty one. Raises DecodeError."""
    if value is None or isinstance(value, list):
        return value or []
    raise _mismatch(value, "the body", "array")


def _mismatch(value: object, where: str, due: str) -> DecodeError:
    found = {bool: "bool", str: "string", list: "array", dict: "object"}.get(type(value), "number")
    return DecodeError(f"json: cannot unmarshal {found} into {where} of type {due}")
