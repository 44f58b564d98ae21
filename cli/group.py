"""A group of commands, and what it says of an unknown one."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import click

from ..wire.errors import BrownoutError
from .typed import Typed, refusal


class Meant(NamedTuple):
    """What a word that is no command may mean: lines to type, made of the words behind it."""

    lines: Callable[[list[str]], list[str]]
    hint: str = "did you mean this?"


def fixed(*lines: str) -> Meant:
    """Return lines that are always the same."""
    return Meant(lambda words: list(lines))


def instead(*command: str) -> Meant:
    """Return a line of other words, and the rest as it was typed."""
    return Meant(lambda words: [Typed("brownout", (*command, *words)).line()])


class Group(click.Group):
    """A group whose commands are listed in the order of their use, and imported when they are wanted.

    `homes` are the modules of its commands by their names, from this package. `help` is `--help`, `aliases` are other
    names of its commands, and `meant` returns the lines to type for words that people try.
    """

    def __init__(
        self,
        *args: Any,  # as click declares it
        homes: Mapping[str, str] | None = None,
        aliases: Mapping[str, str] | None = None,
        meant: Callable[[], Mapping[str, Meant]] = dict,
        **extra: Any,
    ) -> None:
        super().__init__(*args, **extra)
        self._homes = homes or {}
        self._aliases = aliases or {}
        self._meant = meant

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command by its name or another name of it."""
        return self.load(self._aliases.get(cmd_name, cmd_name))

    def load(self, name: str) -> click.Command | None:
        """Return the command of a name, imported on first use; None if there is no such command."""
        if name not in self.commands and name in self._homes:
            self.add_command(getattr(importlib.import_module(self._homes[name], __package__), name))
        return self.commands.get(name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant. Raises BrownoutError with the nearest one, or the line to type."""
        if args and args[0] == "help" and not ctx.resilient_parsing:
            if len(args) == 1:
                click.echo(ctx.get_help())
                ctx.exit()
            args = [*args[1:], "--help"]
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise self._unknown(args[0], args[1:])
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of their use, not of the alphabet."""
        return list(self._homes) or list(self.commands)

    def _unknown(self, word: str, rest: Sequence[str]) -> BrownoutError:
        from ..faults.settings import unknown

        problem = unknown("command", word, list(self._homes) or self.commands)
        meant = self._meant().get(word.lower())
        if meant is None:
            return BrownoutError(problem.message, problem.hint)
        return refusal(problem.message, meant.hint, meant.lines(list(rest)))
