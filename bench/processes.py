"""What a process and those beneath it cost, from /proc: CPU time, memory, descriptors."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """Return a process and its descendants."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{parent}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
    return found


def cpu(pid: int) -> float:
    """Return the seconds for which the threads of a process and of its descendants have run, to the microsecond."""
    ran = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{each}/task").iterdir():
                with contextlib.suppress(OSError):
                    ran += int((thread / "schedstat").read_text().split()[0])
    return ran / 1e9


def memory(pid: int) -> int:
    """Return the resident bytes of a process and its descendants."""
    return sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in tree(pid)) * _PAGE


def descriptors(pid: int) -> int:
    """Return how many files a process and its descendants have open."""
    return sum(len(os.listdir(f"/proc/{each}/fd")) for each in tree(pid))


def elsewhere() -> float:
    """Return the CPU seconds that the machine has spent on anything but this benchmark, since it was started."""
    user, nice, system, _, _, irq, softirq, steal, *_ = map(
        int, Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
    )
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (user + nice + system + irq + softirq + steal) / _TICK - ended.ru_utime - ended.ru_stime - cpu(os.getpid())
