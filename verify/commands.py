"""A command that is one journey: it is run anew for each cell, with the failure there from its start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from ..proxy import Fleet
from .document import Call, Cell, Harm, Journey, Outcome, State, Timeline
from .known import Known, NothingFoundError, Progress, RedError
from .lane import Lane
from .plan import Journeyed, Planned
from .timeline import moment, timeline
from .traffic import Traffic, so_far
from .watch import Breaking, Watch

NAME = "command"
"""The name of this journey."""
_LONGEST = 600.0
"""Seconds that a command may take while nothing is broken."""


class CommandRan(NamedTuple):
    """How a command ended: its exit code, None where its time was over first."""

    code: int | None
    seconds: float
    fired: int
    traffic: dict[str, Traffic]
    began: float
    zero: float
    """When the failure began. Both times are by the clock of its fleet."""
    timeline: Timeline

    @property
    def green(self) -> bool:
        """Whether it ended well."""
        return self.code == 0

    @property
    def error(self) -> str:
        """What is wrong with it."""
        return "" if self.green else "it was still running" if self.code is None else f"exit code {self.code}"

    def call(self, zero: float) -> Call:
        """Return it as a call, with its beginning after `zero`, by the clock of its fleet."""
        outcome: Outcome = "passed" if self.green else "ended" if self.code is None else "failed"
        return Call(outcome, self.seconds, self.error, at=moment(self.began - zero))


async def run_command(lane: Lane, breaking: Breaking | None) -> CommandRan:
    """Run the command of a lane, with faults from its start."""
    watches: list[Watch] = []

    def before(fleet: Fleet) -> None:
        watches.append(Watch(fleet, breaking))
        watches[0].arm()

    began = time.monotonic()
    stage = await lane.open(before)
    code = await stage.ended(_LONGEST if breaking is None else breaking.budget)
    seconds = time.monotonic() - began
    lane.note_met()
    traffic = so_far(stage.fleet)
    watches[0].disarm()
    seen = Timeline() if breaking is None else timeline(watches[0], breaking)
    await lane.close()
    return CommandRan(code, seconds, watches[0].fired, traffic, began, watches[0].zero, seen)


class Command:
    """The command, as a journey."""

    def __init__(self, known: Known, progress: Progress) -> None:
        self._known = known
        self._progress = progress

    async def learn(self, lanes: Sequence[Lane]) -> int:
        """Run it twice in health, the second time as often at once as it may be. Raises RedError, NothingFoundError."""
        known = self._known
        known.notes.append("no session of pytest with this Brownout in its environment: the command is one journey")
        self._progress.phase("healthy", 2)
        self._progress.step(NAME)
        ran = await run_command(lanes[0], None)
        _check(ran)
        self._progress.step(NAME)
        again = await asyncio.gather(*(run_command(lane, None) for lane in lanes))
        jobs = len(lanes) if all(each.green for each in again) else 1
        if jobs < len(lanes):
            known.notes.append(f"--jobs {len(lanes)} is not used: the command fails beside itself")
            again = [await run_command(lanes[0], None)]
        _check(again[0])
        if not ran.traffic:
            raise NothingFoundError(
                "the command reaches nothing over TCP", "`brownout deps -- COMMAND` says what was not seen"
            )
        known.journeys[NAME] = Journey(NAME, round(ran.seconds, 3))
        known.usual[NAME] = Journeyed(NAME, ran.seconds, ran.traffic, by_entry=False, twice=2 * ran.seconds)
        known.note_used(NAME, "test", ran.traffic)
        return jobs

    async def cell(self, lane: Lane, cell: Planned) -> Cell:
        """Run it under a failure and, where that did not go well, once more with all well again."""
        ran = await run_command(lane, cell.breaking)
        calls = [ran.call(ran.zero)]
        state, why, harm = _judged(ran)
        if not ran.green and ran.fired:
            again = await run_command(lane, cell.breaking._replace(faults=()))
            calls.append(again.call(ran.zero))
            if not again.green:
                state, why, harm = (
                    "not recovered",
                    f"still broken after the dependency was healthy again: {calls[1].error}",
                    "unavailable",
                )
        budget = cell.breaking.budget
        return Cell(
            *cell.key,
            state=state,
            why=why,
            fired=ran.fired,
            budget=budget,
            calls=tuple(calls),
            harm=harm,
            timeline=ran.timeline,
        )


def _check(ran: CommandRan) -> None:
    if not ran.green:
        raise RedError(f"the command fails with nothing broken: {ran.error}", "look into its output")


def _judged(ran: CommandRan) -> tuple[State, str, Harm]:
    if not ran.fired:
        if ran.green:
            return "vacuous", "it asked nothing of the dependency while that was broken", ""
        return "inconclusive", f"{ran.error}, with nothing broken for it", ""
    if ran.green:
        return "resilient", "", ""
    if ran.code is None:
        return "hung", "it was not done when its time was over", "unavailable"
    return "failed", ran.error if ran.code > 0 else f"it was ended by signal {-ran.code}", "unavailable"
