"""What tells why a fault did nothing: how a proxy stood at two moments, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ...faults.fault import Stream


class Finding(NamedTuple):
    """Why nothing happened: a cause for programs, a text and a hint for people."""

    cause: str
    text: str
    hint: str = ""


class Scene(NamedTuple):
    """What a proxy has carried until a moment, in all, and how it stands then.

    `connections` were accepted so far, of which `open` ones are open, and of `undialled` ones the upstream could not be
    reached. `bytes` were read of each stream, and `sent` on. `requests` have ended so far; `operations` are what was
    asked for, without what varies. `refused` counts the connection attempts that failed on this machine, and the RSTs
    that it sent; None where that cannot be told. `closed` says why the proxy does not listen, if it does not. The
    `protocol` is `auto` until it is known. `dropped` counts the SYNs that the system has dropped at its port.
    `expected`: nothing was met yet that it could stand before.
    """

    connections: int
    open: int
    bytes: Mapping[Stream, int]
    sent: Mapping[Stream, int]
    undialled: int
    requests: int
    operations: tuple[str, ...]
    refused: tuple[int, int] | None
    address: str
    closed: str = ""
    protocol: str = ""
    dropped: int = 0
    expected: bool = False
