"""The rules for the time after healing, and for connections that are of no use any more."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from ..observations import Connection, Request
from .finding import Finding
from .operation import Operation, Step

_UNSURE = 0.01
"""Seconds after healing for which nobody can say whether a request met the fault: two clocks are compared."""

_LEAK = 3
"""How many connections that are not used again are no coincidence."""


def recovers(operations: Sequence[Operation], healed: float, within: float) -> Iterator[Finding]:
    """A client works again soon after its dependency does. `healed` is the moment at which the last fault went."""
    after = sorted(
        (step for operation in operations for step in operation.steps if step.began >= healed + _UNSURE),
        key=lambda step: step.began,
    )
    good = [step for step in after if not step.ill]
    wanted = bool(good) and (after[0] is not good[0] or good[0].pause is not None)  # else nobody asked for anything
    if wanted and good[0].ended - healed > within:
        text = f"its first success came {good[0].ended - healed:.2f} s after healing; {within:g} s are expected"
        yield Finding("recovery", "error", text, _line(after, healed))
    elif after and not good:
        text = f"the client did not succeed after healing, in {after[-1].ended - healed:.2f} s"
        yield Finding("recovery", "error", text, _line(after, healed))


def closes_broken(requests: Sequence[Request], connections: Sequence[Connection]) -> Iterator[Finding]:
    """A client closes a connection on which a reply did not come, or not all of it: it is of no use any more."""
    last = {each.connection: each for each in sorted(requests, key=lambda request: request.began)}
    kept = [
        each.number
        for each in connections
        if each.end == "open" and each.number in last and last[each.number].end in ("lost", "cut")
    ]
    if kept:
        text = f"{len(kept)} of {len(connections)} connections are open on which no whole reply came"
        yield Finding("connections", "warning", text, _open(kept))


def gives_back(requests: Sequence[Request], connections: Sequence[Connection], calls: int = 1) -> Iterator[Finding]:
    """A client gives a connection back when a call on it fails: its next attempt does not open another one.

    One operation may be `calls` of them, each of another client. It is silent where a connection is used again after a
    failure: then those that are not belong to other clients.
    """
    opened = {each.number: each.began for each in connections}
    held = {each.number for each in connections if each.end == "open"}
    users: dict[int, list[Request]] = {}
    for each in requests:
        users.setdefault(each.connection, []).append(each)
    if any(each.failed and not each.end for used in users.values() for each in used[:-1]):
        return
    kept: list[int] = []
    for before, after in itertools.pairwise(sorted(requests, key=lambda each: (each.group, each.attempt))):
        if before.group != after.group or not before.failed or before.end or before.connection not in held:
            continue
        if opened.get(after.connection, 0.0) > before.began + before.seconds:
            kept.append(before.connection)
    if len(kept) >= calls - 1 + _LEAK:
        text = f"{len(kept)} connections are open and unused after a failure, and each next attempt opened another one"
        yield Finding("connections", "warning", text, _open(kept))


def _open(numbers: Sequence[int]) -> str:
    return f"open: {', '.join(map(str, numbers[:6]))}{', ...' if len(numbers) > 6 else ''}"


def _line(steps: Sequence[Step], healed: float) -> str:
    shown = ", ".join(f"{step.outcome} at {step.began - healed:.2f} s" for step in steps[:6])
    return f"after healing: {shown}{', ...' if len(steps) > 6 else ''}"
