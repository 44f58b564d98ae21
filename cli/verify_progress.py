"""How far a `verify` is: on a terminal a line that is written over, with each finished row of the matrix above it.

Elsewhere, as in the log of a CI job, there is a line for each row, and one at least every 30 s.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import click
from rich.cells import cell_len, set_cell_size

from ..verify import shown
from ..verify.document import Cell, Dependency
from ..verify.plan import Planned
from ..verify.writers.words import STATES, counts, many, row_name, worst
from .columns import align
from .output import Output

QUIET = 30.0
"""Seconds after which a line says what runs, where nothing else was written."""
_PERIOD = 0.5
_PHASES: Mapping[str, str] = {
    "starting": "starting the command",
    "healthy": "healthy ({}): all tests run with nothing broken, to see what each one uses",
    "alone": "alone ({}): each test that uses something runs by itself, still with nothing broken",
    "cells": "cells ({}): each test under each failure of what it uses",
}
_LABEL = 48
"""Characters of a row's name at most."""


class Progress:
    """Takes what the engine says. `width` and `clock` are asked whenever they are needed."""

    def __init__(
        self,
        output: Output,
        *,
        color: bool,
        width: Callable[[], int] = lambda: shutil.get_terminal_size().columns,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._output = output
        self._live = output.is_terminal
        self._color = color
        self._width = width
        self._clock = clock
        self._said = clock()
        self._phase, self._total, self._begun, self._name = "", 0, 0, ""
        self._pace: Pace | None = None
        self._rows: dict[tuple[str, str, str], list[Cell]] = {}
        self._of_row: dict[tuple[str, str, str], int] = {}
        self._drawn = False

    async def run(self) -> None:
        """Show it until cancelled."""
        while True:
            await asyncio.sleep(_PERIOD)
            self.tick()

    def tick(self) -> None:
        """Redraw the progress line; without a terminal, write one after a while of silence."""
        if self._live:
            self._draw()
        elif self._phase and self._clock() - self._said >= QUIET:
            self.say(self._line())

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self.clear()
        self._said = self._clock()
        self._output.say(text)
        self._draw()

    def end(self, text: str) -> None:
        """Write why nothing goes on; what runs is not shown any more."""
        self._phase = ""
        self.say(text)

    def clear(self) -> None:
        """Take away the line that is written over."""
        if self._drawn:
            self._drawn = False
            self._output.draw("\r\x1b[K")

    def phase(self, name: str, total: int) -> None:
        """Begin a phase of `total` steps."""
        self._phase, self._total, self._begun, self._name = name, total, 0, ""
        if self._pace is not None:
            self._pace.start(self._clock())
        self.say(_PHASES.get(name, name).format(total))

    def step(self, name: str) -> None:
        """Begin a step."""
        self._begun, self._name = self._begun + 1, shown.line(name)
        self._draw()

    def planned(self, cells: Sequence[Planned], dependencies: Sequence[Dependency], seconds: Sequence[float]) -> None:
        """Show the plan. `seconds` is about how long each cell takes, as far as that is known now."""
        self._pace = Pace({cell.key: each for cell, each in zip(cells, seconds, strict=True)})
        for cell in cells:
            row = cell.key[:3]
            self._of_row[row] = self._of_row.get(row, 0) + 1
        for line in align([list(_dependency(each, cells)) for each in dependencies]) if dependencies else []:
            self.say(line)
        self.say(f"{many(len(cells), 'cell')}, about {long(sum(seconds))}: a cell is one test under one failure")

    def done(self, cell: Cell) -> None:
        """Take a cell; with the last one of its row, write the row."""
        if self._pace is not None:
            self._pace.done((cell.dependency, cell.operation, cell.failure, cell.journey), self._clock())
        row = self._rows.setdefault(cell.row, [])
        row.append(cell)
        if len(row) == self._of_row.get(cell.row):
            self.say(self._row(row))

    def _row(self, cells: Sequence[Cell]) -> str:
        """Return a row of the matrix: a sign for each test, and how many are in which state."""
        names = [shown.line(f"{row_name(*row[:2])} {row[2]}") for row in self._of_row]
        label = min(_LABEL, max(map(cell_len, names)))
        name = shown.line(f"{row_name(*cells[0].row[:2])} {cells[0].failure}")
        signs = "".join(self._paint(STATES[cell.state].sign, STATES[cell.state].color) for cell in cells)
        told = self._paint(counts(cells), STATES[worst(cell.state for cell in cells)].color)
        room = self._width() - label - len(counts(cells)) - 5
        most = max(self._of_row.values())
        field = f"  {signs}{' ' * (most - len(cells))}" if most <= room else ""
        return f"{set_cell_size(name, label)}{field}  {told}"

    def _paint(self, text: str, color: str) -> str:
        return click.style(text, fg=color) if self._color else text

    def _line(self) -> str:
        left = self._pace.left(self._clock()) if self._pace is not None and self._phase == "cells" else None
        time_left = "" if left is None else f", about {long(left)} left"
        count = f"{min(self._begun, self._total)} of {self._total}" if self._total > 1 else "..."
        return f"{self._phase}: {count}{time_left}: {self._name}"

    def _draw(self) -> None:
        if not (self._live and self._phase and self._output.is_foreground()):
            return
        width = max(1, self._width() - 1)  # a line that fills the last column wraps on some terminals
        line = self._line()
        line = line if cell_len(line) <= width else f"{set_cell_size(line, width - 1)}…"
        self._drawn = True
        self._output.draw(f"\r\x1b[K{line}")


class Pace:
    """How long what is left will take: as cells of the same failure took; else as planned, and longer as others were.

    The time between two cells that end is taken for that of the second, so that several at once count as they do.
    """

    def __init__(self, planned: Mapping[tuple[str, str, str, str], float]) -> None:
        self._left = dict(planned)
        self._took: dict[str, list[float]] = {}
        self._longer = 0.0
        self._last = 0.0

    def start(self, now: float) -> None:
        """Begin the first cells."""
        self._last = now

    def done(self, key: tuple[str, str, str, str], now: float) -> None:
        """Take the end of a cell."""
        self._longer += now - self._last - self._left.pop(key)
        self._took.setdefault(key[2], []).append(now - self._last)
        self._last = now

    def left(self, now: float) -> float:
        """Return how many seconds are left."""
        longer = self._longer / max(1, sum(map(len, self._took.values())))
        means = {failure: sum(took) / len(took) for failure, took in self._took.items()}
        found = sum(means.get(key[2], max(0.0, planned + longer)) for key, planned in self._left.items())
        return max(1.0, found - (now - self._last))


def long(seconds: float) -> str:
    """Return a time as people say it: `40 s`, `12 min`, `2.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


def is_colored(stream_is_terminal: bool, environment: Mapping[str, str] = os.environ) -> bool:
    """Say whether colours are shown there."""
    return stream_is_terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def on_stderr() -> Progress:
    """Return a progress that is shown beside the report: on stderr."""
    output = Output(sys.stderr)
    return Progress(output, color=is_colored(output.is_terminal))


def _dependency(dependency: Dependency, cells: Sequence[Planned]) -> Iterator[str]:
    mine = [cell for cell in cells if cell.dependency == dependency.name]
    yield from map(shown.line, (f"  {dependency.name}", dependency.protocol, dependency.upstream))
    if not mine:
        yield "in no cell"
        return
    tests, failures = len({cell.journey for cell in mine}), len({cell.key[1:3] for cell in mine})
    operations = len({cell.operation for cell in mine if cell.operation})
    told = f"{many(tests, 'test')} x {many(failures, 'failure')}"
    yield f"{told}, {many(operations, 'operation')}" if operations else told
