"""The bounded record of what happened."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple


class Event(NamedTuple):
    """Something that happened: its number (1, 2, ...), the Unix time, what, to which proxy and link, and details."""

    seq: int
    at: float
    kind: str
    proxy: str
    link: int | None
    detail: dict[str, object]


class Journal:
    """The last events of a process; `listeners` are called with each new one."""

    __slots__ = ("_events", "_seq", "listeners")

    def __init__(self, keep: int = 10_000) -> None:
        self._events: deque[Event] = deque(maxlen=keep)
        self._seq = 0
        self.listeners: set[Callable[[Event], None]] = set()

    def write(self, kind: str, proxy: str, link: int | None = None, **detail: object) -> None:
        """Record an event of now."""
        self._seq += 1
        event = Event(self._seq, time.time(), kind, proxy, link, detail)
        self._events.append(event)
        for listener in tuple(self.listeners):
            listener(event)

    def events(self, since: int = 0, *, proxy: str | None = None, kind: str | None = None) -> list[Event]:
        """Return what is kept of the events after number `since`, oldest first."""
        return [
            event
            for event in self._events
            if event.seq > since and proxy in (None, event.proxy) and kind in (None, event.kind)
        ]
