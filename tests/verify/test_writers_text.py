"""The matrix and the findings as text: what a person reads at the end of a run."""

import itertools
import time

import pytest
from rich.cells import cell_len

from brownout.verify import shown
from brownout.verify.document import Dependency, Document, Journey, State
from brownout.verify.writers.text import summary
from brownout.verify.writers.words import worst

from .documents import HOSTILE, PLACE, cell, document, hostile, large, small

SMALL = """\
Rows: what fails, and how. Columns: the tests that use it.

           test_search  test_pay
redis
  refused  failed
  slow     resilient
  hangs    hung
pay
  hangs                 vacuous
  lost                  doubled

Outcomes
  hung       1  the test did not end in time
  doubled    1  work may have been done twice
  failed     1  the service returned an error or a different answer, or leaked
                connections
  resilient  1  the test passed during the failure and after it, with the same
                statuses as when healthy
  vacuous    1  the dependency was not asked while it was failing, so nothing
                is shown

Failures
  refused  connections are refused, and open ones are reset
  slow     each reply is 2.2 s late
  hangs    no reply ever comes
  lost     the work is done, but the reply is lost

Dependencies
  redis  redis://redis:6379
  pay    redis://pay:6379

3 findings in 3 of 5 cells, worst first

1. hung: redis hangs
   GET /search was still waiting when its time was over
   tests:    tests/test_shop.py::test_search
   seen at:  shop/app.py:25 in handle
   evidence: redis hangs (hit 3 times): GET /search 503 after 1.2 s (5.0 s
             allowed, it ended when redis was healed), the test failed; healthy
             again: GET /search 200 after 4 ms, the test passed
   fix:      Nothing ended the wait for redis in this time. Set connect and
             read timeouts that are shorter than those of your callers, and
             return a fallback when they expire.
   repeat:   brownout verify --seed 7 --only redis/hangs/tests/test_shop.py::test_search -- pytest tests

2. doubled: pay lost
   the client tried again after 'reset', when the work may have been done
   tests:    tests/test_shop.py::test_pay
   evidence: pay got POST /charge: reset, 201; pay lost (hit 3 times): GET
             /search 503 after 1.2 s, the test failed; healthy again: GET
             /search 200 after 4 ms, the test passed
   fix:      The request was sent again after its work may have been done. Send
             the same idempotency key with every attempt, or do not retry.
   repeat:   brownout verify --seed 7 --only pay/lost/tests/test_shop.py::test_pay -- pytest tests

3. failed: redis refused
   GET /search returned 503 (200 when healthy)
   tests:    tests/test_shop.py::test_search
   evidence: redis refused (hit 3 times): GET /search 503 after 1.2 s, the test
             failed; healthy again: GET /search 200 after 4 ms, the test passed
   fix:      The service cannot answer without redis. Catch the error, and
             return a cached or a partial answer. If this is intended, say so
             in a file: `verify: {expect: {redis/refused: unavailable}}`.
   repeat:   brownout verify --seed 7 --only redis/refused/tests/test_shop.py::test_search -- pytest tests

How the service behaves as a client of its dependencies (docs/verdicts.md)
  warning: redis: the client tried 12 times; at most 10 are expected
    (bounded-attempts, in 2 cells)
    connect: refused at 0.0 s

note: taken back, since each test runs alone: -x

not tried (1): it reaches nothing: tests/test_shop.py::test_sum

5 cells in 61 s: 1 hung, 1 doubled, 1 failed, 1 resilient, 1 vacuous
3 tests x 5 failures = 15 combinations; in 10 of them the test does not use
what fails
level smoke, seed 7, brownout 0.2.0
"""


def lines(given: Document, width: int = 80) -> list[str]:
    return list(summary(shown.struct(given), width))


def matrix(given: Document, width: int = 80) -> list[str]:
    """The table without what explains it."""
    return list(itertools.takewhile(bool, lines(given, width)[2:]))


def test_words_stand_below_names_while_they_fit() -> None:
    assert lines(small()) == SMALL.splitlines()


def test_signs_stand_below_numbers_where_words_do_not_fit() -> None:
    names = [f"tests/test_shop.py::test_{'x' * 9}_{number}" for number in range(12)]
    cells = [cell("redis slow", name, "hung" if name.endswith("_3") else "resilient") for name in names]
    found = lines(document([*cells, cell("db lost", names[1], "not recovered")]))
    assert found[2:10] == [
        "        1   2   3   4   5   6   7   8   9   10  11  12",
        "redis",
        "  slow  .   .   .   H   .   .   .   .   .   .   .   .",
        "db",
        "  lost      N",
        "",
        "   1  tests/test_shop.py::test_xxxxxxxxx_0",
        "   2  tests/test_shop.py::test_xxxxxxxxx_1",
    ]
    assert found[21:25] == [
        "Outcomes",
        "  H  hung            1  the test did not end in time",
        "  N  not recovered   1  the service stayed broken after the dependency was",
        "                        healthy again",
    ]


def test_only_outcomes_that_occur_are_explained() -> None:
    found = lines(document([cell("redis slow", "a::b")]))
    assert [line.split()[0] for line in found[found.index("Outcomes") + 1 :][:1]] == ["resilient"]
    assert not any("vacuous" in line for line in found)


@pytest.mark.parametrize(
    ("journeys", "files", "folders", "width", "columns"),
    [
        (17, 3, 1, 80, 17),  # each journey: 9 + 17 * 4 = 77 characters
        (18, 3, 1, 80, 3),  # by file
        (18, 3, 1, 120, 18),
        (120, 12, 4, 80, 12),
        (120, 24, 4, 80, 4),  # by folder
        (120, 40, 40, 80, 1),  # tests/fN is too deep: all below tests/
    ],
)
def test_journeys_are_folded_by_file_and_then_by_folder(
    journeys: int, files: int, folders: int, width: int, columns: int
) -> None:
    assert len(matrix(large(journeys, files, folders), width)[0].split()) == columns


def test_a_folded_field_counts_the_worst_outcome() -> None:
    assert matrix(large()) == [
        "           1    2    3    4    5    6",
        "redis",
        "  refused  H7   .20  .20  H7   .20  .20",
        "  slow     H7   .20  .20  H7   .20  .20",
        "  hangs    H7   .20  .20  H7   .20  .20",
        "  lost     H7   .20  .20  H7   .20  .20",
        "  cut      H7   .20  .20  H7   .20  .20",
        "db",
        "  refused  H7   .20  .20  H7   .20  .20",
        "  slow     H7   .20  .20  H7   .20  .20",
        "  hangs    H7   .20  .20  H7   .20  .20",
        "  lost     H3   .7   .7   H2   .6   .6",
    ]
    found = lines(large())
    assert "A file is a column: H2 says that two tests of it hung, and that nothing is" in found
    assert "  1  tests/f0/test_0.py" in found


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["resilient", "failed", "failed", "hung"], "hung"),
        (["first request failed", "doubled"], "doubled"),
        (["not recovered", "doubled", "vacuous"], "not recovered"),
        (["inconclusive", "degraded", "resilient"], "inconclusive"),
        (["vacuous", "resilient"], "resilient"),
        (["not run", "vacuous"], "vacuous"),
    ],
)
def test_the_worst_outcome_is_shown(states: list[State], expected: State) -> None:
    assert worst(states) == expected


def test_a_journey_without_a_folder_is_a_column_of_its_own() -> None:
    more = [cell("redis cut", "(start)")]
    found = lines(document([*large(120, 40, 3).cells[:120], *more]))
    assert "  4  (start)" in found


def test_rows_in_which_all_is_resilient_are_one_where_there_are_many() -> None:
    cells = [
        cell(f"pay GET /{number} {failure}", "a::b") for number in range(15) for failure in ("slow", "lost", "cut")
    ]
    cells[1] = cell("pay GET /0 lost", "a::b", "hung")
    found = matrix(document(cells))
    assert found[1:6] == [
        "pay GET /0",
        "  lost  hung",
        "  resilient throughout: slow, cut",
        "pay GET /1",
        "  resilient throughout: slow, lost, cut",
    ]


def test_names_of_parameters_are_no_paths() -> None:
    cells = [cell("redis slow", "t.py::test_a[x::y/z]"), cell("redis slow", "t.py::test_b")]
    assert matrix(document(cells))[0].split() == ["test_a[x::y/z]", "test_b"]


def test_names_of_two_files_are_told_apart() -> None:
    cells = [cell("redis slow", "a.py::test_a"), cell("redis slow", "b.py::test_a")]
    assert matrix(document(cells))[0].split() == ["a.py::test_a", "b.py::test_a"]


def test_the_failures_of_two_protocols_are_explained_both() -> None:
    found = lines(document([cell("redis cut", "a::b"), cell("pay cut", "a::b"), cell("pay slow", "a::b")]))
    begin = found.index("Failures")
    assert found[begin + 1 : begin + 4] == [
        "  cut   the connection closes after 3 bytes of each reply (redis)",
        "  cut   only half of each reply body arrives (pay)",
        "  slow  each reply is 2.2 s late",
    ]


@pytest.mark.parametrize("width", [40, 80, 120, 500])
@pytest.mark.parametrize("made", [small, large, hostile], ids=lambda made: made.__name__)
def test_only_commands_are_longer_than_the_terminal_is_wide(made: type[Document], width: int) -> None:
    found = lines(made(), width)
    begun = [number for number, line in enumerate(found) if "repeat:" in line]
    assert begun
    command = {number for at in begun for number in (at, at + 1)}  # that of the hostile one has two lines
    assert [line for number, line in enumerate(found) if number not in command and cell_len(line) >= width] == []


def test_nothing_hostile_reaches_the_terminal() -> None:
    found = lines(hostile())
    assert all(character.isprintable() for line in found for character in line.replace("\n", ""))
    assert not any("hunter2" in line or "4242" in line for line in found)
    assert "  3  tests/test_a.py::test_red\\x07\\x00" in found
    "\n".join(found).encode()


def test_colours_only_where_they_are_asked_for() -> None:
    plain, painted = "\n".join(summary(small(), 80)), "\n".join(summary(small(), 80, color=True))
    assert "\x1b" not in plain
    assert "\x1b[31mhung" in painted
    assert "\x1b[32mresilient" in painted


def test_columns_stand_below_each_other_in_colour() -> None:
    import click

    painted = [click.unstyle(line) for line in summary(small(), 80, color=True)]
    assert [line.rstrip() for line in painted] == SMALL.splitlines()


def test_many_findings_are_counted() -> None:
    cells = [cell("redis slow", f"a::t{number}", "failed", why=f"raised {chr(97 + number)}") for number in range(25)]
    found = lines(document(cells))
    assert any(line.startswith("20. failed") for line in found)
    assert not any(line.startswith("21. ") for line in found)
    assert "... and 5 more: --report-dir DIR keeps them all" in found


def test_what_was_left_out_is_folded_by_its_reason() -> None:
    journeys = [Journey(f"a::t{number}", 0, "it reaches nothing") for number in range(9)]
    found = lines(document([cell("redis slow", "a::b")], journeys=(*journeys, Journey("a::z", 0, "it is skipped"))))
    assert "not tried (9): it reaches nothing: a::t0, a::t1, a::t2 and 6 more" in found
    assert "not tried (1): it is skipped: a::z" in found


def test_a_run_that_ended_early_says_so() -> None:
    found = lines(document([cell("redis slow", "a::b"), cell("redis cut", "a::b", "not run")], ended="ended by SIGINT"))
    assert found[-4:] == [
        "no findings in 2 cells",
        "2 cells in 61 s: 1 resilient, 1 not run",
        "ended by SIGINT before all was done",
        "level smoke, seed 7, brownout 0.2.0",
    ]


def test_a_run_without_cells_has_its_figures() -> None:
    assert lines(document([], ended="ended by SIGINT"))[:2] == [
        "no findings in 0 cells",
        "0 cells in 61 s: nothing was tried",
    ]


def test_a_command_is_a_journey_and_no_test() -> None:
    assert lines(document([cell("redis slow", "command")]))[0].endswith("the journeys that use it.")


def test_a_thousand_cells_take_less_than_a_second() -> None:
    given = large()
    assert len(given.cells) == 1000
    began = time.process_time()
    lines(given)
    assert time.process_time() - began < 1


def test_the_places_of_findings_are_shown() -> None:
    assert "   seen at:  shop/app.py:25 in handle" in lines(document([cell("redis slow", "a::b", "hung", place=PLACE)]))


def test_hostile_names_are_all_there() -> None:
    assert sum(line[:2] == "  " and line[2].isdigit() for line in lines(hostile())) == len(HOSTILE)


def test_what_says_nothing_is_told_why_and_what_tests_started_has_no_address() -> None:
    cells = [cell("redis slow", "tests/test_a.py::test_a", "inconclusive", why="it failed by itself")]
    found = document(cells, dependencies=(Dependency("redis", "redis", "redis://127.0.0.1:51891", started=True),))
    text = "\n".join(summary(found, 80))
    assert "Inconclusive, and why\n  redis slow: it failed by itself\n    in tests/test_a.py::test_a\n" in text
    assert "  redis  redis, started by the tests\n" in text


def test_a_finding_tells_its_other_errors() -> None:
    said = ["ConnectionError: refused", "TimeoutError: 1", "OSError: 2", "EOFError: 3", "ValueError: 4"]
    cells = [
        cell(f"redis f{number}", "a::x", "failed", why=f"GET /a raised {each}", place=PLACE)
        for number, each in enumerate(said)
    ]
    text = " ".join("\n".join(summary(document(cells), 200)).split())
    others = (
        "f1: GET /a raised TimeoutError: 1; f2: GET /a raised OSError: 2; f3: GET /a raised EOFError: 3; and 1 more"
    )
    assert f"GET /a raised ConnectionError: refused also: {others} tests: a::x" in text
