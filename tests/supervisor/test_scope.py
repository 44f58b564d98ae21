"""Which processes are meant, asked of real ones."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from brownout.supervisor.process import Process, Processes
from brownout.supervisor.scope import Scope

SHELL = "cat -- - password=hunter2; exit"


@pytest.fixture
def child() -> Iterator[tuple[int, int]]:
    """A shell, and the program that it has started."""
    with subprocess.Popen(["sh", "-c", SHELL], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as shell:
        children = Path(f"/proc/{shell.pid}/task/{shell.pid}/children")
        while not (started := children.read_text().split()) or Process(int(started[0])).program != "cat":
            assert shell.poll() is None
        yield shell.pid, int(started[0])


def test_a_process_descends_from_those_that_started_it(child: tuple[int, int]) -> None:
    shell, cat = child
    assert Process(cat).family[:3] == (cat, shell, os.getpid())
    assert Scope(within=((shell,),)).fits(Process(cat))
    assert Scope(within=((os.getpid(), 7), (cat,))).fits(Process(cat))
    assert not Scope(within=((cat,),)).fits(Process(shell))
    assert not Scope(within=((os.getpid(),), ())).fits(Process(cat))


def test_all_of_a_command_line_is_looked_at_and_none_of_it_is_shown(child: tuple[int, int]) -> None:
    process = Process(child[1])
    assert Scope(command="cat -- - password=*").fits(process)
    assert not Scope(command="cat").fits(process)
    assert not Scope(program="cat", command="*psql*").fits(process)
    assert process.names == ("cat",)


def test_a_process_that_is_gone_is_only_itself() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    process = Process(gone.pid)
    assert (process.program, process.command, process.family) == ("", "", (gone.pid,))
    assert not Scope(command="*x*").fits(process)


def test_what_is_known_of_a_process_stays_when_it_ends(child: tuple[int, int]) -> None:
    process = Process(child[1])
    family, command = process.family, process.command
    os.kill(child[1], 9)
    while os.path.exists(f"/proc/{child[1]}/fd/0"):
        pass
    assert (process.family, process.command) == (family, command) != ((child[1],), "")


def test_a_process_is_known_again_until_it_runs_something_else() -> None:
    processes = Processes()
    with subprocess.Popen(["sh", "-c", "read line; exec cat"], stdin=subprocess.PIPE) as child:
        while Process(child.pid).program != "sh":
            assert child.poll() is None
        shell = processes.find(child.pid)
        assert processes.find(child.pid) is shell
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
        while Process(child.pid).program != "cat":
            assert child.poll() is None
        assert (shell.program, processes.find(child.pid).program) == ("sh", "cat")


def test_of_very_many_processes_the_first_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brownout.supervisor.process._MOST_KNOWN", 2)
    processes = Processes()
    first = processes.find(os.getpid())
    for gone in (4_000_001, 4_000_002):
        assert processes.find(gone).program == ""
    assert processes.find(os.getpid()) is not first
