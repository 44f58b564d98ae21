"""What to change in a service, by what a failure did to it."""

from __future__ import annotations

import re

from .document import Attempt, Cell

_RETRIES = 3
"""From how many attempts on they are what takes the time."""
_LONG = 1.0
"""From how many seconds on these attempts are too long for who waits."""
_CONTENT = ("wrong", "empty", "cut", "error", "broken", "busy", "unauthorized", "missing")
"""Failures that a reply brings, in place of none."""
_LEAK = re.compile(r"connections to (.+?) are not given back")
_EXHAUSTED = re.compile(
    r"PoolTimeout|PoolError|EmptyPoolError|MaxConnectionsError|QueuePool limit|pool exhausted|[Tt]oo many connections"
)
"""How pools say that they have no connection left: psycopg's, psycopg2's, urllib3's, redis-py's, SQLAlchemy's."""


def advice(cell: Cell) -> str:
    """Return what would mend a cell, or show more, in a sentence or two; empty where it is as it should be."""
    name = cell.dependency
    if cell.state in ("failed", "not recovered") and (leak := _LEAK.search(cell.why)):
        return f"Return connections to {leak[1]} to the pool on error paths too: use `with`, or `finally`."
    match cell.state:
        case "hung" if _attempts(cell) >= _RETRIES:
            return (
                f"The attempts at {name} add up to more time than there is. Set one deadline for the whole request, "
                "not only a time-out for each attempt, and try less often."
            )
        case "hung":
            return (
                f"Nothing ends the wait for {name}. Set a connect and a read time-out that are shorter than the time "
                f"that your own callers wait, and give an answer without {name} when they expire."
            )
        case "crashed":
            return f"Catch the error where {name} is called, so that one request fails and not the whole process."
        case "not recovered" if _EXHAUSTED.search(cell.why):
            return (
                "The pool has no connection left: those that were taken during the failure were not returned. Return "
                "them on error paths too: use `with`, or `finally`."
            )
        case "not recovered":
            return (
                f"The service goes on using what broke: a connection to {name}, or an error that it stored. Discard "
                "a connection after an error, let the pool check connections before it hands them out, and never "
                "cache an error as if it were an answer."
            )
        case "first request failed":
            return (
                f"The service used a dead connection to {name}, or an answer from the outage, once more. Check "
                "connections before use, or try once again on a new one."
            )
        case "doubled":
            return (
                "The request was sent again after its work may have been done. Send the same idempotency key with "
                "every attempt, or do not try again."
            )
        case "failed":
            at = f" at {cell.place}" if cell.place is not None else ""
            what = "Check the reply before it is used" if cell.failure in _CONTENT else "Catch the error"
            tried, spent = _attempts(cell), _spent(cell)
            long = ""
            if tried >= _RETRIES and spent >= _LONG:
                long = (
                    f" It tried {tried} times in vain, for {spent:.1f} s, before that: set a deadline for all of them."
                )
            return (
                f"The service does not do without {name}. {what}{at}, and give a reduced answer: an older one, or one "
                "with less in it. If this answer is what users are to see, let the test accept it, or declare it in a "
                f"file, under verify.expect.{long}"
            )
        case "vacuous":
            return (
                f"The test uses {name} when all is healthy, and did not here: perhaps the answer was still in a "
                "cache. Clear that in the set-up of the test, so that the cell says something."
            )
        case "inconclusive":
            return (
                "The service did nothing wrong that was seen: the test's own code, or a fixture, failed by itself. "
                f"Let the test reach {name} through the service alone, or through connections of its own."
            )
        case "not run":
            return "Give the run more time with --budget, or go on with it: --resume."
    return ""


def _attempts(cell: Cell) -> int:
    """Return how often the application tried in vain before all was well again."""
    return len(_failed(cell))


def _spent(cell: Cell) -> float:
    """Return how many seconds went by until the last of these attempts had failed."""
    return max((each.at + each.seconds for each in _failed(cell)), default=0.0)


def _failed(cell: Cell) -> list[Attempt]:
    until = max((end for _, end in cell.timeline.broken), default=0.0)
    attempts = cell.timeline.attempts
    return [each for each in [one for one in attempts if one.what] or attempts if each.failed and each.at <= until]
