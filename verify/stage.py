"""A command under way with its proxies, and the test session in it that runs what it is told.

A command in which no session comes is a journey of its own. A session forks for each order where a fork would be a copy
of it; else it runs one order itself, and the next one needs a new stage.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Protocol, Self

from ..control.api_address import VARIABLE as API
from ..proxy import Fleet
from ..proxy.intercept import Choice, Interception, Streams, Supervised
from ..supervisor.messages import UnderTest
from ..testing.verified.channel import VARIABLE, Frame, Renewed
from ..testing.verified.traces import Project
from .ending import send, steps
from .line import LONGEST, Line

TERMINATION_TIMEOUT = 10.0
"""Seconds that a command has to end when it is asked to."""
_HANGUP = 0.2
"""Seconds within which a client's hang-up is heard."""
_PRINTED = 1 << 16
"""How many bytes of what a command writes are read."""


class Session(NamedTuple):
    """A pytest session that waits for orders; `cannot_fork` says why each order needs a new one."""

    line: Line
    tests: tuple[str, ...]
    cannot_fork: str
    taken_back: tuple[str, ...]
    project: Project
    errors: int
    """How many files could not be collected."""


class Watch(Protocol):
    """What is done with what a run says."""

    async def follow(self, said: Mapping[str, Any]) -> None:
        """Take a message, which is answered afterwards."""

    @property
    def deadline(self) -> float | None:
        """When the run is to end, by the loop's clock; None while it may take what it takes."""

    def late(self) -> None:
        """Take that its time is over."""

    def let_go(self) -> None:
        """Heal what is broken, and close the connections that it has hurt."""

    def disarm(self) -> None:
        """Heal what is broken."""


class Ran(NamedTuple):
    """How a run ended: its exit code or the signal as a negative number, None where that is not known."""

    status: int | None
    done: bool
    """Whether it said that it had finished."""
    dump: str
    """The stacks of all threads when its time was over, that of the test first; empty where it was not."""
    stuck: Frame | None
    """Where it stood then."""


class Plan(NamedTuple):
    """How a command is started.

    `environment` has the addresses of the proxies, where connections are not intercepted.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    output: IO[bytes]


class Stage:
    """One start of the command."""

    def __init__(self, fleet: Fleet, plan: Plan, choice: Choice | None) -> None:
        self.fleet = fleet
        self._plan = plan
        self._folder = Path(tempfile.mkdtemp(prefix="brownout-verify-"))
        self.output = plan.output
        self.silent = 0
        """How many bytes of what commands write there were when it was started."""
        streams = Streams(asyncio.subprocess.DEVNULL, plan.output, plan.output)
        self._streams = streams
        self.interception = None if choice is None else Interception(fleet, choice, (), streams)
        self._process: asyncio.subprocess.Process | Supervised | None = None
        self._server: asyncio.Server | None = None
        self._sessions: asyncio.Queue[Session] = asyncio.Queue()
        self.more: list[int] = []
        """How many tests the sessions have that came after the first one: they are not run."""
        self._had_session = False
        self._begun: dict[str, asyncio.Future[tuple[Line, int]]] = {}
        self._count = 0
        self._under_way: int | None = None

    async def __aenter__(self) -> Self:
        """Wait for sessions. Raises InterceptError."""
        self._server = await asyncio.start_unix_server(self._come, self._folder / "s", limit=LONGEST)
        if self.interception is not None:
            await self.interception.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the command, and let go of everything."""
        if self._under_way is not None:
            send(self._under_way, signal.SIGKILL)
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), TERMINATION_TIMEOUT)
            if self._process.returncode is None:
                self._process.kill()
        if self.interception is not None:
            await self.interception.close()
        self._end_left(set())
        if self._server is not None:
            self._server.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def starts(self) -> bool:
        """Whether there is a command: else what is looked at runs elsewhere."""
        return bool(self._plan.command)

    @property
    def alive(self) -> bool:
        """Whether the command runs, if there is one."""
        return not self.starts or (self._process is not None and self._process.returncode is None)

    async def start(self) -> None:
        """Start the command, if there is one. Raises OSError for one that cannot be run, InterceptError."""
        if not self.starts:
            return
        self.silent = self.written
        # Whoever runs us may be a worker of pytest-xdist; the command's sessions are none.
        left_out = (API, "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID")
        environment = {key: value for key, value in os.environ.items() if key not in left_out}
        environment |= self._plan.environment
        environment[VARIABLE] = str(self._folder / "s")
        if self.interception is not None:
            await self.interception.command.start(self._plan.command, environment)
            self._process = self.interception.command
        else:
            self._process = await asyncio.create_subprocess_exec(
                *self._plan.command, env=environment, **self._streams._asdict()
            )

    @property
    def written(self) -> int:
        """How many bytes there are of what commands have written."""
        return os.fstat(self.output.fileno()).st_size

    def printed_since(self, written: int) -> str:
        """Return the end of the output that follows its first `written` bytes."""
        start = max(written, self.written - _PRINTED)
        return os.pread(self.output.fileno(), _PRINTED, start).decode(errors="replace")

    async def session(self) -> Session | int:
        """Wait for a session of tests, or for the command's end: its exit code."""
        assert self._process is not None
        coming = asyncio.ensure_future(self._sessions.get())
        ending = asyncio.ensure_future(self._process.wait())
        await asyncio.wait({coming, ending}, return_when=asyncio.FIRST_COMPLETED)
        if coming.done():
            ending.cancel()
            return coming.result()
        coming.cancel()
        return ending.result()

    async def ended(self, within: float = TERMINATION_TIMEOUT) -> int | None:
        """Wait for the command's end; return its exit code, None where it goes on after that time."""
        assert self._process is not None
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self._process.wait(), within)
        return None

    async def _come(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        said = await line.next()
        if said is None:
            line.close()
        elif said["kind"] == "hello":
            tests, taken_back = tuple(said["tests"]), tuple(said["taken_back"])
            if self._had_session:
                self.more.append(len(tests))
                line.answer("end")
                return
            self._had_session = True
            project = Project(said["root"], said["test_folders"], said["test_files"])
            self._sessions.put_nowait(Session(line, tests, said["cannot_fork"], taken_back, project, said["errors"]))
        elif said["kind"] == "begin" and said["run"] in self._begun:
            self._begun[said["run"]].set_result((line, said["pid"]))

    async def run(
        self,
        session: Session,
        tests: Sequence[str],
        watch: Watch,
        *,
        calls: Sequence[Renewed] = ("function",),
        red: Sequence[Renewed] = (),
        met: Callable[[], None] = lambda: None,
    ) -> Ran:
        """Let a session run tests, as often as there are `calls`, and then as there are `red` while they are red.

        `met` is called after each test, while the proxies of servers that it has started are still there.
        """
        self._count += 1
        name = f"run{self._count}"
        await self._forget_gone()
        dump = self._folder / name
        running = _running()
        begun = self._begun[name] = asyncio.get_running_loop().create_future()
        order = {"run": name, "tests": list(tests), "calls": list(calls), "red": list(red), "dump": str(dump)}
        session.line.answer("run", order=order)
        ended = asyncio.ensure_future(session.line.next())
        try:
            await asyncio.wait({begun, ended}, return_when=asyncio.FIRST_COMPLETED)
            done = False
            if begun.done():
                line, self._under_way = begun.result()
                line.answer()
                done = await self._follow(line, self._under_way, watch, met)
                line.close()
            said = await ended
            self._under_way = None
        finally:
            ended.cancel()
            del self._begun[name]
            if self._under_way is not None:
                send(self._under_way, signal.SIGKILL)
            self._end_left(running)
        status = await self.ended() if said is None else int(said["status"])
        text = session.project.in_order(dump.read_text(errors="replace")) if dump.exists() else ""
        return Ran(status, done, text, session.project.stuck(text))

    @property
    def gone(self) -> set[str]:
        """The dependencies that were gone after a run of tests, which had started them."""
        return set() if self.interception is None else set(self.interception.forgotten)

    def _note(self, said: Mapping[str, Any], pid: int) -> None:
        """Let it be known whose connections come next, and who starts what they lead to."""
        if self.interception is None:
            return
        if said["kind"] == "fixture":
            self.interception.note_fixture(said["name"], said["at"])
        elif said["kind"] == "enter":
            self.interception.note_tests(UnderTest(pid, handles=True, port=said["port"]))
        elif said["kind"] in ("test", "leave"):
            self.interception.note_tests(UnderTest(pid))

    async def _forget_gone(self) -> None:
        if self.interception is not None:
            await self.interception.forget_gone()

    def _end_left(self, before: Set[int]) -> None:
        """Kill what has been started since then and still runs: no fixture will end it any more."""
        mark = f"{VARIABLE}={self._folder / 's'}".encode()
        for pid in _running() - before:
            if mark in _environment(pid):
                send(pid, signal.SIGKILL)

    async def _follow(self, line: Line, pid: int, watch: Watch, met: Callable[[], None]) -> bool:
        """Hear what a run says to its end; return whether it said that it had finished."""
        loop = asyncio.get_running_loop()
        ending = steps(pid, watch.late, watch.let_go)
        until: float | None = None
        hung = False
        reading = asyncio.ensure_future(line.next())
        try:
            while True:
                deadline = until if hung else watch.deadline
                timeout = None if deadline is None else max(0.0, deadline - loop.time())
                await asyncio.wait({reading}, timeout=timeout)
                if not reading.done():
                    hung = True
                    until = loop.time() + next(ending)
                    continue
                if (said := reading.result()) is None:
                    return False
                if said.get("when") == "call":
                    await self.fleet.hangups_heard(_HANGUP)
                if hung and said["kind"] in ("test", "phase"):  # that one has ended, and the next one may hang as well
                    hung, ending = False, steps(pid, watch.late, watch.let_go)
                self._note(said, pid)
                await watch.follow(said)
                if said.get("when") == "teardown" or said.get("renewed") == "nothing":  # between two calls
                    met()
                    await self._forget_gone()
                line.answer()
                if said["kind"] == "done":
                    return True
                reading = asyncio.ensure_future(line.next())
        finally:
            reading.cancel()
            watch.disarm()


def _running() -> set[int]:
    """Return the processes of this machine; none where /proc does not tell (proc(5))."""
    try:
        return {int(each) for each in os.listdir("/proc") if each.isdecimal()}
    except OSError:
        return set()


def _environment(pid: int) -> list[bytes]:
    """Return the environment with which a process began; an empty one for a process that is not ours."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
