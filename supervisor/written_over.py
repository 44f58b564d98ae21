"""Addresses of ours in the memory of callers; those that they gave are put back when the kernel has read ours."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from . import kernel
from .kernel import Notification

_PAUSE = 0.01
"""Seconds between two looks at whether the kernel has read an address."""
_READ = 1.0
"""Seconds after which a thread that waits for a processor is taken to have had one."""


class _Written(NamedTuple):
    """An address that was given, and ours in its place, since `began`; at `due` it is looked at."""

    note: Notification
    process: int
    given: bytes
    ours: bytes
    began: float
    due: float


class WrittenOver:
    """What is to be put back. `connect` is the number of that call on this machine."""

    def __init__(self, connect: int) -> None:
        self._connect = str(connect)
        self._written: list[_Written] = []

    def add(self, note: Notification, process: int, given: bytes, ours: bytes, now: float) -> None:
        """Take that an address of ours is in the place of one that was given."""
        self._written.append(_Written(note, process, given, ours, now, now + _PAUSE))

    def given(self, note: Notification) -> bytes:
        """Return the address that a caller gives; where ours is still in its place, put back the one before.

        Raises OSError.
        """
        found = kernel.read_address(note.thread, *note.arguments[1:3])
        for each in self._written:
            there = each.note.arguments[1] == note.arguments[1] and each.ours == found
            if there and each.process == kernel.process_of(note.thread):
                kernel.write_address(note.thread, note.arguments[1], each.given)
                return each.given
        return found

    @property
    def due(self) -> float | None:
        """When `tick()` is to be called; None: not before something is added."""
        return min((each.due for each in self._written), default=None)

    def tick(self, now: float) -> None:
        """Put back what the kernel has read."""
        due = [each for each in self._written if each.due <= now]
        self._written = [each for each in self._written if each.due > now]
        for each in due:
            with contextlib.suppress(OSError, IndexError):  # it is gone
                if self._is_unread(each, now):
                    self._written.append(each._replace(due=now + _PAUSE))
                elif kernel.read_address(each.note.thread, *each.note.arguments[1:3]) == each.ours:
                    kernel.write_address(each.note.thread, each.note.arguments[1], each.given)

    def _is_unread(self, each: _Written, now: float) -> bool:
        """Say whether the kernel may not have read an address: its thread is in the call, or has had no processor."""
        with open(f"/proc/{each.note.thread}/syscall") as call:
            doing = call.read().split()[0]  # of a thread that waits for a processor it is "running"
        return doing == self._connect or (doing == "running" and now < each.began + _READ)
