"""The runs that were kept in a folder, and how the cells fared in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from ..wire.errors import BrownoutError
from .document import SCHEMA, Coverage, Document, Key, State, encode, read
from .writers.words import STATES

SHOWN = 30
"""How many runs a page shows, the last ones."""
_NAME = "verify-{}-{}.json"


class _Cell(msgspec.Struct, frozen=True):
    dependency: str
    operation: str
    failure: str
    journey: str
    state: State


class Run(msgspec.Struct, frozen=True):
    """A run, as far as a trend needs it: no more is read of each."""

    schema: str
    seed: int
    began: str
    cells: tuple[_Cell, ...]
    coverage: tuple[Coverage, ...]

    @property
    def states(self) -> dict[Key, State]:
        """The state of each cell."""
        return {(each.dependency, each.operation, each.failure, each.journey): each.state for each in self.cells}


class Trend:
    """Runs in the order in which they began. `unread`: files that are none, or of another version."""

    def __init__(self, runs: Iterable[Run], unread: Sequence[str] = ()) -> None:
        self.runs = sorted(runs, key=lambda run: run.began)[-SHOWN:]
        self.unread = tuple(unread)

    def signs(self, cells: Iterable[Key]) -> list[str]:
        """Return for each cell its sign in each run, a space where it was in none: `..F.H`."""
        states = [run.states for run in self.runs]
        return ["".join(STATES[each[key]].sign if key in each else " " for each in states) for key in cells]

    def counts(self) -> list[tuple[str, int, dict[State, int], int, int]]:
        """Return of each run when it began, its seed, its cells by state, how many failures it tested, of how many."""
        return [
            (
                run.began,
                run.seed,
                dict(Counter(each.state for each in run.cells)),
                sum(each.state == "tested" for each in run.coverage),
                len(run.coverage),
            )
            for run in self.runs
        ]


def keep(document: Document, folder: Path) -> None:
    """Keep a run. One that goes on with another takes its place. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    began = re.sub(r"[^0-9T]", "", document.began.partition("+")[0])
    (folder / _NAME.format(began, document.seed)).write_bytes(encode(document))


def trend(folder: Path, now: Document | None = None) -> Trend:
    """Read the runs of a folder; `now` is one of them, whether it is there or not. Raises OSError."""
    runs, unread = {}, []
    for path in _files(folder):
        try:
            run = msgspec.json.decode(path.read_bytes(), type=Run)
        except (msgspec.DecodeError, UnicodeDecodeError):
            unread.append(path.name)
            continue
        if run.schema == SCHEMA:
            runs[run.began, run.seed] = run
        else:
            unread.append(f"{path.name} ({run.schema})")
    if now is not None:
        runs[now.began, now.seed] = msgspec.convert(now, Run, from_attributes=True)
    return Trend(runs.values(), unread)


def newest(folder: Path) -> Document:
    """Read the last run that was kept. Raises BrownoutError."""
    files = _files(folder)
    if not files:
        raise BrownoutError(f"{folder} has no report", "brownout verify --report-dir DIR, or --history DIR, writes one")
    return read(files[-1])


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(_NAME.format("*", "*")))
