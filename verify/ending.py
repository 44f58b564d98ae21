"""How a test's process that hangs is ended: each step gives it the time to end by itself."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from ..testing.verified.channel import CUT, DUMP

_DUMPED = 0.5
LET_GO = 2.0
"""Seconds that a test has to end once all that was broken is well, and again when it was told to."""
_MORE = 5
"""How many times as long, while its process uses the CPU: on a busy machine a traceback takes its time."""


def steps(pid: int, late: Callable[[], None], let_go: Callable[[], None]) -> Iterator[float]:
    """Yield how many seconds to wait after each step.

    `late` takes that the time is over; `let_go` heals what is broken, and resets what is open.
    """
    late()
    send(pid, DUMP)
    yield _DUMPED
    let_go()
    yield from _while_it_works(pid)
    send(pid, CUT)
    yield from _while_it_works(pid)
    while True:
        send(pid, signal.SIGKILL)
        yield LET_GO


def _while_it_works(pid: int) -> Iterator[float]:
    spent = used(pid)
    yield LET_GO
    for _ in range(_MORE):
        before, spent = spent, used(pid)
        if spent == before:
            return
        yield LET_GO


def used(pid: int) -> int:
    """Return how many ticks of the CPU a process has used (proc(5)); 0 where that is not told."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def send(pid: int, number: int) -> None:
    """Send a signal to a test's process, or kill it with all that it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if number == signal.SIGKILL and os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
