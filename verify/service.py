"""Journeys of a configuration file: commands and HTTP requests to a service.

The command is the service then: it is started, and its connections are caught. Without one it runs elsewhere, and its
dependencies are reached through the file's proxies.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import shlex
import signal
import time
from collections.abc import Mapping, Sequence
from typing import IO, NamedTuple
from urllib.parse import urlsplit

from ..control.verdicts.expectations import Expectations
from ..control.verdicts.judged import judged
from ..faults.config.verify_section import JourneyEntry, Probe
from ..testing.verified.channel import Failure, Phase
from . import oracle, starts
from .document import Cell, Journey, Judged
from .known import Known, NothingFoundError, Progress, RedError
from .lane import Lane
from .oracle import Healthy
from .plan import Journeyed, Planned
from .printed import LET_GO, printed
from .stage import Ran, Stage
from .timeline import timeline
from .watch import PATIENCE, Watch

READY = 30.0
"""Seconds in which a service is to answer after its start."""
_PAUSE = 0.2
_MOST_BODY = 1 << 20


class Service:
    """What is asked of a service."""

    def __init__(self, known: Known, journeys: Mapping[str, JourneyEntry], progress: Progress) -> None:
        self._known = known
        self._journeys = journeys
        self._progress = progress

    async def learn(self, lanes: Sequence[Lane]) -> int:
        """Start it, and ask everything twice in health: one lane alone, for it has its ports.

        Raises RedError, NothingFoundError.
        """
        known, lane = self._known, lanes[0]
        if len(lanes) > 1:
            known.notes.append(f"--jobs {len(lanes)} is not used: there is one service")
        await self._start(lane)
        self._progress.phase("healthy", 2 * len(self._journeys))
        red = []
        watches = {name: [await self._healthy(lane, each) for _ in range(2)] for name, each in self._journeys.items()}
        for name, (one, two) in watches.items():
            first, second = one.seen[0].calls[0], two.seen[0].calls[0]
            if not (first.green and second.green):
                red.append(f"{name} ({oracle.said_of(first if not first.green else second)})")
                continue
            seconds = first.call.seconds if first.call is not None else 0.0
            inside = one.seen[0].inside | two.seen[0].inside
            known.journeys[name] = Journey(name, round(seconds, 3), "" if inside else "it reaches nothing")
            known.note_used(name, "test", inside)
            most = {dependency: max(first.open.get(dependency, 0), count) for dependency, count in second.open.items()}
            answers = tuple(each.status for each in first.answered)
            unsafe = {dependency: traffic.unsafe for dependency, traffic in inside.items()}
            known.healthy[name] = Healthy(seconds, answers, most, repeatable=True, unsafe=unsafe)
            if inside:
                known.usual[name] = Journeyed(name, seconds, inside, by_entry=False, twice=2 * seconds)
        if red:
            raise RedError(f"red with nothing broken: {', '.join(red)}", "mend that first")
        if not known.usual:
            raise NothingFoundError("no journey reaches anything", "`brownout deps -- COMMAND` shows more")
        return 1

    async def _healthy(self, lane: Lane, journey: JourneyEntry) -> Watch:
        self._progress.step(journey.name)
        stage = await self._ready(lane)
        watch = Watch(stage.fleet, None)
        watch.hear({"kind": "test", "test": journey.name})
        await self._call(watch, journey, PATIENCE, stage)
        lane.note_met()
        return watch

    async def _start(self, lane: Lane) -> None:
        """Start the service for the first time, and take what its start asks for."""
        began = time.monotonic()
        stage = await lane.open()
        if stage.starts:
            if wrong := await self._began(lane):
                raise RedError(f"the service does not start, with nothing broken: {wrong}", "look into its output")
            if starts.NAME not in self._known.usual:
                starts.note_start(self._known, stage.fleet, time.monotonic() - began)

    async def _began(self, lane: Lane) -> str:
        """Wait until the service takes connections, or else until a journey is green; return what is wrong."""
        stage, first = lane.stage, next(iter(self._journeys.values()))
        probe = next((each.probe for each in self._journeys.values() if each.probe is not None), None)
        assert stage is not None
        until = time.monotonic() + READY
        while stage.alive and time.monotonic() < until:
            if await _listens(probe) if probe is not None else (await done(first, READY, stage.output)).green:
                return ""
            await asyncio.sleep(_PAUSE)
        return "it does not answer" if stage.alive else f"it {oracle.ended(await stage.ended())}"

    async def _ready(self, lane: Lane) -> Stage:
        """Return a stage whose service answers: it may have to be started."""
        if lane.stage is None or not lane.stage.alive:
            await lane.close()
            await self._start(lane)
        assert lane.stage is not None
        return lane.stage

    async def _call(self, watch: Watch, journey: JourneyEntry, within: float, stage: Stage) -> bool:
        """Let a journey happen, and tell the watch as tests do; return whether it is green."""
        watch.hear({"kind": "phase", "when": "setup", **_PASSED})
        watch.hear({"kind": "calls"})
        probe = journey.probe
        watch.asked = f"{probe.method} {urlsplit(probe.url).path or '/'}" if probe is not None else journey.name
        began, at, written = time.monotonic(), stage.fleet.clock.time(), stage.written
        found = await done(journey, within, stage.output)
        seconds = time.monotonic() - began
        hung = not found.green and seconds >= within
        if hung:
            watch.let_go()
        logged = None
        if probe is not None:
            if not found.green:
                logged = await printed(stage, self._known.project, written, LET_GO if hung else 0.0)
            watch.note_answer(found.status, seconds, at, None if logged is None else {**logged})
        failure = None
        if not found.green:
            frames = [] if logged is None else logged["frames"]
            failure = Failure(
                type="AssertionError", text=found.wrong, frames=frames, libraries=[], handed="", shown=found.wrong
            )
        await stage.fleet.hangups_heard(_PAUSE)
        said = Phase(
            outcome="passed" if found.green else "failed",
            at=began,
            seconds=seconds,
            failure=failure,
            reason="",
            ended=[],
            log="",
        )
        watch.hear({"kind": "phase", "when": "call", **said})
        return found.green

    async def cell(self, lane: Lane, cell: Planned) -> Cell:
        """Let a journey happen under a failure, then with all well again.

        The service is started again for the next cell if it was started under a failure, if its connections were reset
        to end a call, or if it is still broken.
        """
        if cell.journey == starts.NAME:
            started = await starts.start_cell(lane, cell, lambda: self._began(lane), self._known.project)
            await lane.close()
            return started
        journey = self._journeys[cell.journey]
        stage = await self._ready(lane)
        watch = Watch(stage.fleet, cell.breaking)
        watch.hear({"kind": "test", "test": journey.name})
        await self._call(watch, journey, cell.breaking.budget, stage)
        for _ in range(2):
            if stage.alive and await self._call(watch, journey, cell.breaking.budget, stage):
                break
        else:
            if stage.starts and journey.probe is not None and not await _listens(journey.probe):
                await stage.ended()  # its sockets are closed before its end is told
        found: list[Judged] = []
        if cell.dependency in stage.fleet.proxies:
            since, until = watch.began, watch.until
            views = judged(stage.fleet, Expectations(), proxy=cell.dependency, since=since, until=until)
            found = [Judged(each["rule"], each["level"], each["text"], each["evidence"]) for each in views]
        ran = Ran(None if stage.alive else await stage.ended(), stage.alive, "", None)
        healthy = self._known.healthy[cell.journey]
        verdict = oracle.judge(watch, ran, healthy, cell.dependency, found)
        leaked, last = None, watch
        if verdict.state in oracle.SURVIVED and stage.alive and oracle.may_leak(watch.seen[-1], healthy):
            last = again = Watch(stage.fleet, cell.breaking._replace(times=oracle.FAILURES))
            again.hear({"kind": "test", "test": journey.name})
            for _ in range(2 * oracle.FAILURES):
                await self._call(again, journey, cell.breaking.budget, stage)
            leaked = oracle.leaks(again.seen[-1], healthy)
            verdict = leaked or verdict
        if not stage.alive:
            verdict = oracle.Verdict("crashed", f"the service {oracle.ended(ran.status)}")
        elif stage.starts and (leaked is not None or watch.hung is not None or not last.seen[-1].calls[-1].green):
            await lane.close()
        answered = watch.seen[-1].calls[0].answered
        allowed = journey.probe.degraded if journey.probe is not None else ()
        if verdict.state == "failed" and answered and answered[0].status in allowed:
            verdict = verdict._replace(state="degraded", harm="degraded")
        return Cell(
            *cell.key,
            state=verdict.state,
            why=verdict.why,
            fired=watch.fired,
            budget=cell.breaking.budget,
            calls=oracle.calls(watch, ran),
            judged=tuple(found),
            place=verdict.place,
            harm=verdict.harm,
            timeline=timeline(watch, cell.breaking),
        )


_PASSED = {"outcome": "passed", "at": 0.0, "seconds": 0.0, "failure": None, "reason": "", "ended": (), "log": ""}


class Done(NamedTuple):
    """How a journey ended: the status of a probe, and what is wrong where it is not green."""

    green: bool
    status: int | None
    wrong: str


async def done(journey: JourneyEntry, within: float, output: IO[bytes]) -> Done:
    """Let a journey happen."""
    if journey.probe is not None:
        return await asyncio.to_thread(_probe, journey.probe, within)
    return await _script(journey.command, within, output)


async def _listens(probe: Probe) -> bool:
    to = urlsplit(probe.url)
    try:
        _, writer = await asyncio.open_connection(to.hostname, to.port or 80)
    except OSError:
        return False
    writer.close()
    return True


def _probe(probe: Probe, timeout: float) -> Done:
    to = urlsplit(probe.url)
    headers = dict(probe.headers)
    if probe.body.lstrip()[:1] in ("{", "["):
        headers.setdefault("Content-Type", "application/json")
    connection = http.client.HTTPConnection(to.hostname or "", to.port or 80, timeout=timeout)
    try:
        path = f"{to.path or '/'}?{to.query}" if to.query else to.path or "/"
        connection.request(probe.method, path, probe.body or None, headers)
        reply = connection.getresponse()
        body = reply.read(_MOST_BODY).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return Done(False, None, f"{type(error).__name__}: {error}")
    finally:
        connection.close()
    if reply.status != probe.status:
        return Done(False, reply.status, f"the answer was {reply.status} in place of {probe.status}")
    if probe.contains not in body:
        return Done(False, reply.status, f"the answer does not contain '{probe.contains}'")
    return Done(True, reply.status, "")


async def _script(command: Sequence[str], within: float, output: IO[bytes]) -> Done:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
    )
    try:
        code = await asyncio.wait_for(process.wait(), within)
    except TimeoutError:
        return Done(False, None, "it did not end in time")
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Done(code == 0, None, "" if code == 0 else f"`{shlex.join(command)}` ended with exit code {code}")
