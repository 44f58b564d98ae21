"""What is tried, and what is to come of it: the mistakes of the fragile build, and the cells that find them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ....verify.document import Cell, State

ROWS = (
    "postgres/refused",
    "redis/refused",
    "redis/hangs",
    "tokens/error",
    "tokens/hangs",
    "gateway/error",
    "gateway/wrong",
    "gateway/lost",
    "notifications/error",
    "notifications/hangs",
)
"""The failures that are tried, each with all journeys that meet it: 30 cells for a build."""
GRACEFUL: tuple[State, ...] = ("resilient", "degraded")


class Mistake(NamedTuple):
    """A mistake of the fragile build, the cell that finds it, and how that shows.

    `file` is where the cell points to, in the build's folder. `rule` is a rule of verdicts that is broken as well,
    empty for none.
    """

    name: str
    what: str
    cell: str
    state: State
    file: str
    rule: str = ""


MISTAKES = (
    Mistake("fatal-start", "without Redis the shop does not start", "redis/refused/(start)", "failed", "cache.py"),
    Mistake("cache-fatal", "no search without the cache", "redis/refused/search", "failed", "cache.py"),
    Mistake("no-timeout", "a service that hangs makes the shop hang", "tokens/hangs/sign-in", "hung", "calls.py"),
    Mistake("blind-retries", "ten requests without a pause", "tokens/error/sign-in", "failed", "tokens.py", "back-off"),
    Mistake("no-key", "the customer pays three times", "gateway/lost/checkout", "doubled", "payments.py"),
    Mistake("contract", "another answer than usual ends in a 500", "gateway/wrong/checkout", "failed", "payments.py"),
    Mistake("error-cached", "an error page is kept as data", "gateway/error/search", "not recovered", "payments.py"),
    Mistake(
        "notify-in-path", "a mail that was not sent is a 500", "notifications/error/checkout", "failed", "events.py"
    ),
    Mistake(
        "writes-fatal", "a database that takes no writes is a 500", "postgres/refused/register", "failed", "database.py"
    ),
    Mistake(
        "restart-unnoticed",
        "a closed connection is not opened again",
        "postgres/refused/search",
        "not recovered",
        "database.py",
    ),
)


def finds(cell: Cell, mistake: Mistake) -> bool:
    """Say whether a cell shows a mistake, and where it is."""
    if cell.state != mistake.state or cell.place is None or not cell.place.file.endswith(f"fragile/{mistake.file}"):
        return False
    return not mistake.rule or mistake.rule in {each.rule for each in cell.judged}


def missed(fragile: Mapping[str, Cell], graceful: Mapping[str, Cell]) -> Iterator[str]:
    """Yield a sentence for each difference from what was seeded. The cells are given by their names."""
    if fragile.keys() != graceful.keys():
        yield f"the builds differ in their cells: {', '.join(sorted(fragile.keys() ^ graceful.keys()))}"
    for mistake in MISTAKES:
        if mistake.cell not in fragile or not finds(fragile[mistake.cell], mistake):
            found = f", which is {fragile[mistake.cell].state}" if mistake.cell in fragile else ", which was not run"
            yield f"{mistake.name} was not found by {mistake.cell}{found}"
    for name, cell in graceful.items():
        if cell.state not in GRACEFUL:
            yield f"the graceful build: {name} is {cell.state}: {cell.why}"
