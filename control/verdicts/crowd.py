"""The rules for many operations: how they compare, and what they add up to."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from .finding import Finding
from .operation import Operation
from .retries import MANY, equal_within, spread

_COMPARED = 3
"""How many operations there must be to compare their pauses."""
_ALIKE = 8
"""How many pauses must be as long as another: as in five operations with two each, or in nine with one. Of fewer, those
with a jitter of 20% are alike by chance in one run of twenty."""
_LONG = 0.2
"""Seconds below which pauses of the same length and others cannot be told apart: a busy machine adds to both."""
_CROWD = 10
"""How many operations there must be to speak of a storm."""


def has_jitter(operations: Sequence[Operation]) -> Iterator[Finding]:
    """Clients that failed together do not come back together: the n-th pauses of several operations differ.

    With jitter a few pauses are alike by chance, or because they have reached their cap. Without, all are.
    """
    tried = [operation for operation in operations if operation.pauses]
    alike = 0
    first: list[float] = []
    for nth in range(max((len(operation.pauses) for operation in tried), default=0)):
        pauses = [operation.pauses[nth] for operation in tried if len(operation.pauses) > nth]
        if len(pauses) < _COMPARED:
            break
        if statistics.median(pauses) < _LONG:
            continue
        if spread(pauses) >= equal_within(pauses):
            return
        alike += len(pauses) - 1
        first = first or pauses
    if alike >= _ALIKE:
        text = f"{len(first)} operations paused equally long before the same attempt: {statistics.median(first):.2f} s"
        yield Finding("jitter", "warning", text, f"{tried[0]}; {tried[1]}")


def bounded_together(operations: Sequence[Operation], told: int, most: int | None) -> Iterator[Finding]:
    """So many operations make at most so many attempts, also after failures that looked like successes."""
    limit = MANY if most is None else most
    attempts = sum(len(operation.steps) for operation in operations)
    if attempts > told * limit:
        noun = "operation" if told == 1 else "operations"
        text = f"{told} {noun} became {attempts} attempts; at most {limit} for each are expected"
        longest = max(operations, key=lambda operation: len(operation.steps))
        yield Finding("bounded-attempts", "warning" if most is None else "error", text, str(longest))


def amplifies_little(operations: Sequence[Operation], most: float, calls: int = 1) -> Iterator[Finding]:
    """Retries do not multiply what a failing dependency has to carry. One operation may be `calls` of them."""
    met = [operation for operation in operations if any(step.kind for step in operation.steps)]
    attempts = sum(len(operation.steps) for operation in met)
    count = len(met) + calls - 1
    if count >= _CROWD and attempts > most * count:
        ratio = attempts / count
        text = f"{count} operations became {attempts} attempts, {ratio:.1f} times the load; {most:g} are expected"
        yield Finding("retry-storm", "warning", text, str(max(met, key=lambda operation: len(operation.steps))))
