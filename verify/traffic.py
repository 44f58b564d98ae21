"""What goes to each dependency, and moments in which nothing does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..proxy import Fleet

_MOMENT, _MOMENTS = 0.03, 50
"""How many seconds of stillness mean that an application has started, and how often that is waited for at most."""
_SILENCE = 0.5
"""For how many seconds is watched what an application asks in the background."""


class Traffic(NamedTuple):
    """What went to a dependency in a time. `operations` are what was asked, and how often."""

    connections: int = 0
    turns: int = 0
    operations: Mapping[str, int] = {}

    @property
    def requests(self) -> int:
        """How often something was asked, as far as that is followed."""
        return sum(self.operations.values())

    @property
    def trips(self) -> int:
        """How often something waited for a reply."""
        return max(self.turns, self.requests)

    @property
    def unsafe(self) -> int:
        """How many requests there were that must not be repeated."""
        return sum(count for name, count in self.operations.items() if name.startswith(("POST ", "PATCH ")))

    def __bool__(self) -> bool:
        """Say whether there was any."""
        return bool(self.connections or self.turns)

    def __add__(self, other: object) -> Traffic:
        """Return both together."""
        if not isinstance(other, Traffic):
            return NotImplemented
        return Traffic(
            self.connections + other.connections,
            self.turns + other.turns,
            Counter(self.operations) + Counter(other.operations),
        )


def so_far(fleet: Fleet) -> dict[str, Traffic]:
    """Return what went to each dependency since its proxy is there."""
    return {
        proxy.name: Traffic(
            proxy.links_total,
            proxy.turns,
            {name: tally.outcomes.total() for name, tally in proxy.operations.tallies.items()},
        )
        for proxy in fleet.proxies.values()
        if proxy.links_total
    }


async def quiet(fleet: Fleet, pid: int | None) -> None:
    """Wait, up to a limit, until nothing has moved for a moment and all threads of a process sleep."""
    for _ in range(_MOMENTS):
        before, sleeps = so_far(fleet), _sleeps(pid)
        await asyncio.sleep(_MOMENT)
        if so_far(fleet) == before and sleeps and _sleeps(pid):
            return


async def silence(fleet: Fleet) -> frozenset[str]:
    """Return the dependencies that are asked while no test runs."""
    before = so_far(fleet)
    await asyncio.sleep(_SILENCE)
    return frozenset(name for name, traffic in so_far(fleet).items() if traffic != before.get(name))


def _sleeps(pid: int | None) -> bool:
    """Say whether all threads of a process sleep (proc_pid_stat(5)); True if the process is not known."""
    try:
        threads = [each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:  # one of them has just ended
        return False
    return all(each.rpartition(")")[2].split()[0] == "S" for each in threads)
