"""How many connection attempts the system has refused: nobody else can count them."""

from __future__ import annotations

from typing import NamedTuple


class Refusals(NamedTuple):
    """Counts of this machine since it started: attempts that came to nothing, and RSTs that were sent."""

    attempts_failed: int
    resets_sent: int


def refusals(path: str = "/proc/net/snmp") -> Refusals | None:
    """Return what Linux has counted in this network namespace; None where it cannot be told.

    AttemptFails and OutRsts are tcpAttemptFails and tcpOutRsts of RFC 4022. A client on this machine that is refused
    adds to both, one that comes from elsewhere to the second alone.
    """
    try:
        with open(path, encoding="ascii") as file:
            names, values = (line.split()[1:] for line in file if line.startswith("Tcp:"))
        found = dict(zip(names, map(int, values), strict=True))
        return Refusals(found["AttemptFails"], found["OutRsts"])
    except (OSError, ValueError, KeyError):
        return None
