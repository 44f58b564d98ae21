"""How far a `verify` is: a line that is written over on a terminal, lines elsewhere. Time is made up."""

import io
import re
from typing import NamedTuple

import pytest
from rich.cells import cell_len

from brownout.cli.output import Output
from brownout.cli.verify_progress import Pace, Progress, is_colored, long
from brownout.faults.failures import failures
from brownout.verify.document import Cell, Dependency
from brownout.verify.plan import Planned
from brownout.verify.watch import Breaking

DEPENDENCIES = (Dependency("redis", "redis", "redis://cache:6379"), Dependency("mail", "smtp", "smtp://mail:25"))


class Paper(Output):
    """An output that keeps what it is given."""

    def __init__(self, terminal: bool) -> None:
        super().__init__(io.StringIO())
        self.terminal = terminal
        self.foreground = True
        self.written = ""

    @property
    def is_terminal(self) -> bool:
        return self.terminal

    def is_foreground(self) -> bool:
        return self.foreground

    def say(self, line: str) -> None:
        self.written += f"{line}\n"

    def draw(self, text: str) -> None:
        self.written += text

    @property
    def lines(self) -> list[str]:
        """What stays, with the line that is written over at its end."""
        return [line.rpartition("\r\x1b[K")[2] for line in self.written.split("\n")]


class Shown(NamedTuple):
    progress: Progress
    paper: Paper
    now: list[float]


def shown(*, terminal: bool, width: int = 80, color: bool = False) -> Shown:
    paper, now = Paper(terminal), [100.0]
    return Shown(Progress(paper, color=color, width=lambda: width, clock=lambda: now[0]), paper, now)


def planned(failure: str, journey: str, operation: str = "") -> Planned:
    found = next(each for each in failures("redis", "full") if each.name == failure)
    return Planned("redis", operation, found, journey, Breaking("redis", (), None, 5.0, by_entry=False))


def finished(cell: Planned, state: str = "resilient") -> Cell:
    return cell.left_out(state, "")  # type: ignore[arg-type]


CELLS = [planned("slow", "a::x"), planned("slow", "a::y"), planned("hangs", "a::x"), planned("hangs", "a::y")]


def begun(shown: Shown) -> Shown:
    shown.progress.planned(CELLS, DEPENDENCIES, [2.0, 2.0, 6.0, 6.0])
    shown.progress.phase("cells", 4)
    return shown


def test_the_plan_is_shown() -> None:
    assert begun(shown(terminal=False)).paper.lines == [
        "  redis  redis  redis://cache:6379  2 tests x 2 failures",
        "  mail   smtp   smtp://mail:25      in no cell",
        "4 cells, about 16 s: a cell is one test under one failure",
        "cells (4): each test under each failure of what it uses",
        "",
    ]


def test_a_row_is_written_when_it_is_complete() -> None:
    progress, paper, _ = begun(shown(terminal=False))
    for cell, state in zip(CELLS, ["hung", "resilient", "resilient", "resilient"], strict=True):
        progress.done(finished(cell, state))
    assert paper.lines[4:] == ["redis slow   H.  1 hung, 1 resilient", "redis hangs  ..  2 resilient", ""]


def test_rows_that_end_in_another_order_are_complete_all_the_same() -> None:
    progress, paper, _ = begun(shown(terminal=False))
    for number in (0, 2, 3, 1):
        progress.done(finished(CELLS[number]))
    assert [line.split("  ")[0] for line in paper.lines[4:6]] == ["redis hangs", "redis slow"]


def test_a_terminal_has_one_line_with_what_runs_and_the_time_left() -> None:
    progress, paper, now = begun(shown(terminal=True))
    progress.step("redis slow a::x")
    assert paper.lines[-1] == "cells: 1 of 4, about 16 s left: redis slow a::x"
    now[0] += 1.0
    progress.done(finished(CELLS[0]))
    progress.step("redis slow a::y")  # a second like the first, and the others a second less than planned
    assert paper.lines[-1] == "cells: 2 of 4, about 11 s left: redis slow a::y"
    now[0] += 2.0
    progress.tick()
    assert paper.lines[-1] == "cells: 2 of 4, about 9 s left: redis slow a::y"
    now[0] += 1.0
    progress.done(finished(CELLS[1]))  # as long as planned, both together
    progress.step("redis hangs a::x")
    assert paper.lines[-2:] == ["redis slow   ..  2 resilient", "cells: 3 of 4, about 12 s left: redis hangs a::x"]
    progress.clear()
    assert paper.lines[-1] == ""


@pytest.mark.parametrize("width", [10, 80, 120])
def test_the_line_never_fills_the_terminal(width: int) -> None:
    progress, paper, _ = begun(shown(terminal=True, width=width))
    progress.step(f"redis slow a::{'中' * 300}\n\x1b[2J")
    assert cell_len(paper.lines[-1]) < width
    assert "\x1b[2J" not in paper.written


def test_after_its_end_nothing_is_drawn() -> None:
    progress, paper, now = begun(shown(terminal=True))
    progress.step("redis slow a::x")
    progress.end("ended by SIGINT")
    now[0] += 60
    progress.tick()
    assert paper.lines[-2:] == ["ended by SIGINT", ""]


def test_nothing_is_drawn_where_the_screen_is_the_shells() -> None:
    progress, paper, _ = shown(terminal=True)
    paper.foreground = False
    progress.phase("healthy", 4)
    progress.step("a::x")
    assert paper.written == "healthy (4): all tests run with nothing broken, to see what each one uses\n"


def test_a_log_hears_what_runs_every_30_s() -> None:
    progress, paper, now = begun(shown(terminal=False))
    progress.step("redis slow a::x")
    before = paper.written
    now[0] += 29.9
    progress.tick()
    assert paper.written == before
    now[0] += 0.1
    progress.tick()
    progress.tick()
    assert paper.written.removeprefix(before) == "cells: 1 of 4, about 1 s left: redis slow a::x\n"
    now[0] += 30
    progress.tick()
    assert paper.written.count("redis slow a::x") == 2


def test_a_log_has_no_escapes_and_a_terminal_has_colour_where_it_is_wanted() -> None:
    for terminal, color in ((False, False), (True, True)):
        progress, paper, _ = begun(shown(terminal=terminal, color=color))
        for cell in CELLS[:2]:
            progress.done(finished(cell, "hung"))
        assert bool(re.search("\x1b\\[31mH", paper.written)) is color


def test_signs_of_many_tests_are_left_out_where_they_do_not_fit() -> None:
    progress, paper, _ = shown(terminal=False)
    cells = [planned("slow", f"a::{number}") for number in range(90)]
    progress.planned(cells, DEPENDENCIES, [1.0] * 90)
    for cell in cells:
        progress.done(finished(cell))
    assert paper.lines[-2] == "redis slow  90 resilient"


def test_operations_are_counted_and_named() -> None:
    progress, paper, _ = shown(terminal=False)
    cells = [planned("slow", "a::x", "GET /a"), planned("slow", "a::x", "POST /b")]
    progress.planned(cells, DEPENDENCIES, [1.0, 1.0])
    assert paper.lines[0].endswith("1 test x 2 failures, 2 operations")
    progress.done(finished(cells[0]))
    assert paper.lines[-2] == "redis GET /a slow   .  1 resilient"


def test_cells_at_once_shorten_what_is_left() -> None:
    keys = [("redis", "", "slow", str(number)) for number in range(8)]
    pace = Pace(dict.fromkeys(keys, 4.0))
    pace.start(0.0)
    for key, at in zip(keys[:4], (4.0, 4.0, 8.0, 8.0), strict=True):
        pace.done(key, at)
    assert pace.left(8.0) == 8.0
    assert pace.left(99.0) == 1.0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (99, "99 s"), (100, "2 min"), (3600, "60 min"), (9000, "2.5 h")]
)
def test_times_are_said_as_people_do(seconds: float, text: str) -> None:
    assert long(seconds) == text


def test_no_color_turns_colours_off() -> None:
    assert is_colored(True, {"TERM": "xterm"})
    assert not is_colored(True, {"TERM": "xterm", "NO_COLOR": "1"})
    assert not is_colored(True, {"TERM": "dumb"})
    assert not is_colored(False, {"TERM": "xterm"})
