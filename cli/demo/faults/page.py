"""How the demo looks: 80 columns, colours on a terminal alone."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence

import click

from ...columns import align
from .judgement import Measured, Row, bounds, failure, milliseconds
from .story import Step

WIDTH = 80
INDENT = "  "
BREAK = " \\\n        "


def title(text: str, why: str = "") -> None:
    """Begin a chapter."""
    _write("")
    _write(click.style(text, bold=True))
    if why:
        _write(textwrap.fill(why, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT))


def say(line: str) -> None:
    """Print a line."""
    _write(f"{INDENT}{line}".rstrip())


def typed(words: Sequence[str]) -> str:
    """Return a command as it would be typed."""
    return " ".join(("$ brownout", *words))


def command(words: Sequence[str]) -> None:
    """Print a command, broken before each option where a line is too short."""
    text = typed(words)
    if len(INDENT + text) > WIDTH:
        text = text.replace(" -", f"{BREAK}-").replace(BREAK, " ", 1)
    say(click.style(text, bold=True))


def begun(text: str, width: int) -> None:
    """Print the beginning of a line, padded; its end is what is felt."""
    _write(f"{INDENT}{click.style(text, bold=True)}{' ' * (width - len(text))}", end=False)


def felt(request: str, measured: Measured, *, good: bool) -> None:
    """Print the end of a line, what came of it, as a comment of the shell."""
    what = [milliseconds(measured.seconds).rjust(8), measured.exception or request]
    _write(click.style(f" # {'  '.join(what)}", fg="cyan" if good else "red"))


def table(rows: Sequence[Row]) -> None:
    """Print what was measured beside what was injected."""
    names = list(rows[0].measured)
    cells = [["", "injected", *names, "must be", ""]]
    for row in rows:
        measured = [_cell(row.step, each) for each in row.measured.values()]
        mark = "WRONG" if row.wrong() else "ok"
        cells.append([row.step.name, row.step.injected, *measured, bounds(row.step), mark])
    head, *lines = align(cells, right=range(1, 2 + len(names)))
    say(click.style(head, dim=True))
    for row, line in zip(rows, lines, strict=True):
        say(click.style(line, fg="red") if row.wrong() else line)


def _cell(step: Step, measured: Measured) -> str:
    """Write a time, or how it failed where that is not what was waited for."""
    if measured.error is None or (step.least and failure(measured.error) == step.fails):
        return milliseconds(measured.seconds)
    return failure(measured.error) or "error"


def _write(text: str, *, end: bool = True) -> None:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    click.echo(text, nl=end, color=False if plain else None)
