"""What a `verify` found, for a terminal: the matrix, then the findings, worst first."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import click
from rich.cells import cell_len, set_cell_size

from ...faults.failures import failures
from ..document import Cause, Cell, Document, State
from ..findings import also, inconclusive, warnings
from .matrix import Matrix, Row, field, matrix
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

_FINDINGS = 20
"""How many findings are written out."""
_OTHERS = 3
"""How many other errors of a finding are told."""
_REASONS = 10
"""How many reasons are told for which cells say nothing."""
_CHANGES = 20
"""How many cells of a kind are named that are not as they were."""
_ROWS = 40
"""How many rows a matrix has before those in which all is resilient become one."""
_GAP = 2
_INDENT = "   "
_NARROWEST = 40


def summary(document: Document, width: int = 80, *, color: bool = False) -> Iterator[str]:
    """Yield the lines, for a terminal with so many columns. Only commands, which are to be copied, may be longer."""
    page = _Page(document, max(_NARROWEST, width) - 1, color)  # a line that fills the last column wraps on some
    parts = page.matrix(), page.findings(), page.inconclusive(), page.warnings(), page.compared(), page.notes()
    for part in (*parts, page.left_out()):
        lines = list(part)
        if lines:
            yield from lines
            yield ""
    yield from page.totals()


class _Layout(NamedTuple):
    """How the matrix is shown: by signs below numbers, or else by words below names."""

    matrix: Matrix
    label: int
    heads: Sequence[str]
    widths: Sequence[int]
    signs: bool


class _Page:
    def __init__(self, document: Document, width: int, color: bool) -> None:
        self._document = document
        self._width = width
        self._color = color

    def matrix(self) -> Iterator[str]:
        """Yield the table, and what its numbers, signs and rows mean."""
        if not self._document.cells:
            return
        layout = _layout(self._document.cells, self._width)
        yield self._cut(f"Rows: what fails, and how. Columns: the {noun(self._document)}s that use it.")
        yield ""
        yield from self._table(layout)
        yield ""
        if layout.signs:
            yield from self._columns(layout)
            yield ""
        yield from self._heading("Outcomes")
        yield from self._states(layout)
        yield ""
        yield from self._heading("Failures")
        yield from self._failures()
        yield ""
        yield from self._heading("Dependencies")
        width = max(cell_len(each.name) for each in self._document.dependencies)
        for each in self._document.dependencies:
            where = f"{each.protocol}, started by the tests" if each.started else each.upstream
            yield self._cut(f"  {_fit(each.name, width)}  {where}")

    def _table(self, layout: _Layout) -> Iterator[str]:
        found = layout.matrix
        yield _line(" " * layout.label, [_fit(head, width) for head, width in _pairs(layout)])
        folds = len(found.rows) > _ROWS
        for dependency, operation, rows in found.groups():
            yield self._paint(self._cut(row_name(dependency, operation)), bold=True)
            resilient = [row[2] for row in rows if folds and found.is_resilient(row)]
            for row in rows:
                if row[2] not in resilient:
                    yield self._row(layout, row)
            if resilient:
                yield from self._wrapped(f"resilient throughout: {', '.join(resilient)}", "  ")

    def _row(self, layout: _Layout, row: Row) -> str:
        states = layout.matrix.rows[row]
        fields = [
            self._field(states[column], width, layout) if column in states else " " * width
            for column, width in zip(layout.matrix.columns, layout.widths, strict=True)
        ]
        return _line(_fit(f"  {row[2]}", layout.label), fields)

    def _field(self, states: Sequence[State], width: int, layout: _Layout) -> str:
        state, count = field(states)
        text = STATES[state].sign if layout.signs else state
        return self._paint(_fit(f"{text}{count}" if layout.matrix.folded else text, width), state)

    def _columns(self, layout: _Layout) -> Iterator[str]:
        width = max(map(len, layout.heads))
        if layout.matrix.folded:
            what = (
                "All tests are one column" if layout.matrix.folded == "all" else f"A {layout.matrix.folded} is a column"
            )
            yield from self._wrapped(f"{what}: H2 says that two tests of it hung, and that nothing is worse.")
        for head, name in zip(layout.heads, layout.matrix.columns, strict=True):
            yield self._cut(f"  {head:>{width}}  {name}")

    def _states(self, layout: _Layout) -> Iterator[str]:
        found = Counter(cell.state for cell in self._document.cells)
        count = len(str(max(found.values())))
        width = max(map(len, found))
        for state in filter(found.__contains__, STATES):
            sign = f"{STATES[state].sign}  " if layout.signs else ""
            head = f"  {sign}{state:{width}}  {found[state]:{count}}  "
            lines = self._wrapped(STATES[state].meaning, head, " " * len(head))
            yield from (self._paint(line, state) if number == 0 else line for number, line in enumerate(lines))

    def _failures(self) -> Iterator[str]:
        """Yield what the failures of the rows are; those of two protocols may differ."""
        said: dict[tuple[str, str], dict[str, None]] = {}
        protocols = {each.name: each.protocol for each in self._document.dependencies}
        for cell in self._document.cells:
            for failure in failures(protocols.get(cell.dependency, ""), "full"):
                if failure.name == cell.failure:
                    said.setdefault((failure.name, failure.says), {})[cell.dependency] = None
        several = Counter(name for name, _ in said)
        width = max((cell_len(name) for name, _ in said), default=0)
        for (name, says), dependencies in said.items():
            whose = f" ({', '.join(dependencies)})" if several[name] > 1 else ""
            yield from self._wrapped(f"{says}{whose}", f"  {_fit(name, width)}  ", " " * (width + 4))

    def findings(self) -> Iterator[str]:
        """Yield what is wrong."""
        causes = self._document.causes
        if not causes:
            return
        yield from self._heading(f"{headline(self._document)}, worst first")
        for number, cause in enumerate(causes[:_FINDINGS], 1):
            yield ""
            yield from self._finding(number, cause)
        if len(causes) > _FINDINGS:
            yield ""
            yield from self._wrapped(f"... and {len(causes) - _FINDINGS} more: --report-dir DIR keeps them all")

    def _finding(self, number: int, cause: Cause) -> Iterator[str]:
        head = self._wrapped(f"{cause.state}: {failures_of(cause)}", f"{number}. ", _INDENT)
        yield from (self._paint(line, cause.state, bold=True) for line in head)
        yield from self._wrapped(cause.text, _INDENT)
        others = also(cause, self._document.cells)
        more = f"; and {len(others) - _OTHERS} more" if len(others) > _OTHERS else ""
        told = {
            "also": "; ".join(others[:_OTHERS]) + more,
            f"{noun(self._document)}s": named(journey for *_, journey in cause.cells),
            "seen at": place_of(cause),
            "evidence": cause.evidence,
            "fix": cause.fix,
        }
        for label, text in told.items():
            if text:
                yield from self._wrapped(text, f"{_INDENT}{label + ':':9} ", _INDENT + " " * 10)
        if cause.repeat:
            yield f"{_INDENT}repeat:   {cause.repeat}"

    def inconclusive(self) -> Iterator[str]:
        """Yield why cells say nothing."""
        found = list(inconclusive(self._document.cells).items())
        if found:
            yield from self._heading("Inconclusive, and why")
        for why, cells in found[:_REASONS]:
            rows = named(f"{row_name(each.dependency, each.operation)} {each.failure}" for each in cells)
            yield from self._wrapped(f"{rows}: {why}", "  ", "    ")
            yield from self._wrapped(f"in {named(each.journey for each in cells)}", "    ")
        if len(found) > _REASONS:
            yield f"  ... and {len(found) - _REASONS} more reasons: --report-dir DIR keeps them all"

    def warnings(self) -> Iterator[str]:
        """Yield what the application does as a client that makes failures worse."""
        found = warnings(self._document.cells)
        if not found:
            return
        yield from self._heading("How the service behaves as a client of its dependencies (docs/verdicts.md)")
        for each in found:
            cells = f"in {many(len(each.cells), 'cell')}"
            yield from self._wrapped(
                f"{each.level}: {each.dependency}: {each.text} ({each.rule}, {cells})", "  ", "    "
            )
            yield from self._wrapped(each.evidence, "    ")

    def compared(self) -> Iterator[str]:
        """Yield what is not as it was in the baseline."""
        compared = self._document.compared
        for title, changes in differences(compared) if compared is not None else ():
            yield from self._heading(title)
            for change in changes[:_CHANGES]:
                yield from self._wrapped(changed(change), "  ", "    ")
            if len(changes) > _CHANGES:
                yield f"  ... and {len(changes) - _CHANGES} more: --report-dir DIR keeps them all"

    def notes(self) -> Iterator[str]:
        """Yield what else is to be known."""
        for note in self._document.notes:
            yield from self._wrapped(note, "note: ", "      ")

    def left_out(self) -> Iterator[str]:
        """Yield the journeys that are in no cell."""
        for reason, names in left_out(self._document.journeys).items():
            yield from self._wrapped(f"{reason}: {named(names)}", f"not tried ({len(names)}): ", "    ")

    def totals(self) -> Iterator[str]:
        """Yield the figures."""
        if not self._document.causes:
            yield from self._heading(headline(self._document))
        for line in totals(self._document):
            yield from self._wrapped(line)

    def _heading(self, text: str) -> list[str]:
        return [self._paint(line, bold=True) for line in self._wrapped(text)]

    def _wrapped(self, text: str, first: str = "", rest: str | None = None) -> list[str]:
        rest = first if rest is None else rest
        lines = textwrap.wrap(text, self._width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
        return [line for each in lines for line in _split(each, self._width)]

    def _cut(self, text: str) -> str:
        return text if cell_len(text) <= self._width else f"{set_cell_size(text, self._width - 1)}…"

    def _paint(self, text: str, state: State | None = None, *, bold: bool = False) -> str:
        if not self._color:
            return text
        return click.style(text, fg=None if state is None else STATES[state].color, bold=bold or None)


def _layout(cells: Sequence[Cell], width: int) -> _Layout:
    """Return the matrix by words where that fits, else by signs, with as many columns as fit."""
    label = 2 + max(cell_len(cell.failure) for cell in cells)
    whole = matrix(cells, lambda count: True)
    names = _short(whole.columns)
    longest = max(len(cell.state) for cell in cells)
    widths = [max(cell_len(name), longest) for name in names]
    if label + sum(widths) + _GAP * len(widths) <= width:
        return _Layout(whole, label, names, widths, signs=False)

    def column(found: Matrix) -> int:
        count = len(str(found.most())) if found.folded else 0
        return max(len(str(len(found.columns))), 1 + count)

    found = matrix(cells, lambda each: label + (column(each) + _GAP) * len(each.columns) <= width)
    heads = [str(number) for number, _ in enumerate(found.columns, 1)]
    return _Layout(found, label, heads, [column(found)] * len(heads), signs=True)


def _short(names: Sequence[str]) -> list[str]:
    """Return tests without their files where that tells them apart."""
    parts = [name.partition("[") for name in names]
    short = [f"{test.rpartition('::')[2]}{bracket}{parameters}" for test, bracket, parameters in parts]
    return short if len(set(short)) == len(names) else list(names)


def _pairs(layout: _Layout) -> Iterator[tuple[str, int]]:
    return zip(layout.heads, layout.widths, strict=True)


def _line(label: str, fields: Sequence[str]) -> str:
    return (" " * _GAP).join([label, *fields]).rstrip()


def _fit(text: str, width: int) -> str:
    return set_cell_size(text, width)


def _split(line: str, width: int) -> Iterator[str]:
    """Yield a line in pieces of so many columns: a wide character has two."""
    while cell_len(line) > width:
        piece = set_cell_size(line, width).rstrip()
        yield piece
        line = line[len(piece) :].lstrip()
    yield line
