"""Where processes are and what they have (proc(5)): namespaces, sockets, who listens where."""

from __future__ import annotations

import os
import socket
import time

from .process import Process
from .tcp_sockets import listening

STREAMS = {"TCP": socket.AF_INET, "TCPv6": socket.AF_INET6, "MPTCP": socket.AF_INET, "MPTCPv6": socket.AF_INET6}
"""The kinds of sockets of TCP, and their families."""
SETTLED = 1.0
"""Seconds after which a call of listen() that led to nothing is given up."""


def network_of(process: int | str) -> str:
    """Return the network namespace of a process (namespaces(7)). Raises OSError."""
    return os.readlink(f"/proc/{process}/ns/net")


def path_from_here(process: int, path: str) -> str:
    """Return where a path of a process leads to from here: it may have a folder, or a root, of its own.

    Raises OSError.
    """
    return os.path.join(os.readlink(_base(process, path)), path.lstrip("/"))


def leads_elsewhere(process: int, path: str) -> bool:
    """Say whether a path of a process leads to something else than it does from here, by mounts of its own.

    Raises OSError.
    """
    if os.readlink(f"/proc/{process}/ns/mnt") == os.readlink("/proc/self/ns/mnt"):
        return False
    try:
        return not os.path.samefile(path_from_here(process, path), f"{_base(process, path)}/{path}")
    except (FileNotFoundError, NotADirectoryError):
        return True


def _base(process: int, path: str) -> str:
    return f"/proc/{process}/{'root' if path.startswith('/') else 'cwd'}"


class Opened:
    """Where processes beneath the command listen, and with which programs.

    That a socket is to listen is heard of before it does, so its address is looked up when it is wanted, and for
    SETTLED seconds again if it does not listen by then.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Process, float]] = {}  # by inode, and since when
        self._servers: dict[tuple[str, int], tuple[Process, float]] = {}

    def add(self, process: int, descriptor: int) -> None:
        """Take that a socket is about to listen; unix sockets are left out. Raises OSError."""
        if kind_of(process, descriptor) in STREAMS:
            self._waiting[inode_of(process, descriptor)] = (Process(process), time.monotonic())

    def server_at(self, host: str, port: int) -> Process | None:
        """Return the process that listens there; None for one that was not started beneath the command."""
        if self._waiting:
            self._look_up()
        found = self._found(host, port)
        return None if found is None else found[0]

    def since(self, host: str, port: int) -> float:
        """Return when it began to listen, by `time.monotonic()`, if `server_at()` has found it; else 0."""
        found = self._found(host, port)
        return 0.0 if found is None else found[1]

    def _found(self, host: str, port: int) -> tuple[Process, float] | None:
        addresses = ((host, port), ("0.0.0.0", port), ("::", port))  # noqa: S104 - where others listen
        return next((self._servers[each] for each in addresses if each in self._servers), None)

    def _look_up(self) -> None:
        for inode, address in listening() or ():
            if inode in self._waiting:
                self._servers[address] = self._waiting.pop(inode)
        settled = time.monotonic() - SETTLED
        self._waiting = {inode: each for inode, each in self._waiting.items() if each[1] > settled}


def inode_of(process: int, descriptor: int) -> int:
    """Return the inode of a process's socket, which identifies it in /proc/net. Raises OSError if it is no socket."""
    kind, _, number = os.readlink(f"/proc/{process}/fd/{descriptor}").partition(":")
    if kind != "socket":
        raise OSError(f"{kind} is no socket")
    return int(number.strip("[]"))


def kind_of(process: int, descriptor: int) -> str:
    """Return the kernel's name of what a socket of a process speaks: `TCP`, `UNIX-STREAM`. Raises OSError."""
    return os.getxattr(f"/proc/{process}/fd/{descriptor}", "system.sockprotoname").rstrip(b"\0").decode()
