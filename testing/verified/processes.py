"""What the tests' process has started, and how it ended (Linux; elsewhere nothing is seen)."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from .channel import Ended


def children() -> dict[int, str]:
    """Return the processes that this one has started and that run, with their programs."""
    if sys.platform != "linux":
        return {}
    found = {}
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError):
            for each in Path(f"/proc/self/task/{task}/children").read_text().split():
                if words := Path(f"/proc/{each}/cmdline").read_bytes():  # empty: it has ended
                    found[int(each)] = " ".join(os.fsdecode(word) for word in words.split(b"\0")[:3]).strip()
    return found


def ended(before: Mapping[int, str]) -> list[Ended]:
    """Return which of these have ended; whoever started them can still wait for them."""
    running = children()
    return [Ended(program=program, status=_status(pid)) for pid, program in before.items() if pid not in running]


def _status(pid: int) -> int | None:
    try:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # somebody has waited for it
        return None
    if found is None:
        return None
    return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
