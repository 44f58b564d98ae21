"""How errors look: a sentence and a hint on stderr."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import TextIO

import click

from ..wire.errors import BrownoutError

INDENT = " " * len("error: ")
NARROWEST = 20
"""The least number of characters in a line that is wrapped."""


class CombinedError(BrownoutError):
    """Several errors that came to light together."""

    def __init__(self, errors: Sequence[BrownoutError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


def parts(error: BrownoutError) -> list[BrownoutError]:
    """Return what an error is made of, each part with its own hint."""
    from ..faults.config.problem import ConfigError
    from ..faults.settings import SettingsError

    if isinstance(error, CombinedError):
        return [part for each in error.errors for part in parts(each)]
    if isinstance(error, ConfigError):
        return [BrownoutError(str(problem), problem.hint) for problem in error.problems]
    if isinstance(error, SettingsError):
        return [BrownoutError(problem.message, problem.hint) for problem in error.problems]
    return [error]


def named(failed: Mapping[str, BrownoutError]) -> list[BrownoutError]:
    """Return errors of proxies (name: error), each of which says which proxy it is about."""
    return [BrownoutError(f"{name}: {error.message}", error.hint) for name, error in failed.items()]


def show(error: BrownoutError) -> None:
    """Write an error, each of its parts on its own."""
    for part in parts(error):
        _write(part.message, part.hint)


def show_usage(error: click.ClickException) -> None:
    """Write an error about the words of a command, with what they should be."""
    message = error.format_message().rstrip(".")
    hint = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f"{' '.join(error.ctx.get_usage().removeprefix('Usage: ').split())}, see {error.ctx.command_path} --help"
    _write(message[:1].lower() + message[1:], hint)


def discard(stream: TextIO) -> None:
    """Let what is still in the buffer of a stream go nowhere: Python would try again when it exits, with code 120."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def _write(message: str, hint: str) -> None:
    color = False if os.environ.get("NO_COLOR") else None
    said, *lines = hint.split("\n")
    try:
        click.echo(_fitted(click.style("error:", fg="red", bold=True), message), err=True, color=color)
        if hint:
            click.echo(_fitted(click.style("hint: ", bold=True), said), err=True, color=color)
        for line in lines:  # to be copied, so it is not wrapped
            click.echo(f"{INDENT}{line}", err=True, color=color)
    except OSError:  # the exit code says it as well
        discard(sys.stderr)


def _fitted(label: str, text: str) -> str:
    """Return a text behind its label, on a terminal in lines that fit it."""
    try:
        width = os.get_terminal_size(sys.stderr.fileno()).columns if sys.stderr.isatty() else 0
    except OSError:
        width = 0
    if width <= len(INDENT) + NARROWEST:
        return f"{label} {text}"
    lines = textwrap.wrap(text, width - len(INDENT), break_on_hyphens=False, break_long_words=False)
    return f"\n{INDENT}".join([f"{label} {lines[0] if lines else ''}", *lines[1:]])
