"""How errors look: a sentence and a hint on stderr."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence

import click

from ..faults.config.problem import ConfigError
from ..faults.settings import SettingsError
from ..wire.errors import BrownoutError


class CombinedError(BrownoutError):
    """Several errors that came to light together."""

    def __init__(self, errors: Sequence[BrownoutError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


def parts(error: BrownoutError) -> list[BrownoutError]:
    """Return what an error is made of, each part with its own hint."""
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


def _write(message: str, hint: str) -> None:
    color = False if os.environ.get("NO_COLOR") else None
    with contextlib.suppress(OSError):  # the exit code says it as well
        click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True, color=color)
        if hint:
            click.echo(f"{click.style('hint:', bold=True)}  {hint}", err=True, color=color)
