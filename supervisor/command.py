"""The command's first process: from the fork to its exec.

It installs the filter, hands the listener over, calls connect() once so that it can be tried whether that can be
answered, and waits until it may go on. Then it is the command.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import NamedTuple, NoReturn

from . import kernel
from .kernel import Calls

_GO = b"g"
_SAFE, _UNSAFE = b"s", b"u"
PROBE = ("127.0.0.1", 9)
"""To where the connect() goes that tries whether it is answered: it never gets there."""


class Command(NamedTuple):
    """A process that is to become the command once it is let `go()`.

    `safe`: signals do not interrupt a call that is being answered.
    """

    process: int
    line: socket.socket
    listener: int
    safe: bool


def start(words: list[bytes], environment: dict[bytes, bytes], numbers: Calls) -> Command:
    """Fork it. Raises OSError where the kernel does not take the filter."""
    ours, theirs = socket.socketpair()
    process = os.fork()
    if process == 0:
        try:
            ours.close()
            _become(words, environment, numbers, theirs)
        finally:
            os._exit(127)
    theirs.close()
    data, descriptors, _, _ = socket.recv_fds(ours, 16, 1)
    if not descriptors:
        ours.close()
        os.waitpid(process, 0)
        number = int(data or b"0")
        raise OSError(number, os.strerror(number))
    os.set_inheritable(descriptors[0], False)
    return Command(process, ours, descriptors[0], data == _SAFE)


def go(command: Command) -> int:
    """Let it become the command; return 0, or the errno where it cannot be run."""
    with command.line as line:
        line.sendall(_GO)
        return int(line.recv(16) or b"0")


def _become(words: list[bytes], environment: dict[bytes, bytes], numbers: Calls, line: socket.socket) -> NoReturn:
    try:
        listener, safe = _install(numbers)
    except OSError as error:
        line.sendall(str(error.errno).encode())
        os._exit(127)
    socket.send_fds(line, [_SAFE if safe else _UNSAFE], [listener])
    os.close(listener)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.connect_ex(PROBE)
    if not line.recv(1):
        os._exit(127)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(words[0], words, environment)  # noqa: S606 (the user's own command)
    except OSError as error:
        line.sendall(str(error.errno).encode())
        os._exit(127)


def _install(numbers: Calls) -> tuple[int, bool]:
    """Install the filter; who may not do so as it is gives up what setuid programs could give it."""
    try:
        return kernel.install(numbers)
    except PermissionError:
        kernel.set_process(kernel.PR_SET_NO_NEW_PRIVS)
        return kernel.install(numbers)
