"""The configuration file of a run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..faults.config.file import Config

Stamp = tuple[int, int, int]


class File:
    """A file that is read, and perhaps read again."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._read: Stamp | None = None

    def read(self) -> Config:
        """Read it. Raises BrownoutError."""
        from ..faults.config.file import read  # YAML is for those who have a file

        self._read = self.stamp()  # first: what is written meanwhile is seen at the next look
        return read(self.path)

    def stamp(self) -> Stamp | None:
        """Return what differs when the file was written or replaced; None while it is not there."""
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def is_new(self) -> bool:
        """Say whether it differs from what was read last. A file that vanished does not, it will be back."""
        return self.stamp() not in (None, self._read)
