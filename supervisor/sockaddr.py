"""Addresses of sockets as the kernel has them (struct sockaddr_in, sockaddr_in6, sockaddr_un).

Sources: ip(7), ipv6(7), unix(7).
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

_MAPPED = bytes(10) + b"\xff\xff"
"""What is before an IPv4 address in an IPv6 one that means it (RFC 4291, section 2.5.5.2)."""
_LEAST: dict[int, int] = {socket.AF_INET: 16, socket.AF_INET6: 24}
"""How many bytes of an address the kernel wants: of IPv6 all but the scope (SIN6_LEN_RFC2133)."""


class Destination(NamedTuple):
    """Where a call connects to: a host (numeric) and port, or the path of a unix socket (then host is empty)."""

    host: str
    port: int
    path: str = ""

    @property
    def endpoint(self) -> str:
        """`HOST:PORT`, an IPv6 host in brackets, or the path."""
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether it is a loopback address."""
        return self.host.startswith("127.") or self.host.partition("%")[0] == "::1"


def family_in(address: bytes) -> int:
    """Return the family that an address says it is of."""
    return int(struct.unpack_from("=H", address)[0])


def parse(address: bytes) -> Destination | None:
    """Return what an address means; None for one that is too short, unnamed, abstract, or of another family.

    IPv4 within IPv6 is IPv4, and "any address" is what connecting to it leads to: loopback.
    """
    if len(address) < 2:
        return None
    family = family_in(address)
    if family == socket.AF_UNIX:
        path = address[2:].split(b"\0", 1)[0].decode(errors="surrogateescape")
        return Destination("", 0, path) if path else None
    if family not in _LEAST or len(address) < _LEAST[family]:
        return None
    port = struct.unpack_from("!H", address, 2)[0]
    if family == socket.AF_INET:
        return Destination(_v4(address[4:8]), port)
    host = address[8:24]
    if host[:12] == _MAPPED:
        return Destination(_v4(host[12:]), port)
    text = socket.inet_ntop(socket.AF_INET6, host)
    scope = struct.unpack_from("=I", address, 24)[0] if len(address) >= 28 else 0
    return Destination("::1" if text == "::" else f"{text}%{scope}" if scope else text, port)


def _v4(host: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET, host) if any(host) else "127.0.0.1"


def pack(to: Destination, family: int, length: int = 0) -> bytes:
    """Return an address for a socket of a family: AF_INET6 gets IPv4 as it is written there.

    It is `length` bytes long at least. Raises OSError where the family cannot have it.
    """
    if family == socket.AF_UNIX:
        packed = struct.pack("=H", family) + to.path.encode(errors="surrogateescape") + b"\0"
    elif family == socket.AF_INET6:
        name, _, scope = to.host.partition("%")
        host = socket.inet_pton(family, name) if ":" in name else _MAPPED + socket.inet_pton(socket.AF_INET, name)
        packed = struct.pack("=H", family) + struct.pack("!HI", to.port, 0) + host + struct.pack("=I", int(scope or 0))
    else:
        packed = struct.pack("=H", family) + struct.pack("!H", to.port) + socket.inet_pton(family, to.host) + bytes(8)
    return packed.ljust(length, b"\0")


def family_of(to: Destination) -> int:
    """Return the family of a socket that can connect there."""
    if to.path:
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in to.host else socket.AF_INET
