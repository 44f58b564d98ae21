"""The rule for a circuit breaker: it opens, stays quiet, probes, and closes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .finding import Finding
from .operation import Operation, Step


def keeps(operations: Iterable[Operation], failures: int, quiet: float, probes: int) -> Iterator[Finding]:
    """After that many failures in a row a client is quiet for `quiet` seconds, then sends at most `probes` at once."""
    steps = sorted((step for operation in operations for step in operation.steps), key=lambda step: step.ended)
    for opened in _openings(steps, failures):
        later = sorted((step for step in steps if step.began > opened), key=lambda step: step.began)
        early = [step for step in later if step.began < opened + 0.95 * quiet]
        if early:
            text = (
                f"after {failures} failures in a row the client should stay quiet for {quiet:g} s, and it tried again"
            )
            yield Finding("circuit-breaker", "error", text, _line(opened, early))
            return
        at_once = [step for step in later if step.began < later[0].ended]
        if len(at_once) > probes:
            text = f"the client sent {len(at_once)} probes at once; at most {probes} are expected"
            yield Finding("circuit-breaker", "error", text, _line(opened, at_once))
            return


def _openings(steps: list[Step], failures: int) -> Iterator[float]:
    """Yield when the breaker should open: after enough failures in a row, then after each failed probe."""
    row = 0
    for step in steps:
        row = row + 1 if step.ill else 0
        if row >= failures:
            yield step.ended


def _line(opened: float, steps: list[Step]) -> str:
    shown = ", ".join(f"{step.outcome} at {step.began - opened:.2f} s" for step in steps[:6])
    return f"after it should have opened: {shown}{', ...' if len(steps) > 6 else ''}"
