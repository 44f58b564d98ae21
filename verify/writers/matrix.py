"""The matrix: failures as rows, journeys as columns, which are folded where there are too many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from ..document import Cell, State
from .words import worst

Row = tuple[str, str, str]
"""Dependency, operation and failure."""


class Matrix(NamedTuple):
    """The states of each row in each column. `folded`: what a column has the journeys of, empty where it is one."""

    columns: tuple[str, ...]
    rows: Mapping[Row, Mapping[str, Sequence[State]]]
    folded: str

    def groups(self) -> Iterator[tuple[str, str, list[Row]]]:
        """Yield each dependency and operation with its rows."""
        found: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            found.setdefault(row[:2], []).append(row)
        for (dependency, operation), rows in found.items():
            yield dependency, operation, rows

    def most(self) -> int:
        """Return how many journeys are in one field at most."""
        return max((len(states) for row in self.rows.values() for states in row.values()), default=1)

    def is_resilient(self, row: Row) -> bool:
        """Say whether all of a row is."""
        return all(state == "resilient" for states in self.rows[row].values() for state in states)


def matrix(cells: Sequence[Cell], fits: Callable[[Matrix], bool]) -> Matrix:
    """Return the matrix with as many columns as fit: each journey, else each file, else each folder, else one."""
    journeys = list(dict.fromkeys(cell.journey for cell in cells))
    for folded, key in _folds(journeys):
        names = {journey: key(journey) for journey in journeys}
        rows: dict[Row, dict[str, list[State]]] = {}
        for cell in cells:
            rows.setdefault(cell.row, {}).setdefault(names[cell.journey], []).append(cell.state)
        found = Matrix(tuple(dict.fromkeys(names.values())), rows, folded)
        if fits(found):
            break
    return found


def _folds(journeys: Sequence[str]) -> Iterator[tuple[str, Callable[[str], str]]]:
    yield "", lambda name: name
    yield "file", _file
    deepest = max((_file(name).count("/") for name in journeys), default=0)
    for depth in range(deepest, 0, -1):
        yield "folder", partial(_folder, depth)
    yield "all", lambda name: "all tests"


def _file(name: str) -> str:
    return name.partition("::")[0]


def _folder(depth: int, name: str) -> str:
    *folders, file = _file(name).split("/")
    return "/".join(folders[:depth]) + "/" if folders else file


def field(states: Sequence[State]) -> tuple[State, int]:
    """Return the state that is shown of several, and how many have it."""
    state = worst(states)
    return state, list(states).count(state)
