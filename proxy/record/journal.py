"""The bounded record of what happened."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from .event import KINDS, ConnectionEvent, Event
from .listeners import tell


class Recorded(NamedTuple):
    """An event as the journal keeps it, with its number (1, 2, ...) and the Unix time at which it happened."""

    seq: int
    at: float
    event: Event

    @property
    def kind(self) -> str:
        """The kind of the event."""
        return self.event.kind

    @property
    def proxy(self) -> str:
        """The name of the event's proxy."""
        return self.event.proxy

    @property
    def connection(self) -> int | None:
        """The number of the event's connection; None for an event that is not about one connection."""
        return self.event.connection if isinstance(self.event, ConnectionEvent) else None


class Journal:
    """The last events of a process; `listeners` are called with each new one, on the event loop."""

    __slots__ = ("_kept", "_seq", "listeners")

    def __init__(self, keep: int = 10_000) -> None:
        self._kept: deque[Recorded] = deque(maxlen=keep)
        self._seq = 0
        self.listeners: set[Callable[[Recorded], None]] = set()

    def write(self, event: Event) -> None:
        """Record an event that happens now. A listener that raises does not disturb the caller."""
        self._seq += 1
        recorded = Recorded(self._seq, time.time(), event)
        self._kept.append(recorded)
        if self.listeners:
            tell(self.listeners, recorded)

    def events(self, since: int = 0, *, proxy: str | None = None, kind: str | None = None) -> list[Recorded]:
        """Return the kept events after number `since`, oldest first."""
        asked: type[Event] | tuple[()] = Event if kind is None else KINDS.get(kind, ())
        return [
            recorded
            for recorded in self._kept
            if recorded.seq > since
            and isinstance(recorded.event, asked)
            and (proxy is None or recorded.event.proxy == proxy)
        ]
