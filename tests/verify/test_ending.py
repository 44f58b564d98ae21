"""A process that hangs is ended, and one that still works has the time for it."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from brownout.testing.verified.channel import CUT, DUMP
from brownout.verify.ending import LET_GO, steps, used

IGNORES = (
    f"import signal, time; [signal.signal(each, signal.SIG_IGN) for each in ({DUMP:d}, {CUT:d})]; print(flush=True)"
)
DEADLINE = 60.0


@pytest.fixture
def process(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", f"{IGNORES}\n{request.param}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, process_group=0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def ended(process: subprocess.Popen[bytes], *, works: bool) -> list[object]:
    """Go through the steps until it is killed: while it works each of them lasts until it has used the CPU."""
    seen: list[object] = []
    for seconds in steps(process.pid, lambda: seen.append("late"), lambda: seen.append("let go")):
        before, until = used(process.pid), time.monotonic() + (DEADLINE if works else 0.1)
        while process.poll() is None and used(process.pid) == before and time.monotonic() < until:
            time.sleep(0.01)
        seen.append(seconds)
        if process.poll() is not None:
            break
    return seen


@pytest.mark.parametrize("process", ["time.sleep(1000)"], indirect=True)
def test_one_that_waits_is_killed_when_it_was_told_to_end(process: subprocess.Popen[bytes]) -> None:
    assert ended(process, works=False)[:5] == ["late", 0.5, "let go", LET_GO, LET_GO]
    assert process.wait(DEADLINE) == -signal.SIGKILL


@pytest.mark.parametrize("process", ["while True: pass"], indirect=True)
def test_one_that_works_has_six_times_as_long(process: subprocess.Popen[bytes]) -> None:
    assert ended(process, works=True)[3:15] == [LET_GO] * 12
    assert process.wait(DEADLINE) == -signal.SIGKILL
