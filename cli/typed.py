"""The words of a command as they were typed, and the line that would have been right."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

import click

from ..wire.errors import BrownoutError
from ..wire.mask import mask

KEY = "brownout.typed"
"""Where a context keeps its Typed."""


class Change(NamedTuple):
    """Words to put in the place of others."""

    at: int
    instead: tuple[str, ...]
    replaced: int = 1
    """How many words go."""


class Typed(NamedTuple):
    """The words behind a command's name, such as `brownout inject`."""

    command: str
    words: tuple[str, ...]

    @classmethod
    def of(cls, ctx: click.Context) -> Self:
        """Return what was typed, as a command that `keep`s it has noted."""
        found: Self = ctx.meta[KEY]
        return found

    def line(self, changes: Iterable[Change] = ()) -> str:
        """Return the whole line, with some words changed; a token and passwords are left out."""
        words = list(self.words)
        for at, instead, replaced in sorted(changes, reverse=True):
            words[at : at + replaced] = instead
        return shlex.join([*self.command.split(), *_without_secrets(words)])


def keep(ctx: click.Context, words: Sequence[str]) -> Typed:
    """Note what was typed behind a command's name."""
    typed = ctx.meta[KEY] = Typed(ctx.command_path, tuple(words))
    return typed


def refusal(message: str, hint: str, lines: Iterable[str]) -> BrownoutError:
    """Return an error whose hint ends with lines to type, each on a line of its own."""
    return BrownoutError(message, "\n".join([hint, *lines]))


def _without_secrets(words: Sequence[str]) -> list[str]:
    shown = [mask(word) for word in words]
    for number, word in enumerate(words):
        if word == "--token":
            shown[number + 1 : number + 2] = ["TOKEN"]
        elif word.startswith("--token="):
            shown[number] = "--token=TOKEN"
    return shown
