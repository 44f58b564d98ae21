"""The failures of a dependency that `verify` tries, as faults: `failures.yaml` has them."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Literal

import msgspec

from ..wire.protocols import dialect_of

Level = Literal["smoke", "full"]
STREAM = "stream"
"""The failures of what is not followed, whatever it speaks."""


class Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way to fail: what it is in words, and the faults that it consists of, as injections are written.

    `delays`: how many seconds each reply is late. `each`: at the level full it is tried on each operation by itself.
    """

    name: str
    says: str
    faults: tuple[dict[str, object], ...]
    level: Level = "full"
    delays: float = 0.0
    each: bool = False


def failures(protocol: str, level: Level) -> list[Failure]:
    """Return the failures of what speaks a protocol."""
    known = _known()
    mine = known.get(protocol) if dialect_of(protocol) is not None else None
    return [each for each in mine or known[STREAM] if level == "full" or each.level == "smoke"]


def failure_names() -> list[str]:
    """Return the names of all failures."""
    return list(dict.fromkeys(each.name for known in _known().values() for each in known))


@functools.cache
def _known() -> dict[str, list[Failure]]:
    import yaml

    text = resources.files(__package__).joinpath("failures.yaml").read_text(encoding="utf-8")
    return msgspec.convert(yaml.safe_load(text), dict[str, list[Failure]])
