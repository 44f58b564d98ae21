"""Where `run` writes: never waiting and never failing, since the proxies would wait and fail as well."""

from __future__ import annotations

import contextlib
import io
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

    def is_foreground(self) -> bool:
        """Return whether the terminal is ours to draw on: behind a shell's `&`, or after `bg`, it is the shell's."""
        try:
            return os.tcgetpgrp(self._stream.fileno()) == os.getpgrp()
        except (AttributeError, OSError, ValueError):  # Windows; a terminal that controls nobody
            return True

    def is_ready(self) -> bool:
        """Return whether a line would be taken at once: no pipe is full, no terminal stopped (ctrl-S)."""
        if sys.platform == "win32":
            return True
        try:
            return bool(select.select([], [self._stream], [], 0)[1])
        except (OSError, ValueError):  # it is closed
            return False

    def missed(self, lines: int) -> str:
        """Return what stands in place of lines that were left out."""
        return f"... {lines} lines left out, nobody read them"

    def draw(self, text: str) -> None:
        """Write what moves the cursor about, or leave it out."""
        if not self._closed and self.is_ready():
            with contextlib.suppress(OSError):
                self._stream.flush()
                os.write(self._stream.fileno(), text.encode(errors="backslashreplace")[:LONGEST])

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
        except OSError:  # a full disk, which may have room later; a terminal that is gone
            self._lost = lost + 1


class Screen(io.TextIOBase):
    """A terminal as a file that never raises: what cannot be written is left out."""

    encoding = "utf-8"

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Write a text, as far as that goes."""
        data = text.encode(errors="backslashreplace")
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(self.fileno(), data) :]
        return len(text)
