"""What to change in a service, by what a failure did to it."""

from __future__ import annotations

import re

from .document import Attempt, Cell
from .oracle import AND_TEST

_RETRIES = 3
"""The number of attempts from which on they are what takes the time."""
_LONG = 1.0
"""Seconds of such attempts that are worth a deadline for all of them."""
_CONTENT = ("wrong", "empty", "cut", "error", "broken", "busy", "unauthorized", "missing")
"""Failures that a reply brings, in place of none."""
_LEAK = re.compile(r"connections to (.+?) leak,")
_EXHAUSTED = re.compile(
    r"PoolTimeout|PoolError|EmptyPoolError|MaxConnectionsError|QueuePool limit|pool exhausted|[Tt]oo many connections"
)
"""How pools say that they have no connection left: psycopg's, psycopg2's, urllib3's, redis-py's, SQLAlchemy's."""
_CONNECTION = re.compile(
    r"\b\w*(?:Operational|Interface|Connection|Disconnect|Timeout|Protocol|Socket|OS|Pipe)\w*Error"
)
"""Errors of a connection."""
_CONTENT_ERROR = re.compile(r"\b\w*(?:Decode|Validation|Key|Type|Value|Index|Attribute)\w*Error")
"""Errors by what came over one."""


def starved(cell: Cell) -> str:
    """Return the dependency whose connections leak, or `a pool` where one has none left; else nothing."""
    if cell.state not in ("failed", "not recovered", "first request failed"):
        return ""
    leak = _LEAK.search(cell.why)
    return leak[1] if leak else "a pool" if cell.state != "failed" and _EXHAUSTED.search(cell.why) else ""


def advice(cell: Cell) -> str:
    """Return what to change, or what would show more, in a sentence or two; empty where it is as it should be."""
    name, short = cell.dependency, starved(cell)
    match cell.state:
        case "failed" | "not recovered" if short and short != "a pool":
            return f"Return connections to {short} to the pool on error paths too: use `with`, or `finally`."
        case "not recovered" if short:
            return (
                "The pool has no connection left: those that were taken during the failure were not returned. Return "
                "them on error paths too: use `with`, or `finally`."
            )
        case "first request failed" if short:
            return (
                "The pool had no connection for the first request after the failure. Let it connect sooner, or let "
                "requests wait longer for a connection."
            )
        case "hung" if _attempts(cell) >= _RETRIES:
            return (
                f"The attempts at {name} add up to more time than there is. Set one deadline for the whole request, "
                "not only a timeout for each attempt, and try less often."
            )
        case "hung":
            return (
                f"Nothing ended the wait for {name} in this time. Set connect and read timeouts that are shorter than "
                "those of your callers, and return a fallback when they expire."
            )
        case "crashed" if "exit code" in cell.why:
            return (
                f"The process was ended on purpose, by sys.exit() or os._exit(), since {name} failed. Return an error "
                "instead, so that one request fails and not the whole process."
            )
        case "crashed":
            return f"Catch the error where {name} is called, so that one request fails and not the whole process."
        case "not recovered":
            return _kept(cell, "keeps using {}.", "keeps using it")
        case "first request failed":
            return _kept(cell, "used {} once more.", "used it once after recovery")
        case "doubled":
            return (
                "The request was sent again after its work may have been done. Send the same idempotency key with "
                "every attempt, or do not retry."
            )
        case "failed":
            at = f" at {cell.place}" if cell.place is not None and not _in_test(cell) else ""
            said = cell.why.partition(AND_TEST)[0]
            unread = _CONTENT_ERROR.search(said) or (cell.failure in _CONTENT and not _CONNECTION.search(said))
            what = "Check the reply before it is used" if unread and at else "Catch the error"
            tried, spent = _attempts(cell), _spent(cell)
            long = ""
            if tried >= _RETRIES and spent >= _LONG:
                long = (
                    f" It tried {tried} times in vain, for {spent:.1f} s, before that: set a deadline for all of them."
                )
            return (
                f"The service cannot answer without {name}. {what}{at}, and return a cached or a partial answer. If "
                f"this is intended, say so in a file: `verify: {{expect: {{{name}/{cell.failure}: unavailable}}}}`."
                f"{long}"
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


def _in_test(cell: Cell) -> bool:
    """Say whether the line of a cell is where its test noticed."""
    return bool(cell.calls) and cell.calls[0].by == "test" and cell.calls[0].place == cell.place


def _kept(cell: Cell, connection: str, answer: str) -> str:
    """Return what of the failure the service went on using, by the error that came of it, and what to do about it."""
    used = (
        f"The service {connection.format(f'a dead connection to {cell.dependency}')} Discard a connection after an "
        "error, and check connections before use, or retry once on a new one."
    )
    cached = f"The service cached a bad reply during the outage, and {answer}. Check a reply before it is cached."
    if _CONNECTION.search(cell.why):
        return used
    return cached if _CONTENT_ERROR.search(cell.why) else f"{used} Or: {cached[0].lower()}{cached[1:]}"


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
