"""Which cells are planned, and which of them a glob means."""

import pytest

from brownout.faults.config.verify_section import Availability
from brownout.faults.failures import failures
from brownout.verify.document import Cell, Dependency
from brownout.verify.expected import Expected
from brownout.verify.plan import Journeyed, may_be_wanted, plan, wanted
from brownout.verify.traffic import Traffic

REDIS = Dependency("redis", "redis", "redis://127.0.0.1:6379")
PAYMENTS = Dependency("payments", "http", "http://127.0.0.1:9000")
PAY, SEARCH = "tests/test_shop.py::test_pay[a/b]", "tests/test_shop.py::test_search"
JOURNEYS = [
    Journeyed(PAY, 0.5, {"payments": Traffic(1, 2, {"POST /charge/{}": 1, "GET /rates": 1})}, by_entry=True, twice=2.0),
    Journeyed(SEARCH, 0.1, {"redis": Traffic(1, 3)}, by_entry=False, twice=0.7),
]


def planned(level: str = "smoke", only: tuple[str, ...] = (), **chosen: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [each.key for each in plan([REDIS, PAYMENTS], JOURNEYS, level, only, 15.0, chosen)]  # type: ignore[arg-type]


def test_a_journey_meets_the_failures_of_what_it_uses_and_no_others() -> None:
    assert planned() == [
        *(("redis", "", failure.name, SEARCH) for failure in failures("redis", "smoke")),
        *(("payments", "", failure.name, PAY) for failure in failures("http", "smoke")),
    ]


def test_at_the_level_full_each_operation_fails_by_itself() -> None:
    cells = planned("full", ("payments*",))
    assert ("payments", "POST /charge/{}", "lost", PAY) in cells
    assert ("payments", "GET /rates", "lost", PAY) in cells
    assert ("payments", "", "refused", PAY) in cells  # a connection has no operation
    (charge,) = (
        each
        for each in plan([PAYMENTS], JOURNEYS, "full", (), 15.0, {})
        if each.key[1:3] == ("POST /charge/{}", "lost")
    )
    assert charge.breaking.match == {"method": "POST", "path": "/charge/*"}


def test_a_file_chooses_failures_of_any_level() -> None:
    assert planned(redis=("unreachable", "slow"), **{"pay*": ()}) == [
        ("redis", "", "slow", SEARCH),
        ("redis", "", "unreachable", SEARCH),
    ]


def test_the_budget_is_what_health_takes_twice_what_the_failure_adds_and_the_margin() -> None:
    budgets = {each.key[2]: each.breaking.budget for each in plan([REDIS], JOURNEYS, "smoke", (), 15.0, {})}
    assert budgets["hangs"] == 15.2
    assert budgets["slow"] == 25.1  # and 3 round trips of 2.2 s, half as much again


def test_a_cell_takes_what_two_calls_took_in_health_and_what_the_failure_adds() -> None:
    cells = plan([REDIS], JOURNEYS, "smoke", (), 15.0, {})
    estimates = {each.failure.name: each.estimate(JOURNEYS[1], 15.0) for each in cells}
    assert estimates == pytest.approx({"refused": 0.7, "slow": 7.3, "hangs": 15.7, "lost": 0.7, "cut": 0.7})


@pytest.mark.parametrize(
    ("glob", "cells"),
    [
        ("redis", 5),
        ("slow", 2),
        ("redis/slow", 1),
        ("*/slow", 2),
        (SEARCH, 5),
        (PAY, 7),
        (f"redis/slow/{SEARCH}", 1),
        (f"payments/lost/{PAY}", 1),
        (f"*/*/{SEARCH}", 5),
        ("*::test_search", 5),
        ("nothing", 0),
    ],
)
def test_a_glob_means_dependencies_failures_tests_or_cells(glob: str, cells: int) -> None:
    assert len(planned(only=(glob,))) == cells


def test_an_operation_stands_behind_its_dependency() -> None:
    key = ("payments", "POST /charge/{}", "lost", PAY)
    assert wanted((f"payments POST /charge/{{}}/lost/{PAY}",), *key)
    assert wanted(("payments*",), *key)
    assert not wanted(("payments GET*",), *key)


@pytest.mark.parametrize(
    ("glob", "may"),
    [
        ("redis", True),
        (PAY, True),
        (SEARCH, False),
        (f"payments/lost/{PAY}", True),
        (f"payments POST /charge/lost/{PAY}", True),
        (f"payments/lost/{SEARCH}", False),
        ("*/lost/*::test_pay*", True),
        ("tests/test_shop.py::test_s*", False),
    ],
)
def test_a_test_that_is_in_no_wanted_cell_need_not_run_in_health(glob: str, may: bool) -> None:
    assert may_be_wanted((glob,), PAY) is may


@pytest.mark.parametrize(
    ("levels", "harm", "state"),
    [
        ({}, "degraded", "failed"),
        ({"payments": "degraded"}, "degraded", "degraded"),
        ({"payments": "degraded"}, "unavailable", "failed"),
        ({"payments": "unavailable"}, "unavailable", "degraded"),
        ({"payments": "unavailable", "payments/lost": "available"}, "degraded", "failed"),
        ({"*/lost": "degraded", "redis": "available"}, "degraded", "degraded"),
        ({"payments/lost/*test_pay*": "unavailable"}, "unavailable", "degraded"),
    ],
)
def test_what_a_file_expects_is_no_failure(levels: dict[str, str], harm: str, state: str) -> None:
    cell = Cell("payments", "", "lost", PAY, "failed", "it answered 500", 1, 15.0, harm=harm)  # type: ignore[arg-type]
    assert Expected(levels=levels).judged(cell).state == state  # type: ignore[arg-type]


def test_what_hangs_or_does_not_recover_is_never_expected() -> None:
    cell = Cell("payments", "", "hangs", PAY, "hung", "it hung", 1, 15.0, harm="unavailable")
    assert Expected(levels={"*": "unavailable"}).judged(cell) is cell


def test_levels_that_mean_no_cell_are_known() -> None:
    cells = [("redis", "", "slow", "a::x"), ("pay", "POST /charge", "hangs", "a::y")]
    used = ["redis", "pay POST*/hangs", "redis/slow/*::x", "*"]
    unused = ["rates", "redis/hang", "redis/slow/*::y"]
    levels: dict[str, Availability] = dict.fromkeys([*used, *unused], "degraded")
    assert Expected(levels=levels).unused(cells) == unused
