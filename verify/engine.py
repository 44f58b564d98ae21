"""The phases of a `verify`: healthy runs, the plan, the cells, and what they have in common."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import importlib.metadata
import os
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from typing import IO, Protocol

import msgspec

from ..faults.failures import failures
from . import shown
from .baseline import compare
from .commands import Command
from .coverage import coverage
from .document import SCHEMA, Cell, Document, Key
from .expected import Expected
from .findings import causes, repeat
from .known import Known, NothingFoundError, Progress, Wanted
from .lane import Lane, Setting
from .plan import Planned, plan
from .resumed import taken
from .service import Service
from .starts import note_start
from .tests import Tests

_LAST = 30.0
"""Seconds that the command has at the very end: more sessions may come, which are named."""


class Source(Protocol):
    """Where journeys come from: tests, a command, or what is asked of a service."""

    async def learn(self, lanes: Sequence[Lane]) -> int:
        """Run them in health, and return how many of the lanes may be used at a time.

        Raises RedError, NoTestsError, NothingFoundError.
        """

    async def cell(self, lane: Lane, cell: Planned) -> Cell:
        """Run one of them under a failure."""


class Engine:
    """One run. `cells` are those that are finished, whatever happens to it.

    It goes on with the run `before`, if there is one, and is compared with `baseline`.
    """

    def __init__(
        self,
        setting: Setting,
        wanted: Wanted,
        expected: Expected,
        progress: Progress,
        *,
        before: Document | None = None,
        baseline: Document | None = None,
    ) -> None:
        self._setting = setting
        self._wanted = wanted
        self._expected = expected
        self._progress = progress
        self._began = time.monotonic()
        self._at = datetime.datetime.now(datetime.UTC)
        self._known = Known()
        self._before = before
        self._baseline = baseline
        self._plan: list[Planned] = []
        self.cells: dict[Key, Cell] = {}

    async def run(self) -> None:
        """Do all of it.

        Raises NothingFoundError, NoTestsError, RedError, and BrownoutError and OSError for what cannot be run.
        """
        with contextlib.ExitStack() as stack:
            lanes = [self._lane(stack, number) for number in range(self._wanted.jobs)]
            try:
                source = await self._source(lanes[0])
                jobs = await source.learn(lanes)
                self._make_plan(jobs)
                await self._run_cells(source, lanes[:jobs])
            finally:
                for lane in lanes:
                    await lane.close(_LAST)
                for tests in lanes[0].more:
                    self._known.notes.append(
                        f"another session of pytest comes later, whose {tests} tests are left out: verify it by itself"
                    )

    def _lane(self, stack: contextlib.ExitStack, number: int) -> Lane:
        """Return a lane. What its command writes comes to that of the first lane's in the end."""
        setting = self._setting
        if number:
            beside = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 the stack closes it
            stack.callback(_append, beside, setting.plan.output)
            setting = setting._replace(plan=setting.plan._replace(output=beside))
        return Lane(setting, self._known.dependencies)

    async def _source(self, lane: Lane) -> Source:
        """Start the command, and see what it is."""
        if self._expected.journeys:
            return Service(self._known, self._expected.journeys, self._progress)
        self._progress.phase("starting", 1)
        self._progress.step(self._setting.plan.command[0])
        began = time.monotonic()
        stage = await lane.open()
        if await lane.ready() is not None:
            note_start(self._known, stage.fleet, time.monotonic() - began)
            return Tests(self._known, self._wanted, self._progress)
        await lane.close()
        return Command(self._known, self._progress)

    def _make_plan(self, jobs: int) -> None:
        wanted, known = self._wanted, self._known
        found = [*known.dependencies.values()]
        usual = list(known.usual.values())
        planned = plan(found, usual, wanted.level, wanted.only, wanted.cell_timeout, self._expected.failures)
        if not planned:
            raise NothingFoundError(
                f"--only {' '.join(wanted.only)} matches no cell"
                if wanted.only
                else "no journey reaches a dependency by itself",
                f"the dependencies are {', '.join(known.dependencies)}"
                if wanted.only
                else "--report-dir keeps what was seen",
            )
        if self._before is not None:
            self.cells = taken(self._before, planned)
            self._progress.say(f"{len(self.cells)} of {len(planned)} cells are done, by the report")
        self._plan = planned
        full = [(each.name, "", failure.name, "") for each in found for failure in failures(each.protocol, "full")]
        if not wanted.only and (unused := self._expected.unused([*full, *(each.key for each in planned)])):
            known.notes.append(
                f"verify.expect in the file matches no cell with {', '.join(unused)}; the dependencies are "
                f"{', '.join(known.dependencies)}"
            )
            self._progress.say(known.notes[-1])
        left = self._left()
        estimates = [each.estimate(known.usual[each.journey], wanted.cell_timeout) / jobs for each in left]
        self._progress.planned(left, found, estimates)

    @property
    def planned(self) -> bool:
        """Whether there is a plan."""
        return bool(self._plan)

    def _left(self) -> list[Planned]:
        """Return what is still to be run."""
        return [each for each in self._plan if each.key not in self.cells]

    async def _run_cells(self, source: Source, lanes: Sequence[Lane]) -> None:
        waiting = deque(self._left())
        self._progress.phase("cells", len(waiting))

        async def work(lane: Lane) -> None:
            while waiting:
                planned = waiting.popleft()
                if self._over():
                    cell = planned.left_out("not run", "the time for all of it was over")
                else:
                    self._progress.step(" ".join(filter(None, planned.key)))
                    cell = self._expected.judged(await source.cell(lane, planned))
                self.cells[planned.key] = cell
                self._progress.done(cell)

        workers = [asyncio.ensure_future(work(lane)) for lane in lanes]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    def _over(self) -> bool:
        return self._wanted.budget is not None and time.monotonic() - self._began > self._wanted.budget

    def document(self, ended: str = "", *, under_way: bool = False) -> Document:
        """Return all that is known by now, as it may be shown; `ended` is why it ended before its time.

        A thread may call it while the run goes on, once there is a plan: what may grow is copied first.

        Until there is a plan, a run that goes on with another one knows no more than that one.
        """
        known, command, before = self._known, self._setting.plan.command, self._before
        dependencies, used = tuple(known.dependencies.values()), tuple(known.used)
        if before is not None and not self._plan:
            return before
        run = [self.cells.get(each.key) or each.left_out("not run", ended) for each in self._plan]
        cells = [msgspec.structs.replace(each, repeat=repeat(each, self._wanted.words, command)) for each in run]
        found = Document(
            schema=SCHEMA,
            brownout=importlib.metadata.version("brownout"),
            seed=self._setting.seed,
            level=self._wanted.level,
            command=tuple(command),
            began=self._at.isoformat(timespec="seconds") if before is None else before.began,
            seconds=round(time.monotonic() - self._began + (before.seconds if before is not None else 0), 1),
            ended=ended,
            dependencies=dependencies,
            journeys=tuple(known.journeys.values()),
            used=used,
            cells=tuple(cells),
            causes=tuple(causes(cells)),
            coverage=tuple(coverage(dependencies, used, cells)),
            notes=tuple(known.notes),
            asked=self._wanted.words,
            declared=self._wanted.declared,
            under_way=under_way,
        )
        found = shown.struct(found)
        if self._baseline is None:
            return found
        return msgspec.structs.replace(found, compared=compare(self._baseline, found.cells, self._wanted.only))


def _append(text: IO[bytes], to: IO[bytes]) -> None:
    text.seek(0)
    to.seek(0, os.SEEK_END)
    shutil.copyfileobj(text, to)
    to.flush()
