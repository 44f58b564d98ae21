"""Who has the port that we want: another Brownout, or (on Linux) the process as /proc tells."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..wire.address import Address
from ..wire.errors import BrownoutError
from .client import Client

LISTENING = "0A"


def holder(address: Address) -> str:
    """Return who listens there, such as `another Brownout (pid 123)`, or nothing where it cannot be found out."""
    try:
        health = Client(address.endpoint, token="", timeout=1).health()  # a stranger is told no token
    except BrownoutError:
        return _process(address.port)
    return f"another Brownout (pid {health['pid']})"


def _process(port: int, proc: Path = Path("/proc")) -> str:
    sockets = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _inodes(proc / "net" / table, port)}
    for descriptor in proc.glob("[0-9]*/fd/*") if sockets else ():
        try:
            if os.readlink(descriptor) in sockets:
                process = descriptor.parent.parent
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:  # it ended meanwhile, or is not ours to look at
            continue
    return ""


def _inodes(table: Path, port: int) -> list[str]:
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return []
    return [row[9] for row in rows if row[3] == LISTENING and re.search(f":{port:04X}$", row[1])]
