"""Whose connections an injection is for: patterns for the process that opened them.

    caller: orders                        a program: orders, python orders.py, python -m orders
    caller: {command: "*manage.py migrate*"}
    caller: {process: 4711}               that process, and those that it started
    caller: {container: 3f2a8c1d9e0b}
    caller: {worker: gw1}                 a worker of pytest-xdist, and all processes that it started
    caller: {test: "*test_checkout*"}     the same, of one that runs such a test

All of them must fit. Patterns are globs. Connections of which nobody knows the process are never meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple, Self

from .settings import Problem, SettingsError, unknown

CONTAINER_DIGITS = 12
"""As many digits of a container's number are known as `docker ps` shows."""
LONGEST = 1024
"""The longest pattern, in characters."""
_EXAMPLE = 'write the name of a program, or a mapping like {command: "*manage.py migrate*"}'


class Callers(NamedTuple):
    """Whose connections are meant. Its fields are the keys; what is empty, or None, means every one."""

    program: str = ""
    command: str = ""
    process: int | None = None
    container: str = ""
    worker: str = ""
    test: str = ""

    @classmethod
    def parse(cls, given: object) -> Self:
        """Read the name of a program, the number of a process, or a mapping of keys to patterns.

        Raises SettingsError with all problems; their keys are `caller.KEY`, or `caller` itself.
        """
        if isinstance(given, str | int) and not isinstance(given, bool):
            text = str(given)
            return cls.parse({"process" if text.isdecimal() else "program": text})
        if not isinstance(given, Mapping):
            raise SettingsError([Problem("caller", f"caller: {_shown(given)} is not a caller", _EXAMPLE)])
        if not given:
            raise SettingsError([Problem("caller", "caller is empty", f"{_EXAMPLE}, or leave caller out")])
        wrong = [Problem(f"caller.{key}", *said) for key, value in given.items() if (said := _wrong(key, value))]
        if wrong:
            raise SettingsError(wrong)
        found = {key: str(value) for key, value in given.items()}
        number = found.pop("process", None)
        if "container" in found:
            found["container"] = found["container"][:CONTAINER_DIGITS]
        return cls(process=None if number is None else int(number), **found)

    def to_mapping(self) -> str | dict[str, str | int]:
        """Return the name of the program, if that is all there is, else the mapping; `parse()` makes the same of it."""
        mapping = {key: value for key, value in self._asdict().items() if value not in ("", None)}
        return self.program if list(mapping) == ["program"] and not self.program.isdecimal() else mapping

    def means_test(self, test: str) -> bool:
        """Say whether a test is meant: by `tests/test_shop.py::test_pay[card]`, `test_pay[card]` or `test_pay`."""
        function = test.rpartition("::")[2]
        names = (test, function, function.partition("[")[0]) if test else ()
        return self.test in names or any(fnmatchcase(name, self.test) for name in names)

    def __str__(self) -> str:
        """Write it on one line, as the command line has it."""
        return text_of(self.to_mapping())


CALLER_KEYS = {
    "program": "The program, without its settings, or a part of its name: `orders` also means `python orders.py`.",
    "command": "The whole command line.",
    "process": "The number of a process, which also means those that it started.",
    "container": "The number of a container, as `docker ps` shows it, or a glob of one; `*` means any container.",
    "worker": "The worker of pytest-xdist, like `gw1`, and what it has started.",
    "test": "The pytest test that the worker runs: its node id or its name.",
}
"""The keys of `caller`, and what they mean."""


def _wrong(key: object, value: object) -> tuple[str, str] | None:
    """Return what is wrong with a key and its value, and what would be right."""
    if key not in CALLER_KEYS:
        problem = unknown("key", str(key), CALLER_KEYS)
        return f"caller.{key}: unknown key", problem.hint
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value):
        return f"caller.{key}: {_shown(value)} is not a pattern", "a pattern is text, put quotes around it"
    if key == "process" and not str(value).isdecimal():
        return f"caller.{key}: {value!r} is not a number", "write the number of a process"
    if len(str(value)) > LONGEST:
        return f"caller.{key}: the pattern has {len(str(value))} characters", f"at most {LONGEST}"
    return None


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def text_of(caller: object) -> str:
    """Return what `to_mapping()` returns as the command line has it: `orders`, `command='*migrate*' process=7`."""
    if not isinstance(caller, Mapping):
        return str(caller)
    quoted = {key: f"'{value}'" if " " in str(value) else value for key, value in caller.items()}
    return " ".join(f"{key}={value}" for key, value in quoted.items())
