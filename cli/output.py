"""Where `run` writes: never waiting for the reader, since the proxies would wait as well."""

from __future__ import annotations

import os
import select
import sys
from typing import TextIO

LONGEST = 4096
"""A pipe that can be written to at all takes this much (POSIX: PIPE_BUF)."""


class Output:
    """Lines to a terminal, a file or a pipe. A line that could not be written is left out and counted."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = 0
        self._closed = False

    @property
    def is_terminal(self) -> bool:
        """Whether it is a terminal on which text can be moved about."""
        return self._stream.isatty() and os.environ.get("TERM") not in (None, "", "dumb")

    def is_ready(self) -> bool:
        """Return whether a line would be taken at once: no pipe is full, no terminal stopped (ctrl-S)."""
        if sys.platform == "win32":
            return True
        return bool(select.select([], [self._stream], [], 0)[1])

    def missed(self, lines: int) -> str:
        """Return what stands in place of lines that were left out."""
        return f"... {lines} lines left out, nobody read them"

    def say(self, line: str) -> None:
        """Write a line, or leave it out."""
        if self._closed:
            return
        if not self.is_ready():
            self._lost += 1
            return
        lost, self._lost = self._lost, 0
        text = f"{self.missed(lost)}\n{line}" if lost else line
        data = text.encode(errors="backslashreplace")[: LONGEST - 1] + b"\n"
        try:
            self._stream.flush()
            os.write(self._stream.fileno(), data)
        except BrokenPipeError:
            # Who read us is gone; the proxies stay.
            self._closed = True
