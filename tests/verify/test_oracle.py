"""What becomes of a cell, from what was seen: made-up runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from brownout.testing.verified.channel import Renewed
from brownout.verify import oracle
from brownout.verify.document import Judged, Place
from brownout.verify.oracle import Healthy, Verdict
from brownout.verify.stage import Ran
from brownout.verify.traffic import Traffic
from brownout.verify.watch import Answered, CallSeen, Phase, Seen

TEST = "tests/test_shop.py::test_pay"
USUAL = Healthy(seconds=0.1, answers=(201,), open={"postgres": 1}, repeatable=True, unsafe={"payments": 1})
DONE = Ran(0, done=True, dump="", stuck=None)
LOST = Ran(70, done=False, dump="", stuck=None)


def frame(file: str, line: int, *, test: bool = False) -> dict[str, object]:
    return {"file": file, "line": line, "function": "pay", "test": test}


def failure(
    kind: str, *frames: dict[str, object], text: str = "no", libraries: Sequence[str] = (), handed: str = ""
) -> dict[str, Any]:
    told = {"type": kind, "text": text, "libraries": libraries, "handed": handed, "shown": ""}
    return told | {"frames": list(frames)}


APP = frame("shop/pay.py", 7)
OWN = frame("tests/test_shop.py", 3, test=True)
ASSERTS = failure("AssertionError", OWN, text="assert 500 == 201")


def phase(outcome: str, failed: dict[str, Any] | None) -> Phase:
    return Phase(outcome, 0.1, failed, "", (), "")


def call(
    *answers: Answered,
    failed: Mapping[str, Any] | None = None,
    ended: bool = True,
    setup: str = "passed",
    renewed: Renewed = "function",
) -> CallSeen:
    """A call of a test: green, unless something failed, or it did not end."""
    seen = CallSeen(renewed)
    seen.setup = phase(setup, None if setup == "passed" else failure("OSError", OWN))
    seen.began = setup == "passed"
    seen.answered = list(answers)
    if seen.began and ended:
        seen.call = phase("failed" if failed else "passed", None if failed is None else dict(failed))
    return seen


def answer(status: int | None = 201, **given: Any) -> Answered:
    return Answered("POST /pay", status, 0.01, **given)


def judge(
    *calls: CallSeen,
    ran: Ran = DONE,
    fired: int = 1,
    hung: int | None = None,
    entered: bool = True,
    handles: bool = False,
    healthy: Healthy = USUAL,
    found: Sequence[Judged] = (),
) -> Verdict:
    seen = Seen(TEST)
    seen.calls = list(calls)
    seen.entered = entered
    watch: Any = SimpleNamespace(
        seen=[seen], fired=fired, hung=hung, asked="POST /pay", stood="POST /pay", handles=handles
    )
    return oracle.judge(watch, ran, healthy, "payments", found)


GREEN = call(answer())
RED = call(answer(500), failed=ASSERTS)


def test_green_under_the_failure_and_after_it_is_resilient() -> None:
    assert judge(GREEN, GREEN) == ("resilient", "", None, "")


def test_what_met_no_failure_shows_nothing() -> None:
    assert judge(GREEN, GREEN, fired=0).state == "vacuous"
    assert judge(RED, GREEN, fired=0).state == "inconclusive"
    assert judge(call(ended=False), fired=0, hung=0).state == "inconclusive"
    assert judge(call(ended=False), fired=0, ran=LOST).state == "inconclusive"


def test_an_answer_of_another_kind_that_the_test_allows_is_degraded() -> None:
    verdict = judge(call(answer(202)), GREEN)
    assert verdict == ("degraded", "POST /pay returned 202 (201 when healthy)", None, "degraded")


def test_an_answer_of_another_kind_that_it_does_not_allow_is_a_failure() -> None:
    verdict = judge(call(answer(404), failed=ASSERTS), GREEN)
    assert (verdict.state, verdict.harm) == ("failed", "degraded")
    assert verdict.place == Place("tests/test_shop.py", 3, "pay")


def test_a_server_error_is_a_failure_whatever_the_test_allows() -> None:
    assert judge(call(answer(503)), GREEN).state == "failed"
    assert judge(RED, GREEN) == ("failed", "POST /pay returned 500 (201 when healthy)", None, "unavailable")


def test_a_server_error_is_none_where_it_is_usual() -> None:
    usual = USUAL._replace(answers=(503,))
    assert judge(call(answer(503)), call(answer(503)), healthy=usual).state == "resilient"
    raises = call(answer(None, failure=failure("KeyError", APP)))
    assert judge(raises, raises, healthy=USUAL._replace(answers=(None,))).state == "resilient"


def test_the_place_of_a_server_error_is_that_of_what_was_logged() -> None:
    logged = failure("TimeoutError", frame("shop/app.py", 2), APP, text="timed out\nlate")
    verdict = judge(call(answer(500, logged=logged), failed=ASSERTS), GREEN)
    assert verdict.why == "POST /pay returned 500 (201 when healthy): TimeoutError: timed out"
    assert verdict.place == Place("shop/pay.py", 7, "pay")


def test_what_is_logged_is_not_held_against_a_graceful_answer() -> None:
    assert judge(call(answer(201, logged=failure("TimeoutError", APP))), GREEN).state == "resilient"


def test_an_exception_that_leaves_the_application_is_a_failure_at_its_innermost_line() -> None:
    raised = failure("ConnectionError", OWN, frame("shop/app.py", 2), APP)
    assert judge(call(answer(None, failure=raised), failed=raised), GREEN) == (
        "failed",
        "POST /pay raised ConnectionError: no",
        Place("shop/pay.py", 7, "pay"),
        "unavailable",
    )


def test_without_a_client_the_frames_say_whose_failure_it_is() -> None:
    assert judge(call(failed=failure("OSError", OWN, APP)), GREEN, entered=False).state == "failed"
    assert judge(call(failed=failure("OSError", OWN)), GREEN, entered=False).state == "inconclusive"


def test_a_connection_that_the_test_handed_over_says_nothing_of_those_of_the_application() -> None:
    fails = call(failed=failure("OperationalError", OWN, APP, handed="Session"))
    why = "the test handed its own Session to the application, and that failed: OperationalError: no"
    assert judge(fails, GREEN, entered=False)[:2] == ("inconclusive", why)
    assert judge(fails, fails, fails, entered=False)[:2] == ("inconclusive", why)  # nor does it stay broken
    assert judge(fails, entered=False, hung=0)[:2] == ("inconclusive", why)
    assert judge(fails, entered=True, hung=0).state == "hung"  # a request did


def test_a_failure_of_the_test_itself_is_inconclusive() -> None:
    own = failure("OperationalError", OWN, libraries=["psycopg"])
    assert judge(call(answer(), failed=own), GREEN).state == "inconclusive"


def test_the_same_status_with_another_content_is_a_failure() -> None:
    verdict = judge(call(answer(), failed=ASSERTS), GREEN)
    assert (verdict.state, verdict.harm) == ("failed", "degraded")


@pytest.mark.parametrize("setup", ["failed", "skipped"])
def test_nothing_is_known_of_a_test_that_did_not_begin(setup: str) -> None:
    assert judge(call(setup=setup), fired=0).state == "inconclusive"


def test_fixtures_that_hang_say_nothing() -> None:
    before = judge(call(setup="failed"), hung=-1)
    assert before[:2] == ("inconclusive", "the fixtures did not end in time, with nothing failing")
    behind = judge(GREEN, GREEN, hung=-1)
    assert behind[:2] == ("inconclusive", "the fixtures did not end in time after the dependency was healthy again")
    assert judge(RED, GREEN, hung=-1).state == "failed"


def test_a_call_that_does_not_end_hung_where_it_stood() -> None:
    stood: Any = frame("shop/pay.py", 9)
    verdict = judge(GREEN, GREEN, hung=0, ran=DONE._replace(stuck=stood))
    assert verdict[:3] == ("hung", "POST /pay was still waiting when its time was over", Place("shop/pay.py", 9, "pay"))


def test_where_only_the_test_stood_what_came_of_its_end_says_the_place() -> None:
    stood: Any = frame("tests/test_shop.py", 3, test=True)
    reset = call(answer(None, failure=failure("ConnectionResetError", APP)), failed=ASSERTS)
    assert judge(reset, hung=0, ran=DONE._replace(stuck=stood)).place == Place("shop/pay.py", 7, "pay")
    assert judge(GREEN, hung=0, ran=DONE._replace(stuck=stood)).place == Place("tests/test_shop.py", 3, "pay")


def test_a_test_that_hangs_by_itself_says_nothing() -> None:
    own = DONE._replace(stuck=frame("tests/test_shop.py", 3, test=True))
    resets = call(failed=failure("OSError", OWN))
    verdict = judge(call(ended=False), entered=False, hung=0, ran=own)
    assert verdict[:2] == ("inconclusive", "the test's own code was still waiting when its time was over")
    assert judge(resets, entered=False, hung=0, ran=own).state == "inconclusive"
    assert judge(call(failed=failure("OSError", OWN, APP)), entered=False, hung=0, ran=own).state == "hung"
    assert judge(resets, entered=True, hung=0, ran=own).state == "hung"
    asks = USUAL._replace(beside=frozenset({"payments"}))  # it waits for the service beside it
    assert judge(resets, entered=False, hung=0, ran=own, healthy=asks).state == "hung"


def test_a_process_that_ends_crashed() -> None:
    stood: Any = frame("shop/pay.py", 9)
    verdict = judge(call(ended=False), ran=LOST._replace(stuck=stood), handles=True)
    assert verdict[:3] == (
        "crashed",
        "the process ended with exit code 70 while it handled POST /pay",
        Place("shop/pay.py", 9, "pay"),
    )
    signalled = judge(call(ended=False), ran=LOST._replace(status=-11))
    assert signalled.why == "the process was ended by signal 11"


def test_a_process_that_ends_after_the_failure_crashed_too() -> None:
    verdict = judge(GREEN, call(ended=False), ran=LOST)
    assert verdict[:2] == ("crashed", "the process ended with exit code 70, after the dependency was healthy again")
    assert judge(GREEN, GREEN, ran=LOST).state == "crashed"


def test_what_we_killed_did_not_crash() -> None:
    assert judge(call(ended=False), ran=LOST._replace(status=-9), hung=0).state == "hung"
    assert judge(GREEN, call(ended=False), ran=LOST._replace(status=-9), hung=1).state == "not recovered"
    assert judge(GREEN, GREEN, ran=LOST._replace(status=-9), hung=-1).state == "inconclusive"


def test_red_twice_when_all_is_well_is_not_recovered() -> None:
    verdict = judge(call(answer(202)), RED, RED)
    assert verdict[:2] == (
        "not recovered",
        "still broken after the dependency was healthy again: POST /pay returned 500",
    )


def test_what_only_new_fixtures_mend_is_told() -> None:
    verdict = judge(call(answer(202)), RED, RED, call(answer(), renewed="all"))
    assert verdict.state == "not recovered"
    assert "healthy again, until all fixtures were set up again, as after a restart: POST /pay" in verdict.why


def test_red_once_is_the_first_request_after_it() -> None:
    logged = failure("KeyError", APP)
    verdict = judge(GREEN, call(answer(500, logged=logged), failed=ASSERTS), GREEN)
    assert verdict.state == "first request failed"
    assert verdict.why == "after the dependency was healthy again: POST /pay returned 500: KeyError: no"
    assert verdict.place == Place("shop/pay.py", 7, "pay")


def test_a_fixture_that_the_failure_broke_is_not_the_application() -> None:
    broken = call(setup="failed")
    assert judge(GREEN, broken, broken).state == "resilient"
    own = call(answer(), failed=failure("OperationalError", OWN))
    assert judge(GREEN, own, own).state == "resilient"


def test_a_test_that_cannot_be_repeated_says_nothing_of_recovery() -> None:
    once = USUAL._replace(repeatable=False)
    assert judge(GREEN, RED, RED, healthy=once).state == "resilient"
    assert judge(GREEN, call(ended=False), hung=1, healthy=once).state == "inconclusive"


def repeated(times: int) -> CallSeen:
    seen = call(answer(202))
    seen.inside = {"payments": Traffic(1, times, {"POST /charge": times, "GET /fee": 5})}
    return seen


TWICE = [Judged("unsafe-repeat", "error", "it tried again after reset", "POST /charge: reset at 0.00 s, 201 at 0.01 s")]


def test_unsafe_work_that_is_repeated_is_doubled() -> None:
    verdict = judge(repeated(2), GREEN, found=TWICE)
    assert verdict[:2] == ("doubled", "POST /charge: it tried again after reset")


def test_work_that_is_asked_for_as_often_as_usual_is_not_doubled() -> None:
    assert judge(repeated(2), GREEN, found=TWICE, healthy=USUAL._replace(unsafe={"payments": 2})).state == "degraded"
    assert judge(repeated(2), GREEN, found=[TWICE[0].__class__("jitter", "warning", "", "")]).state == "degraded"


def counted(*opened: int) -> Seen:
    """A test that is called under a failure and with all well, in turn: so many connections are open after it."""
    seen = Seen(TEST)
    for count in opened:
        seen.calls += [call(answer()), call(answer())]
        seen.calls[-1].open = {"redis": 1, "postgres": count}
    return seen


def test_more_connections_than_usual_give_rise_to_more_failures() -> None:
    usual = USUAL._replace(open={"redis": 1, "postgres": 1})
    assert oracle.may_leak(counted(2), usual)
    assert not oracle.may_leak(counted(1), usual)
    under_the_failure = counted(2)
    del under_the_failure.calls[0]
    assert not oracle.may_leak(under_the_failure, usual)
    red = counted(2)
    red.calls[-1] = RED
    assert not oracle.may_leak(red, usual)


@pytest.mark.parametrize(
    ("opened", "told"),
    [
        (
            (2, 3, 4),
            "connections to postgres leak, one with each failure: 1 are open when healthy, then 2, then 3, then 4",
        ),
        ((2, 2, 2), None),  # a pool that has grown
        ((1, 2, 3), None),
        ((2, 3, 3), None),
    ],
)
def test_connections_of_which_each_failure_leaves_one_open_are_not_given_back(
    opened: tuple[int, ...], told: str | None
) -> None:
    verdict = oracle.leaks(counted(*opened), USUAL._replace(open={"redis": 1, "postgres": 1}))
    assert (verdict and verdict[:2]) == (told and ("failed", told))


def test_a_pool_that_comes_to_its_end_is_found_too() -> None:
    seen, usual = counted(2, 3, 3), USUAL._replace(open={"redis": 1, "postgres": 1})
    seen.calls[-1] = call(answer(500, logged=failure("PoolTimeout", APP)), failed=ASSERTS)
    told = "connections to postgres leak, one with each failure: 1 are open when healthy, then 2, then 3"
    assert oracle.leaks(seen, usual) == (
        "failed",
        f"{told}; then POST /pay returned 500: PoolTimeout: no",
        Place("shop/pay.py", 7, "pay"),
        "unavailable",
    )
    seen.calls[-1] = call(failed=failure("OSError", OWN))
    assert oracle.leaks(seen, usual) is None


def answered_by(library: str, renewed: Renewed = "function") -> CallSeen:
    logged = failure("OperationalError", APP, libraries=[library] if library else [])
    return call(answer(500, logged=logged), failed=ASSERTS, renewed=renewed)


@pytest.mark.parametrize(
    ("hands", "fixtures", "state"),
    [
        ({"psycopg"}, {"payments"}, "inconclusive"),  # a connection of the tests, which the application uses
        ({"httpx"}, {"payments"}, "not recovered"),  # the application connects when a fixture makes it
        ({"psycopg"}, {"redis"}, "not recovered"),
    ],
)
def test_what_new_fixtures_mend_is_a_fixture_s_if_it_hands_out_what_failed(
    hands: set[str], fixtures: set[str], state: str
) -> None:
    seen = Seen(TEST)
    seen.calls = [GREEN, answered_by("psycopg"), answered_by("psycopg"), call(answer(), renewed="all")]
    seen.entered, seen.hands = True, frozenset(hands)
    watch: Any = SimpleNamespace(seen=[seen], fired=1, hung=None, asked="POST /pay", handles=False)
    usual = USUAL._replace(fixtures=frozenset(fixtures))
    assert oracle.judge(watch, DONE, usual, "payments", []).state == state


KEPT_GREEN, ALL_GREEN = call(answer(), renewed="nothing"), call(answer(), renewed="all")
KEPT_RED, PLAIN_500 = answered_by("redis", "nothing"), call(answer(500), failed=ASSERTS, renewed="nothing")
OWN_CODE = answered_by("", "nothing")
UNTIL = ", until the test's fixtures were set up again"
STAYS = "still broken after the dependency was healthy again{}: POST /pay returned 500"


@pytest.mark.parametrize(
    ("later", "holds", "state", "why"),
    [
        ([KEPT_GREEN], {"redis"}, "resilient", ""),
        ([KEPT_RED, KEPT_GREEN], {"fastapi"}, "first request failed", "after the dependency was healthy again"),
        ([KEPT_RED, KEPT_RED, GREEN], {"fastapi"}, "not recovered", STAYS.format(UNTIL)),
        ([KEPT_RED, KEPT_RED, RED, RED, ALL_GREEN], set(), "not recovered", STAYS.format(", until all fixtures were")),
        ([KEPT_RED, KEPT_RED, RED, RED, RED], set(), "not recovered", STAYS.format("")),
        ([OWN_CODE, OWN_CODE, GREEN], {"redis"}, "not recovered", STAYS.format(UNTIL)),
        ([PLAIN_500, PLAIN_500, GREEN], set(), "not recovered", STAYS.format(UNTIL)),
        # What a fixture holds may be broken with it: only what is asked with fixtures set up again counts.
        ([KEPT_RED, KEPT_GREEN], {"redis"}, "resilient", ""),
        ([KEPT_RED, KEPT_RED, GREEN], {"redis"}, "resilient", ""),
        ([PLAIN_500, PLAIN_500, GREEN], {"sqlalchemy"}, "resilient", ""),
        ([KEPT_RED, KEPT_RED, RED, GREEN], {"redis"}, "first request failed", "after the dependency was healthy again"),
        ([KEPT_RED, KEPT_RED, RED, RED, RED], {"redis"}, "not recovered", STAYS.format("")),
    ],
)
def test_first_it_is_called_on_the_same_fixtures(
    later: Sequence[CallSeen], holds: set[str], state: str, why: str
) -> None:
    seen = Seen(TEST)
    seen.calls, seen.entered, seen.holds = [GREEN, *later], True, frozenset(holds)
    watch: Any = SimpleNamespace(seen=[seen], fired=1, hung=None, asked="POST /pay", handles=False)
    verdict = oracle.judge(watch, DONE, USUAL._replace(kept=True), "payments", [])
    assert verdict.state == state
    assert verdict.why.startswith(why.partition(": ")[0])


@pytest.mark.parametrize(
    ("hangs", "holds", "state"),
    [
        (KEPT_RED, {"redis"}, "resilient"),
        (KEPT_RED, {"fastapi"}, "not recovered"),
        (answered_by("redis"), {"redis"}, "not recovered"),
    ],
)
def test_a_call_that_hangs_over_what_a_fixture_still_holds_is_not_the_application_s(
    hangs: CallSeen, holds: set[str], state: str
) -> None:
    seen = Seen(TEST)
    seen.calls, seen.entered, seen.holds = [GREEN, hangs, GREEN], True, frozenset(holds)
    watch: Any = SimpleNamespace(seen=[seen], fired=1, hung=1, asked="POST /pay", handles=False)
    verdict = oracle.judge(watch, DONE, USUAL, "payments", [])
    assert verdict.state == state
    assert verdict.why == (
        "" if state == "resilient" else "the next call hangs, although the dependency is healthy again"
    )


def test_a_test_that_fails_although_each_answer_is_the_usual_one_says_nothing() -> None:
    usual = USUAL._replace(bodies=("5c1f",))
    fails = call(answer(body="5c1f"), failed=ASSERTS)
    verdict = judge(fails, healthy=usual)
    assert verdict.state == "inconclusive"
    assert verdict.why.startswith("the service answered as when healthy, and the test failed for another reason: ")
    assert judge(call(answer(body="90ab"), failed=ASSERTS), healthy=usual).state == "failed"
    assert judge(fails, healthy=USUAL._replace(bodies=("",))).state == "failed"


def test_of_the_stacks_of_a_call_that_does_not_end_the_innermost_frames_are_kept() -> None:
    seen = call(ended=False)
    watch: Any = SimpleNamespace(seen=[Seen(TEST)], windows=[], over=1.0, zero=0.0, began=0.0)
    watch.seen[0].calls = [seen]
    stacks = "innermost\n" + "further out\n" * 1000
    (found,) = oracle.calls(watch, LOST._replace(dump=stacks))
    assert found.shown.startswith("innermost\n")
    assert len(found.shown) < len(stacks)
