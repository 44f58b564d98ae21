"""Numbers and settings as people read them."""

from __future__ import annotations

from collections.abc import Mapping

UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def size(count: float) -> str:
    """Write a number of bytes with three digits: `0 B`, `999 B`, `1.23 KB`, `45.6 MB` (K = 1000)."""
    power = 0
    while count >= 999.5 and power < len(UNITS) - 1:
        count /= 1000
        power += 1
    digits = 0 if not power or count >= 99.95 else 1 if count >= 9.995 else 2
    return f"{count:.{digits}f} {UNITS[power]}"


def rate(count: float) -> str:
    """Write bytes per second: `1.23 KB/s`, and `-` for none."""
    return f"{size(count)}/s" if count >= 0.5 else "-"


def many(count: int, noun: str) -> str:
    """Write a count with its noun: `1 injection`, `2 injections`, `2 proxies`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") else f"{count} {noun}s"


def settings(injection: Mapping[str, object]) -> str:
    """Write an injection's settings as a command line has them: `latency=300ms probability=30% stream=both`."""
    words = []
    for key, value in injection.items():
        if key in ("fault", "name", "receipt") or (key, value) == ("stream", "downstream"):
            continue
        text = "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        words.append(f"{key}='{text}'" if " " in text else f"{key}={text}")
    return " ".join(words)


def counts(injection: Mapping[str, object]) -> str:
    """Write what an injection did: `matched 10, fired 3, 2 links untouched`."""
    receipt = injection.get("receipt")
    if not isinstance(receipt, dict):
        return ""
    words = [f"matched {receipt['matched']}", f"fired {receipt['fired']}"]
    if receipt["unseen"]:  # what it refuses, nobody sees, nor what a toxic hits
        words = [*words, "refused ones unseen"] if receipt["matched"] else ["unseen"]
    if receipt["untouched_total"]:
        words.append(f"{many(receipt['untouched_total'], 'link')} untouched")
    if not receipt["active"]:
        words.append("not begun")
    return ", ".join(words)
