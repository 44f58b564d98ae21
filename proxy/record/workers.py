"""Processes that run tests: who they are, which test each runs, and for whose connections an injection is.

A worker is known by its process. What it starts is its own as well: processes descend from it, and those that have left
their parents carry the environment that pytest-xdist gives them. Who starts workers beneath a worker belongs to it.

A server to which several workers connect is nobody's own: nobody knows for which of them it makes its connections.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from ...faults.callers import Callers
from ...faults.settings.names import free
from ...supervisor.process import Process
from ...supervisor.scope import Scope
from ...wire.errors import NotFoundError

MOST = 1000
"""How many workers are known, and how many tests of one."""


class Begun(NamedTuple):
    """That a worker runs a test from a moment on, in seconds of the proxies' clock; empty: none."""

    at: float
    test: str


class Worker:
    """A process that runs tests.

    `name` is what pytest-xdist calls it: `gw0`; empty without pytest-xdist. `mark` is what its children bear, if any.
    """

    __slots__ = ("_begun", "mark", "members", "name", "process")

    def __init__(self, name: str, process: int, mark: str) -> None:
        self.name = name
        self.process = process
        self.mark = mark
        self.members: tuple[int | str, ...] = (process, mark) if mark else (process,)
        self._begun: list[Begun] = []

    @property
    def test(self) -> str:
        """The test that it runs; empty between tests."""
        return self._begun[-1].test if self._begun else ""

    def test_at(self, moment: float) -> str:
        """Return which test it ran at a moment; empty where it ran none, or that is not known any more."""
        number = bisect_right(self._begun, moment, key=lambda begun: begun.at)
        return self._begun[number - 1].test if number else ""

    def turn_to(self, test: str, moment: float) -> None:
        """Take that it runs a test from now on, or none."""
        self._begun.append(Begun(moment, test))
        del self._begun[: -2 * MOST]

    def label(self, name: str) -> str:
        """Return what something of a name is called that is this worker's own: `latency@gw0`."""
        return f"{name}@{self.name or self.process}"

    def plain(self, label: str) -> str:
        """Return the name of which that is the label."""
        return label.removesuffix(self.label(""))


class Server(NamedTuple):
    """A process to which several workers connect, which are its `users`."""

    process: Process
    users: tuple[Worker, ...]

    def __str__(self) -> str:
        """Say which program it is, and whose."""
        return f"{self.process.program} (shared by {', '.join(each.name for each in self.users)})"


class Workers:
    """The workers that are known, by process.

    `changed` is called when one began another test, and with True when processes may belong to others than before.
    """

    def __init__(self, changed: Callable[[bool], None]) -> None:
        self._changed = changed
        self._workers: dict[int, Worker] = {}
        self._by_member: dict[int | str, Worker] = {}
        self._users: dict[int, dict[Worker, None]] = {}  # of servers, by their processes
        self._shared: dict[int, Server] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._workers)

    def __iter__(self) -> Iterator[Worker]:
        """Iterate over them."""
        return iter(self._workers.values())

    def add(self, name: str, process: int, mark: str) -> Worker:
        """Return the worker that a process is, which may be known. One of a name that is taken gets another name."""
        worker = self._workers.get(process)
        if worker is None or worker.mark != mark:
            self._workers.pop(process, None)
            living = [each for each in self._workers.values() if os.path.exists(f"/proc/{each.process}")]
            self._workers = {each.process: each for each in living[-MOST:]}
            name = free(name, {each.name for each in living}) if name else ""
            worker = self._workers[process] = Worker(name, process, mark)
            self._by_member = {member: each for each in self for member in each.members}
            self._changed(True)
        return worker

    def find(self, process: int) -> Worker:
        """Return the worker of a process. Raises NotFoundError."""
        try:
            return self._workers[process]
        except KeyError:
            raise NotFoundError(f"process {process} is no worker", f"PUT /v1/workers/{process}") from None

    def turn_to(self, worker: Worker, test: str, moment: float) -> None:
        """Take that a worker runs a test from now on, or none."""
        worker.turn_to(test, moment)
        self._changed(False)

    def note_use(self, server: Process, client: Process) -> Server | None:
        """Note that a process connects to another one; return the server if it is shared by workers from now on."""
        user, owner = self.of(client), self.of(server)
        if user is None or user is owner or server.number in self._shared:
            return None
        users = self._users.setdefault(server.number, {} if owner is None else {owner: None})
        users[user] = None
        if len(self._users) > MOST:
            del self._users[next(iter(self._users))]
        if len(users) < 2:
            return None
        found = self._shared[server.number] = Server(server, tuple(users))
        self._changed(True)
        return found

    def server(self, process: Process) -> Server | None:
        """Return the shared server that a process is, or descends from."""
        return next((self._shared[each] for each in process.family if each in self._shared), None)

    def of(self, process: Process) -> Worker | None:
        """Return the worker to which a process belongs: the outermost one, if there are several."""
        known = self._by_member
        if not known or (self._shared and self.server(process) is not None):
            return None
        found = next((known[each] for each in reversed(process.family) if each in known), None)
        return found or known.get(process.mark)

    def scope(self, callers: Callers | None, owner: Worker | None) -> Scope | None:
        """Return for which processes an injection is now: those that are meant, and an `owner`'s alone; None: all."""
        if callers is None and owner is None:
            return None
        meant = callers or Callers()
        within: list[tuple[int | str, ...]] = [] if meant.process is None else [(meant.process,)]
        if meant.worker:
            within.append(self._members(lambda worker: fnmatchcase(worker.name, meant.worker)))
        if meant.test:
            within.append(self._members(lambda worker: meant.means_test(worker.test)))
        if owner is not None:
            within.append(owner.members)
        apart = tuple(self._shared) if meant.worker or meant.test or owner is not None else ()
        return Scope(meant.program, meant.command, tuple(within), apart, meant.container)

    def _members(self, fits: Callable[[Worker], bool]) -> tuple[int | str, ...]:
        return tuple(member for worker in self if fits(worker) for member in worker.members)
