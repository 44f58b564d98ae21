"""The rules for the time after healing, and for connections that are left open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..observations import Connection
from .finding import Finding
from .operation import Operation, Step


def recovers(operations: Sequence[Operation], healed: float, within: float) -> Iterator[Finding]:
    """A client works again soon after its dependency does. `healed` is the moment at which the last fault went."""
    after = sorted(
        (step for operation in operations for step in operation.steps if step.began >= healed),
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


def returns_connections(connections: Sequence[Connection], failed: float) -> Iterator[Finding]:
    """A client does not keep more connections open than it had before the first fault, at the moment `failed`."""
    before = _most_open([each for each in connections if each.began < failed], failed)
    left = [each for each in connections if each.end == "open"]
    if before and len(left) > before:
        text = f"{len(left)} connections are open; at most {before} were before the first fault"
        shown = ", ".join(f"connection {each.number}" for each in left[:6])
        yield Finding("connections", "warning", text, f"open: {shown}{', ...' if len(left) > 6 else ''}")


def _most_open(connections: Sequence[Connection], until: float) -> int:
    """Return how many of them were open at once."""
    moments = [(each.began, 1) for each in connections]
    moments += [(min(each.began + each.seconds, until), -1) for each in connections]
    most = now = 0
    for _, step in sorted(moments):
        now += step
        most = max(most, now)
    return most


def _line(steps: Sequence[Step], healed: float) -> str:
    shown = ", ".join(f"{step.outcome} at {step.began - healed:.2f} s" for step in steps[:6])
    return f"after healing: {shown}{', ...' if len(steps) > 6 else ''}"
