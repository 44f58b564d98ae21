"""On which TCP ports something listens on this machine."""

from __future__ import annotations

import os

from ...supervisor.tcp_sockets import listening
from ...wire.address import Address

_LOCAL = ("127.0.0.1", "::1", "localhost")


def listening_ports() -> set[int] | None:
    """Return the ports, of IPv4 and IPv6 together; None where the system does not tell."""
    found = listening()
    return None if found is None else {port for _, (_, port) in found}


def is_gone(at: Address, listening: set[int]) -> bool:
    """Say whether nothing listens at an address, by the ports on which something does: what is elsewhere is there."""
    if at.path:
        return not os.path.exists(at.path)
    return at.host in _LOCAL and at.port not in listening
