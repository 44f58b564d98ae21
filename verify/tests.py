"""Tests as journeys: a command that runs pytest with our plugin in its environment."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from ..control.verdicts.expectations import Expectations
from ..control.verdicts.judged import judged
from ..proxy import Fleet
from ..testing.verified.channel import Renewed
from . import oracle, starts
from .document import Cell, Journey, Judged, Timeline
from .known import Known, NoTestsError, NothingFoundError, Progress, RedError, Wanted
from .lane import Lane
from .oracle import Healthy
from .plan import Journeyed, Planned, may_be_wanted
from .printed import by_application
from .stage import Ran, Session
from .timeline import timeline
from .traffic import Traffic
from .watch import Answered, Seen, Watch

_OFTEN, _BRIEF = 8, 0.5
"""How often a test is called to see what it asks in each call, and for how many seconds at most it lasts then."""
_ONCE: tuple[Renewed, ...] = ("function",)
_NAMED = 5
"""How many red tests are named."""


class Tests:
    """All tests of a session, first together as the command runs them, then each alone and twice."""

    def __init__(self, known: Known, wanted: Wanted, progress: Progress) -> None:
        self._known = known
        self._wanted = wanted
        self._progress = progress

    async def learn(self, lanes: Sequence[Lane]) -> int:
        """Run them in health. Raises RedError, NoTestsError, NothingFoundError."""
        lane = lanes[0]
        session = await lane.ready()
        assert session is not None
        self._known.project = session.project
        if session.errors:
            raise RedError(
                "tests cannot be collected, with nothing broken", "mend that first: pytest says what is wrong"
            )
        tests = [each for each in session.tests if may_be_wanted(self._wanted.only, each)]
        if not tests:
            found = f"{len(session.tests)} tests, and --only matches none of them" if session.tests else "no tests"
            raise NoTestsError(f"the command collects {found}", "brownout verify -- pytest tests")
        self._note_session(session)
        self._progress.phase("healthy", len(tests))
        watch, ran = await self._healthy(lane, tests)
        if not ran.done:
            last = watch.seen[-1].test if watch.seen else "the first test"
            what = f"{last} hangs" if watch.hung is not None else f"the process of the tests ended in {last}"
            raise RedError(f"{what}, with nothing broken", "look into its output")
        return await self._alone(lanes, watch.seen)

    def _note_session(self, session: Session) -> None:
        if session.cannot_fork:
            self._known.notes.append(
                f"each run starts the command again, which takes time: {session.cannot_fork}, so it cannot be forked"
            )
        if session.taken_back:
            self._known.notes.append(f"taken back, since each test runs alone: {', '.join(session.taken_back)}")

    async def _healthy(
        self,
        lane: Lane,
        tests: Sequence[str],
        calls: Sequence[Renewed] = _ONCE,
        usual: Iterable[str] | None = None,
    ) -> tuple[Watch, Ran]:
        watches: list[Watch] = []

        def watched(fleet: Fleet) -> Watch:
            watches.append(Watch(fleet, None, told=self._progress.step, usual=usual))
            return watches[0]

        ran = await lane.run(tests, watched, calls=calls)
        return watches[0], ran

    async def _often(self, lane: Lane, seen: Seen) -> tuple[Seen, Ran]:
        """Call a test twice, then once more on the same fixtures; that call is kept apart from the others."""
        watch, ran = await self._healthy(lane, [seen.test], ("function", "function", "nothing"), seen.inside)
        found = watch.seen[0] if watch.seen else Seen(seen.test)
        if found.calls and found.calls[-1].renewed == "nothing":
            found.kept = found.calls.pop()
        return found, ran

    async def _alone(self, lanes: Sequence[Lane], together: Sequence[Seen]) -> int:
        """Run each test that reaches something, or was red, alone and twice: what is not green there is in no cell.

        Return how many lanes may be used: more than one where tests are green beside each other.
        """
        _check("hangs", [seen.test for seen in together if seen.hung])
        reached = [seen for seen in together if seen.inside or seen.around or not _is_green(seen)]
        for seen in together:
            if seen not in reached:
                self._known.journeys[seen.test] = Journey(seen.test, _seconds(seen), "it reaches nothing")
        if not reached and starts.NAME not in self._known.usual:
            raise NothingFoundError(
                f"{len(together)} tests are green, and none of them reaches anything over TCP"
                if len(together) > 1
                else "the test is green, and reaches nothing over TCP",
                "`brownout deps -- COMMAND` says what was not seen; a service that the tests start and ask themselves "
                "is taken for the one under test",
            )
        self._progress.phase("alone", len(reached))
        waiting, found = deque(reached), dict[str, tuple[Seen, Ran]]()
        took: dict[str, float] = {}

        async def work(lane: Lane) -> None:
            while waiting:
                seen = waiting.popleft()
                began = time.monotonic()
                found[seen.test] = await self._often(lane, seen)
                took[seen.test] = time.monotonic() - began

        await asyncio.gather(*map(work, lanes))
        jobs = len(lanes)
        for seen in reached if jobs > 1 else ():
            if not _is_green(found[seen.test][0]) and _is_green(seen):
                again, ran = await self._often(lanes[0], seen)
                if _is_green(again):
                    jobs = 1
                    found[seen.test] = again, ran
        await self._look_for_chance(lanes[0], together, {test: seen for test, (seen, _) in found.items()})
        if jobs < len(lanes):
            self._known.notes.append(f"--jobs {len(lanes)} is not used: tests that are green alone fail beside others")
        red: list[str] = []
        for seen in reached:
            self._know(seen, *found[seen.test], took[seen.test], red)
        if self._known.usual and not any(each.by_entry for each in self._known.usual.values()):
            self._known.notes.append(
                "no test calls the application by a client that is known, so its answers are not seen: tests are "
                "judged by whether they pass, and by their tracebacks"
            )
        _check("red", red)
        return jobs

    async def _look_for_chance(self, lane: Lane, together: Sequence[Seen], alone: Mapping[str, Seen]) -> None:
        """Call tests more often that may have met by chance what is asked in the background, of some test at least."""
        background = frozenset[str]().union(*(seen.background for seen in alone.values()))
        for seen in together:
            found = alone.get(seen.test)
            doubtful = background & (found.inside.keys() if found is not None else frozenset())
            if found is None or not doubtful or _seconds(found) > _BRIEF:
                continue
            watch, _ = await self._healthy(lane, [seen.test], _ONCE * _OFTEN)
            green = [each for each in (watch.seen[0].calls if watch.seen else ()) if each.green]
            found.chance |= {name for name in doubtful if any(name not in each.inside for each in green)}

    def _know(self, together: Seen, alone: Seen, ran: Ran, took: float, red: list[str]) -> None:
        """Take what is known of a test in health; `took`: how many seconds its run alone took."""
        first = alone.calls[0] if alone.calls else None
        green, before = first is not None and first.green, _is_green(together)
        if not green and not before and not _reason(alone):
            red.append(f"{together.test} ({_why(alone, ran)})")
            return
        inside, around = _union(alone.inside, together.inside), _union(alone.around, together.around)
        always = [together.inside, *(each.inside for each in alone.calls)]
        for name in alone.background:
            if not all(name in each for each in always):
                alone.chance.add(name)
        not_alone = inside.keys() - frozenset[str]().union(*(each.inside for each in alone.calls))
        for name in alone.chance | not_alone:  # cells run alone; among others a test may meet what those left behind
            inside.pop(name, None)
        note = ""
        if reason := _reason(alone):
            note = reason
        elif not green:
            note = f"it is red when it runs alone: {_why(alone, ran)}"
        elif not before:
            note = f"it is flaky, or depends on others: red among them, green alone: {_why(together, ran)}"
        elif not inside:
            note = "only its fixtures, or its own code, reach something"
        seconds, repeatable = _seconds(alone), len(alone.calls) > 1 and alone.calls[-1].green
        known = self._known
        known.journeys[together.test] = Journey(together.test, seconds, note, repeatable)
        known.note_used(together.test, "test", inside)
        known.note_used(together.test, "fixtures", around)
        if note or first is None:
            return
        calls = alone.calls if alone.kept is None else [*alone.calls, alone.kept]
        most = {name: max(each.open.get(name, 0) for each in calls) for each in calls for name in each.open}
        answers = tuple(each.status for each in first.answered)
        bodies = tuple(_same(each) for each in zip(*(call.answered for call in alone.calls), strict=False))
        fixtures = frozenset(name for name, traffic in around.items() if traffic.connections)
        beside = frozenset(inside) - alone.by_itself
        gone = frozenset(each["program"] for each in first.call.ended) if first.call is not None else frozenset[str]()
        unsafe = {name: traffic.unsafe for name, traffic in inside.items()}
        kept = repeatable and alone.kept is not None and alone.kept.green
        known.healthy[together.test] = Healthy(
            seconds, answers, most, repeatable, kept, fixtures, beside, gone, unsafe, bodies
        )
        entered = alone.entered or together.entered
        known.usual[together.test] = Journeyed(together.test, seconds, inside, entered, took)

    async def cell(self, lane: Lane, cell: Planned) -> Cell:
        """Run a test under a failure, then with all well again.

        What fails by itself before the failure is met, as drawn names that were taken, has a second try.
        """
        if cell.journey == starts.NAME:
            return await starts.start_cell(lane, cell, lambda: starts.session_began(lane), self._known.project)
        tried = await self._cell(lane, cell)
        return await self._cell(lane, cell) if tried.state == "inconclusive" and not tried.fired else tried

    async def _cell(self, lane: Lane, cell: Planned) -> Cell:
        watches: list[Watch] = []
        found: list[Judged] = []
        times: list[Timeline] = []
        usual = self._known.usual[cell.journey]

        def watched(fleet: Fleet) -> Watch:
            watches.append(Watch(fleet, cell.breaking))
            return watches[0]

        def judge(fleet: Fleet) -> None:
            times.append(timeline(watches[0], cell.breaking))
            if cell.dependency in fleet.proxies:
                asked = usual.inside.get(cell.dependency, Traffic()).trips
                expected, since, until = Expectations(operations=asked or None), watches[0].began, watches[0].until
                views = judged(fleet, expected, proxy=cell.dependency, since=since, until=until)
                found.extend(Judged(each["rule"], each["level"], each["text"], each["evidence"]) for each in views)

        healthy = self._known.healthy[cell.journey]
        after = [*(oracle.KEPT if healthy.kept else ()), *oracle.RENEWED]
        calls: list[Renewed] = ["function", after[0]]
        ran = await lane.run([cell.journey], watched, calls=calls, red=after[1:], ended=judge)
        watch = watches[0]
        for call in watch.seen[-1].calls if watch.seen else ():
            call.printed = by_application(self._known.project, call.log)
        verdict = oracle.judge(watch, ran, healthy, cell.dependency, found)
        if verdict.state in oracle.SURVIVED and oracle.may_leak(watch.seen[-1], healthy):
            verdict = await self._leaks(lane, cell) or verdict
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
            timeline=times[0],
        )

    async def _leaks(self, lane: Lane, cell: Planned) -> oracle.Verdict | None:
        """Run a test under a failure several times, and say whether each of them leaves connections open."""
        watches: list[Watch] = []

        def watched(fleet: Fleet) -> Watch:
            watches.append(Watch(fleet, cell.breaking._replace(times=oracle.FAILURES)))
            return watches[0]

        ran = await lane.run([cell.journey], watched, calls=_ONCE * 2 * oracle.FAILURES)
        healthy = self._known.healthy[cell.journey]
        return oracle.leaks(watches[0].seen[-1], healthy) if ran.done and watches[0].hung is None else None


def _check(what: str, wrong: Sequence[str]) -> None:
    """Raise RedError for tests with which something is wrong."""
    if wrong:
        more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise RedError(
            f"{what} with nothing broken: {', '.join(wrong[:_NAMED])}{more}",
            "mend them, or leave them out: -- pytest --deselect TEST",
        )


def _is_green(seen: Seen) -> bool:
    return bool(seen.calls) and seen.calls[-1].green


def _reason(seen: Seen) -> str:
    """Return why a test says nothing: it is skipped, or expected to fail."""
    phases = [phase for each in seen.calls for phase in (each.setup, each.call)]
    return next((phase.reason for phase in phases if phase is not None and phase.reason), "")


def _same(answers: Sequence[Answered]) -> str:
    """Return the body that an answer has in each call, empty where it is not always the same one."""
    bodies = {each.body for each in answers}
    return bodies.pop() if len(bodies) == 1 and len(answers) > 1 else ""


def _seconds(seen: Seen) -> float:
    call = seen.calls[0].call if seen.calls else None
    return round(call.seconds, 3) if call is not None else 0.0


def _union(one: Mapping[str, Traffic], other: Mapping[str, Traffic]) -> dict[str, Traffic]:
    """Return the larger traffic of two runs: what is kept in a cache is asked for in one of them."""
    names = [*one, *(name for name in other if name not in one)]
    return {
        name: max(one.get(name, Traffic()), other.get(name, Traffic()), key=lambda each: each.turns) for name in names
    }


def _why(seen: Seen, ran: Ran) -> str:
    """Return what was wrong with a test, in a line."""
    phases = [phase for each in seen.calls for phase in (each.setup, each.call) if phase is not None and phase.failure]
    if not phases or phases[0].failure is None:
        return "its process ended" if not ran.done else "it did not come to its end"
    failure = phases[0].failure
    return f"{failure['type']}: {oracle.first_line(failure['text'])}"
