"""An injection's flat mapping as text on one line, as the command line has it.

latency=300ms probability=30% stream=both
status=503 match: method=POST path=/charge* caller: orders
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

import msgspec

from .callers import text_of
from .settings.names import comes_from

LONGEST = 200
"""A longer setting, such as a page that was read from a file, is cut after this many characters."""


def fault_and_settings(injection: Mapping[str, object]) -> str:
    """Return the fault and the settings, without the fault where the injection's name tells it."""
    name, fault = str(injection["name"]), str(injection["fault"])
    return settings(injection) if comes_from(name, fault) else f"{fault} {settings(injection)}".rstrip()


def settings(injection: Mapping[str, object]) -> str:
    """Return the settings as the command line has them, without what `name` and `fault` say.

    A match comes behind them, and last the caller: `status=503 match: method=POST path=/charge* caller: orders`.
    """
    words = []
    for key, value in injection.items():
        if key in ("fault", "name", "receipt", "match", "caller") or (key, value) == ("stream", "downstream"):
            continue
        text = _text(value)
        words.append(f"{key}={shlex.quote(text if len(text) <= LONGEST else f'{text[:LONGEST]}...')}")
    caller = [f"caller: {text_of(injection['caller'])}"] if "caller" in injection else []
    return " ".join(map(_printable, [*words, *_match(injection.get("match")), *caller]))


def _match(match: object) -> list[str]:
    if not isinstance(match, Mapping):
        return []
    words = [f"{key}='{value}'" if " " in value or not value else f"{key}={value}" for key, value in match.items()]
    return ["match:", *words]


def _printable(word: str) -> str:
    """Return a word that does not write on terminals, for some settings are free text."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in word)


def _text(value: object) -> str:
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
