"""The rules for one operation: how often, after which pause and after which failure the client tried again.

What looks like the attempts of one operation may be `calls` of them. Then `calls - 1` of the attempts begin one, nobody
knows which, and a rule finds only what is wrong whichever they are.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator

from .finding import Finding
from .operation import Operation, span

MANY = 10
"""How many attempts are no longer a few."""
INSTANT = 0.02
"""Seconds below which a pause is none: a client needs some of them to begin again."""
_AT_ONCE = 3
"""How many retries without a pause are none of jitter's: it makes one short now and then."""
_ENOUGH = 5
"""How many pauses can do without some of them."""
_BY_CHANCE = 0.001
"""About how many operations with full jitter may be found to pause equally long, as a share."""
_UNAUTHORIZED = ("401", "407")


def bounded(operation: Operation, most: int | None, calls: int = 1) -> Iterator[Finding]:
    """A client gives up after some attempts. Where nobody says how many, it may be one that asks now and then."""
    limit = calls * (MANY if most is None else most)
    if len(operation.steps) > limit:
        text = f"the client tried {len(operation.steps)} times; at most {limit} are expected"
        yield Finding("bounded-attempts", "warning" if most is None else "error", text, str(operation))


def within_deadline(operation: Operation, deadline: float, calls: int = 1) -> Iterator[Finding]:
    """A client gives up, or succeeds, within the time that its own caller has."""
    took = span(operation.steps)
    if took > deadline and calls == 1:
        yield Finding(
            "deadline", "error", f"the client took {took:.2f} s; the deadline is {deadline:g} s", str(operation)
        )


def backs_off(operation: Operation, opens_after: int | None = None, calls: int = 1) -> Iterator[Finding]:
    """A client waits before it tries again, and longer each time. The first retry may come at once.

    With jitter a few come at once by chance, so a finding needs more than half of all attempts. A client with a circuit
    breaker fails fast until that opens, and then tries as often as it is told.
    """
    pauses = operation.pauses
    at_once = sum(pause < INSTANT for pause in pauses)
    if at_once >= calls * max(_AT_ONCE, opens_after or 0) and at_once > (1 + len(pauses)) / 2:
        yield Finding("back-off", "error", f"the client tried {at_once} times again without a pause", str(operation))
        return
    if pauses and pauses[0] < INSTANT:
        pauses = pauses[1:]
    if opens_after is None and calls == 1 and len(pauses) >= 3 and _are_equal(pauses):
        text = f"its pauses do not grow: {_listed(pauses)}"
        yield Finding("back-off", "warning", text, str(operation))


def _are_equal(pauses: list[float]) -> bool:
    """Say whether all pauses have about the same length, and jitter is unlikely to be the reason.

    Full jitter draws each pause from a range that is about twice as long as their median. The formula estimates how
    often that many pauses lie this close together.
    """
    differ = spread(pauses)
    if differ >= equal_within(pauses):
        return False
    part, close = differ / (2 * statistics.median(pauses)), len(_usual(pauses))
    return math.comb(len(pauses), close) * close * part ** (close - 1) < _BY_CHANCE


def spread(pauses: list[float]) -> float:
    """Return how much the usual pauses differ."""
    usual = _usual(pauses)
    return usual[-1] - usual[0]


def _usual(pauses: list[float]) -> list[float]:
    """Return pauses from the shortest, of many without the longest third: a busy machine lengthens some of them."""
    return sorted(pauses)[: len(pauses) - len(pauses) // 3 if len(pauses) >= _ENOUGH else None]


def equal_within(pauses: list[float]) -> float:
    """Return how much pauses of the same length may differ. It is little: those with jitter are alike by chance too."""
    return INSTANT / 2 + 0.05 * statistics.median(pauses)


def honours_retry_after(operation: Operation, calls: int = 1) -> Iterator[Finding]:
    """A client waits at least as long as the reply asked it to."""
    return itertools.islice(_too_early(operation), calls - 1, calls)


def _too_early(operation: Operation) -> Iterator[Finding]:
    for before, after in itertools.pairwise(operation.steps):
        asked = before.retry_after
        if asked is None or after.pause is None:
            continue
        # A date has whole seconds, so what is left until then is not a whole number, and may be a second less.
        tolerance = 0.05 * asked if asked.is_integer() else 1.0
        if after.pause < asked - tolerance:
            text = f"the reply asked the client to wait {asked:.3g} s, but it waited {after.pause:.2f} s"
            yield Finding("retry-after", "error", text, str(operation))


def leaves_final(operation: Operation, calls: int = 1) -> Iterator[Finding]:
    """A client does not repeat what will fail again. After 401 it may, once, with fresh credentials."""
    return itertools.islice(_after_final(operation), calls - 1, calls)


def _after_final(operation: Operation) -> Iterator[Finding]:
    refreshed = False
    for before, after in itertools.pairwise(operation.steps):
        if before.kind != "final":
            continue
        if before.outcome in _UNAUTHORIZED and after.outcome != before.outcome and not refreshed:
            refreshed = True
            continue
        text = f"the client tried again after '{before.outcome}', which says that the same request fails again"
        yield Finding("final-failure", "error", text, str(operation))


def repeats_safely(operation: Operation, calls: int = 1) -> Iterator[Finding]:
    """A client does not repeat what may have been done, unless it may be done twice."""
    return itertools.islice(_repeats(operation), calls - 1, calls)


def _repeats(operation: Operation) -> Iterator[Finding]:
    for before in operation.steps[:-1]:
        if before.kind == "ambiguous" and not before.repeatable:
            text = (
                f"the client tried again after '{before.outcome}' without an idempotency key, although the work may "
                "have been done"
            )
            yield Finding("unsafe-repeat", "error", text, str(operation))


def _listed(pauses: list[float]) -> str:
    shown = [f"{pause:.2f} s" for pause in pauses[:4]]
    return ", ".join([*shown, "..."] if len(pauses) > len(shown) else shown)
