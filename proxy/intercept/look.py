"""A look at what listens on this machine, to tell servers that were there then from later ones."""

from __future__ import annotations

import os
from typing import NamedTuple

from ...wire.address import Address
from ..system.listening import is_gone


class Look(NamedTuple):
    """On which ports something listened at a moment, by `time.monotonic()` and by `time.time()`."""

    listening: set[int]
    at: float
    date: float

    def found(self, server: Address, since: float) -> bool:
        """Say whether a server was there already.

        `since` is when it began to listen. If that is unknown (0), the port decides, which another server may have had.
        """
        if not server.path:
            return since < self.at if since else not is_gone(server, self.listening)
        try:
            return os.stat(server.path).st_ctime < self.date
        except OSError:
            return False
