"""What the section `verify` of a configuration file expects."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from ..faults.config.verify_section import Availability, JourneyEntry
from .document import Cell, Harm

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
        row = f"{cell.dependency} {cell.operation}".strip()
        texts = (cell.dependency, row, f"{row}/{cell.failure}", f"{row}/{cell.failure}/{cell.journey}")
        said = [level for glob, level in self.levels.items() if any(fnmatch.fnmatchcase(text, glob) for text in texts)]
        level: Availability = said[-1] if said else "available"
        if cell.state == "failed" and cell.harm in _ALLOWED[level]:
            return msgspec.structs.replace(cell, state="degraded", why=f"as declared ({level}): {cell.why}")
        return cell
