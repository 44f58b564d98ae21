"""What a run says of its faults when the command has ended: a line for each profile and proxy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from . import figures

if TYPE_CHECKING:
    from ..proxy.ledger import Asked, Line
    from ..proxy.record.finding import Finding

VACUOUS = 3
"""The exit code in place of 0 where something that was asked for came to nothing, under --strict."""
_SHOWN = 40
"""How many lines are shown; what is beyond them is counted."""


def lines(asked: Sequence[Asked]) -> list[str]:
    """Return the summary: one line per profile and proxy, and its injections below where they differ."""
    if not asked:
        return ["nothing was injected"]
    found = [line for group in _groups(asked) for line in _lines(group)]
    found += [(_name(each), _nothing(each.finding)) for each in asked if not each.lines and each.finding is not None]
    width = max(len(what) for what, _ in found)
    written = [f"{what:{width}}  {did}" for what, did in found]
    return written if len(written) <= _SHOWN else [*written[:_SHOWN], f"... and {len(written) - _SHOWN} more"]


def verdict(asked: Sequence[Asked]) -> str:
    """Return what --strict fails on, in a line; empty where there is nothing. Chance alone fails nothing."""
    failed = [
        f"{_name(each)} ({_times(each)}{each.finding.text})"
        for each in asked
        if each.finding is not None and not each.spared
    ]
    return f"exit {VACUOUS}, nothing fired: {'; '.join(failed)}" if failed else ""


def warnings(asked: Sequence[Asked]) -> list[str]:
    """Return what chance alone has spared."""
    return [
        f"warning: {_name(each)}: {each.finding.text}; {each.finding.hint}"
        for each in asked
        if each.finding is not None and each.spared
    ]


class _Group(NamedTuple):
    """What a profile did on a proxy, or an injection by itself."""

    name: str
    lines: list[Line]


def _groups(asked: Sequence[Asked]) -> Iterator[_Group]:
    """Yield what the summary has a line for."""
    groups: dict[tuple[str, str, Line | None], list[Line]] = {}
    for each in asked:
        for line in each.lines:
            group = groups.setdefault((each.profile, line.proxy, None if each.profile else line), [])
            if line not in group:  # two keys of a profile may mean one proxy
                group.append(line)
    for (profile, proxy, _), found in groups.items():
        yield _Group(f"{profile or found[0].name} on {proxy}", found)


def _lines(group: _Group) -> Iterator[tuple[str, str]]:
    said = [_did(line) for line in group.lines]
    alike = len({_kind(line) for line in group.lines}) == 1
    if len(said) == 1 or (alike and _kind(group.lines[0]) != "fired"):
        yield group.name, said[0]
        return
    fired = sum(line.fired > 0 for line in group.lines)
    yield group.name, f"fired: {fired} of {figures.many(len(said), 'injection')}"
    if not alike:
        yield from ((f"  {line.name}", did) for line, did in zip(group.lines, said, strict=True))


def _kind(line: Line) -> str:
    """Return what makes two injections differ."""
    if line.fired:
        return "fired"
    if line.finding is None:
        return "unseen"
    return "no_connection" if line.finding.cause == "nobody_refused" else line.finding.cause


def _did(line: Line) -> str:
    counts = ", ".join(figures.hits(line.matched, line.chosen, line.fired, line.injection.get("per")))
    times = f" ({line.vacuous} of {line.placed} times nothing)" if line.placed > 1 and line.vacuous else ""
    if line.fired:
        return f"{counts}{times}"
    if line.finding is not None and not line.refused:
        return f"{_nothing(line.finding)}{times}"
    if line.port == "hanging":
        return f"unseen: {figures.many(line.refused or 0, 'SYN')} dropped{times}"
    if line.port == "refusing":
        if line.refused is None:
            return "unseen: nobody can count what it refuses"
        if not line.refused:  # RSTs were sent: to a client elsewhere, or by another program
            return "unseen: no connection attempt failed on this machine, but one from elsewhere may have"
        return f"unseen: {figures.many(line.refused, 'connection attempt')} failed on this machine meanwhile{times}"
    return counts


def _nothing(finding: Finding) -> str:
    return f"nothing fired: {finding.text}{f'; {finding.hint}' if finding.hint else ''}"


def _times(asked: Asked) -> str:
    """Return how often nothing came of an injection that was placed several times, if that is not always."""
    if asked.profile or asked.lines[0].placed == asked.lines[0].vacuous:
        return ""
    line = asked.lines[0]
    return f"{line.vacuous} of {line.placed} times: "


def _name(asked: Asked) -> str:
    if not asked.profile:
        return f"{asked.lines[0].name} on {asked.lines[0].proxy}"
    return f"{asked.profile} on {', '.join(dict.fromkeys(line.proxy for line in asked.lines)) or asked.key}"
