"""What got worse than in an earlier run, its baseline: only that is held against this one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ..faults.failures import Level
from ..wire.errors import BrownoutError
from .document import UNPROVEN, WORST_FIRST, Cell, Change, Compared, Document, State, read
from .plan import wanted


def baseline(path: Path, level: Level) -> Document:
    """Read the report of an earlier run at the same level. Raises BrownoutError."""
    found = read(path)
    if found.level != level:
        raise BrownoutError(
            f"{path} was written at level {found.level}, and this is level {level}: they have other cells",
            f"--level {found.level}, or a baseline of this level",
        )
    return found


def compare(before: Document, cells: Sequence[Cell], only: Sequence[str]) -> Compared:
    """Return what differs. Cells of the baseline that are not wanted now (`only`) are not missed."""
    old = {cell.key: cell.state for cell in before.cells}
    new = {cell.key for cell in cells}
    changed = [Change(cell.key, old.get(cell.key, ""), cell.state) for cell in cells if cell.state != old.get(cell.key)]
    return Compared(
        before.began,
        worse=tuple(each for each in changed if _rank(each.now) < _rank(each.before)),
        better=tuple(each for each in changed if each.now not in UNPROVEN and _rank(each.now) > _rank(each.before)),
        unshown=tuple(each for each in changed if each.now in UNPROVEN and each.before not in ("", *UNPROVEN)),
        gone=tuple(Change(key, state, "") for key, state in old.items() if key not in new and wanted(only, *key)),
        reduced=tuple(each for each in changed if (each.before, each.now) == ("resilient", "degraded")),
    )


def _rank(state: State | Literal[""]) -> int:
    """Return how good a state is, from 0, the worst; all that is no failure of the service is the same."""
    return WORST_FIRST.index(state) if state in WORST_FIRST else len(WORST_FIRST)
