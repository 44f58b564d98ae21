"""The process that answers: parent of the command, with one loop over notifications, messages and sockets.

Its only words come from the proxies, by a socket that it was started with; without them it ends, and then the kernel
ends each connect() of the command with ENOSYS.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import resource
import select
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from . import command, kernel, messages
from .command import Command
from .connects import Connects
from .kernel import Calls
from .messages import Policy, Route, UnderTest
from .scope import Scope

_RETRY = 0.005
"""Seconds until what the proxies could not take is sent again."""


class Supervisor:
    """One run of a command; `control` is the socket to the proxies."""

    def __init__(self, control: socket.socket, numbers: Calls, started: Command, *, takes: bool) -> None:
        self._control = control
        self._listener = started.listener
        self._process = started.process
        self._poll = select.epoll()
        self._speaks = select.poll()
        self._speaks.register(control, select.POLLIN)
        self._names = {getattr(numbers, name): name for name in kernel.NOTIFIED}
        self._watched: dict[int, Callable[[], None]] = {}
        self._unsent: deque[tuple[str, dict[str, object], socket.socket | None]] = deque()
        self._connects = Connects(started.listener, numbers, self, takes=takes, safe=started.safe)
        self._wakeup, wakes = socket.socketpair()
        for each in (self._wakeup, wakes, control):
            each.setblocking(False)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        self._wakes = wakes
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for descriptor in (control.fileno(), started.listener, self._wakeup.fileno()):
            self._poll.register(descriptor, select.EPOLLIN)

    # What `Connects` needs

    def watch(self, sock: socket.socket, decided: Callable[[], None]) -> None:
        """Call when the connecting of a socket has ended, once."""
        self._watched[sock.fileno()] = decided
        self._poll.register(sock.fileno(), select.EPOLLOUT | select.EPOLLONESHOT)

    def forget(self, sock: socket.socket) -> None:
        """Do not call."""
        if self._watched.pop(sock.fileno(), None) is not None:
            self._poll.unregister(sock.fileno())

    def tell(self, kind: str, values: dict[str, object], handed: socket.socket | None = None) -> None:
        """Tell the proxies of something; a socket that is handed over is closed here.

        A message with a socket is sent at the end of the round, so that its caller is answered before the proxies wake,
        and before the destination does.
        """
        self._unsent.append((kind, values, handed))
        if handed is None:
            self._send()

    def _send(self) -> None:
        """Send what the proxies take now: never wait for them."""
        while self._unsent:
            kind, values, handed = self._unsent[0]
            if handed is not None:
                kernel.send_ack(handed)
            try:
                descriptors = () if handed is None else (handed.fileno(),)
                messages.send(self._control, messages.packed(kind, values), descriptors)
            except OSError as error:
                if error.errno in (errno.EAGAIN, errno.ETOOMANYREFS, errno.EINTR, errno.ENOBUFS):
                    return
            if handed is not None:
                handed.close()
            self._unsent.popleft()

    # The loop

    def run(self) -> None:
        """Answer until the command has ended, or the proxies are gone."""
        while True:
            found = self._poll.poll(self._timeout())
            if any(descriptor == self._control.fileno() for descriptor, _ in found) and not self._hear():
                return
            for descriptor, events in found:
                if descriptor == self._listener:
                    self._notified(events)
                elif descriptor == self._wakeup.fileno():
                    if self._reap():
                        return
                elif (decided := self._watched.get(descriptor)) is not None:
                    self._decided(descriptor, decided)
            self._connects.tick()
            self._send()

    def _timeout(self) -> float | None:
        timeout = self._connects.timeout()
        if self._unsent:
            return _RETRY if timeout is None else min(timeout, _RETRY)
        return timeout

    def _notified(self, events: int) -> None:
        if events & select.EPOLLIN:
            # What the proxies said before this call is known before it is answered.
            if self._hear() and (note := kernel.receive(self._listener, self._names)) is not None:
                self._connects.notified(note)
        else:  # nobody is left that could call
            self._poll.unregister(self._listener)

    def _decided(self, descriptor: int, decided: Callable[[], None]) -> None:
        self._poll.unregister(descriptor)
        del self._watched[descriptor]
        decided()

    def _hear(self) -> bool:
        """Take what the proxies say; return whether they are there."""
        while self._speaks.poll(0):  # a fifth of what it takes to be told by recvmsg() that there is nothing
            try:
                heard = messages.receive(self._control)
            except OSError:
                return False
            if heard is None:
                return False
            self._connects.routes.policy = _policy(heard[0])
        return True

    def _reap(self) -> bool:
        """Take the ends of processes; return whether the command has ended, which the proxies are told."""
        with contextlib.suppress(BlockingIOError):
            self._wakeup.recv(4096)
        ended = None
        with contextlib.suppress(ChildProcessError):
            while True:
                process, status = os.waitpid(-1, os.WNOHANG)
                if process == 0:
                    break
                if process == self._process:
                    ended = status
        if ended is None:
            return False
        self._control.setblocking(True)
        self.tell("exited", {"status": os.waitstatus_to_exitcode(ended)})
        return True


def _policy(said: dict[str, Any]) -> Policy:
    said.pop("kind")
    policy = Policy(**said)
    routes = {endpoint: Route(*route) for endpoint, route in said["routes"].items()}
    scoped = {
        endpoint: [(Scope.of(scope), Route(*route)) for scope, route in found]
        for endpoint, found in said["scoped"].items()
    }
    return policy._replace(routes=routes, scoped=scoped, tested=UnderTest(*said["tested"]))


def main(words: list[str]) -> None:
    """Run a command: its words come after the number of the control socket's descriptor."""
    control = socket.socket(fileno=int(words[0]))
    os.set_inheritable(control.fileno(), False)
    numbers = kernel.calls()
    assert numbers is not None, "the proxies have looked"
    with open("/proc/self/environ", "rb") as block:  # as it was given: Python may have added to its own
        environment = dict(each.split(b"=", 1) for each in block.read().split(b"\0") if b"=" in each)
    kernel.set_process(kernel.PR_SET_CHILD_SUBREAPER)
    try:
        started = command.start([os.fsencode(word) for word in words[1:]], environment, numbers)
    except OSError as error:
        messages.send(control, messages.packed("failed", {"step": "seccomp", "errno": error.errno}))
        return
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)  # they are for the command
    os.setsid()  # a share of processor time of its own, apart from the proxies' (autogroup in sched(7))
    _raise_file_limit()
    takes, wrong = _tried(started, numbers)
    if wrong:
        messages.send(control, messages.packed("failed", {"step": "memory", "errno": wrong}))
        os.kill(started.process, signal.SIGKILL)
        return
    supervisor = Supervisor(control, numbers, started, takes=takes)
    if wrong := command.go(started):
        messages.send(control, messages.packed("unknown", {"errno": wrong}))
        return
    _let_go_of_streams()
    pidfd = os.pidfd_open(started.process)
    messages.send(control, messages.packed("ready", {"takes": takes, "process": started.process}), [pidfd])
    os.close(pidfd)
    gc.freeze()
    supervisor.run()


def _tried(started: Command, numbers: Calls) -> tuple[bool, int]:
    """Answer the first connect(): return whether its socket could be taken, and the errno where nothing can be had."""
    poll = select.poll()
    poll.register(started.listener, select.POLLIN)
    poll.poll()
    note = kernel.receive(started.listener, {numbers.connect: "connect"})
    if note is None:
        return False, errno.ESRCH
    takes, wrong = True, 0
    try:
        kernel.read_address(note.thread, *note.arguments[1:3])
        _, pidfd = kernel.open_process(note.thread)
        try:
            os.close(kernel.descriptor_of(numbers, pidfd, note.descriptor))
        finally:
            os.close(pidfd)
    except PermissionError as error:
        takes = False
        try:
            address = kernel.read_address(note.thread, *note.arguments[1:3])
            kernel.write_address(note.thread, note.arguments[1], address)
        except OSError:
            wrong = error.errno or errno.EPERM
    except OSError as error:
        takes, wrong = False, 0 if error.errno == errno.ENOSYS else error.errno or errno.EPERM
    kernel.answer(started.listener, note.id, errno.ECANCELED)
    return takes, wrong


def _raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _let_go_of_streams() -> None:
    """Let the command alone have its terminal and pipes, so that their readers hear when it is gone."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)


if __name__ == "__main__":
    main(sys.argv[1:])
