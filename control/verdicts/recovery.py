"""The rules for the time after healing, and for connections that are of no use any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..observations import Connection, Request
from .finding import Finding
from .operation import Operation, Step

_UNSURE = 0.01
"""Seconds after healing for which nobody can say whether a request met the fault: two clocks are compared."""


def recovers(operations: Sequence[Operation], healed: float, within: float) -> Iterator[Finding]:
    """A client works again soon after its dependency does. `healed` is the moment at which the last fault went."""
    after = sorted(
        (step for operation in operations for step in operation.steps if step.began >= healed + _UNSURE),
        key=lambda step: step.began,
    )
    good = [step for step in after if not step.kind]
    wanted = bool(good) and (after[0] is not good[0] or good[0].pause is not None)  # else nobody asked for anything
    if wanted and good[0].ended - healed > within:
        text = f"its first success came {good[0].ended - healed:.2f} s after healing; {within:g} s are expected"
        yield Finding("recovery", "error", text, _line(after, healed))
    elif after and not good:
        text = f"it did not succeed after healing, in {after[-1].ended - healed:.2f} s"
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
        numbers = ", ".join(map(str, kept[:6]))
        text = f"{len(kept)} of {len(connections)} connections are open on which no whole reply came"
        yield Finding("connections", "warning", text, f"open: {numbers}{', ...' if len(kept) > 6 else ''}")


def _line(steps: Sequence[Step], healed: float) -> str:
    shown = ", ".join(f"{step.outcome} at {step.began - healed:.2f} s" for step in steps[:6])
    return f"after healing: {shown}{', ...' if len(steps) > 6 else ''}"
