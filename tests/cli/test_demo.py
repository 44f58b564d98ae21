"""`brownout demo`: all of it, what it looks for, how it looks, and that it leaves nothing behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from brownout.cli.demo.shop import page, play, run
from brownout.cli.demo.shop.seeded import MISTAKES, ROWS, missed
from brownout.testing import servers
from brownout.verify.document import Cell, Judged, Place
from brownout.wire.errors import BrownoutError

from .conftest import PROGRAM, Lines, command, environment

HINT = "pip install 'brownout[demo]'"


def cell(name: str, state: str = "resilient", file: str = "", rule: str = "") -> Cell:
    dependency, failure, journey = name.split("/")
    place = Place(f"shop/fragile/{file}", 3, "ask") if file else None
    judged = (Judged(rule, "error", "", ""),) if rule else ()
    return Cell(
        dependency, "", failure, journey, state=state, why="why", fired=1, budget=4.0, place=place, judged=judged
    )


FRAGILE = {each.cell: cell(each.cell, each.state, each.file, each.rule) for each in MISTAKES}
GRACEFUL = {name: cell(name) for name in FRAGILE}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="--intercept needs Linux")
def test_each_mistake_is_found_and_the_graceful_build_holds(tmp_path: Path) -> None:
    env = environment(TMPDIR=str(tmp_path))
    done = subprocess.run(
        [*PROGRAM, "demo"], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(each.name in done.stdout for each in MISTAKES)


def test_what_is_as_it_was_seeded_is_right() -> None:
    assert list(missed(FRAGILE, GRACEFUL)) == []
    assert {each.cell.rpartition("/")[0] for each in MISTAKES} <= {*ROWS}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda each: each.name)
def test_a_mistake_that_does_not_show_in_its_cell_is_missed(mistake: object) -> None:
    name = mistake.cell
    for other in (
        cell(name, "vacuous", mistake.file, mistake.rule),
        cell(name, mistake.state, "products.py", mistake.rule),
        cell(name, mistake.state, "", mistake.rule),
    ):
        (said,) = missed(FRAGILE | {name: other}, GRACEFUL)
        assert said == f"{mistake.name} was not found by {name}, which is {other.state}"
    if mistake.rule:
        assert len([*missed(FRAGILE | {name: cell(name, mistake.state, mistake.file)}, GRACEFUL)]) == 1


def test_a_graceful_build_that_fails_is_told() -> None:
    name = "tokens/hangs/sign-in"
    assert list(missed(FRAGILE, GRACEFUL | {name: cell(name, "degraded")})) == []
    (said,) = missed(FRAGILE, GRACEFUL | {name: cell(name, "failed")})
    assert said == "the graceful build: tokens/hangs/sign-in is failed: why"


def test_a_cell_that_one_build_does_not_have_is_told() -> None:
    name = "tokens/hangs/sign-in"
    fragile = {key: each for key, each in FRAGILE.items() if key != name}
    assert list(missed(fragile, GRACEFUL)) == [
        "the builds differ in their cells: tokens/hangs/sign-in",
        "no-timeout was not found by tokens/hangs/sign-in, which was not run",
    ]


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    cells = [cell("redis/hangs/(start)", "hung"), cell("redis/hangs/search", "hung"), cell("tokens/error/sign-in")]
    better = [cell("redis/hangs/(start)"), cell("redis/hangs/search", "degraded"), cell("tokens/error/sign-in")]
    page.matrices({"fragile": cells, "graceful": better})
    return capsys.readouterr().out.splitlines()


def test_wide_terminals_have_the_matrices_side_by_side(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "87")
    lines = shown(capsys)
    assert lines[:9] == [
        "  fragile                                graceful",
        "           (start)  search  sign-in               (start)  search  sign-in",
        "  redis                                  redis",
        "    hangs     H       H                    hangs     .       ~",
        "  tokens                                 tokens",
        "    error                      .           error                      .",
        "  fragile: 2 hung, 1 resilient",
        "  graceful: 1 degraded, 2 resilient",
        "",
    ]
    signs = [line.partition(":")[0] for line in lines[9:] if line[2] != " "]
    assert signs == ["  H  hung", "  ~  degraded", "  .  resilient"]


def test_narrow_ones_have_them_one_after_the_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = shown(capsys)
    assert lines[:14] == [
        "  fragile",
        "           (start)  search  sign-in",
        "  redis",
        "    hangs     H       H",
        "  tokens",
        "    error                      .",
        "",
        "  graceful",
        "           (start)  search  sign-in",
        "  redis",
        "    hangs     .       ~",
        "  tokens",
        "    error                      .",
        "",
    ]
    assert max(map(len, lines)) < 60


def test_each_mistake_is_shown_with_the_line_that_was_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = MISTAKES[:2]
    monkeypatch.setenv("COLUMNS", "67")
    page.mistakes([(first, FRAGILE[first.cell])])
    assert capsys.readouterr().out.splitlines()[1:] == [
        "    failed in redis/refused/(start),",
        "    shop/fragile/cache.py:3 in ask",
    ]
    monkeypatch.setenv("COLUMNS", "80")
    page.mistakes([(first, FRAGILE[first.cell]), (second, None)])
    assert capsys.readouterr().out.splitlines() == [
        "  fatal-start: without Redis the shop does not start",
        "    failed in redis/refused/(start), shop/fragile/cache.py:3 in ask",
        "  not found  cache-fatal: no search without the cache",
    ]


@pytest.mark.slow
def test_where_nothing_is_intercepted_variables_lead_to_the_proxies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brownout.examples.shop.shop.outside import outside

    monkeypatch.setattr(run, "ROWS", ("redis/refused",))
    monkeypatch.setattr(play.tempfile, "tempdir", str(tmp_path))
    rows: list[str] = []
    with play._folder() as folder, outside("fragile") as variables:
        play.wire(folder)
        with run.running("fragile", folder, variables["fragile"], rows.append) as under_way:
            document = under_way.document()
    assert {each.journey: each.state for each in document.cells} == {
        "(start)": "failed",
        "sign-in": "failed",
        "search": "failed",
        "checkout": "failed",
    }
    assert rows == ["redis refused  FFFF  4 failed"]


def test_a_verify_that_cannot_run_is_an_error_with_what_it_said(tmp_path: Path) -> None:
    with run.running("fragile", tmp_path, {}, print) as under_way, pytest.raises(BrownoutError) as caught:
        under_way.document()
    assert caught.value.message.startswith("verify of the fragile build ended with exit code 2:\nerror: ")
    assert "brownout.yaml" in caught.value.message


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[bytes]", Lines]]:
    """A demo of which all folders are in `tmp_path`."""
    pipe = subprocess.PIPE
    with contextlib.ExitStack() as stack:
        env = environment(TMPDIR=str(tmp_path))
        process = stack.enter_context(
            subprocess.Popen(
                [*PROGRAM, "demo"], stdin=subprocess.DEVNULL, stdout=pipe, stderr=subprocess.STDOUT, env=env
            )
        )
        lines = Lines(process.stdout)
        stack.callback(lines.close)
        stack.callback(process.kill)
        yield process, lines


def mentioning(folder: Path) -> list[str]:
    """The processes with a folder in their environment or command line."""
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            told = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
            if str(folder).encode() in told and int(pid) != os.getpid():
                found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc has the environment of processes")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_signal_ends_it_with_all_that_it_started(
    number: signal.Signals, code: int, demo: tuple["subprocess.Popen[bytes]", Lines], tmp_path: Path
) -> None:
    process, lines = demo
    lines.until("  graceful  postgres refused")
    assert len(mentioning(tmp_path)) > 10
    process.send_signal(number)
    assert process.wait(60) == code
    end = time.monotonic() + 30  # after SIGKILL its children see that it is gone
    while left := mentioning(tmp_path) or [*tmp_path.iterdir()]:
        assert time.monotonic() < end, left
        time.sleep(0.05)
    assert not [line for line in lines.all() if "Traceback" in line or "error" in line]


def test_without_its_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    result = command("demo")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"error: the demo needs asyncpg (import of asyncpg halted; None in sys.modules)\nhint:  {HINT}\n"
    )


def test_without_a_postgres_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing() -> None:
        raise BrownoutError("no postgres here", "install postgres")

    monkeypatch.setattr(servers, "postgres", missing)
    monkeypatch.setattr(play.tempfile, "tempdir", str(tmp_path))
    result = command("demo")
    assert result.exit_code == 2
    assert result.stderr == "error: no postgres here\nhint:  install postgres\n"
    assert [*tmp_path.iterdir()] == []
