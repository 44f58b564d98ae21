"""How the demo looks: the matrices side by side where the terminal is wide enough, and colours on a terminal alone."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence

import click

from ....verify.document import Cell, State
from ....verify.writers.words import STATES, counts
from .seeded import Mistake

NARROWEST = 40
INDENT = "  "
_GAP = 6
"""Columns between two matrices."""


def width() -> int:
    """Return how many columns there are; a line that fills the last one wraps on some terminals."""
    return max(NARROWEST, shutil.get_terminal_size().columns) - 1


def title(text: str) -> None:
    """Begin a chapter."""
    write("")
    write(click.style(text, bold=True))


def say(text: str, hanging: str = "") -> None:
    """Print a sentence, broken where the terminal ends; `hanging` begins its further lines."""
    for line in textwrap.wrap(text, min(width(), 100), initial_indent=INDENT, subsequent_indent=INDENT + hanging):
        write(line)


def matrices(found: Mapping[str, Sequence[Cell]]) -> None:
    """Print the matrix of each build, how many cells are in which state, and what the signs mean."""
    tables = [[*table(name, cells)] for name, cells in found.items()]
    widths = [max(map(_width, lines)) for lines in tables]
    if sum(widths) + _GAP * (len(tables) - 1) + len(INDENT) <= width():
        for number in range(max(map(len, tables))):
            line = ""
            for lines, columns in zip(tables, widths, strict=True):
                text = lines[number] if number < len(lines) else ""
                line += text + " " * (columns + _GAP - _width(text))
            write(f"{INDENT}{line}".rstrip())
    else:
        for line in (each for lines in tables for each in (*lines, "")):
            write(f"{INDENT}{line}".rstrip())
    for name, cells in found.items():
        say(f"{name}: {counts(cells)}")
    write("")
    states = {cell.state for cells in found.values() for cell in cells}
    for state in (each for each in STATES if each in states):
        say(f"{STATES[state].sign}  {state}: {STATES[state].meaning}", hanging=" " * 3)


def table(name: str, cells: Sequence[Cell]) -> Iterator[str]:
    """Yield the lines of a matrix: failures as rows, journeys as columns."""
    journeys = list(dict.fromkeys(cell.journey for cell in cells))
    rows: dict[tuple[str, str], dict[str, State]] = {}
    for cell in cells:
        rows.setdefault((cell.dependency, cell.failure), {})[cell.journey] = cell.state
    label = max(len(failure) for _, failure in rows) + len(INDENT)
    yield click.style(name, bold=True)
    yield click.style(f"{'':{label}}  {'  '.join(journeys)}", dim=True)
    before = ""
    for (dependency, failure), states in rows.items():
        if dependency != before:
            yield dependency
            before = dependency
        signs = [_sign(states.get(journey), len(journey)) for journey in journeys]
        yield f"{INDENT + failure:{label}}  {'  '.join(signs)}"


def _sign(state: State | None, columns: int) -> str:
    if state is None:
        return " " * columns
    left = (columns - 1) // 2
    sign = click.style(STATES[state].sign, fg=STATES[state].color, bold=True)
    return " " * left + sign + " " * (columns - 1 - left)


def mistakes(found: Sequence[tuple[Mistake, Cell | None]]) -> None:
    """Print each mistake with the cell that found it, and the line to which that points."""
    for mistake, cell in found:
        if cell is None or cell.place is None:
            write(f"{INDENT}{click.style('not found', fg='red')}  {mistake.name}: {mistake.what}")
            continue
        write(f"{INDENT}{click.style(mistake.name, bold=True)}: {mistake.what}")
        where = f"{cell.place} in {cell.place.function}"
        told = f"{INDENT * 2}{click.style(cell.state, fg=STATES[cell.state].color)} in {mistake.cell},"
        fits = _width(told) + 1 + len(where) <= width()
        for line in (f"{told} {where}",) if fits else (told, f"{INDENT * 2}{where}"):
            write(line)


def write(text: str) -> None:
    """Print a line."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    click.echo(text, color=False if plain else None)


def _width(line: str) -> int:
    return len(click.unstyle(line))
