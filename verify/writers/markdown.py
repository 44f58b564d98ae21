"""A summary in Markdown, as GitHub renders it. What is not ours stands in code spans, where no sign has a meaning."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from ..document import Cause, Document, State
from ..findings import warnings
from .matrix import Matrix, field, matrix
from .words import (
    STATES,
    changed,
    differences,
    failures_of,
    headline,
    left_out,
    many,
    named,
    noun,
    place_of,
    row_name,
    totals,
)

_COLUMNS = 20
_ROWS = 100
"""How many rows the matrix has; those in which all is resilient are the first that are left out."""
_OPEN, _FOLDED = 5, 45
"""How many findings are shown, and how many more behind a click."""
_LONGEST = 1000
"""Characters of one text: GitHub takes a mebibyte for a step."""


def markdown(document: Document) -> str:
    """Return the matrix and the findings."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Document) -> Iterator[str]:
    yield f"## brownout verify: {headline(document)}"
    yield ""
    if document.cells:
        yield from _table(matrix(document.cells, lambda found: len(found.columns) <= _COLUMNS))
    for number, cause in enumerate(document.causes[:_OPEN], 1):
        yield from _finding(number, cause)
    if len(document.causes) > _OPEN:
        folded = document.causes[_OPEN : _OPEN + _FOLDED]
        yield from _details(f"{len(document.causes) - _OPEN} more findings")
        for number, cause in enumerate(folded, _OPEN + 1):
            yield from _finding(number, cause)
        if left := len(document.causes) - _OPEN - len(folded):
            yield f"... and {left} more, in `verify.json`."
            yield ""
        yield "</details>"
        yield ""
    yield from _warnings(document)
    yield from _compared(document)
    yield from _rest(document)
    for line in totals(document):
        yield f"{html.escape(line)}  "


def _table(found: Matrix) -> Iterator[str]:
    yield f"| | {' | '.join(str(number) for number, _ in enumerate(found.columns, 1))} |"
    yield f"| --- |{' --- |' * len(found.columns)}"
    rows = sorted(found.rows, key=found.is_resilient)[:_ROWS]
    for row in (row for row in found.rows if row in rows):
        states = found.rows[row]
        fields = [_field(states[column], found) if column in states else "" for column in found.columns]
        yield f"| {_code(f'{row_name(*row[:2])} {row[2]}', cell=True)} | {' | '.join(fields)} |"
    yield ""
    if len(rows) < len(found.rows):
        yield f"{len(found.rows) - len(rows)} more rows are in `verify.json`."
        yield ""
    several = "" if not found.folded else " In brackets: how many tests of the column; nothing is worse in it."
    yield from _details("Columns and states")
    for number, name in enumerate(found.columns, 1):
        yield f"{number}. {_code(name)}"
    yield ""
    met = Counter(state for states in found.rows.values() for each in states.values() for state in each)
    for state in filter(met.__contains__, STATES):
        yield f"* {_word(state)}: {STATES[state].meaning} ({met[state]})"
    yield ""
    yield f"An empty field: the test does not use what fails.{several}"
    yield ""
    yield "</details>"
    yield ""


def _field(states: Sequence[State], found: Matrix) -> str:
    state, count = field(states)
    return f"{_word(state)} ({count})" if found.folded else _word(state)


def _word(state: State) -> str:
    return f"**{state}**" if STATES[state].color == "red" else "ok" if state == "resilient" else state


def _finding(number: int, cause: Cause) -> Iterator[str]:
    yield f"### {number}. {cause.state}: {_code(failures_of(cause))}"
    yield ""
    yield f"{_code(cause.text)}"
    yield ""
    if place := place_of(cause):
        yield f"* seen at {_code(place)}"
    yield f"* in {_code(named(journey for *_, journey in cause.cells))}"
    yield f"* {_code(cause.evidence)}"
    if cause.fix:
        yield f"* How to fix it: {_code(cause.fix)}"
    yield ""
    if cause.repeat:
        fence = "`" * max(3, _ticks(cause.repeat) + 1)
        yield from (f"{fence}sh", cause.repeat, fence, "")


def _warnings(document: Document) -> Iterator[str]:
    found = warnings(document.cells)
    if not found:
        return
    yield from _details(f"How the service behaves as a client of its dependencies ({len(found)})")
    for each in found:
        where = f"{each.level} in {many(len(each.cells), 'cell')}"
        yield f"* {where}: {_code(f'{each.dependency}: {each.text}')} ({each.rule})"
        yield f"  {_code(each.evidence)}"
    yield ""
    yield "</details>"
    yield ""


def _compared(document: Document) -> Iterator[str]:
    for title, changes in differences(document.compared) if document.compared is not None else ():
        if not changes:
            yield from (f"{title}.", "")
            continue
        worse = changes is document.compared.worse if document.compared is not None else False
        yield from (f"### {title}", "") if worse else _details(title)
        yield from (f"* {_code(changed(each))}" for each in changes[:_ROWS])
        if len(changes) > _ROWS:
            yield f"* and {len(changes) - _ROWS} more, in `verify.json`"
        yield from ("",) if worse else ("", "</details>", "")


def _rest(document: Document) -> Iterator[str]:
    for note in document.notes:
        yield f"* {_code(note)}"
    if document.notes:
        yield ""
    reasons = left_out(document.journeys)
    if reasons:
        yield from _details(f"Not tried: {many(sum(map(len, reasons.values())), noun(document))}")
        for reason, names in list(reasons.items())[:_ROWS]:
            yield f"* {_code(reason)} ({len(names)}): {_code(named(names))}"
        yield ""
        yield "</details>"
        yield ""


def _details(title: str) -> Iterator[str]:
    yield f"<details><summary>{title}</summary>"
    yield ""


def _code(text: str, *, cell: bool = False) -> str:
    """Return a text as a code span; in a cell of a table a `|` in it is escaped as well."""
    text = " ".join(text.split()) or " "
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    ticks = "`" * (_ticks(text) + 1)
    space = " " if "`" in (text[0], text[-1]) else ""
    text = text.replace("|", "\\|") if cell else text
    return f"{ticks}{space}{text}{space}{ticks}"


def _ticks(text: str) -> int:
    """Return how many backticks stand beside each other in it."""
    return max((len(run) for run in re.findall("`+", text)), default=0)
