"""Processes that run tests: whose a process is, which test ran when, and servers that are nobody's own."""

import pytest

from brownout.faults.callers import Callers
from brownout.proxy.record.workers import MOST, Workers
from brownout.supervisor.process import Process
from brownout.supervisor.scope import Scope


def process(number: int, *family: int, mark: str = "") -> Process:
    made = Process(number, "python app.py")
    made._family, made._mark = (number, *family), mark
    return made


@pytest.fixture
def told() -> list[bool]:
    return []


@pytest.fixture
def workers(told: list[bool], monkeypatch: pytest.MonkeyPatch) -> Workers:
    monkeypatch.setattr("os.path.exists", lambda path: True)
    return Workers(told.append)


def test_the_test_of_a_moment_is_the_one_that_ran_then(workers: Workers, told: list[bool]) -> None:
    gw0 = workers.add("gw0", 10, "")
    assert (gw0.test, gw0.test_at(5.0)) == ("", "")
    for moment, test in ((1.0, "a"), (2.0, "b"), (3.0, "")):
        workers.turn_to(gw0, test, moment)
    assert [gw0.test_at(moment) for moment in (0.9, 1.0, 1.9, 2.5, 3.0, 9.0)] == ["", "a", "a", "b", "", ""]
    assert (gw0.test, told) == ("", [True, False, False, False])


def test_of_very_many_tests_the_first_are_forgotten(workers: Workers) -> None:
    gw0 = workers.add("gw0", 10, "")
    for number in range(3 * MOST):
        gw0.turn_to(f"t{number}", float(number))
    assert (gw0.test_at(0.0), gw0.test_at(MOST + 0.5), len(gw0._begun)) == ("", f"t{MOST}", 2 * MOST)


def test_a_process_belongs_to_the_outermost_worker_and_a_daemon_to_the_one_whose_mark_it_bears(
    workers: Workers,
) -> None:
    outer, inner, marked = (workers.add("gw0", 10, ""), workers.add("", 20, ""), workers.add("gw1", 11, "gw1 of r"))
    assert workers.of(process(30, 20, 10, 1)) is outer
    assert workers.of(process(30, 20, 1)) is inner
    assert workers.of(process(40, 1, mark="gw1 of r")) is marked
    assert workers.of(process(40, 10, mark="gw1 of r")) is outer
    assert workers.of(process(40, 1, mark="gw1 of s")) is None


def test_the_same_worker_is_known_again_and_a_process_that_is_another_one_now_is_not(
    workers: Workers, told: list[bool]
) -> None:
    first = workers.add("gw0", 10, "gw0 of r")
    assert workers.add("gw0", 10, "gw0 of r") is first
    assert workers.add("gw0", 11, "gw0 of s").name == "gw0-2"
    assert workers.add("gw3", 10, "gw3 of s") is not first
    assert (len(workers), told) == (2, [True, True, True])


def test_labels_tell_whose_a_name_is(workers: Workers) -> None:
    gw0, alone = workers.add("gw0", 10, ""), workers.add("", 11, "")
    assert (gw0.label("late"), alone.label("late")) == ("late@gw0", "late@11")
    assert (gw0.plain("late@gw0"), gw0.plain("late@gw1")) == ("late", "late@gw1")


@pytest.mark.parametrize(
    ("meant", "scope"),
    [
        (Callers("psql"), Scope("psql")),
        (Callers(process=7, command="*x*"), Scope(command="*x*", within=((7,),))),
        (Callers(container="3f2a*"), Scope(container="3f2a*")),
        (Callers(worker="gw0"), Scope(within=((10, "gw0 of r"),))),
        (Callers(worker="gw*"), Scope(within=((10, "gw0 of r", 11),))),
        (Callers(worker="gw7"), Scope(within=((),))),
        (Callers(test="test_b"), Scope(within=((11,),))),
        (Callers(test="*::test_[ab]*", worker="gw0"), Scope(within=((10, "gw0 of r"), (10, "gw0 of r", 11)))),
        (Callers(test="*"), Scope(within=((10, "gw0 of r", 11),))),
    ],
)
def test_whom_a_caller_means_follows_the_workers_and_their_tests(
    workers: Workers, meant: Callers, scope: Scope
) -> None:
    gw0, gw1 = workers.add("gw0", 10, "gw0 of r"), workers.add("gw1", 11, "")
    gw0.turn_to("x.py::test_a[1]", 1.0)
    gw1.turn_to("x.py::test_b", 1.0)
    assert workers.scope(meant, None) == scope
    assert workers.scope(None, gw1) == Scope(within=((11,),))
    assert workers.scope(None, None) is None


def test_a_server_that_two_workers_use_is_nobodys_and_one_that_its_own_worker_uses_stays(
    workers: Workers, told: list[bool]
) -> None:
    gw0, gw1 = workers.add("gw0", 10, ""), workers.add("gw1", 11, "")
    own, shared, child = process(20, 10, 1), process(30, 10, 1), process(31, 30, 10, 1)
    told.clear()
    assert workers.note_use(own, process(40, 10)) is None
    assert workers.note_use(own, process(1)) is None
    assert (workers.of(own), told) == (gw0, [])
    found = workers.note_use(shared, process(41, 11))
    assert found is not None
    assert (str(found), told) == ("python app.py (shared by gw0, gw1)", [True])
    assert workers.note_use(shared, process(41, 11)) is None
    assert (workers.of(shared), workers.of(child), workers.of(own)) == (None, None, gw0)
    assert workers.server(child) is found
    for scope in (
        workers.scope(None, gw0),
        workers.scope(Callers(test="*"), None),
        workers.scope(Callers(worker="*"), None),
    ):
        assert scope is not None
        assert (scope.fits(shared), scope.fits(child)) == (False, False)
    assert workers.scope(None, gw0).fits(own)
    assert workers.scope(Callers("app*"), None).fits(child)
    assert workers.scope(None, gw1).fits(process(41, 11))
