"""The command of an intercepted run: the process that answers for it, and what the two of us say to each other."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import platform
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from ...supervisor import kernel, messages
from ...supervisor.messages import Policy
from ...wire.errors import BrownoutError

_ROOT = Path(__file__).parent.parent.parent
_BOOT = """
import importlib.util, sys
root = sys.argv[1]
found = importlib.util.spec_from_file_location("brownout", root + "/__init__.py", submodule_search_locations=[root])
sys.modules["brownout"] = package = importlib.util.module_from_spec(found)
found.loader.exec_module(package)
from brownout.supervisor.main import main
main(sys.argv[2:])
"""
"""It starts without `site`, in a tenth of the time, whatever the user's environment has for other Pythons."""
_INSTEAD = "let a variable lead to the proxy instead: --env DATABASE_URL={db.url}"


class InterceptError(BrownoutError):
    """A system that does not let connections be intercepted."""


class Streams(NamedTuple):
    """Where the command reads and writes, as descriptors or files; None: where this process does."""

    stdin: int | IO[Any] | None = None
    stdout: int | IO[Any] | None = None
    stderr: int | IO[Any] | None = None


INHERITED = Streams()


class Supervised:
    """A command whose connections are caught, as `asyncio.subprocess.Process` has one.

    `hear` is called with each message of the process that answers, and the descriptors that came with it.
    """

    def __init__(self, hear: Callable[[dict[str, Any], list[int]], None], streams: Streams) -> None:
        self._streams = streams
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._control, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        self._policy: bytes | None = None
        self._started: asyncio.Future[int] = self._loop.create_future()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._pidfd = -1
        self._process: asyncio.subprocess.Process | None = None
        self.takes = True
        """Whether sockets of the command can be taken: else addresses are written over."""

    @staticmethod
    def check() -> None:
        """Check that this machine's processor is known. Raises InterceptError."""
        if kernel.calls() is None:
            known = " and ".join(kernel.CALLS)
            raise InterceptError(f"--intercept knows {known}, and this is {platform.machine()}", _INSTEAD)

    @property
    def returncode(self) -> int | None:
        """How the command ended, a signal as a negative number; None while it runs."""
        return self._ended.result() if self._ended.done() and not self._ended.cancelled() else None

    async def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start the command.

        Raises InterceptError where the system does not allow it, OSError for a command that cannot be run.
        """
        self._loop.add_reader(self._control, self.catch_up)
        words = [sys.executable, "-I", "-S", "-c", _BOOT, str(_ROOT), str(self._theirs.fileno()), *command]
        self._process = await asyncio.create_subprocess_exec(
            *words,
            env=dict(environment),
            pass_fds=[self._theirs.fileno()],
            **self._streams._asdict(),
        )
        self._theirs.close()
        if wrong := await self._started:
            raise OSError(wrong, os.strerror(wrong))

    def direct(self, policy: Policy) -> None:
        """Say what is to become of connections from now on: also of one that is made right after this call."""
        routes = {endpoint: list(route) for endpoint, route in policy.routes.items()}
        self._policy = messages.packed("policy", policy._asdict() | {"routes": routes})
        self._send()

    def _send(self) -> None:
        if self._policy is None or self._control.fileno() < 0:
            return
        try:
            messages.send(self._control, self._policy)
            self._policy = None
            self._loop.remove_writer(self._control)
        except BlockingIOError:
            self._loop.add_writer(self._control, self._send)
        except OSError:  # it has ended, which catch_up() hears
            self._policy = None

    def catch_up(self) -> None:
        """Take all that was said by now."""
        while self._control.fileno() >= 0:
            try:
                heard = messages.receive(self._control)
            except BlockingIOError:
                return
            except ConnectionResetError:  # it ended and had not read everything; what it said before is still there
                continue
            if heard is None:
                self._lost()
                return
            self._take(*heard)

    def _take(self, said: dict[str, Any], descriptors: list[int]) -> None:
        match said.pop("kind"):
            case "ready":
                self.takes, self._pidfd = said["takes"], descriptors[0]
                self._started.set_result(0)
            case "unknown":
                self._started.set_result(said["errno"])
            case "failed":
                self._started.set_exception(_refusal(said["step"], said["errno"]))
            case "exited":
                self._ended.set_result(said["status"])
            case kind:
                self._hear({"kind": kind, **said}, descriptors)

    def _lost(self) -> None:
        """Take that the process that answers has ended."""
        self._loop.remove_reader(self._control)
        self._control.close()
        if not self._started.done():
            self._started.set_exception(InterceptError("--intercept: the process that answers ended at once"))
        elif self._pidfd >= 0 and not self._ended.done():
            self._hear({"kind": "lost"}, [])
            self._loop.add_reader(self._pidfd, self._ended_alone)

    def _ended_alone(self) -> None:
        """Take the end of a command that is not our child, so that its code is not known."""
        self._loop.remove_reader(self._pidfd)
        self._ended.set_result(1)

    async def wait(self) -> int:
        """Wait until the command has ended, and return how: see `returncode`."""
        return await asyncio.shield(self._ended)

    def send_signal(self, number: int) -> None:
        """Send the command a signal. Raises ProcessLookupError where it is gone."""
        signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> None:
        """Kill the command."""
        with contextlib.suppress(ProcessLookupError):
            self.send_signal(signal.SIGKILL)

    async def close(self) -> None:
        """Stop to answer: from now on connect() fails in what the command has left behind."""
        if self._control.fileno() >= 0:
            self.catch_up()
        if self._control.fileno() >= 0:
            self._loop.remove_reader(self._control)
            self._loop.remove_writer(self._control)
            self._control.close()
        self._theirs.close()
        if self._process is not None:
            await self._process.wait()
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1


def _refusal(step: str, number: int) -> InterceptError:
    if step == "seccomp" and number == errno.EBUSY:
        return InterceptError("--intercept: the connections of this process are intercepted already", "leave one out")
    what = "install a seccomp filter" if step == "seccomp" else "look into processes that it has started"
    return InterceptError(f"--intercept: this system does not let Brownout {what}: {os.strerror(number)}", _INSTEAD)
