"""How states are called, and other words that all writers use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..document import WORST_FIRST, Cause, Cell, Change, Compared, Document, Journey, Key, State


class Said(NamedTuple):
    """A state as a sign of one character, what it means, and its colour on a terminal."""

    sign: str
    meaning: str
    color: str


STATES: Mapping[State, Said] = {
    "crashed": Said("C", "the process ended", "red"),
    "hung": Said("H", "the test did not end in time", "red"),
    "not recovered": Said("N", "the service stayed broken after the dependency was healthy again", "red"),
    "doubled": Said("D", "work may have been done twice", "red"),
    "failed": Said("F", "the service returned an error or a different answer, or leaked connections", "red"),
    "first request failed": Said("R", "the first request after the failure failed, the next one passed", "red"),
    "inconclusive": Said("?", "the test itself failed, which says nothing about the service", "yellow"),
    "degraded": Said(
        "~", "the service gave a different answer or failed, and the test or verify's file allows that", "yellow"
    ),
    "resilient": Said(
        ".", "the test passed during the failure and after it, with the same statuses as when healthy", "green"
    ),
    "vacuous": Said("-", "the dependency was not asked while it was failing, so nothing is shown", "bright_black"),
    "not available": Said("x", "the failure cannot be produced there", "bright_black"),
    "not run": Said("_", "not run, or not yet", "bright_black"),
}
"""All states; of several in one place, the first of them here is shown."""
_RANKS = {state: rank for rank, state in enumerate(STATES)}
_NAMED = 3
"""How many journeys are named where there are more."""


def worst(states: Iterable[State]) -> State:
    """Return the one of several states that is shown for all."""
    return min(states, key=_RANKS.__getitem__)


def counts(cells: Iterable[Cell]) -> str:
    """Return how many cells are in which state: `12 resilient, 3 hung`."""
    found = Counter(cell.state for cell in cells)
    return ", ".join(f"{found[state]} {state}" for state in STATES if state in found)


def many(count: int, noun: str) -> str:
    """Return a count with its noun: `1 cell`, `2 cells`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def noun(document: Document) -> str:
    """Return what its journeys are."""
    return "test" if any("::" in each.name for each in document.journeys) else "journey"


def row_name(dependency: str, operation: str) -> str:
    """Return what fails: `payments POST /charge`."""
    return f"{dependency} {operation}".rstrip()


def failures_of(cause: Cause) -> str:
    """Return what a finding is about: `redis refused, slow`, with operations where the failures were those of one."""
    rows: dict[str, dict[str, None]] = {}
    for dependency, operation, failure, _ in cause.cells:
        rows.setdefault(row_name(dependency, operation), {})[failure] = None
    return "; ".join(f"{row} {', '.join(names)}" for row, names in rows.items())


def named(names: Iterable[str]) -> str:
    """Return the first of some names, and how many more there are."""
    found = list(dict.fromkeys(names))
    shown = ", ".join(found[:_NAMED])
    return shown if len(found) <= _NAMED else f"{shown} and {len(found) - _NAMED} more"


def place_of(cause: Cause) -> str:
    """Return where it happened, empty where that is not known."""
    return "" if cause.place is None else f"{cause.place} in {cause.place.function}"


def differences(compared: Compared) -> list[tuple[str, Sequence[Change]]]:
    """Return what differs from the baseline, with a heading for each kind; nothing worse is said too."""
    found = [
        (f"Worse than in the baseline of {compared.began}", compared.worse),
        ("Resilient in the baseline, and degraded now, which is allowed", compared.reduced),
        ("Better than in the baseline", compared.better),
        ("Shown in the baseline, and not any more", compared.unshown),
        ("In the baseline, and gone", compared.gone),
    ]
    return [
        (
            f"{head} ({len(changes)})" if changes else f"Nothing is worse than in the baseline of {compared.began}",
            changes,
        )
        for number, (head, changes) in enumerate(found)
        if changes or number == 0
    ]


def known_of(document: Document) -> frozenset[Key]:
    """Return the cells that were not survived, and were no better in the baseline: they are not held against a run."""
    if document.compared is None:
        return frozenset()
    worse = {each.cell for each in document.compared.worse}
    return frozenset(cell.key for cell in document.cells if cell.state in WORST_FIRST and cell.key not in worse)


def changed(change: Change) -> str:
    """Return what became of a cell: `redis slow in test_search: hung, resilient before`."""
    dependency, operation, failure, journey = change.cell
    was = f"{change.before} before" if change.before else "not in the baseline"
    return f"{row_name(dependency, operation)} {failure} in {journey}: {f'{change.now}, ' if change.now else ''}{was}"


def left_out(journeys: Iterable[Journey]) -> dict[str, list[str]]:
    """Return the journeys that are in no cell, by the reason, the most frequent one first."""
    found: dict[str, list[str]] = {}
    for each in journeys:
        if each.note:
            found.setdefault(each.note, []).append(each.name)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def headline(document: Document) -> str:
    """Return what came of it in a line."""
    bad = sum(cell.state in WORST_FIRST for cell in document.cells)
    found = f"{many(len(document.causes), 'finding')} in {bad} of " if document.causes else "no findings in "
    return f"{found}{many(len(document.cells), 'cell')}"


def totals(document: Document) -> list[str]:
    """Return the figures of a run as lines."""
    cells = document.cells
    rows, journeys = len({cell.row for cell in cells}), len(document.journeys)
    lines = [f"{many(len(cells), 'cell')} in {document.seconds:.0f} s: {counts(cells) or 'nothing was tried'}"]
    if rows * journeys > len(cells):
        lines.append(
            f"{many(journeys, noun(document))} x {many(rows, 'failure')} = {rows * journeys} combinations; in "
            f"{rows * journeys - len(cells)} of them the {noun(document)} does not use what fails"
        )
    if document.ended:
        lines.append(f"{document.ended} before all was done")
    lines.append(f"level {document.level}, seed {document.seed}, brownout {document.brownout}")
    return lines
