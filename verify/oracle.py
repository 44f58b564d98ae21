"""What became of a cell, from what was seen: no author has to say what is right.

Red where the healthy run was green, a 5xx or an exception that leaves the application, a test that hangs, a process
that ends, work that is done twice, a service that stays broken once its dependency is well. A red test is looked at:
what failed may be the test itself, which says nothing about the application.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..testing.verified.channel import Renewed
from .document import Answer, Call, Harm, Judged, Place, State
from .stage import Ran
from .timeline import moment
from .traffic import Traffic
from .watch import Answered, CallSeen, Phase, Seen, Watch

RENEWED: Sequence[Renewed] = ("function", "function", "all")
"""Which fixtures are set up again before each call after healing; the second and third call follow only a red one."""
KEPT: Sequence[Renewed] = ("nothing", "nothing")
"""The calls before these, for a test that is green in health if it is called again on the same fixtures."""
FAILURES = 3
"""How many failures show whether connections are given back."""
SURVIVED: tuple[State, ...] = ("resilient", "degraded")
_STACKS = 2000
"""How many characters of the stacks of all threads are kept: what was called last stands first."""
AND_TEST = ", and the test failed: "
"""What stands between the words of a service and those of its test."""
_LOG = 4000
"""How many characters of what was logged are kept, the last ones."""
_GRACEFUL = 500
"""The first status that a service is not to answer, whatever its dependencies do."""


class Healthy(NamedTuple):
    """What is known of a journey from runs in which nothing was broken.

    `answers` are the statuses of the application in their order, `open` the most connections that were open to each
    dependency after its calls. `repeatable`: a second call in one process is green if function-scoped fixtures are set
    up again; `kept`: it is green on the same fixtures too. `fixtures` are the dependencies to which its fixtures
    connect, `beside` those that it reaches only by processes beside its own. `ended` are the programs that it had
    started and that ended during its call. `unsafe` counts, for each dependency, requests that must not be repeated.
    `bodies` are digests of the answers, empty for one that is another each time.
    """

    seconds: float
    answers: tuple[int | None, ...]
    open: Mapping[str, int]
    repeatable: bool
    kept: bool = False
    fixtures: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()
    unsafe: Mapping[str, int] = {}
    bodies: tuple[str, ...] = ()


class Verdict(NamedTuple):
    """A state, why, the line of the project where it happened, and what the journey had of the service."""

    state: State
    why: str
    place: Place | None = None
    harm: Harm = "unavailable"


def calls(watch: Watch, ran: Ran) -> tuple[Call, ...]:
    """Return the calls of the test that was run last as data."""
    return tuple(_call(each, ran, watch) for each in watch.seen[-1].calls if each.began) if watch.seen else ()


def judge(watch: Watch, ran: Ran, healthy: Healthy, dependency: str, found: Sequence[Judged]) -> Verdict:
    """Return what became of a test. `found` is what the rules of verdicts found of the application as a client."""
    seen = watch.seen[-1] if watch.seen else None
    first = seen.calls[0] if seen is not None and seen.calls else None
    if seen is None or first is None or not first.began:
        return _without_a_call(watch, first, ran)
    stuck = None if ran.stuck is None else Place(ran.stuck["file"], ran.stuck["line"], ran.stuck["function"])
    if (ended_early := _ended_early(watch, seen, ran, stuck, beside=dependency in healthy.beside)) is not None:
        return ended_early if watch.fired else _without_a_fault(ended_early.why, ended_early.place)
    assert first.call is not None
    red = first.call.outcome != "passed"
    crashed = next((each for each in first.call.ended if each["program"] not in healthy.ended), None)
    if not watch.fired:
        if red:
            return _without_a_fault(_said(first.call), _place(first.call))
        return Verdict("vacuous", "the dependency was not asked while it was failing")
    hung_later = None if watch.hung is None or watch.hung < 1 else seen.calls[watch.hung]
    over_held = hung_later is not None and hung_later.renewed == "nothing" and _over_held(hung_later, seen)
    if hung_later is not None and healthy.repeatable and not over_held:
        return Verdict("not recovered", "the next call hangs, although the dependency is healthy again", stuck)
    if red and crashed is not None:
        return Verdict("crashed", f"{crashed['program']} {ended(crashed['status'])}")
    after = _recovery(seen, healthy, dependency)
    if after is not None and after.state != "inconclusive":
        return after
    broken = _broken_answer(first, healthy)
    if broken is None and red and not seen.entered and _whose(first.call) == "application":
        if _handed(first.call):
            return _over_theirs(first.call)
        broken = Verdict("failed", _said(first.call), _place(first.call))
    asked = seen.inside.get(dependency, Traffic()).unsafe
    twice = next((each for each in found if each.rule == "unsafe-repeat"), None)
    if twice is not None and asked > healthy.unsafe.get(dependency, 0):  # else the application asks that often anyway
        return Verdict("doubled", f"{twice.evidence.partition(':')[0]}: {twice.text}", broken and broken.place)
    if broken is not None:
        return broken
    if red:
        return _red(first, healthy, beside=dependency in healthy.beside)
    if watch.hung is not None and not over_held:
        return Verdict("inconclusive", "the fixtures did not end in time after the dependency was healthy again", stuck)
    return after or _other_answer(first, healthy) or Verdict("resilient", "", harm="")


def _ended_early(watch: Watch, seen: Seen, ran: Ran, stuck: Place | None, *, beside: bool) -> Verdict | None:
    """Return that the first call hung, or that the process ended in a call or behind it."""
    first = seen.calls[0]
    if watch.hung == 0:
        in_test = ran.stuck is not None and ran.stuck["test"]
        if first.call is not None and not seen.entered and _handed(first.call):
            return _over_theirs(first.call)
        if in_test and not seen.entered and not beside and (first.call is None or _whose(first.call) == "test"):
            return Verdict("inconclusive", "the test's own code was still waiting when its time was over", stuck)
        place = stuck if ran.stuck is not None and not in_test else _where(first) or stuck
        return Verdict("hung", f"{watch.stood or 'the call'} was still waiting when its time was over", place)
    if ran.done or (watch.hung is not None and first.call is not None):
        return None
    when = f" while it handled {watch.asked}" if watch.handles else ""
    if first.call is not None:
        when = f"{when}, after the dependency was healthy again"
    return Verdict("crashed", f"the process {ended(ran.status)}{when}", stuck)


def _over_theirs(call: Phase) -> Verdict:
    """Judge what failed over a connection of the test: the application's own may have other timeouts, and retries."""
    why = f"the test handed its own {_handed(call)} to the application, and that failed: {_said(call)}"
    return Verdict("inconclusive", why, _place(call))


def _without_a_fault(what: str, place: Place | None) -> Verdict:
    """Judge what cannot be due to a failure, since that was not met."""
    return Verdict("inconclusive", f"the test failed before the failure reached it: {what}", place)


def _without_a_call(watch: Watch, first: CallSeen | None, ran: Ran) -> Verdict:
    if watch.hung is not None:
        return Verdict("inconclusive", "the fixtures did not end in time, with nothing failing")
    if first is not None and first.setup is not None and first.setup.outcome == "failed":
        return Verdict("inconclusive", f"the fixtures failed, with nothing failing: {_said(first.setup)}")
    if not ran.done:
        return Verdict("inconclusive", f"the process {ended(ran.status)} before the failure began")
    return Verdict("inconclusive", "the test was skipped")


def ended(status: int | None) -> str:
    """Return how a process ended, as a sentence goes on."""
    if status is None:
        return "was lost"
    return f"was ended by signal {-status}" if status < 0 else f"ended with exit code {status}"


def _broken_answer(first: CallSeen, healthy: Healthy) -> Verdict | None:
    """Return the first request that the application answered with 5xx, or by an exception, and did not when healthy."""
    for number, answer in enumerate(first.answered):
        before = healthy.answers[number] if number < len(healthy.answers) else 200
        if (bad := _bad(answer)) is not None and answer.status != before:
            return Verdict("failed", _told(answer, f" ({before} when healthy)"), place_of(bad) if bad else None)
    return None


def _bad(answer: Answered) -> Mapping[str, Any] | None:
    """Return the exception that left the application, or was logged with a 5xx; empty for a 5xx without."""
    if answer.failure is not None:
        return answer.failure
    return (answer.logged or {}) if (answer.status or 0) >= _GRACEFUL else None


def _told(answer: Answered, compared: str = "") -> str:
    if answer.failure is not None:
        return f"{answer.asked} raised {_exception(answer.failure)}"
    logged = f": {_exception(answer.logged)}" if answer.logged is not None else ""
    return f"{answer.asked} returned {answer.status}{compared}{logged}"


def _other_answer(first: CallSeen, healthy: Healthy) -> Verdict | None:
    """Return the first request that was answered with another status than when healthy."""
    for answer, before in zip(first.answered, healthy.answers, strict=False):
        if answer.status != before:
            why = f"{answer.asked} returned {answer.status} ({before} when healthy)"
            return Verdict("degraded", why, harm="degraded")
    return None


def _red(first: CallSeen, healthy: Healthy, *, beside: bool) -> Verdict:
    """Judge a test that failed although the application neither raised nor answered 5xx."""
    assert first.call is not None
    said, place = _said(first.call), _place(first.call)
    if first.call.reason:
        return Verdict("inconclusive", f"under the failure {said}", place)
    if (other := _other_answer(first, healthy)) is not None:
        return other._replace(state="failed", place=place)
    if _answered_as_usual(first, healthy):
        return Verdict(
            "inconclusive",
            f"the service answered as when healthy, and the test failed for another reason: {said}",
            place,
        )
    if first.printed is not None:
        printed = f"the service printed {_exception(first.printed)}"
        return Verdict("failed", f"{printed}{AND_TEST}{said}", place_of(first.printed))
    if first.call.failure is not None and first.call.failure["type"] == "AssertionError":
        return Verdict("failed", f"the service gave another answer than when healthy: {said}", place, "degraded")
    if beside:
        return Verdict("failed", f"the service did not answer as when healthy: {said}", place)
    return Verdict("inconclusive", f"the test's own code failed: {said}", place)


def _answered_as_usual(first: CallSeen, healthy: Healthy) -> bool:
    """Say whether each answer was the very same: what a test asserts beside that may matter to nobody, or be lost."""
    usual = healthy.bodies[: len(first.answered)]
    return bool(usual) and all(usual) and [each.body for each in first.answered] == list(usual)


def _recovery(seen: Seen, healthy: Healthy, dependency: str) -> Verdict | None:
    """Return what is wrong after healing. Without the application's part in it, it may be a fixture that broke.

    The calls on the same fixtures count first, unless what failed is something that these fixtures hold. Then only the
    calls count before which fixtures were set up again.
    """
    kept = [each for each in seen.calls[1:] if each.renewed == "nothing"]
    later = [each for each in seen.calls[1:] if each.renewed != "nothing"]
    if not healthy.repeatable or (kept and kept[0].green):
        return None
    beside = dependency in healthy.beside
    guilty = [each for each in kept if _guilty(each, healthy, beside=beside)]
    if len(kept) == len(KEPT) and guilty and not _over_held(guilty[0], seen):
        return _stayed(guilty, kept, later)
    guilty = [each for each in later if _guilty(each, healthy, beside=beside)]
    if len(later) < len(RENEWED) - 1 or later[0].green or not guilty:
        return None
    connected = dependency in healthy.fixtures and not beside
    if connected and not later[1].green and _mended_by_fixtures(seen, guilty[0], later):
        theirs = f"the test stays red until its fixtures, which connect to {dependency} too, are set up again"
        return Verdict("inconclusive", f"{theirs}: {_why(guilty[0])}", _where(guilty[0]))
    return _stayed(guilty, later[:2], later[2:])


def _stayed(guilty: Sequence[CallSeen], two: Sequence[CallSeen], rest: Sequence[CallSeen]) -> Verdict:
    """Judge two calls after healing, of which the first is red. `rest` are those after fixtures were set up again."""
    if two[1].green:
        why = f"after the dependency was healthy again: {_why(guilty[0])}"
        return Verdict("first request failed", why, _where(guilty[0]))
    until = ""
    if rest and rest[-1].green:
        which = "the test's" if rest[-1].renewed == "function" else "all"
        until = f", until {which} fixtures were set up again, as after a restart"
    why = f"still broken after the dependency was healthy again{until}: {_why(guilty[-1])}"
    return Verdict("not recovered", why, _where(guilty[-1]))


def _over_held(call: CallSeen, seen: Seen) -> bool:
    """Say whether a call may have failed over something that a fixture of the test holds."""
    failure = _failure(call)
    return bool(seen.holds) if failure is None else not seen.holds.isdisjoint(failure["libraries"])


def _mended_by_fixtures(seen: Seen, guilty: CallSeen, later: Sequence[CallSeen]) -> bool:
    """Say whether a call failed over what fixtures hand out, and no longer did once all of them were set up again."""
    libraries = _libraries(guilty)
    return _kind(later[-1]) != _kind(later[1]) and (not libraries or not seen.hands.isdisjoint(libraries))


def _guilty(call: CallSeen, healthy: Healthy, *, beside: bool) -> bool:
    """Say whether a red call is the application's: by an answer, or by an exception from its code."""
    if call.green:
        return False
    if beside or _broken_answer(call, healthy) is not None:
        return True
    return call.call is not None and not call.answered and _whose(call.call) == "application" and not _handed(call.call)


def _kind(call: CallSeen) -> object:
    """Return what two calls that fail for one reason have in common: an answer, or the type of an exception."""
    if (failure := _failure(call)) is not None:
        return failure["type"]
    return next((answer.status for answer in call.answered if _bad(answer) is not None), None)


def _libraries(call: CallSeen) -> Sequence[str]:
    failure = _failure(call)
    return () if failure is None else failure["libraries"]


def _failure(call: CallSeen) -> Mapping[str, Any] | None:
    """Return the exception by which a call failed: one in the application, or else that of the test."""
    for answer in call.answered:
        if (bad := _bad(answer)) is not None:
            return bad or None
    return None if call.call is None else call.call.failure


def _why(call: CallSeen) -> str:
    for answer in call.answered:
        if _bad(answer) is not None:
            return _told(answer)
    return said_of(call)


def _where(call: CallSeen) -> Place | None:
    theirs = None if call.answered else call.printed
    failure = theirs or _failure(call) or (None if call.call is None else call.call.failure)
    return None if failure is None else place_of(failure)


def may_leak(seen: Seen, healthy: Healthy) -> bool:
    """Say whether more connections are open after recovery than after any healthy call.

    A pool may have grown, for want of a connection while others were broken: so it is to be seen what more failures do.
    """
    last = seen.calls[-1]
    more = any(now > healthy.open.get(name, 0) for name, now in last.open.items())
    return len(seen.calls) > 1 and last.green and more


def leaks(seen: Seen, healthy: Healthy) -> Verdict | None:
    """Return that connections are not given back, from several failures with a call after each of them.

    Each failure leaves one more of them open, or they come to an end.
    """
    healed = seen.calls[1::2]
    red = next((each for each in healed if not each.green), None)
    counted = list(itertools.takewhile(lambda each: each.green, healed))
    for name in healed[0].open if healed else ():
        most, counts = healthy.open.get(name, 0), [each.open.get(name, 0) for each in counted]
        if not counts or any(one >= other for one, other in itertools.pairwise((most, *counts))):
            continue
        told = ", then ".join(map(str, counts))
        why = f"connections to {name} leak, one with each failure: {most} are open when healthy, then {told}"
        if red is None:
            return Verdict("failed", why)
        if _guilty(red, healthy, beside=False):
            return Verdict("failed", f"{why}; then {_why(red)}", _where(red))
    return None


def _call(call: CallSeen, ran: Ran, watch: Watch) -> Call:
    zero = watch.zero
    answers = tuple(
        Answer(
            each.asked,
            each.status,
            each.seconds,
            each.failure["type"] if each.failure else "",
            None if each.at is None else moment(each.at - zero),
        )
        for each in call.answered
    )
    at = moment(call.at - zero)
    if call.call is None:
        healed = watch.windows[-1][1] if watch.windows else None  # at once when its process ends
        end = watch.over if watch.over is not None else healed
        seconds = 0.0 if end is None else max(0.0, moment(end - call.at))
        return Call("ended", seconds, answers=answers, shown=ran.dump[:_STACKS], at=at, renewed=call.renewed)
    failure = call.call.failure
    return Call(
        outcome=call.call.outcome,
        seconds=call.call.seconds,
        error=_said(call.call),
        place=None if failure is None else place_of(failure),
        by=_whose(call.call),
        answers=answers,
        shown="" if failure is None else failure["shown"],
        log=call.log[-_LOG:],
        at=at,
        renewed=call.renewed,
    )


def _whose(phase: Phase) -> Any:
    """Return whose a failure is: its innermost frame of the project says it, beside what tests assert."""
    if phase.failure is None:
        return ""
    frames = phase.failure["frames"]
    return "application" if any(not frame["test"] for frame in frames) else "test"


def _handed(phase: Phase) -> str:
    """Return the class of what the test had handed to the application, and what it failed over; else an empty text."""
    return "" if phase.failure is None else str(phase.failure["handed"])


def _place(phase: Phase) -> Place | None:
    return None if phase.failure is None else place_of(phase.failure)


def place_of(failure: Mapping[str, Any]) -> Place | None:
    """Return the innermost line of the application, or else of the tests."""
    frames = failure["frames"]
    own = [frame for frame in frames if not frame["test"]] or frames
    return Place(own[-1]["file"], own[-1]["line"], own[-1]["function"]) if own else None


def said_of(call: CallSeen) -> str:
    """Return what was wrong with a call, in a line."""
    return "" if call.call is None else _said(call.call)


def _said(phase: Phase) -> str:
    return phase.reason if phase.failure is None else _exception(phase.failure)


def _exception(failure: Mapping[str, Any]) -> str:
    return f"{failure['type']}: {first_line(failure['text'])}".removesuffix(": ")


def first_line(text: str) -> str:
    """Return the first line of a text, cut to what fits in a line."""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return first if len(first) <= 200 else f"{first[:200]}..."
