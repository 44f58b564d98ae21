"""Cells that failed for one reason, as one finding."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from . import shown
from .advice import advice, starved
from .document import WORST_FIRST, Call, Cause, Cell

_ANSWERS = 4
"""How many answers of the application are told of a call."""
_UNSAFE = "unsafe-repeat"
"""The rule of verdicts by which a cell is `doubled`."""
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\d+")
"""What differs between two texts about the same: ports, addresses in memory, times."""
_ERROR = re.compile(r"\b\w+(?:Error|Exception|Timeout|Disconnected)\b|returned \d+")
"""What tells two failures of one line from each other."""


class Warned(NamedTuple):
    """What a rule of verdicts found of the application as a client of a dependency: an example, and all its cells."""

    rule: str
    level: Literal["error", "warning"]
    dependency: str
    text: str
    evidence: str
    cells: tuple[Cell, ...]


def causes(cells: Iterable[Cell]) -> list[Cause]:
    """Return the findings, worst first; among equals the one that breaks most cells."""
    found: dict[tuple[str, ...], list[Cell]] = {}
    for cell in cells:
        if cell.state in WORST_FIRST:
            found.setdefault(_key(cell), []).append(cell)
    grouped = [_cause(each) for each in found.values()]
    return sorted(grouped, key=lambda cause: (WORST_FIRST.index(cause.state), -len(cause.cells)))


def also(cause: Cause, cells: Iterable[Cell]) -> list[str]:
    """Return what was said under the other failures of a finding, where it is another error."""
    mine, known, found = frozenset(cause.cells), {_error(cause.text)}, []
    for cell in cells:
        if cell.key in mine and (error := _error(cell.why)) not in known:
            known.add(error)
            found.append(f"{cell.failure}: {cell.why}")
    return found


def inconclusive(cells: Iterable[Cell]) -> dict[str, list[Cell]]:
    """Return the cells that say nothing, by the reason."""
    reasons: dict[str, tuple[str, list[Cell]]] = {}
    for cell in cells:
        if cell.state == "inconclusive":
            reasons.setdefault(_VARYING.sub("", cell.why), (cell.why, []))[1].append(cell)
    return dict(reasons.values())


def _error(text: str) -> str:
    found = _ERROR.search(text)
    return found[0] if found is not None else _VARYING.sub("", text)


def warnings(cells: Iterable[Cell]) -> list[Warned]:
    """Return what rules of verdicts found that is in no finding, errors first, then what is in most cells."""
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        for rule in {each.rule for each in cell.judged}:
            if not (cell.state == "doubled" and rule == _UNSAFE):
                found.setdefault((cell.dependency, rule), []).append(cell)
    warned = []
    for (dependency, rule), mine in found.items():
        judged = [each for cell in mine for each in cell.judged if each.rule == rule]
        first = next((each for each in judged if each.level == "error"), judged[0])
        warned.append(Warned(rule, first.level, dependency, first.text, first.evidence, tuple(mine)))
    return sorted(warned, key=lambda each: (each.level, -len(each.cells), each.dependency, each.rule))


def _key(cell: Cell) -> tuple[str, ...]:
    """Return what cells of one cause have in common: the line of the project where it happened; else what was said.

    Where connections leak it does not matter what failed.

    Of work that was done twice it is the operation, whatever came of the test.
    """
    if cell.state == "doubled" and (repeated := _repeated(cell)):
        return cell.state, cell.dependency, repeated.partition(": ")[0]
    if leaks := starved(cell):
        return cell.state, leaks, cell.place.function if cell.place is not None else cell.journey
    where = str(cell.place) if cell.place is not None else _VARYING.sub("", cell.why)
    return cell.state, cell.dependency, where


def _cause(cells: list[Cell]) -> Cause:
    """Return a finding; its example is a cell with a place, and of those the one that is repeated in the least time."""
    first = min(cells, key=lambda cell: (cell.place is None, cell.budget))
    return Cause(
        state=first.state,
        text=first.why,
        dependency=first.dependency,
        place=first.place,
        cells=tuple((each.dependency, each.operation, each.failure, each.journey) for each in cells),
        evidence=evidence(first),
        repeat=first.repeat,
        fix=advice(first),
    )


def evidence(cell: Cell) -> str:
    """Return what was seen, in a line: how often the failure hit, then each call of the test with its answers."""
    told = []
    if cell.state == "doubled" and (repeated := _repeated(cell)):
        told.append(f"{cell.dependency} got {repeated}")
    for number, call in enumerate(cell.calls):
        hit = "" if number else f" (hit {'once' if cell.fired == 1 else f'{cell.fired} times'})"
        when = f"{when_of(number, cell)}{hit}"
        allowed = ""
        if cell.state == "hung" and number == 0:
            after = f", it ended when {cell.dependency} was healed" if call.outcome != "ended" else ""
            allowed = f" ({took(cell.budget)} allowed{after})"
        told.append(f"{when}: {_call(call, cell, allowed)}")
    return "; ".join(told)


def when_of(number: int, cell: Cell) -> str:
    """Return when one of the calls of a cell was, from 0: with its failure, or after that in one of several ways."""
    if number == 0:
        return f"{cell.dependency} {cell.failure}"
    return _WHEN[turn(number, cell)]


_WHEN = {
    "first": "healthy again",
    "again": "healthy, second call",
    "function": "healthy, the test's fixtures set up again",
    "all": "healthy, all fixtures set up again",
}


def turn(number: int, cell: Cell) -> str:
    """Return which call of a cell it is: `broken`, `first` and `again` after that, or the fixtures that it renewed."""
    if number < 2:
        return "first" if number else "broken"
    renewed = cell.calls[number].renewed
    return "again" if renewed == cell.calls[number - 1].renewed else renewed


def _call(call: Call, cell: Cell, allowed: str) -> str:
    noun = "the test" if "::" in cell.journey else "the journey"
    answers = [
        f"{answer.asked} {answer.error or answer.status or 'no answer'} after {took(answer.seconds)}"
        for answer in call.answers[:_ANSWERS]
    ]
    if len(call.answers) > _ANSWERS:
        answers.append(f"{len(call.answers) - _ANSWERS} more")
    if call.outcome == "ended":
        ends = "the process of the service ended" if cell.state == "crashed" else f"{noun} did not end{allowed}"
        return ", ".join([*answers, ends])
    if answers:
        answers[-1] += allowed
        return ", ".join([*answers, f"{noun} {call.outcome}"])
    return f"{noun} {call.outcome} after {took(call.seconds)}{allowed}"


def took(seconds: float) -> str:
    """Return how long something took: `4 ms`, `1.2 s`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def _repeated(cell: Cell) -> str:
    """Return the attempts by which work may have been done twice: `POST /charge: reset at 0.00 s, 201 at 0.02 s`."""
    return next((each.evidence for each in cell.judged if each.rule == _UNSAFE), "")


def repeat(cell: Cell, words: Sequence[str], command: Sequence[str]) -> str:
    """Return a command that repeats a cell: with these words of `verify`, as the options that hold for all cells."""
    row = " ".join(filter(None, (cell.dependency, cell.operation)))
    only = shown.pattern(f"{row}/{cell.failure}/{cell.journey}")
    told = [shown.text(word) for word in (*words, *command)]
    return shlex.join(
        ["brownout", "verify", *told[: len(words)], "--only", only, *(["--", *told[len(words) :]] if command else [])]
    )
