"""Cells of one cause are one finding, with evidence and a command that repeats it."""

import shlex

import pytest

from brownout.verify.coverage import coverage
from brownout.verify.document import Answer, Call, Dependency, Judged, Place, Used
from brownout.verify.findings import also, causes, evidence, inconclusive, repeat, took, warnings
from brownout.verify.plan import wanted

from .documents import BOUNDED, PLACE, UNSAFE, cell

OTHER = Place("shop/app.py", 99, "pay")


def test_cells_with_one_place_are_one_finding() -> None:
    cells = [
        cell("redis slow", "a::x", "hung", place=PLACE),
        cell("redis hangs", "a::y", "hung", place=PLACE),
        cell("redis hangs", "a::z", "hung", place=OTHER),
        cell("db hangs", "a::z", "hung", place=PLACE),
    ]
    found = causes(cells)
    assert [[each[2:] for each in cause.cells] for cause in found] == [
        [("slow", "a::x"), ("hangs", "a::y")],
        [("hangs", "a::z")],
        [("hangs", "a::z")],
    ]
    assert [cause.dependency for cause in found] == ["redis", "redis", "db"]


def test_other_errors_of_a_finding_are_told_once_each() -> None:
    cells = [
        cell("redis refused", "a::x", "failed", why="GET /a raised ConnectionError: refused", place=PLACE),
        cell("redis refused", "a::y", "failed", why="GET /b raised ConnectionError: refused", place=PLACE),
        cell("redis hangs", "a::x", "failed", why="GET /a raised TimeoutError: timed out", place=PLACE),
        cell("redis hangs", "a::y", "failed", why="GET /b raised TimeoutError: timed out", place=PLACE),
        cell("redis lost", "a::x", "failed", why="GET /a returned 500 (200 when healthy)", place=PLACE),
        cell("redis lost", "a::z", "failed", why="GET /a raised ValueError: no", place=OTHER),
    ]
    assert also(causes(cells)[0], cells) == [
        "hangs: GET /a raised TimeoutError: timed out",
        "lost: GET /a returned 500 (200 when healthy)",
    ]


def test_cells_that_say_nothing_are_told_by_their_reason() -> None:
    cells = [
        cell("redis slow", "a::x", "inconclusive", why="it failed at 1.2 s"),
        cell("redis slow", "a::y", "inconclusive", why="it failed at 3.4 s"),
        cell("redis slow", "a::z", "inconclusive", why="it was skipped"),
        cell("redis hangs", "a::z", "hung"),
    ]
    found = {why: [each.journey for each in mine] for why, mine in inconclusive(cells).items()}
    assert found == {"it failed at 1.2 s": ["a::x", "a::y"], "it was skipped": ["a::z"]}


def test_without_a_place_they_are_one_by_what_was_said_but_for_numbers() -> None:
    cells = [
        cell("redis slow", "a::x", "failed", why="raised E: connection to port 1234 failed at 0x7f12"),
        cell("redis hangs", "a::y", "failed", why="raised E: connection to port 99 failed at 0x8f"),
        cell("redis hangs", "a::z", "failed", why="raised F: connection to port 99 failed at 0x8f"),
    ]
    assert [len(each.cells) for each in causes(cells)] == [2, 1]


def test_a_leak_is_one_finding_whatever_failed() -> None:
    leak = "connections to db leak, one with each failure: 4 are open when healthy, then 5, then 6, then 7"
    empty = "still broken after the dependency was healthy again: POST /pay returned 500: PoolTimeout"
    found = causes(
        [
            cell("rates slow", "a::x", "failed", why=leak),
            cell("redis hangs", "a::x", "failed", why=leak),
            cell("rates slow", "a::y", "failed", why=leak),
            cell("rates slow", "a::z", "not recovered", why=empty, place=PLACE),
            cell("db slow", "a::z", "not recovered", why=empty, place=PLACE),
        ]
    )
    assert [[f"{each[0]} {each[3]}" for each in cause.cells] for cause in found] == [
        ["rates a::z", "db a::z"],
        ["rates a::x", "redis a::x"],
        ["rates a::y"],
    ]


def test_work_that_was_done_twice_is_one_by_its_operation() -> None:
    after_reset = UNSAFE
    after_reply = Judged(
        "unsafe-repeat", "error", "it tried again after 201", "POST /charge: 201 at 0.0 s, 201 at 0.1 s"
    )
    refund = Judged("unsafe-repeat", "error", "it tried again after 201", "POST /refund: 201 at 0.0 s, 201 at 0.1 s")
    cells = [
        cell("pay lost", "a::x", "doubled", judged=(after_reset,)),
        cell("pay cut", "a::x", "doubled", judged=(after_reply,), place=PLACE),
        cell("pay cut", "a::y", "doubled", judged=(refund,)),
    ]
    first, second = causes(cells)
    assert (len(first.cells), first.place) == (2, PLACE)
    assert len(second.cells) == 1


def test_the_worst_come_first_then_those_with_most_cells() -> None:
    cells = [
        cell("redis slow", "a::x", "failed", why="one"),
        cell("redis slow", "a::y", "failed", why="two"),
        cell("redis hangs", "a::y", "failed", why="two"),
        cell("redis lost", "a::y", "first request failed"),
        cell("redis cut", "a::y", "crashed"),
        *(
            cell("redis slow", f"a::{state}", state)
            for state in ("resilient", "vacuous", "degraded", "inconclusive", "not run")
        ),
    ]
    assert [(each.state, each.text) for each in causes(cells)] == [
        ("crashed", "its process was ended by signal 11"),
        ("failed", "two"),
        ("failed", "one"),
        ("first request failed", "it went wrong"),
    ]


def test_the_example_of_a_finding_has_a_place_and_is_repeated_soonest() -> None:
    cells = [
        cell("redis a", "a::x", "doubled", budget=1.0),
        cell("redis b", "a::x", "doubled", budget=9.0, place=PLACE, repeat="slow one"),
        cell("redis c", "a::x", "doubled", budget=3.0, place=PLACE, repeat="quick one"),
    ]
    (found,) = causes(cells)
    assert (found.place, found.repeat) == (PLACE, "quick one")


def test_evidence_tells_each_call() -> None:
    assert evidence(cell("redis slow", "a::x", "failed")) == (
        "redis slow (hit 3 times): GET /search 503 after 1.2 s, the test failed; "
        "healthy again: GET /search 200 after 4 ms, the test passed"
    )


def test_evidence_of_a_hung_test_tells_the_time_that_it_had() -> None:
    calls = (Call("ended", 0.0), Call("failed", 2.0), Call("passed", 0.5))
    assert evidence(cell("redis hangs", "a::x", "hung", calls=calls, fired=1)) == (
        "redis hangs (hit once): the test did not end (5.0 s allowed); "
        "healthy again: the test failed after 2.0 s; healthy, second call: the test passed after 500 ms"
    )


def test_evidence_tells_which_fixtures_were_set_up_again() -> None:
    later = [Call("failed", 0.5, renewed=each) for each in ("nothing", "nothing", "function", "function", "all")]
    told = evidence(cell("redis cut", "a::x", "not recovered", calls=(Call("failed", 0.5, renewed="function"), *later)))
    assert [each.partition(":")[0] for each in told.split("; ")][1:] == [
        "healthy again",
        "healthy, second call",
        "healthy, the test's fixtures set up again",
        "healthy, second call",
        "healthy, all fixtures set up again",
    ]


def test_evidence_of_work_done_twice_tells_the_attempts() -> None:
    assert evidence(cell("pay lost", "a::x", "doubled", calls=())) == "pay got POST /charge: reset, 201"


def test_evidence_tells_four_answers_and_how_many_more() -> None:
    answers = tuple(Answer(f"GET /{number}", None, 2.0, "KeyError") for number in range(6))
    found = evidence(cell("redis slow", "a::x", "failed", calls=(Call("failed", 9.0, answers=answers),)))
    assert found.endswith("GET /3 KeyError after 2.0 s, 2 more, the test failed")


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 ms"), (0.0123, "12 ms"), (0.9999, "1.0 s"), (61.26, "61.3 s")])
def test_times_are_short(seconds: float, text: str) -> None:
    assert took(seconds) == text


@pytest.mark.parametrize("row", ["redis slow", "pay POST /charge/{} lost", "10.0.0.1:80 error"])
@pytest.mark.parametrize(
    "journey", ["tests/a.py::test_x[a b-'c'*]", "command", "tests/a.py::test_\x1b[1m\nä", "a::t[http://b:secret@h]"]
)
def test_a_repeat_means_its_cell_and_no_other(row: str, journey: str) -> None:
    mine, other = cell(row, journey, "failed"), cell(row, "tests/a.py::test_y", "failed")
    words = shlex.split(repeat(mine, ("b.yaml", "--seed", "7"), ("sh", "-c", "a 'b' $c")))
    assert words[:4] == ["brownout", "verify", "b.yaml", "--seed"]
    assert words[5] == "--only"
    assert words[7:] == ["--", "sh", "-c", "a 'b' $c"]
    assert wanted([words[6]], mine.dependency, mine.operation, mine.failure, mine.journey)
    assert not wanted([words[6]], other.dependency, other.operation, other.failure, other.journey)
    assert not wanted([words[6]], mine.dependency, mine.operation, "other", mine.journey)
    assert "secret" not in words[6]


def test_a_repeat_without_a_command_has_none() -> None:
    assert repeat(cell("redis slow", "a::x"), ("b.yaml",), ()) == "brownout verify b.yaml --only redis/slow/a::x"


def test_a_repeat_shows_no_password_of_the_command() -> None:
    found = repeat(cell("redis slow", "a::x"), (), ("pytest", "--dsn=redis://bob:hunter2@h/0"))
    assert found.endswith("-- pytest '--dsn=redis://bob:***@h/0'")


def test_warnings_are_one_for_a_rule_and_a_dependency() -> None:
    again = Judged("back-off", "error", "the client tried 3 times again without a pause", "x")
    cells = [
        cell("redis slow", "a::x", judged=(BOUNDED,)),
        cell("redis hangs", "a::x", "failed", judged=(BOUNDED, again)),
        cell("db hangs", "a::x", judged=(BOUNDED,)),
        cell("pay lost", "a::x", "doubled"),
        cell("pay cut", "a::x", "hung", judged=(UNSAFE,)),
    ]
    found = [(each.level, each.dependency, each.rule, len(each.cells)) for each in warnings(cells)]
    assert found == [
        ("error", "pay", "unsafe-repeat", 1),
        ("error", "redis", "back-off", 1),
        ("warning", "redis", "bounded-attempts", 2),
        ("warning", "db", "bounded-attempts", 1),
    ]


# Coverage

PAY, REDIS = Dependency("pay", "http", "http://pay:80"), Dependency("redis", "redis", "redis://redis:6379")
USED = (
    Used("pay", "a::x", "test", 1, 2, ("GET /a", "POST /b")),
    Used("pay", "a::y", "test", 1, 1, ("GET /a",)),
    Used("pay", "a::x", "fixtures", 1, 1, ("PUT /c",)),
    Used("redis", "a::x", "test", 1, 5, ()),
)


def covered(*cells: object) -> dict[tuple[str, str, str], str]:
    found = coverage([PAY, REDIS], USED, cells)  # type: ignore[arg-type]
    return {(each.dependency, each.operation, each.failure): each.state for each in found}


def test_a_failure_of_all_operations_covers_those_that_the_test_uses() -> None:
    found = covered(cell("pay slow", "a::y"))
    assert found["pay", "GET /a", "slow"] == "tested"
    assert found["pay", "POST /b", "slow"] == found["pay", "PUT /c", "slow"] == found["redis", "", "slow"] == "untested"


def test_a_failure_of_one_operation_covers_that() -> None:
    found = covered(cell("pay POST /b slow", "a::x"))
    assert found["pay", "POST /b", "slow"] == "tested"
    assert found["pay", "GET /a", "slow"] == "untested"


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["resilient"], "tested"),
        (["hung", "vacuous"], "tested"),
        (["vacuous", "not run"], "vacuous"),
        (["inconclusive"], "untested"),
        (["not run"], "untested"),
        (["not available"], "untested"),
        ([], "untested"),
    ],
)
def test_what_shows_nothing_covers_nothing(states: list[str], expected: str) -> None:
    found = covered(*(cell("redis cut", "a::x", state) for state in states))
    assert found["redis", "", "cut"] == expected


def test_all_failures_of_a_protocol_are_there_whatever_the_level() -> None:
    found = covered()
    assert {failure for dependency, _, failure in found if dependency == "redis"} > {"refused", "sliced"}
    assert len({failure for dependency, _, failure in found if dependency == "pay"}) == 15
