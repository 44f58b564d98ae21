import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from click.testing import CliRunner

from brownout.cli.demo.faults import page
from brownout.testing import servers
from brownout.wire.errors import BrownoutError

from .conftest import PROGRAM, Lines, command, environment

TEST_DEADLINE = 180.0
"""Seconds for a whole demo, which takes 15 on an idle machine."""
TABLE = """
  healthy nothing ok
  latency 300 ms ok
  bandwidth 56 kbit/s ok
  reset a reset ok
  hang silence ok
  refuse a refusal ok
  healed nothing ok
"""


class Demo:
    """A `brownout demo faults` as a process of its own."""

    def __init__(self, **env: str) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([*PROGRAM, "demo", "faults"], stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment(**env))  # fmt: skip
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)

    def close(self) -> None:
        self.process.kill()
        self.process.wait(TEST_DEADLINE)
        self.out.close()
        self.err.close()


@pytest.fixture
def demos() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def start(stack: contextlib.ExitStack, **env: str) -> Demo:
    demo = Demo(**env)
    stack.callback(demo.close)
    return demo


class Process(NamedTuple):
    parent: int
    state: str
    command: str


def processes() -> dict[int, Process]:
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,state=,args="], capture_output=True, text=True, check=True)  # fmt: skip
    found = [line.split(maxsplit=3) for line in listed.stdout.splitlines()]
    return {int(pid): Process(int(parent), state, "".join(command)) for pid, parent, state, *command in found}


def descendants(pid: int) -> set[int]:
    known, found = processes(), {pid}
    while more := {child for child, process in known.items() if process.parent in found} - found:
        found |= more
    return found - {pid}


def folder(line: str) -> Path:
    """The temporary folder of a server that was announced: where it runs."""
    return Path(os.readlink(f"/proc/{line.split()[-1]}/cwd"))


def table(text: str) -> list[str]:
    """The seven lines beneath the head of the last table."""
    return text.partition("must be\n")[2].splitlines()[:7]


@pytest.mark.slow
def test_two_demos_at_once_feel_what_was_injected_and_leave_nothing(demos: contextlib.ExitStack) -> None:
    first, second = start(demos), start(demos)
    folders = [folder(demo.out.until(name)) for demo in (first, second) for name in ("redis-server,", "postgres,")]
    assert len(set(folders)) == 4
    first.out.until("1  Healthy")
    children = descendants(first.process.pid)
    assert len(children) >= 6  # two servers, their guards, brownout run and its cat; postgres has children of its own
    for demo in (first, second):
        demo.process.wait(TEST_DEADLINE)
        text = "\n".join(demo.out.all())
        assert (demo.process.returncode, demo.err.all()) == (0, []), text
        words = [re.sub(r"  +", "  ", line.strip()).split("  ") for line in table(text)]
        assert [f"  {line[0]} {line[1]} {line[-1]}" for line in words] == TABLE.strip("\n").splitlines()
        assert "21 of 21 figures are as injected" in text
        assert "\x1b" not in text
        assert max(map(len, text.splitlines())) <= 80
        assert re.findall(r"[a-z.]*[A-Z][A-Za-z]+(?:Error|Timeout)\b", text) == [
            "redis.exceptions.ConnectionError", "psycopg.OperationalError", "ConnectionResetError",
            "redis.exceptions.TimeoutError", "psycopg.errors.ConnectionTimeout", "TimeoutError",
            "redis.exceptions.ConnectionError", "psycopg.OperationalError", "ConnectionRefusedError",
        ]  # fmt: skip
    assert not children & set(processes())
    assert [path for path in folders if path.exists()] == []


@pytest.mark.slow
def test_faults_that_do_nothing_are_found_out(demos: contextlib.ExitStack, tmp_path: Path) -> None:
    """The commands say that they injected, and did not."""
    (tmp_path / "sitecustomize.py").write_text(
        "from brownout.control.client import Client\nClient.inject = lambda self, proxy, injection: injection | {'name': 'x'}\n"
    )
    demo = start(
        demos, PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    )
    assert demo.process.wait(TEST_DEADLINE) == 1
    text = "\n".join(demo.out.all())
    assert "6 of 21 figures are as injected" in text
    marks = [line.split()[-1] for line in table(text)]
    assert marks == ["ok", "WRONG", "WRONG", "WRONG", "WRONG", "WRONG", "ok"]
    wrong = [re.sub(r"[\d.]+ ms", "N ms", line, count=1) for line in demo.err.all()]
    assert wrong == [
        f"error: {step} on {name}: an answer after N ms, which must {must}"
        for step, must in {
            "latency": "come after 300 to 800 ms",
            "bandwidth": "come after 1000 to 1500 ms",
            "reset": "be a reset",
            "hang": "be a time-out",
            "refuse": "be a refusal",
        }.items()
        for name in ("redis", "postgres", "http")
    ]


def test_a_proxy_that_dies_is_an_error_on_a_line_of_its_own(demos: contextlib.ExitStack) -> None:
    demo = start(demos)
    demo.out.until("inject redis latency")
    children, known = descendants(demo.process.pid), processes()
    [run] = [pid for pid in children if pid in known and " brownout.cli run " in known[pid].command]
    os.kill(run, signal.SIGKILL)
    assert demo.process.wait(TEST_DEADLINE) == 2
    assert demo.out.all()[-1].startswith("  $ brownout ")
    error, hint = demo.err.all()
    assert re.match(r"error: brownout \S.* failed: error: no Brownout answers at 127.0.0.1:\d+$", error)
    assert hint.startswith("hint: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "moment", "code"),
    [
        (signal.SIGINT, "redis-server,", 130),  # Postgres is being made
        (signal.SIGINT, "1  Healthy", 130),
        (signal.SIGINT, "inject redis bandwidth", 130),
        (signal.SIGTERM, "inject redis latency", -signal.SIGTERM),
        (signal.SIGKILL, "inject redis latency", -signal.SIGKILL),
    ],
)
def test_a_signal_ends_it_with_all_its_children(
    demos: contextlib.ExitStack, number: signal.Signals, moment: str, code: int
) -> None:
    demo = start(demos)
    place = folder(demo.out.until("redis-server,"))
    demo.out.until(moment)
    children = descendants(demo.process.pid)
    assert children
    demo.process.send_signal(number)
    assert demo.process.wait(15) == code  # not by a deadline of its own for a child that does not end
    # Where it could not clean up itself, its children see that it is gone. Who has nobody to reap it stays as a zombie.
    end = time.monotonic() + 20
    while left := {pid for pid, each in processes().items() if pid in children and each.state != "Z"}:
        assert time.monotonic() < end, left
        time.sleep(0.05)
    while place.exists():
        assert time.monotonic() < end, place
        time.sleep(0.05)
    assert [line for line in demo.err.all() if line] == []


def test_without_its_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("redis", "psycopg"):
        monkeypatch.setitem(sys.modules, name, None)
    result = command("demo", "faults")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "error: the demo needs redis (import of redis halted; None in sys.modules) and "
        "psycopg (import of psycopg halted; None in sys.modules)\n"
        "hint:  pip install 'brownout[demo]'\n"
    )


def test_all_servers_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise BrownoutError(f"no {name} here", f"install {name}")

    monkeypatch.setattr(servers, "redis", lambda: missing("redis"))
    monkeypatch.setattr(servers, "postgres", lambda: missing("postgres"))
    result = command("demo", "faults")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: no redis here\nhint:  install redis\nerror: no postgres here\nhint:  install postgres\n"
    )


@pytest.mark.parametrize(("env", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours_are_for_terminals_that_have_them(env: dict[str, str], colored: bool) -> None:
    clean = {"NO_COLOR": None, "TERM": "xterm"}
    result = CliRunner(env=clean | env).invoke(
        click.Command("x", callback=lambda: page.title("Slow", "why")), color=True
    )
    assert result.stdout == ("\n\x1b[1mSlow\x1b[0m\n  why\n" if colored else "\nSlow\n  why\n")
