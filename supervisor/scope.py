"""Whose connections are meant, by what /proc shows of their processes."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, Self

from .process import Process

_MOST = 1000
"""How many answers are kept with a process."""


class Scope(NamedTuple):
    """Connections of processes for which all of this holds; what is empty holds for every one.

    `program` is a glob of one of the process's names, `command` one of its command line, `container` one of the number
    of its container. `within`: of each group, the
    process is one of them, descends from one or bears the mark of one. Of those that are `apart` it is, and descends
    from, none.
    """

    program: str = ""
    command: str = ""
    within: tuple[tuple[int | str, ...], ...] = ()
    apart: tuple[int, ...] = ()
    container: str = ""

    @classmethod
    def of(cls, told: Sequence[Any]) -> Self:
        """Return one that was told as JSON, which has no tuples."""
        program, command, within, apart, container = told
        return cls(program, command, tuple(tuple(group) for group in within), tuple(apart), container)

    def fits(self, process: Process) -> bool:
        """Say whether it holds for a process."""
        answer = process.answers.get(self)
        if answer is None:
            if len(process.answers) >= _MOST:
                process.answers.clear()
            answer = process.answers[self] = self._fits(process)
        return answer

    def _fits(self, process: Process) -> bool:
        if self.program and not any(fnmatchcase(name, self.program) for name in process.names):
            return False
        if self.command and not fnmatchcase(process.command, self.command):
            return False
        if self.container and not (process.container and fnmatchcase(process.container, self.container)):
            return False
        if self.apart and not set(self.apart).isdisjoint(process.family):
            return False
        return all(_is_within(process, group) for group in self.within)


def _is_within(process: Process, group: tuple[int | str, ...]) -> bool:
    return not set(group).isdisjoint(process.family) or process.mark in group
