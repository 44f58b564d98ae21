"""The rules of verdicts: what they find, and where they say nothing. Every moment is written out."""

import random
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from brownout.control import observations
from brownout.control.observations import Request
from brownout.control.verdicts import breaker, crowd, recovery, retries
from brownout.control.verdicts.expectations import Expectations
from brownout.control.verdicts.finding import Finding
from brownout.control.verdicts.operation import Kind, Operation, Step, of_requests
from brownout.control.verdicts.verdict import Seen, findings

from .test_observations import connection

KINDS: dict[str, Kind] = {
    "200": "", "400": "final", "401": "final", "407": "final", "412": "correctable", "404": "final", "429": "retryable", "500": "ambiguous", "503": "retryable",
    "reset": "ambiguous", "left": "ambiguous",
}  # fmt: skip


def operation(*attempts: str, start: float = 0.0, repeatable: bool = True) -> Operation:
    """Return an operation from text: `503 0.01s`, then `+0.2 503 0.01s`; `503/2` asks the client to wait for 2 s."""
    steps: list[Step] = []
    now = start
    for text in attempts:
        *pause, outcome, seconds = text.split()
        status, _, asked = outcome.partition("/")
        now += float(pause[0]) if pause else 0.0
        took = float(seconds.removesuffix("s"))
        steps.append(
            Step(
                now, took, float(pause[0]) if pause else None, status, KINDS[status],
                float(asked) if asked else None, repeatable,
            )
        )  # fmt: skip
        now += took
    return Operation("GET /a", tuple(steps))


def pauses(*seconds: float, outcome: str = "503", **more: bool) -> Operation:
    return operation(f"{outcome} 0.01s", *(f"+{pause} {outcome} 0.01s" for pause in seconds), **more)


def said(found: Iterator[Finding]) -> list[str]:
    return [f"{each.level} {each.rule}: {each.text}" for each in found]


def test_an_operation_is_a_line_of_text() -> None:
    assert str(operation("503 0.1s", "+0.5 200 0.1s")) == "GET /a: 503 at 0.00 s, 200 at 0.60 s"
    assert str(pauses(*[0.1] * 11)) == (
        "GET /a: 503 at 0.00 s, 503 at 0.11 s, 503 at 0.22 s, 503 at 0.33 s, 503 at 0.44 s, 503 at 0.55 s, "
        "... 3 more ..., 503 at 0.99 s, 503 at 1.10 s, 503 at 1.21 s"
    )


def test_attempts_are_bounded() -> None:
    assert said(retries.bounded(pauses(*[0.1] * 9), None)) == []
    assert said(retries.bounded(pauses(*[0.1] * 10), None)) == [
        "warning bounded-attempts: the client tried 11 times; at most 10 are expected"
    ]
    assert said(retries.bounded(pauses(0.1, 0.1), 3)) == []
    assert said(retries.bounded(pauses(0.1, 0.1, 0.1), 3)) == [
        "error bounded-attempts: the client tried 4 times; at most 3 are expected"
    ]


def test_an_operation_ends_within_its_deadline() -> None:
    slow = operation("503 0.5s", "+0.5 200 0.5s")
    assert said(retries.within_deadline(slow, 1.5)) == []
    assert said(retries.within_deadline(slow, 1.4)) == ["error deadline: the client took 1.50 s; the deadline is 1.4 s"]


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        (pauses(), []),
        (pauses(0.0), []),  # the one retry on a connection that had gone stale
        (pauses(0.1, 0.2, 0.4), []),
        (pauses(0.0, 0.2, 0.4, 0.8), []),  # urllib3
        (pauses(0.1, 0.2, 0.3), []),  # linear
        (pauses(0.07, 0.02, 0.3), []),  # full jitter
        (pauses(0.5, 0.5), []),  # too few to tell
        (pauses(0.0, 0.0), []),
        (pauses(0.07, 0.015, 0.003), []),  # full jitter, when it is short by chance
        (pauses(0.25, 0.31, 0.28), []),  # and when it is alike by chance
        (pauses(0.0, 0.001, 0.001), ["error back-off: the client tried 3 times again without a pause"]),
        (pauses(0.001, 0.001, 0.001, 0.1, 0.2), []),  # so it may be with jitter
        (pauses(0.105, 0.09, 0.1, 0.17, 0.094), []),  # and so
        (pauses(0.45, 0.55, 0.5, 0.47, 0.53, 0.52, 0.46, 0.54, 0.48, 0.51), []),  # a jitter of 10%
        (pauses(0.001, 0.3, 0.001, 0.001), ["error back-off: the client tried 3 times again without a pause"]),
        (pauses(0.5, 0.51, 0.5), ["warning back-off: its pauses do not grow: 0.50 s, 0.51 s, 0.50 s"]),
        (pauses(0.5, 0.5, 0.71, 0.5, 0.52, 0.6),  # a busy machine
         ["warning back-off: its pauses do not grow: 0.50 s, 0.50 s, 0.71 s, 0.50 s, ..."]),
        (pauses(0.0, 0.5, 0.5, 0.5, 0.5, 0.5),
         ["warning back-off: its pauses do not grow: 0.50 s, 0.50 s, 0.50 s, 0.50 s, ..."]),
        (operation("503/1 0s", "+1 503/1 0s", "+1 503/1 0s", "+1 503/1 0s", "+1 503/1 0s"), []),  # it was asked to
        (pauses(0.0, 0.0, 0.0, 0.0, outcome="412"), []),  # optimistic locking
    ],
)  # fmt: skip
def test_pauses_grow(tried: Operation, expected: list[str]) -> None:
    assert said(retries.backs_off(tried)) == expected


@pytest.mark.parametrize(
    ("first", "growth", "retries_"), [(0.1, 1.3, 6), (0.1, 2, 3), (0.1, 2, 5), (1, 1.3, 4), (1, 2, 3)]
)
def test_full_jitter_is_seldom_taken_for_none(first: float, growth: float, retries_: int) -> None:
    drawn = random.Random(7)
    tried = [pauses(*(0.004 + drawn.uniform(0, first * growth**nth) for nth in range(retries_))) for _ in range(3000)]
    assert sum(bool(said(retries.backs_off(each))) for each in tried) <= 6


@pytest.mark.parametrize(("pause", "count"), [(0.05, 5), (0.1, 3), (0.5, 3), (1, 3)])
def test_pauses_that_are_equal_are_found_on_a_quiet_machine(pause: float, count: int) -> None:
    drawn = random.Random(7)
    tried = [pauses(*(pause + drawn.uniform(0.001, 0.003) for _ in range(count))) for _ in range(100)]
    assert all(said(retries.backs_off(each)) for each in tried)


def test_a_breaker_fails_fast_until_it_opens_and_probes_as_often_as_it_is_told() -> None:
    fast = pauses(0.001, 0.001, 0.001, 0.001)
    assert said(retries.backs_off(fast, 5)) == []
    assert said(retries.backs_off(fast, 4)) == ["error back-off: the client tried 4 times again without a pause"]
    assert said(retries.backs_off(pauses(0.5, 0.5, 0.5), 1)) == []


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        (operation("429/2 0s", "+2 200 0s"), []),
        (operation("429/2 0s", "+1.95 200 0s"), []),
        (operation("429/2 0s"), []),  # it gave up
        (operation("429/0 0s", "+0 200 0s"), []),
        (operation("429/2 0s", "+0.5 200 0s"),
         ["error retry-after: the reply asked the client to wait 2 s, but it waited 0.50 s"]),
        (operation("429/1.7 0s", "+0.9 200 0s"), []),  # a date, whose seconds are whole
        (operation("429/2.7 0s", "+0.9 200 0s"),
         ["error retry-after: the reply asked the client to wait 2.7 s, but it waited 0.90 s"]),
        (operation("503 0s", "+0.1 503/2 0s", "+0.1 503/2 0s", "+0.1 200 0s"),
         ["error retry-after: the reply asked the client to wait 2 s, but it waited 0.10 s"]),
    ],
)  # fmt: skip
def test_a_client_waits_as_long_as_it_is_asked_to(tried: Operation, expected: list[str]) -> None:
    assert said(retries.honours_retry_after(tried)) == expected


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        (operation("400 0s"), []),
        (operation("503 0s", "+1 400 0s"), []),
        (operation("401 0s", "+0 200 0s"), []),
        (operation("401 0s", "+0 503 0s", "+1 200 0s"), []),
        (operation("407 0s", "+0 200 0s"), []),
        (operation("412 0s", "+0 412 0s", "+0 200 0s"), []),  # with the version that it has read since
        (operation("404 0s", "+1 404 0s"),
         ["error final-failure: the client tried again after '404', which says that the same request fails again"]),
        (operation("401 0s", "+0 401 0s"),
         ["error final-failure: the client tried again after '401', which says that the same request fails again"]),
        (operation("401 0s", "+0 503 0s", "+0 401 0s", "+0 503 0s"),
         ["error final-failure: the client tried again after '401', which says that the same request fails again"]),
    ],
)  # fmt: skip
def test_what_will_fail_again_is_left(tried: Operation, expected: list[str]) -> None:
    assert said(retries.leaves_final(tried)) == expected


@pytest.mark.parametrize("outcome", ["500", "reset", "left"])
def test_what_may_have_been_done_is_not_repeated(outcome: str) -> None:
    text = "although the work may have been done"
    assert said(retries.repeats_safely(pauses(0.5, outcome=outcome))) == []
    assert said(retries.repeats_safely(pauses(outcome=outcome, repeatable=False))) == []
    assert said(retries.repeats_safely(pauses(0.5, outcome=outcome, repeatable=False))) == [
        f"error unsafe-repeat: the client tried again after '{outcome}' without an idempotency key, {text}"
    ]


def test_what_was_certainly_not_done_may_be_repeated() -> None:
    assert said(retries.repeats_safely(pauses(0.5, outcome="503", repeatable=False))) == []


def test_operations_do_not_come_back_together() -> None:
    together = [pauses(0.3, 0.6), pauses(0.301, 0.601), pauses(0.3, 0.6), pauses(0.305, 0.6), pauses(0.3, 0.602)]
    assert said(crowd.has_jitter(together)) == [
        "warning jitter: 5 operations paused equally long before the same attempt: 0.30 s"
    ]
    assert len(said(crowd.has_jitter([pauses(0.3, 0.6, 0.9, 1.2)] * 3))) == 1
    assert said(crowd.has_jitter([pauses(0.3, 0.6, 0.9, 1.2, 1.5)] * 2)) == []
    assert said(crowd.has_jitter([*together[:3], pauses(0.4, 0.7), pauses(0.25, 0.6)])) == []
    assert said(crowd.has_jitter([pauses(0.0)] * 20)) == []
    assert len(said(crowd.has_jitter([pauses(0.0, 0.4)] * 9))) == 1  # urllib3


def test_a_few_pauses_may_be_alike_by_chance() -> None:
    assert said(crowd.has_jitter([pauses(0.5)] * 8)) == []
    assert len(said(crowd.has_jitter([pauses(0.5)] * 9))) == 1
    assert said(crowd.has_jitter([pauses(0.3, 0.6)] * 4)) == []


def test_of_short_pauses_nobody_knows_whether_they_are_alike() -> None:
    assert said(crowd.has_jitter([pauses(0.19)] * 20)) == []


def test_pauses_that_reached_their_cap_are_alike_with_jitter_too() -> None:
    assert said(crowd.has_jitter([pauses(0.3, 2, 2, 2), pauses(0.9, 2, 2, 2), pauses(0.6, 2, 2, 2)] * 2)) == []


def test_a_busy_machine_lengthens_some_pauses_of_many() -> None:
    assert len(said(crowd.has_jitter([pauses(0.5), pauses(0.51), pauses(0.72), *[pauses(0.5)] * 6]))) == 1


def test_retries_do_not_multiply_the_load() -> None:
    assert said(crowd.amplifies_little([pauses(0.1, 0.2)] * 10, 3)) == []
    assert said(crowd.amplifies_little([pauses(0.1, 0.2, 0.3)] * 9, 3)) == []  # a few clients are no storm
    assert said(crowd.amplifies_little([pauses(0.1, 0.2, 0.3)] * 10, 3)) == [
        "warning retry-storm: 10 operations became 40 attempts, 4.0 times the load; 3 are expected"
    ]
    healthy = [operation("200 0s")] * 100
    assert len(said(crowd.amplifies_little([pauses(0.1, 0.2, 0.3)] * 10 + healthy, 3))) == 1


EXPECTED = (3, 1.0, 1)  # failures in a row, seconds of quiet, probes
FAILS = [operation("503 0.01s", start=start) for start in (0.0, 0.1, 0.2)]


def test_a_breaker_stays_quiet_and_probes_and_closes() -> None:
    probes = [operation("503 0.01s", start=1.25), operation("200 0.01s", start=2.3)]
    closed = [operation("200 0.01s", start=start) for start in (2.31, 2.32, 2.33)]
    assert said(breaker.keeps([*FAILS, *probes, *closed], *EXPECTED)) == []


def test_a_breaker_that_does_not_open_is_found() -> None:
    assert said(breaker.keeps([*FAILS, operation("503 0.01s", start=0.3)], *EXPECTED)) == [
        "error circuit-breaker: after 3 failures in a row the client should stay quiet for 1 s, and it tried again"
    ]


def test_a_breaker_that_closes_after_a_failed_probe_is_found() -> None:
    probes = [operation("503 0.01s", start=1.25), operation("200 0.01s", start=1.4)]
    assert len(said(breaker.keeps([*FAILS, *probes], *EXPECTED))) == 1


def test_a_breaker_that_lets_all_probe_at_once_is_found() -> None:
    probes = [operation("503 0.5s", start=start) for start in (1.25, 1.26, 1.27)]
    assert said(breaker.keeps([*FAILS, *probes], *EXPECTED)) == [
        "error circuit-breaker: the client sent 3 probes at once; at most 1 are expected"
    ]


def test_what_was_under_way_when_a_breaker_opens_may_go_on() -> None:
    slow = operation("503 0.5s", start=0.15)
    assert said(breaker.keeps([*FAILS, slow], *EXPECTED)) == []


def test_what_the_client_did_wrong_opens_no_breaker() -> None:
    wrong = [operation("404 0.01s", start=nth / 10) for nth in range(12)]
    assert said(breaker.keeps(wrong, *EXPECTED)) == []


def test_failures_that_are_not_in_a_row_open_no_breaker() -> None:
    mixed = [operation(f"{'200' if nth % 3 == 2 else '503'} 0.01s", start=nth / 10) for nth in range(12)]
    assert said(breaker.keeps(mixed, *EXPECTED)) == []


def test_a_client_succeeds_soon_after_healing() -> None:
    def after(*attempts: str, start: float) -> list[str]:
        return said(recovery.recovers([operation(*attempts, start=start)], 10.0, 1.0))

    assert after("200 0.1s", start=10.5) == []
    assert after("503 0.1s", "+0.2 200 0.1s", start=10.1) == []
    assert after("200 0.1s", start=15.0) == []  # nobody asked for anything before
    assert after("503 0.1s", "+0.2 503 0.1s", start=5.0) == []  # nor after
    assert after("404 0.1s", start=10.5) == []  # a dependency that says so is well
    assert after("503 0.1s", "+2 200 0.1s", start=10.1) == [
        "error recovery: its first success came 2.30 s after healing; 1 s are expected"
    ]
    assert after("503 0.1s", "+4.9 200 0.1s", start=8.0) == [
        "error recovery: its first success came 3.10 s after healing; 1 s are expected"
    ]
    assert after("503 0.1s", "+1 503 0.1s", start=10.1) == [
        "error recovery: the client did not succeed after healing, in 1.30 s"
    ]


@pytest.mark.parametrize(("end", "found"), [("lost", 1), ("cut", 1), ("", 0), ("open", 0), ("left", 0)])
def test_connections_of_no_use_are_closed(end: str, found: int) -> None:
    requests = [SimpleNamespace(connection=1, began=0.0, end="lost"), SimpleNamespace(connection=1, began=1.0, end=end)]
    kept, closed = SimpleNamespace(number=1, end="open"), SimpleNamespace(number=1, end="closed by client")
    assert len(list(recovery.closes_broken(requests, [kept]))) == found  # type: ignore[arg-type]  # all that it reads
    assert list(recovery.closes_broken(requests, [closed])) == []  # type: ignore[arg-type]


def test_each_failed_attempt_gives_its_connection_back() -> None:
    def found(*connections: int, ends: dict[int, str] | None = None) -> list[str]:
        requests = [
            SimpleNamespace(connection=number, group=1, attempt=nth, began=float(nth), seconds=0.5, failed=True, end="")
            for nth, number in enumerate(connections)
        ]
        opened = {number: float(nth) - 0.1 for nth, number in reversed(list(enumerate(connections)))}
        kept = [
            SimpleNamespace(number=number, began=began, end=(ends or {}).get(number, "open"))
            for number, began in opened.items()
        ]
        return said(recovery.gives_back(requests, kept))  # type: ignore[arg-type]  # all that it reads

    assert found(1, 2, 3, 4) == [
        "warning connections: 3 connections are open and unused after a failure, "
        "and each next attempt opened another one"
    ]
    assert found(1, 1, 1, 1) == []
    assert found(1, 2, 3) == []  # two may be a coincidence
    assert found(1, 2, 3, 4, ends={2: "closed by client"}) == []
    assert found(1, 2, 3, 4, 1) == []  # several clients, of which one uses its connection again


def test_what_may_be_several_calls_is_judged_by_what_no_call_of_them_may_do() -> None:
    def found(calls: int, tried: Operation) -> list[str]:
        rules = [
            retries.bounded(tried, 2, calls), retries.backs_off(tried, calls=calls),
            retries.honours_retry_after(tried, calls), retries.leaves_final(tried, calls),
            retries.repeats_safely(tried, calls), retries.within_deadline(tried, 0.1, calls),
        ]  # fmt: skip
        return [each.rule for rule in rules for each in rule]

    at_once = pauses(*[0.0] * 5)
    assert found(1, at_once) == ["bounded-attempts", "back-off"]
    assert found(2, at_once) == ["bounded-attempts"]  # two with three attempts each
    assert found(3, at_once) == []
    assert found(2, pauses(*[0.0] * 6)) == ["bounded-attempts", "back-off"]  # one has three pauses, however divided
    assert found(1, pauses(0.5, 0.5, 0.5)) == ["bounded-attempts", "back-off", "deadline"]
    assert found(2, pauses(0.5, 0.5, 0.5)) == []
    assert found(2, operation("429/2 0s", "+0.5 429/2 0s")) == []
    assert found(2, operation("429/2 0s", "+0.5 429/2 0s", "+0.5 200 0s")) == ["retry-after"]
    assert found(2, operation("404 0s", "+0.1 404 0s")) == []
    assert found(2, operation("404 0s", "+0.1 404 0s", "+0.1 404 0s")) == ["final-failure"]
    assert found(2, pauses(0.1, outcome="500", repeatable=False)) == []
    assert found(2, pauses(0.1, 0.2, outcome="500", repeatable=False)) == ["unsafe-repeat"]


def test_several_calls_are_as_many_operations_of_a_storm() -> None:
    storm = [pauses(0.1, 0.2, 0.3)] * 10
    assert len(said(crowd.amplifies_little(storm, 3, calls=4))) == 1
    assert said(crowd.amplifies_little(storm, 3, calls=5)) == []


def test_attempts_are_bounded_by_the_operations_that_are_told() -> None:
    wrong_pages = [operation("200 0.01s", start=float(second)) for second in range(20)]
    assert said(crowd.bounded_together(wrong_pages, 20, None)) == []
    assert said(crowd.bounded_together(wrong_pages, 1, None)) == [
        "warning bounded-attempts: 1 operation became 20 attempts; at most 10 for each are expected"
    ]
    assert said(crowd.bounded_together(wrong_pages, 5, 3)) == [
        "error bounded-attempts: 5 operations became 20 attempts; at most 3 for each are expected"
    ]
    assert said(crowd.bounded_together(wrong_pages, 5, 4)) == []


def test_requests_that_others_sent_as_well_meanwhile_may_be_theirs() -> None:
    def request(group: int, began: float, seconds: float, target: str = "GET /a", **more: str) -> Request:
        values = dict.fromkeys(Request._fields)
        values |= {"group": group, "began": began, "seconds": seconds, "operation": "GET /{}", "request": target}
        return Request(**{**values, "status": 503, "end": "", "fingerprint": "", "idempotency_key": "", **more})  # type: ignore[arg-type]  # all that is read

    def shared(*requests: Request) -> list[bool]:
        return [each.shared for each in of_requests(requests)]

    assert shared(request(1, 0.0, 1.0), request(2, 0.5, 1.0), request(1, 2.0, 1.0)) == [True, True]
    assert shared(request(1, 0.0, 1.0), request(2, 2.0, 1.0), request(1, 5.0, 1.0)) == [True, True]
    assert shared(request(1, 0.0, 9.0), request(2, 1.0, 1.0), request(3, 3.0, 1.0)) == [True, True, True]
    assert shared(request(1, 0.0, 1.0), request(1, 2.0, 1.0), request(2, 4.0, 1.0)) == [False, False]
    assert shared(request(1, 0.0, 1.0), request(2, 0.5, 1.0, target="GET /b")) == [False, False]
    assert shared(request(1, 0.0, 1.0), request(2, 0.5, 1.0, idempotency_key="k")) == [False, False]


def test_the_clients_of_one_program_are_judged_alone() -> None:
    orders, psql, nobody = (SimpleNamespace(caller=program) for program in ("python orders.py", "psql", ""))
    seen = Seen([orders, psql], [psql, orders, nobody])
    assert seen.of("orders") == Seen([orders], [orders])
    assert seen.of("p*") == Seen([orders, psql], [psql, orders])
    assert seen.of("") is seen
    assert Seen(None, [psql]).of("psql") == Seen(None, [psql])


def test_what_is_expected_of_one_caller_is_expected_of_no_other() -> None:
    times = [100.0 + number / 10 for number in range(20)]
    views = [connection(began=at, seconds=0.01, opened=False, end="dial_refused", caller="psql") for at in times]
    seen = Seen(None, observations.connections(views))
    assert findings(seen, Expectations(max_attempts=3))
    assert findings(seen, Expectations(max_attempts=3, caller="psql"))
    assert findings(seen, Expectations(max_attempts=3, caller="orders")) == []


def test_where_nobody_came_to_a_request_connections_are_attempts_if_it_is_told_how_many_there_were() -> None:
    times = [100.0 + number / 100 for number in range(40)]
    views = [connection(began=at, seconds=0.0, opened=False, end="dial_refused") for at in times]
    seen = Seen([], observations.connections(views))
    assert {each.rule for each in findings(seen, Expectations(operations=1))} == {"back-off", "bounded-attempts"}
    assert findings(seen, Expectations()) == [], "forty calls, each of another thing"
