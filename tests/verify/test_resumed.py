"""Going on with a run that ended before its time: what is taken from its report, and what is refused."""

import importlib.metadata
from typing import Any

import msgspec
import pytest

from brownout.faults.failures import failures
from brownout.verify.document import Document
from brownout.verify.known import Wanted
from brownout.verify.plan import Planned
from brownout.verify.resumed import check, taken
from brownout.verify.watch import Breaking
from brownout.wire.errors import BrownoutError

from .documents import cell, document

COMMAND = ("pytest", "--dsn=redis://bob:hunter2@cache/0")
WORDS = ("--level", "full", "--seed", "7")


def report(*states: str, **more: Any) -> Document:
    cells = [cell("redis slow", f"t::{number}", state) for number, state in enumerate(states)]
    given = {"asked": WORDS, "declared": "abc", "brownout": importlib.metadata.version("brownout")}
    return document(cells, command=("pytest", "--dsn=redis://bob:***@cache/0"), **given | more)


def plan(*journeys: str) -> list[Planned]:
    slow = next(each for each in failures("redis", "smoke") if each.name == "slow")
    return [Planned("redis", "", slow, each, Breaking("redis", (), None, 5.0, by_entry=False)) for each in journeys]


def test_cells_that_are_done_are_taken_and_others_run() -> None:
    found = taken(report("hung", "not run", "vacuous"), plan("t::0", "t::1", "t::2"))
    assert {key[-1]: each.state for key, each in found.items()} == {"t::0": "hung", "t::2": "vacuous"}


def test_a_report_without_a_plan_has_nothing_to_take() -> None:
    assert taken(report(), plan("t::0")) == {}


def test_names_that_may_not_be_shown_are_found_by_what_was_shown() -> None:
    raw = "t::[redis://bob:hunter2@cache/0]"
    before = document([cell("redis slow", "t::[redis://bob:***@cache/0]", "hung")])
    [(key, found)] = taken(before, plan(raw)).items()
    assert (key[-1], found.journey, found.state) == (raw, raw, "hung")


def test_another_plan_is_refused_with_the_cells_that_differ() -> None:
    with pytest.raises(BrownoutError) as caught:
        taken(report("hung", "hung"), plan("t::1", "t::2"))
    assert caught.value.message == (
        "--resume: the plan is another one than that of the report: "
        "1 cells are new (redis/slow/t::2), 1 cells are gone (redis/slow/t::0)"
    )


def test_the_same_run_goes_on() -> None:
    check(report(), Wanted(words=WORDS, declared="abc"), 7, COMMAND)


@pytest.mark.parametrize(
    ("before", "words", "seed", "command", "message"),
    [
        ({"brownout": "0.0.1"}, WORDS, 7, COMMAND, "is that of version 0.0.1, and this is version"),
        ({}, ("--level", "full", "--seed", "8"), 8, COMMAND, "is that of seed 7, and this is seed 8"),
        ({}, ("--seed", "7"), 7, COMMAND, "`verify --seed 7 -- pytest"),
        ({}, WORDS, 7, (*COMMAND, "-x"), "-x`"),
        ({"declared": "abd"}, WORDS, 7, COMMAND, "is that of the file as it was then"),
    ],
)
def test_another_run_is_refused_by_name(
    before: Any, words: tuple[str, ...], seed: int, command: tuple[str, ...], message: str
) -> None:
    with pytest.raises(BrownoutError) as caught:
        check(report(**before), Wanted(words=words, declared="abc"), seed, command)
    assert message in caught.value.message
    assert "hunter2" not in caught.value.message


def test_a_report_keeps_what_it_was_asked() -> None:
    given = report("hung")
    assert msgspec.json.decode(msgspec.json.encode(given), type=Document) == given
