"""Settings under names that they once had, for those who still write them."""

from __future__ import annotations

from collections.abc import Container

_RENAMED: dict[str, tuple[str, ...]] = {
    "before": ("delays",),
    "links": ("connections",),
    "of": ("message", "part"),
    "sees": ("client_sees",),
    "then": ("when_full",),
}
"""Each former name, and what it became: another name in one fault than in the next."""


def new_name(key: str, known: Container[str]) -> str | None:
    """Return the setting among the known ones that a former name stands for, or None."""
    return next((name for name in _RENAMED.get(key, ()) if name in known), None)
