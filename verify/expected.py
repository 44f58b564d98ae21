"""What the section `verify` of a configuration file expects."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from ..faults.config.verify_section import Availability, JourneyEntry
from .document import Cell, Harm, Key

_ALLOWED: Mapping[Availability, tuple[Harm, ...]] = {
    "available": (),
    "degraded": ("degraded",),
    "unavailable": ("degraded", "unavailable"),
}


class Expected(NamedTuple):
    """What is declared. `journeys` stand in place of tests.

    `failures`: which ones of a dependency, by glob; `levels`: how a journey may suffer, by a glob of the dependency, of
    `DEPENDENCY/FAILURE` or of `DEPENDENCY/FAILURE/JOURNEY`, of which the last one that fits holds.
    """

    journeys: Mapping[str, JourneyEntry] = {}
    failures: Mapping[str, Sequence[str]] = {}
    levels: Mapping[str, Availability] = {}

    def judged(self, cell: Cell) -> Cell:
        """Return a cell as it stands by what is declared: a failure that may be is no failure."""
        said = [level for glob, level in self.levels.items() if _means(glob, cell.key)]
        level: Availability = said[-1] if said else "available"
        if cell.state == "failed" and cell.harm in _ALLOWED[level]:
            return msgspec.structs.replace(cell, state="degraded", why=f"as declared ({level}): {cell.why}")
        return cell

    def unused(self, cells: Iterable[Key]) -> list[str]:
        """Return the globs of levels that mean none of the cells."""
        found = list(cells)
        return [glob for glob in self.levels if not any(_means(glob, key) for key in found)]


def _means(glob: str, key: Key) -> bool:
    dependency, operation, failure, journey = key
    row = f"{dependency} {operation}".strip()
    texts = (dependency, row, f"{row}/{failure}", f"{row}/{failure}/{journey}")
    return any(fnmatch.fnmatchcase(text, glob) for text in texts)
