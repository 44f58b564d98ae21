"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Mapping

UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


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
    """Write a count with its noun: `1 injection`, `2 injections`, `2 proxies`, `2 journeys`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{count} {noun}s"


def counts(injection: Mapping[str, object]) -> str:
    """Write what an injection did: `matched 10, chosen 3, fired 3, 2 connections untouched`.

    Where it never fired, the cause stands behind that: `fired 0 (no traffic)`.
    """
    receipt = injection.get("receipt")
    if not isinstance(receipt, dict):
        return ""
    words = hits(receipt["matched"], receipt["chosen"], receipt["fired"], injection.get("per"))
    if receipt["unseen"]:  # what it refuses, nobody sees, nor what a toxic hits
        words = [*words, "refused ones unseen"] if receipt["matched"] else ["unseen"]
        if receipt["refused"] and injection.get("fault") == "unreachable":
            words.append(f"{many(receipt['refused'], 'SYN')} dropped")
        elif receipt["refused"]:
            words.append(f"{many(receipt['refused'], 'attempt')} refused on this machine")
    if receipt["cause"] and receipt["active"]:
        words[-1] += f" ({receipt['cause'].replace('_', ' ')})"
    if receipt["untouched_total"]:
        words.append(f"{many(receipt['untouched_total'], 'connection')} untouched")
    if receipt["waits_for"]:
        words.append(f"waiting for the {receipt['waits_for']}")
    elif not receipt["active"]:
        words.append("not begun")
    return ", ".join(words)


def hits(matched: int, chosen: int, fired: int, per: object = None) -> list[str]:
    """Write how many an injection could hit, picked and hit; those that it picked only where that is not all."""
    met = many(matched, "turn") if per == "turn" else str(matched)
    return [f"matched {met}", *([f"chosen {chosen}"] if chosen != matched else []), f"fired {fired}"]
