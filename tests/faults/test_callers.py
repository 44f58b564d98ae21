"""Whose connections an injection is for: what may be written, and what is said of what may not."""

import pytest

from brownout.faults import Spec
from brownout.faults.callers import Callers
from brownout.faults.injection_line import settings
from brownout.faults.settings import SettingsError
from brownout.supervisor.process import Process
from brownout.supervisor.scope import Scope


@pytest.mark.parametrize(
    ("given", "meant", "written"),
    [
        ("orders", Callers("orders"), "orders"),
        (4711, Callers(process=4711), {"process": 4711}),
        ("4711", Callers(process=4711), {"process": 4711}),
        ({"program": "orders"}, Callers("orders"), "orders"),
        ({"program": "7"}, Callers("7"), {"program": "7"}),
        ({"program": 7}, Callers("7"), {"program": "7"}),
        ({"command": "*migrate*"}, Callers(command="*migrate*"), {"command": "*migrate*"}),
        ({"container": "3f2a*"}, Callers(container="3f2a*"), {"container": "3f2a*"}),
        ({"container": "3f2a8c1d9e0b" + "0" * 52}, Callers(container="3f2a8c1d9e0b"), {"container": "3f2a8c1d9e0b"}),
        ({"process": "7", "program": "psql"}, Callers("psql", process=7), {"program": "psql", "process": 7}),
    ],
)
def test_what_is_written_is_read_and_written_again(given: object, meant: Callers, written: object) -> None:
    assert Callers.parse(given) == meant
    assert meant.to_mapping() == written
    assert Callers.parse(written) == meant


PATTERN = "a pattern is text, put quotes around it"


@pytest.mark.parametrize(
    ("given", "key", "message", "hint"),
    [
        (True, "caller", "caller: true is not a caller", None),
        ({}, "caller", "caller is empty", None),
        (["orders"], "caller", "caller: ['orders'] is not a caller", None),
        ({"programm": "x"}, "caller.programm", "caller.programm: unknown key", "did you mean program?"),
        ({"program": True}, "caller.program", "caller.program: true is not a pattern", PATTERN),
        ({"command": ""}, "caller.command", "caller.command: '' is not a pattern", PATTERN),
        ({"process": "me"}, "caller.process", "caller.process: 'me' is not a number", "write the number of a process"),
        ({"command": "x" * 1025}, "caller.command", "caller.command: the pattern has 1025 characters", "at most 1024"),
    ],
)
def test_what_is_wrong_is_said(given: object, key: str, message: str, hint: str | None) -> None:
    with pytest.raises(SettingsError) as caught:
        Callers.parse(given)
    (problem,) = caught.value.problems
    assert (problem.key, problem.message) == (key, message)
    assert hint is None or problem.hint == hint


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Spec.parse({"fault": "latency", "latency": 5, "caller": {"who": "x", "process": "y"}})
    assert [problem.key for problem in caught.value.problems] == ["caller.who", "caller.process", "latency"]


def test_it_is_a_part_of_an_injection() -> None:
    given = {"fault": "latency", "name": "", "stream": "both", "latency": "1s", "caller": {"command": "*x y*"}}
    spec = Spec.parse(given)
    assert spec.caller == Callers(command="*x y*")
    assert spec.to_mapping() == given
    assert settings(given) == "stream=both latency=1s caller: command='*x y*'"
    assert settings(Spec.parse({"fault": "reset", "caller": "orders"}).to_mapping()) == "caller: orders"


def test_it_cannot_be_changed() -> None:
    with pytest.raises(SettingsError, match="caller cannot change"):
        Spec.parse("latency:1s").changed({"caller": "orders"})


@pytest.mark.parametrize("pattern", ["orders", "python orders.py", "orders.py", "python", "ord*", "python*"])
def test_a_program_has_several_names(pattern: str) -> None:
    assert Scope(program=pattern).fits(Process(0, "python orders.py"))
    assert not Scope(program=pattern).fits(Process(0, "java payments.jar"))


def test_a_module_is_a_name_and_an_option_is_none() -> None:
    assert Process(0, "python3 -m gunicorn").names == ("python3 -m gunicorn", "python3", "gunicorn")
    assert not Scope(program="-m").fits(Process(0, "python3 -m gunicorn"))
