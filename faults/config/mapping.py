"""Variables that `env:` has set, and what they held before.

Whoever sets them leaves a note in the environment. A process beneath inherits both, and reads `${DATABASE_URL}` in a
file as the user set it, not as the address of a proxy: else a second Brownout would stand before the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

NOTE = "BROWNOUT_MAPPED"
"""The variable that holds the note: JSON, `{NAME: [as the user set it, or null, as we set it]}`."""


class Mapped(NamedTuple):
    """A variable: what the user had in it, None where it was not set, and what we put there."""

    before: str | None
    value: str


def note_in(environ: Mapping[str, str]) -> dict[str, Mapped]:
    """Return the variables that still hold what `env:` put there; without a note that can be read, none."""
    try:
        noted = msgspec.json.decode(environ.get(NOTE, "{}"), type=dict[str, Mapped])
    except (msgspec.DecodeError, UnicodeEncodeError):
        return {}
    return {name: mapped for name, mapped in noted.items() if environ.get(name) == mapped.value}


def as_user_set(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with its variables as the user set them."""
    found = dict(environ)
    for name, mapped in note_in(environ).items():
        if mapped.before is None:
            del found[name]
        else:
            found[name] = mapped.before
    return found


def mapping(values: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return what is to be set so that variables hold these values: they themselves, and the note."""
    before = as_user_set(environ)
    noted = note_in(environ) | {name: Mapped(before.get(name), value) for name, value in values.items()}
    return {**values, NOTE: msgspec.json.encode(noted).decode()} if values else {}
