"""Which failures of which dependency meet which journey: only those of what it uses itself."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..faults.failures import Failure, Level, failures
from .document import Cell, Dependency, State
from .traffic import Traffic
from .watch import Breaking

_LASTING = ("hangs", "unreachable")
"""Failures that end with the time of a test, unless the test has a timeout of its own."""
_SLACK = 1.5
"""How many more round trips than the healthy run it may need under a failure: connecting anew costs some."""


class Journeyed(NamedTuple):
    """A journey in its healthy run: how long it took, and what it used itself.

    `by_entry`: the client by which it calls the application is known. `twice`: how many seconds two calls of it took,
    with all that is done around them.
    """

    name: str
    seconds: float
    inside: Mapping[str, Traffic]
    by_entry: bool
    twice: float


class Planned(NamedTuple):
    """A cell that is to be run."""

    dependency: str
    operation: str
    failure: Failure
    journey: str
    breaking: Breaking

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it is, in words."""
        return self.dependency, self.operation, self.failure.name, self.journey

    def estimate(self, journey: Journeyed, cell_timeout: float) -> float:
        """Return about how many seconds it takes: a call under the failure, and one after it."""
        if self.failure.name in _LASTING:
            return journey.twice + cell_timeout
        return journey.twice + journey.inside[self.dependency].trips * self.failure.delays

    def left_out(self, state: State, why: str) -> Cell:
        """Return the cell as one that was not run."""
        return Cell(*self.key, state=state, why=why, fired=0, budget=self.breaking.budget)


def plan(
    dependencies: Sequence[Dependency],
    journeys: Sequence[Journeyed],
    level: Level,
    only: Sequence[str],
    cell_timeout: float,
    chosen: Mapping[str, Sequence[str]],
) -> list[Planned]:
    """Return the cells, row by row: each failure of each dependency with all journeys that use it.

    `chosen`: only these failures of dependencies that a glob means, where one does.
    """
    planned = []
    for dependency in dependencies:
        for failure in _failures(dependency, level, chosen):
            for operation in _operations(dependency.name, failure, journeys, level):
                for journey in journeys:
                    traffic = journey.inside.get(dependency.name)
                    if not traffic or (operation and operation not in traffic.operations):
                        continue
                    breaking = Breaking(
                        dependency.name,
                        failure.faults,
                        _match(operation),
                        _budget(journey.seconds, traffic, failure, cell_timeout),
                        journey.by_entry,
                    )
                    found = Planned(dependency.name, operation, failure, journey.name, breaking)
                    if wanted(only, *found.key):
                        planned.append(found)
    return planned


def _failures(dependency: Dependency, level: Level, chosen: Mapping[str, Sequence[str]]) -> list[Failure]:
    for glob, names in chosen.items():
        if glob == dependency.name or fnmatch.fnmatchcase(dependency.name, glob):
            return [each for each in failures(dependency.protocol, "full") if each.name in names]
    return failures(dependency.protocol, level)


def wanted(only: Sequence[str], dependency: str, operation: str, failure: str, journey: str) -> bool:
    """Say whether one of the globs means a cell: `redis`, `redis/slow`, `*/slow/tests/test_shop.py::test_pay`.

    A glob without a slash means a dependency, a failure or a journey. The operation, as `POST /charge`, stands behind
    the dependency: `payments POST /charge/lost`.
    """
    if not only:
        return True
    row = f"{dependency} {operation}".strip()
    texts = (dependency, failure, journey, f"{row}/{failure}", f"{row}/{failure}/{journey}")
    return any(text == glob or fnmatch.fnmatchcase(text, glob) for glob in only for text in texts)


def may_be_wanted(only: Sequence[str], journey: str) -> bool:
    """Say whether a journey may be in a cell that is wanted: a glob with `::` means tests, others may mean anything."""
    return not only or any("::" not in glob or _means(glob, journey) for glob in only)


def _means(glob: str, journey: str) -> bool:
    """Say whether a glob, or what stands behind one of its slashes, means a journey."""
    tails = [glob, *(glob[at + 1 :] for at, sign in enumerate(glob) if sign == "/")]
    return any(tail == journey or fnmatch.fnmatchcase(journey, tail) for tail in tails)


def _operations(dependency: str, failure: Failure, journeys: Iterable[Journeyed], level: Level) -> list[str]:
    """Return the operations on which a failure is tried by itself; one empty one: on all together.

    Where there is one only, it is named all the same: --only may have left no other journey.
    """
    if level == "smoke" or not failure.each:
        return [""]
    found = {
        each for journey in journeys if dependency in journey.inside for each in journey.inside[dependency].operations
    }
    return sorted(found) or [""]


def _match(operation: str) -> Mapping[str, str] | None:
    if not operation:
        return None
    method, _, path = operation.partition(" ")
    return {"method": method, "path": path.replace("{}", "*")}


def _budget(healthy: float, traffic: Traffic, failure: Failure, margin: float) -> float:
    return round(2 * healthy + traffic.trips * failure.delays * _SLACK + margin, 1)
