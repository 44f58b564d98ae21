"""On which TCP ports something listens on this machine."""

from __future__ import annotations

import os

from ...wire.address import Address

_LOCAL = ("127.0.0.1", "::1", "localhost")
_LISTENS = "0A"  # TCP_LISTEN of include/net/tcp_states.h, as /proc/net/tcp has it
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


def listening_ports() -> set[int] | None:
    """Return the ports, of IPv4 and IPv6 together; None where the system does not tell."""
    ports: set[int] = set()
    found = [path for path in _TABLES if os.path.exists(path)]
    for path in found:
        with open(path, encoding="ascii") as table:
            rows = [line.split() for line in table]
        ports.update(int(row[1].rpartition(":")[2], 16) for row in rows[1:] if row[3] == _LISTENS)
    return ports if found else None


def is_gone(at: Address, listening: set[int]) -> bool:
    """Say whether nothing listens at an address, by the ports on which something does: what is elsewhere is there."""
    if at.path:
        return not os.path.exists(at.path)
    return at.host in _LOCAL and at.port not in listening
