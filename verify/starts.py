"""The start of what the journeys go to, as a journey: what it asks of dependencies before anything is asked of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from ..proxy import Fleet
from ..testing.verified.channel import Failure
from ..testing.verified.traces import Project, tail
from . import oracle
from .document import Call, Cell, Harm, Journey, Place, State
from .known import Known
from .lane import Lane
from .plan import Journeyed, Planned
from .printed import LET_GO, printed
from .stage import Stage
from .timeline import moment, timeline
from .traffic import so_far
from .watch import Watch

NAME = "(start)"
"""The name of this journey."""

Began = Callable[[], Awaitable[str]]
"""Waits until it has begun, and returns what is wrong; empty where all is well."""


def note_start(known: Known, fleet: Fleet, seconds: float) -> None:
    """Take what was asked of dependencies so far by what took these `seconds` to start."""
    if found := so_far(fleet):
        known.journeys[NAME] = Journey(NAME, round(seconds, 3))
        known.usual[NAME] = Journeyed(NAME, seconds, found, by_entry=False, twice=2 * seconds)
        known.note_used(NAME, "start", found)


async def start_cell(lane: Lane, cell: Planned, began: Began, project: Project) -> Cell:
    """Start it anew under a failure, and where that did not go well once more with all well again."""
    watches: list[Watch] = []

    def before(fleet: Fleet) -> None:
        watches.append(Watch(fleet, cell.breaking))
        watches[0].arm()

    since, call = await _started(lane, before, lambda: watches[0].let_go(), began, cell.breaking.budget, project)
    watch = watches[0]
    calls = [msgspec.structs.replace(call, at=moment(since - watch.zero))]
    watch.disarm()
    times = timeline(watch, cell.breaking)
    state, why, harm = _judged(call, watch.fired)
    if call.outcome != "passed" and watch.fired:
        await lane.close()
        since, again = await _started(lane, lambda fleet: None, lambda: None, began, cell.breaking.budget, project)
        calls.append(msgspec.structs.replace(again, at=moment(since - watch.zero)))
        if again.outcome != "passed":
            state, why = "not recovered", f"it does not start after the dependency was healthy again: {again.error}"
    return Cell(
        *cell.key,
        state=state,
        why=why,
        fired=watch.fired,
        budget=cell.breaking.budget,
        calls=tuple(calls),
        place=call.place,
        harm=harm,
        timeline=times,
    )


async def _started(
    lane: Lane,
    before: Callable[[Fleet], None],
    let_go: Callable[[], None],
    began: Began,
    budget: float,
    project: Project,
) -> tuple[float, Call]:
    """Return when it was started, and what came of it; `let_go` is called where it has not begun in its time."""
    await lane.close()
    since = time.monotonic()
    stage = await lane.open(before)
    try:
        async with asyncio.timeout(budget):
            wrong = await began()
    except TimeoutError:
        seconds = time.monotonic() - since
        let_go()
        said = await printed(stage, project, stage.silent, LET_GO)
        late = "it had not begun when its time was over"
        return since, Call("ended", seconds, late, _place(said), shown=_shown(stage))
    lane.note_met()
    seconds = time.monotonic() - since
    if not wrong:
        return since, Call("passed", seconds)
    said = await printed(stage, project, stage.silent)
    error = wrong if said is None else f"{wrong}: {said['type']}: {oracle.first_line(said['text'])}"
    return since, Call("failed", seconds, error, _place(said), shown=_shown(stage))


def _place(said: Failure | None) -> Place | None:
    return None if said is None else oracle.place_of(said)


def _shown(stage: Stage) -> str:
    return tail(stage.printed_since(stage.silent))


def _judged(call: Call, fired: int) -> tuple[State, str, Harm]:
    if not fired:
        if call.outcome == "passed":
            return "vacuous", "it asked nothing of the dependency while that was broken", ""
        return "inconclusive", f"{call.error}, with nothing broken for it", ""
    if call.outcome == "passed":
        return "resilient", "", ""
    return ("hung" if call.outcome == "ended" else "failed"), call.error, "unavailable"


async def session_began(lane: Lane) -> str:
    """Wait for the session of tests; return what is wrong."""
    session = await lane.ready()
    if session is None:
        return f"the command {oracle.ended(lane.code)} before it ran tests"
    return "tests cannot be collected" if session.errors else ""
