"""Hands the tests of a session to `brownout verify`, which has them run one by one."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import random
import signal
import socket
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

import pytest

from . import coroutines
from .channel import CUT, DUMP, Channel, EndedError, Hello, Order
from .journey import Journeys, TimeOverError, generators, reseed
from .taken_back import take_back
from .traces import Project


class Agent:
    """Takes over the session's loop."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._taken: list[str] = []
        self._journeys: Journeys | None = None
        self._drawing: list[random.Random] = []
        """What draws random numbers when all tests are collected. It is looked for once, since that takes long."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, object, object]:
        """Take back what would change tests that run alone, before xdist reads it."""
        if not config.option.collectonly:
            self._taken = take_back(config)
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object:
        """Run what is ordered, until all is done."""
        if session.config.option.collectonly:
            return None
        self._journeys = Journeys(session)
        session.config.pluginmanager.register(self._journeys)
        self._drawing = generators()
        why = _cannot_fork()
        project = Project.of(session.config)
        hello = Hello(
            tests=[item.nodeid for item in session.items],
            errors=session.testsfailed,
            cannot_fork=why,
            taken_back=self._taken,
            root=project.root,
            test_folders=list(project.tests),
            test_files=list(project.patterns),
        )
        try:
            answer = self._channel.ask("hello", **hello)
            while answer["kind"] == "run":
                answer = self._channel.ask("ran", status=self._run(answer["order"], forks=not why))
        except EndedError:
            pytest.exit("brownout verify has ended", returncode=1)
        return True

    def _run(self, order: Order, *, forks: bool) -> int:
        if not forks:
            self._run_here(order, forked=False)
            return 0
        sys.stdout.flush()
        sys.stderr.flush()
        if (child := os.fork()) == 0:
            with contextlib.suppress(BaseException):
                os.setpgid(0, 0)
                self._channel.close()
                reseed(self._drawing)
                self._run_here(order, forked=True)
                os._exit(0)
            os._exit(1)
        with contextlib.suppress(OSError):
            os.setpgid(child, child)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def _run_here(self, order: Order, *, forked: bool) -> None:
        channel = Channel(self._channel.path)
        with Path(order["dump"]).open("w") as dump, _exits_told(dump):
            signal.signal(DUMP, lambda *_: coroutines.write(dump))
            faulthandler.register(DUMP, dump, all_threads=True, chain=True)
            if forked:
                faulthandler.enable(dump)
            before = signal.signal(CUT, _cut)
            try:
                channel.ask("begin", run=order["run"], pid=os.getpid())
                assert self._journeys is not None
                self._journeys.run(order, channel)
            finally:
                signal.signal(CUT, before)
                faulthandler.unregister(DUMP)
                signal.signal(DUMP, signal.SIG_DFL)
                channel.close()


@contextlib.contextmanager
def _exits_told(dump: IO[str]) -> Generator[None]:
    """Have the stacks written down if this process ends by os._exit()."""
    pid, leave = os.getpid(), os._exit

    def exit_at_once(status: int) -> NoReturn:
        if os.getpid() == pid:  # and no child of it, for which that is usual
            faulthandler.dump_traceback(dump)
        leave(status)

    os._exit = exit_at_once
    try:
        yield
    finally:
        os._exit = leave


def _cut(*_: int | FrameType | None) -> NoReturn:
    raise TimeOverError("the time for this test was over, and brownout verify ended it")


def _cannot_fork() -> str:
    """Return why a fork would not be a copy of this process, empty if it would."""
    if sys.platform != "linux":
        return "it is not Linux"
    harmless = [thread for thread in threading.enumerate() if _is_a_plugin(thread)]
    threads = len(os.listdir("/proc/self/task")) - len(harmless)
    if threads > 1:
        return f"{threads} threads run when all tests are collected"
    for each in os.listdir("/proc/self/fd"):
        if int(each) > 2 and _is_connected(int(each)):
            return "connections are open when all tests are collected"
    return ""


def _is_a_plugin(thread: threading.Thread) -> bool:
    """Say whether a thread is that of a plugin of pytest, which tests do not need: pytest-rerunfailures has one."""
    module = str(getattr(getattr(thread, "_target", None), "__module__", ""))
    return module.startswith(("pytest_", "xdist", "execnet"))


def _is_connected(descriptor: int) -> bool:
    """Say whether a descriptor is an Internet connection."""
    try:
        with socket.socket(fileno=os.dup(descriptor)) as sock:
            return sock.family != socket.AF_UNIX and bool(sock.getpeername())
    except OSError:
        return False
