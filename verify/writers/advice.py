"""What to change in a service, by what a failure did to it."""

from __future__ import annotations

from ..document import Attempt, Cell

_RETRIES = 3
"""From how many attempts on they are what takes the time."""
_LONG = 1.0
"""From how many seconds on these attempts are too long for who waits."""
_CONTENT = ("wrong", "empty", "cut", "error", "broken", "busy", "unauthorized", "missing")
"""Failures that a reply brings, in place of none."""


def advice(cell: Cell) -> str:
    """Return what would mend a cell, or show more, in a sentence or two; empty where it is as it should be."""
    name = cell.dependency
    match cell.state:
        case "hung" if _attempts(cell) >= _RETRIES:
            return (
                f"The attempts at {name} add up to more time than there is. Bound them together, by a deadline for the "
                "whole request and not only by a time-out for each attempt, and try less often."
            )
        case "hung":
            return (
                f"Nothing ends the wait for {name}. Give the call a time-out, to connect and to read, that is shorter "
                "than what its own caller waits, and answer without it after that."
            )
        case "crashed":
            return f"Catch the error of {name} where it is asked, so that one request fails and not the process."
        case "not recovered":
            return (
                f"What broke is still in use. Drop a connection to {name} that failed, let the pool check one before "
                "it is handed out, and keep no error as if it were an answer."
            )
        case "first request failed":
            return (
                f"A connection to {name} that is dead, or an answer from the outage, is used once more. Check "
                "connections before they are handed out, or try once again on a new one."
            )
        case "doubled":
            return (
                "It was sent again after its work may have been done. Send an idempotency key that stays the same for "
                "all attempts, or do not try again."
            )
        case "failed" if "not given back" in cell.why:
            return f"Give connections to {name} back on the way of an error too: with `with`, or in a `finally`."
        case "failed":
            at = f" at {cell.place}" if cell.place is not None else ""
            what = "Check what comes back before it is used" if cell.failure in _CONTENT else "Catch what it raises"
            tried, spent = _attempts(cell), _spent(cell)
            long = ""
            if tried >= _RETRIES and spent >= _LONG:
                long = f" It tried {tried} times in vain, for {spent:.1f} s, before that: bound them by a deadline."
            return (
                f"The service does not do without {name}. {what}{at}, and give an answer that needs none of it: an "
                "older or a smaller one. If users may get this answer, let the test accept it, or declare it in a "
                f"file, under verify.expect.{long}"
            )
        case "vacuous":
            return (
                f"The test uses {name} when all is well, and did not here: perhaps what it asks for was still in a "
                "cache. Empty that in its set-up, so that it says something."
            )
        case "inconclusive":
            return (
                "The service did nothing wrong that was seen: the code of the test, or a fixture, failed by itself. "
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
