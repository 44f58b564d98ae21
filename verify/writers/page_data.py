"""What is behind the cells of the page, as data for its script: lists in place of objects, each text once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from os.path import commonprefix
from typing import TYPE_CHECKING, NamedTuple

from ...faults.failures import failures
from ..advice import advice
from ..document import UNPROVEN, WORST_FIRST, Attempt, Call, Cell, Document, State
from ..findings import turn, warnings
from .matrix import Row
from .words import STATES, changed, differences, failures_of, known_of, left_out, noun, place_of, row_name

if TYPE_CHECKING:
    from ..history import Trend


class Kept(NamedTuple):
    """How much is kept of a cell: characters of its texts and attempts, of one that was not survived and of another."""

    bad_text: int
    bad_attempts: int
    text: int
    attempts: int


KEPT = (
    Kept(4000, 40, 1000, 40),
    Kept(2000, 40, 0, 20),
    Kept(1000, 20, 0, 10),
    Kept(500, 10, 0, 5),
    Kept(200, 5, 0, 3),
    Kept(0, 3, 0, 0),
)


def columns_of(document: Document) -> list[Row]:
    """Return the failures in their order, those of a dependency, or of an operation of it, beside each other."""
    rows = list(dict.fromkeys(cell.row for cell in document.cells))
    groups = list(dict.fromkeys(row[:2] for row in rows))
    return sorted(rows, key=lambda row: groups.index(row[:2]))


class _Texts:
    """The texts of the data, each of them once: it has their numbers."""

    def __init__(self) -> None:
        self.all: dict[str, int] = {"": 0}

    def __call__(self, text: str) -> int:
        return self.all.setdefault(text, len(self.all))


def data(document: Document, trend: Trend | None, kept: Kept) -> dict[str, object]:
    """Return all of it."""
    texts = _Texts()
    columns = {row: number for number, row in enumerate(columns_of(document))}
    journeys = {name: number for number, name in enumerate(dict.fromkeys(cell.journey for cell in document.cells))}
    numbers = {cell.key: number for number, cell in enumerate(document.cells)}
    states = list(STATES)
    repeats = [cell.repeat for cell in document.cells if cell.repeat]
    head = commonprefix(repeats) if len(repeats) > 1 else ""  # noqa: RUF071 they are texts
    tail = commonprefix([each[len(head) :][::-1] for each in repeats])[::-1] if head else ""  # noqa: RUF071
    worse = {change.cell for change in document.compared.worse} if document.compared is not None else set()
    cells = [
        [
            columns[cell.row],
            journeys[cell.journey],
            states.index(cell.state),
            texts(cell.why),
            cell.fired,
            cell.budget,
            texts(f"{cell.place} in {cell.place.function}" if cell.place is not None else ""),
            texts(advice(cell)),
            texts(cell.repeat[len(head) : len(cell.repeat) - len(tail)]),
            [
                [*_call(call, texts, kept.bad_text if cell.state in WORST_FIRST else kept.text), turn(number, cell)]
                for number, call in enumerate(cell.calls)
            ],
            [[each.level, each.rule, texts(each.text), texts(each.evidence)] for each in cell.judged],
            cell.timeline.broken,
            *_attempts(cell, texts, kept.bad_attempts if cell.state in WORST_FIRST else kept.attempts),
            int(cell.key in worse),
            cell.timeline.over,
        ]
        for cell in document.cells
    ]
    says = {
        (each.name, failure.name): (failure.says, failure.level)
        for each in document.dependencies
        for failure in failures(each.protocol, "full")
    }
    protocols = {each.name: each.protocol for each in document.dependencies}
    usual = {each.name: each.seconds for each in document.journeys}
    known = known_of(document)
    return {
        "noun": noun(document),
        "level": document.level,
        "states": [[name, said.sign, said.meaning, _kind(name)] for name, said in STATES.items()],
        "columns": [[*row, *says.get((row[0], row[2]), ("", "full")), protocols.get(row[0], "")] for row in columns],
        "journeys": list(journeys),
        "usual": [usual.get(name) for name in journeys],
        "repeat": [head, tail],
        "cells": cells,
        "causes": [
            [
                states.index(cause.state),
                failures_of(cause),
                cause.text,
                place_of(cause),
                cause.evidence,
                cause.repeat,
                cause.fix,
                [numbers[key] for key in cause.cells if key in numbers],
                int(known.issuperset(cause.cells)),
            ]
            for cause in document.causes
        ],
        "warnings": [
            [
                each.level,
                each.rule,
                each.dependency,
                each.text,
                each.evidence,
                [numbers[cell.key] for cell in each.cells],
            ]
            for each in warnings(document.cells)
        ],
        "compared": [
            [title, [[changed(change), numbers.get(change.cell, -1)] for change in changes]]
            for title, changes in (differences(document.compared) if document.compared is not None else ())
        ],
        "coverage": _coverage(document),
        "dependencies": [[each.name, each.protocol, each.upstream] for each in document.dependencies],
        "notes": list(document.notes),
        "leftOut": [[reason, names] for reason, names in left_out(document.journeys).items()],
        "trend": _trend(document, trend),
        "texts": list(texts.all),
        "trimmed": kept is not KEPT[0],
    }


def _trend(document: Document, trend: Trend | None) -> object:
    """Return what the runs before were like; nothing where there is none but this one."""
    if trend is None or len(trend.runs) + len(trend.unread) < 2:
        return None
    states = list(STATES)
    runs = [
        [began, seed, [[states.index(state), count] for state, count in counts.items()], tested, of]
        for began, seed, counts, tested, of in trend.counts()
    ]
    return {"runs": runs, "signs": trend.signs(cell.key for cell in document.cells), "unread": trend.unread}


def _kind(state: State) -> str:
    return "bad" if state in WORST_FIRST else "unproven" if state in UNPROVEN else "good"


def _call(call: Call, texts: _Texts, longest: int) -> list[object]:
    answers = [[texts(each.asked), each.status, each.seconds, texts(each.error), each.at] for each in call.answers]
    place = f"{call.place} in {call.place.function}" if call.place is not None else ""
    shown, log = (text[-longest:] if longest else "" for text in (call.shown, call.log))
    seconds = round(call.seconds, 4)
    return [call.outcome, call.at, seconds, texts(call.error), texts(place), texts(shown), texts(log), answers]


def _attempts(cell: Cell, texts: _Texts, most: int) -> tuple[list[object], int]:
    """Return the attempts, and how many are left out after the first of them."""
    found = cell.timeline.attempts
    kept: Sequence[Attempt] = (
        found if len(found) <= most else [*found[: most - most // 4], *found[len(found) - most // 4 :]]
    )
    told: list[object] = [
        [
            texts(each.what),
            each.connection,
            each.at,
            each.seconds,
            texts(each.outcome),
            int(each.failed),
            texts(", ".join(each.faults)),
            each.number,
            each.pause,
        ]
        for each in kept
    ]
    return told, cell.timeline.left_out + len(found) - len(kept)


def _coverage(document: Document) -> list[object]:
    """Return for each operation how many of its failures are tested, vacuous and untested."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for each in document.coverage:
        found.setdefault((each.dependency, each.operation), Counter())[each.state] += 1
    return [
        [row_name(*row), *(count[state] for state in ("tested", "vacuous", "untested"))] for row, count in found.items()
    ]
