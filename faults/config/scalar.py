"""What one value of a configuration file is: text, number, switch or nothing, after variables were put in.

Stricter than YAML: what its versions and parsers read differently (`yes`, `0x10`, `1:30`, `1_000`) is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...wire.errors import BrownoutError
from .problem import listed

Plain = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)
_BROKEN = re.compile(r"-?(?:[0-9]+\.[0-9]*|\.[0-9]+)", re.ASCII)
_MOST_DIGITS = 19

_ODD = re.compile(
    r"(?P<prefixed>[-+]?0[xXoObB][0-9a-fA-F_]+)"
    r"|(?P<padded>[-+]?0[0-9_]+)"
    r"|(?P<base60>[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)"
    r"|(?P<grouped>[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?)"
    r"|(?P<signed>\+[0-9]+(?:\.[0-9]*)?)"
    r"|(?P<power>[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+)"
    r"|(?P<endless>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))",
    re.ASCII,
)
_ODDITIES = {
    "prefixed": "write it in decimals",
    "padded": "some read an octal number: write it without the leading 0",
    "base60": "some read a number in base 60: write a duration like 1m30s",
    "grouped": "write it without _",
    "signed": "write it without +",
    "power": "write it out",
    "endless": "write a number",
}
_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.ASCII | re.DOTALL)


def resolve(text: str) -> Plain:
    """Return what a value without quotes means. Raises BrownoutError for a number that others read differently."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        if len(text.removeprefix("-")) > _MOST_DIGITS:
            raise BrownoutError(f"{text[:_MOST_DIGITS]}... is too large a number", f"at most {_MOST_DIGITS} digits")
        return int(text)
    if _BROKEN.fullmatch(text):
        return float(text)
    odd = _ODD.fullmatch(text)
    if odd is not None:
        raise BrownoutError(
            f"YAML programs disagree on what {text} is", f"{_ODDITIES[str(odd.lastgroup)]}; text needs quotes"
        )
    return text


def substitute(text: str, environ: Mapping[str, str]) -> str:
    """Put variables in for `${NAME}` and `${NAME:-default}`; `$${` stays `${`. Raises BrownoutError.

    The default stands for a variable that is unset or empty.
    """
    unset: list[str] = []

    def value(found: re.Match[str]) -> str:
        if found[0] == "$${":
            return "${"
        inner, end = found.groups()
        if not end:
            raise BrownoutError(
                "a ${ is never closed", "write ${NAME} or ${NAME:-default}; $${ stands for the characters ${"
            )
        if "${" in inner:
            raise BrownoutError(f"there is a variable within '${{{inner}'", "a default is plain text: ${NAME:-default}")
        named = _NAME.fullmatch(inner)
        if named is None:
            raise BrownoutError(
                f"'${{{inner}}}' names no variable",
                "write ${NAME} or ${NAME:-default}; $${ stands for the characters ${",
            )
        name, default = named.groups()
        if default is not None:
            return environ.get(name) or default
        if name not in environ:
            unset.append(name)
        return environ.get(name, "")

    replaced = _VARIABLE.sub(value, text)
    if unset:
        names = list(dict.fromkeys(unset))
        verb = "is" if len(names) == 1 else "are"
        raise BrownoutError(
            f"{listed(names)} {verb} not set in the environment",
            f"set {'it' if verb == 'is' else 'them'}, or give a default: ${{{names[0]}:-...}}",
        )
    return replaced
