"""Which failures of which operation were tried, and which never met anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..faults.failures import failures
from .document import UNPROVEN, Cell, Coverage, Dependency, Tried, Used


def coverage(dependencies: Iterable[Dependency], used: Sequence[Used], cells: Sequence[Cell]) -> Iterator[Coverage]:
    """Yield each operation of each dependency with each failure that there is for it."""
    tried: dict[tuple[str, str, str], set[str]] = {}
    operations = {(each.dependency, each.journey): each.operations for each in used if each.when == "test"}
    for cell in cells:
        hit = [cell.operation] if cell.operation else operations.get((cell.dependency, cell.journey), ()) or [""]
        for operation in hit:
            tried.setdefault((cell.dependency, operation, cell.failure), set()).add(cell.state)
    for dependency in dependencies:
        known = {operation for each in used if each.dependency == dependency.name for operation in each.operations}
        for operation in sorted(known) or [""]:
            for failure in failures(dependency.protocol, "full"):
                states = tried.get((dependency.name, operation, failure.name), set())
                yield Coverage(dependency.name, operation, failure.name, _tried(states))


def _tried(states: set[str]) -> Tried:
    if states.difference(UNPROVEN):
        return "tested"
    return "vacuous" if "vacuous" in states else "untested"
