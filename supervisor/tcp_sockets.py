"""The TCP sockets of this network, of which the kernel is asked by netlink (sock_diag(7), linux/inet_diag.h).

It answers in a tenth of a millisecond. /proc/net/tcp, which is read where it does not, has every connection, those that
are over among them: on a busy machine that takes 10 ms and more.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

_MESSAGE = struct.Struct("=IHHII")  # struct nlmsghdr of linux/netlink.h
_REQUEST = struct.Struct("!BBBB4s48s")  # struct inet_diag_req_v2
_IDENTITY = struct.Struct("!HH32sI8s")  # struct inet_diag_sockid: ports, addresses
_REPLY = struct.Struct("!B3xHH16s16s24x8s")  # struct inet_diag_msg: family, ports, addresses; the user and the inode
_OWNER = struct.Struct("=II")
_SOCK_DIAG, _BY_FAMILY = 4, 20
_IS_REQUEST, _DUMP = 1, 0x300
_ERROR, _DONE = 2, 3
_ANY = struct.pack("=I", 0xFFFFFFFF)
_LISTEN = 10  # TCP_LISTEN of include/net/tcp_states.h
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")

At = tuple[str, int]
"""A host and a port."""


class _Socket(NamedTuple):
    own: At
    peer_port: int
    user: int
    inode: int


def held_by(own: At, peer: At) -> tuple[int, int]:
    """Return the user, and the inode, of the socket of a connection on this machine, by its addresses.

    One question, however many connections there are. The inode is 0 where no process has it, or nobody knows.
    """
    family = socket.AF_INET6 if ":" in own[0] else socket.AF_INET
    hosts = b"".join(socket.inet_pton(family, host).ljust(16, b"\0") for host, _ in (own, peer))
    try:
        for found in _asked(family, _ANY, _IDENTITY.pack(own[1], peer[1], hosts, 0, b"\xff" * 8)):
            if found.peer_port == peer[1]:  # a socket that listens has no peer
                return found.user, found.inode
    except OSError:
        pass
    return 0, 0


def is_held(own: At, peer: At) -> bool:
    """Say whether a process has the socket of a connection on this machine, by its addresses.

    Where the kernel does not answer, nobody has it.
    """
    return held_by(own, peer)[1] > 0


def listening() -> list[tuple[int, At]] | None:
    """Return the sockets that listen, by inode, each with where; None where the system does not tell."""
    states, families = struct.pack("=I", 1 << _LISTEN), (socket.AF_INET, socket.AF_INET6)
    try:
        return [(each.inode, each.own) for family in families for each in _asked(family, states)]
    except (OSError, AttributeError):  # the latter where there is no netlink
        return _read()


def _asked(family: int, states: bytes, identity: bytes = b"") -> Iterator[_Socket]:
    """Yield the socket with an identity, or without one all of a family in some states. Raises OSError."""
    asked = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, states, identity)
    flags = _IS_REQUEST if identity else _IS_REQUEST | _DUMP
    header = _MESSAGE.pack(_MESSAGE.size + len(asked), _BY_FAMILY, flags, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG) as diag:
        diag.send(header + asked)
        while True:
            said, at = diag.recv(65_536), 0
            while at < len(said):
                size, kind, *_ = _MESSAGE.unpack_from(said, at)
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    raise OSError(-struct.unpack_from("=i", said, at + _MESSAGE.size)[0], "sock_diag")
                yield _socket(said, at + _MESSAGE.size)
                at += (size + 3) & ~3
            if identity:
                return


def _socket(said: bytes, at: int) -> _Socket:
    family, port, peer, host, _, owner = _REPLY.unpack_from(said, at)
    return _Socket((_host(family, host), port), peer, *_OWNER.unpack(owner))


def _host(family: int, raw: bytes) -> str:
    return socket.inet_ntop(family, raw[: 4 if family == socket.AF_INET else 16]).removeprefix("::ffff:")


def _read() -> list[tuple[int, At]] | None:
    """Read the tables of /proc (proc_net_tcp(5)): words of 32 bits in the machine's order, a colon, the port."""
    found, told = [], False
    for path, family in zip(_TABLES, (socket.AF_INET, socket.AF_INET6), strict=True):
        try:
            with open(path, encoding="ascii") as table:
                rows = [line.split() for line in table][1:]
        except OSError:
            continue
        told = True
        for row in rows:
            if int(row[3], 16) == _LISTEN:
                words, _, port = row[1].partition(":")
                raw = b"".join(int(words[at : at + 8], 16).to_bytes(4, "little") for at in range(0, len(words), 8))
                found.append((int(row[9]), (_host(family, raw), int(port, 16))))
    return found if told else None
