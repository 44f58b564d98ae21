"""A run that ended before its time, and what of it holds when another one goes on with it."""

from __future__ import annotations

import importlib.metadata
import shlex
from collections.abc import Sequence

import msgspec

from ..wire.errors import BrownoutError
from . import shown
from .document import Cell, Document, Key
from .known import Wanted
from .plan import Planned

_HINT = "without --resume everything runs again"
_NAMED = 3
"""How many cells are named by which two plans differ."""


def check(before: Document, wanted: Wanted, seed: int, command: Sequence[str]) -> None:
    """Check that a run may go on with another one. Raises BrownoutError where both would not be one run."""
    version = importlib.metadata.version("brownout")
    if before.brownout != version:
        raise _other(f"version {before.brownout}", f"version {version}")
    if before.seed != seed:
        raise _other(f"seed {before.seed}", f"seed {seed}")
    words = (*map(shown.line, wanted.words), "--", *map(shown.text, command))
    if words != (*before.asked, "--", *before.command):
        raise _other(f"`verify {shlex.join([*before.asked, '--', *before.command])}`", f"`verify {shlex.join(words)}`")
    if wanted.declared != before.declared:
        raise _other("the file as it was then", "what it declares now")


def taken(before: Document, plan: Sequence[Planned]) -> dict[Key, Cell]:
    """Return the cells of a plan that are done. Raises BrownoutError where it was another plan.

    A report of a run that ended before it had a plan has none of them.
    """
    left: dict[Key, list[Cell]] = {}
    for cell in before.cells:
        left.setdefault(cell.key, []).append(cell)
    found: dict[Key, Cell] = {}
    new: list[Key] = []
    for planned in plan if before.cells else ():
        dependency, operation, failure, journey = planned.key
        same = left.get((shown.line(dependency), shown.line(operation), failure, shown.line(journey)))
        if not same:
            new.append(planned.key)
        elif (cell := same.pop(0)).state != "not run":
            found[planned.key] = msgspec.structs.replace(
                cell, dependency=dependency, operation=operation, journey=journey
            )
    gone = [cell.key for cells in left.values() for cell in cells]
    if new or gone:
        differ = [
            f"{len(keys)} cells are {how} ({_named(keys)})" for how, keys in (("new", new), ("gone", gone)) if keys
        ]
        raise BrownoutError(
            f"--resume: the plan is another one than that of the report: {', '.join(differ)}",
            _HINT,
        )
    return found


def _other(before: str, now: str) -> BrownoutError:
    return BrownoutError(f"--resume: the report is that of {before}, and this is {now}", _HINT)


def _named(keys: Sequence[Key]) -> str:
    names = [shown.line("/".join(filter(None, key))) for key in keys[:_NAMED]]
    return ", ".join([*names, *(["..."] if len(keys) > _NAMED else [])])
