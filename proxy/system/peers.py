"""Which process of this machine is at the other end of a connection, as Linux tells it.

The kernel has the inode of the other socket (sock_diag(7)), and /proc says which process has it open. All processes
must be looked through for that, so those that were found before come first.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
from collections.abc import Iterator

from ...supervisor.tcp_sockets import held_by
from .sockets import is_unix

_CREDENTIALS = struct.Struct("=iII")  # struct ucred: process, user, group (unix(7))
_KNOWN = 256
"""How many processes are remembered."""


class Peers:
    """Finds processes, and remembers which ones it found."""

    def __init__(self) -> None:
        self._known: dict[int, None] = {}  # the last one found comes last

    def process_at(self, descriptor: int) -> int | None:
        """Return the process at the other end of a connected socket, which is given by its descriptor.

        None where it is on another machine, has closed its end, is another user's, or the system is not Linux.
        """
        if sys.platform != "linux":
            return None
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as sock:
            if is_unix(sock):
                credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
                return int(_CREDENTIALS.unpack(credentials)[0]) or None
            user, inode = held_by(_plain(sock.getpeername()), _plain(sock.getsockname()))
            if inode and os.geteuid() in (0, user):
                return self._holder(f"socket:[{inode}]")
        return None

    def _holder(self, link: str) -> int | None:
        for process in self._candidates():
            if _has_open(process, link):
                self._known.pop(process, None)
                self._known[process] = None
                if len(self._known) > _KNOWN:
                    del self._known[next(iter(self._known))]
                return process
        return None

    def _candidates(self) -> Iterator[int]:
        known = tuple(reversed(self._known))
        yield from known
        others = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
        yield from (process for process in reversed(others) if process not in known)


def _has_open(process: int, link: str) -> bool:
    """Say whether a process has a socket open; its newest descriptors are looked at first."""
    try:
        descriptors = sorted(map(int, os.listdir(f"/proc/{process}/fd")), reverse=True)
    except OSError:  # it has ended, or is another user's
        return False
    for descriptor in descriptors:
        with contextlib.suppress(OSError):  # it was closed meanwhile
            if os.readlink(f"/proc/{process}/fd/{descriptor}") == link:
                return True
    return False


def _plain(name: tuple[str, int]) -> tuple[str, int]:
    return name[0].removeprefix("::ffff:"), name[1]
