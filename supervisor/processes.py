"""Where processes are and what they have, as /proc shows it (proc(5)): namespaces, sockets, who listens where."""

from __future__ import annotations

import os
import socket
import struct
import time

from .process import Process

STREAMS = {"TCP": socket.AF_INET, "TCPv6": socket.AF_INET6, "MPTCP": socket.AF_INET, "MPTCPv6": socket.AF_INET6}
"""The kinds of sockets of TCP, and their families."""
_NETLINK = struct.Struct("=IHHII")  # struct nlmsghdr of linux/netlink.h
_DIAG_REQUEST = struct.Struct("!BBBBIHH32sI8s")  # struct inet_diag_req_v2 of linux/inet_diag.h
_DIAG_REPLY = struct.Struct("=6xH56xII")  # of struct inet_diag_msg: the peer's port, the user, and the inode
_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST = 4, 20, 1
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
        # Also where we are: a daemon's parent that called listen() has ended by now.
        for process in {"self", *(str(server.number) for server, _ in self._waiting.values())}:
            for name in ("tcp", "tcp6"):
                for inode, address in _listening(process, name):
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


def _listening(process: str, name: str) -> list[tuple[int, tuple[str, int]]]:
    """Return the sockets that listen where a process is, by inode. `name` is that of the table: tcp or tcp6."""
    return [(int(row[9]), _address(row[1])) for row in _rows(process, name) if row[3] == "0A"]


def _rows(process: str, name: str) -> list[list[str]]:
    try:
        with open(f"/proc/{process}/net/{name}") as table:
            return [line.split() for line in table][1:]
    except OSError:
        return []


def is_held(own: tuple[str, int], peer: tuple[str, int]) -> bool:
    """Say whether a process has the socket of a connection on this machine, by its addresses.

    Where the kernel does not answer, nobody has it.
    """
    return held_by(own, peer)[1] > 0


def held_by(own: tuple[str, int], peer: tuple[str, int]) -> tuple[int, int]:
    """Return the user, and the inode, of the socket of a connection on this machine, by its addresses (sock_diag(7)).

    One question, however many connections there are. The inode is 0 where no process has it, or nobody knows.
    """
    family = socket.AF_INET6 if ":" in own[0] else socket.AF_INET
    hosts = b"".join(socket.inet_pton(family, host).ljust(16, b"\0") for host, _ in (own, peer))
    asked = _DIAG_REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF, own[1], peer[1], hosts, 0, b"\xff" * 8)
    header = _NETLINK.pack(_NETLINK.size + len(asked), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as diag:
            diag.send(header + asked)
            said = diag.recv(4096)
    except OSError:
        return 0, 0
    if _NETLINK.unpack_from(said)[1] != _SOCK_DIAG_BY_FAMILY:
        return 0, 0
    port, user, inode = _DIAG_REPLY.unpack_from(said, _NETLINK.size)
    return (user, inode) if socket.ntohs(port) == peer[1] else (0, 0)  # a socket that listens has no peer


def _address(text: str) -> tuple[str, int]:
    """Read an address of /proc/net/tcp: words of 32 bits in the machine's order, a colon, the port."""
    words, _, port = text.partition(":")
    raw = b"".join(int(words[at : at + 8], 16).to_bytes(4, "little") for at in range(0, len(words), 8))
    host = socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
    return host.removeprefix("::ffff:"), int(port, 16)
