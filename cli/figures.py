"""Numbers and settings as people read them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

import msgspec

UNITS = ("B", "KB", "MB", "GB", "TB", "PB")
LONGEST = 200
"""A setting beyond so many characters, such as a page that was read from a file, is not shown to its end."""


def size(count: float) -> str:
    """Write a number of bytes with three digits: `0 B`, `999 B`, `1.23 KB`, `45.6 MB` (K = 1000)."""
    power = 0
    while count >= 999.5 and power < len(UNITS) - 1:
        count /= 1000
        power += 1
    return f"{_three_digits(count) if power else f'{count:.0f}'} {UNITS[power]}"


def rate(count: float) -> str:
    """Write bytes per second: `1.23 KB/s`, and `-` for none."""
    return f"{size(count)}/s" if count >= 0.5 else "-"


def duration(seconds: float) -> str:
    """Write a time with three digits: `0.12 ms`, `12.3 ms`, `123 ms`, `1.23 s`, `123 s`."""
    return f"{_three_digits(seconds * 1000)} ms" if seconds < 0.9995 else f"{_three_digits(seconds)} s"


def _three_digits(number: float) -> str:
    return f"{number:.{0 if number >= 99.95 else 1 if number >= 9.995 else 2}f}"


def many(count: int, noun: str) -> str:
    """Write a count with its noun: `1 injection`, `2 injections`, `2 proxies`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") else f"{count} {noun}s"


def settings(injection: Mapping[str, object]) -> str:
    """Write an injection's settings as a command line has them: `latency=300ms probability=30% stream=both`.

    A match comes last: `status=503 match: method=POST path=/charge*`.
    """
    words = []
    for key, value in injection.items():
        if key in ("fault", "name", "receipt", "match") or (key, value) == ("stream", "downstream"):
            continue
        text = _text(value)
        words.append(f"{key}={shlex.quote(text if len(text) <= LONGEST else f'{text[:LONGEST]}...')}")
    return " ".join(map(_printable, [*words, *_match(injection.get("match"))]))


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


def counts(injection: Mapping[str, object]) -> str:
    """Write what an injection did: `matched 10, fired 3, 2 connections untouched`."""
    receipt = injection.get("receipt")
    if not isinstance(receipt, dict):
        return ""
    words = [f"matched {receipt['matched']}", f"fired {receipt['fired']}"]
    if receipt["unseen"]:  # what it refuses, nobody sees, nor what a toxic hits
        words = [*words, "refused ones unseen"] if receipt["matched"] else ["unseen"]
    if receipt["untouched_total"]:
        words.append(f"{many(receipt['untouched_total'], 'connection')} untouched")
    if not receipt["active"]:
        words.append("not begun")
    return ", ".join(words)
