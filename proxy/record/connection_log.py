"""The bounded record of connections."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from .caller import Caller
from .listeners import tell

KEPT = 10_000
"""How many connections that have ended are kept."""


class ConnectionEntry(NamedTuple):
    """A connection: one that has ended, with its number in the record, or one that is open (0).

    `began` is when it was accepted by the clock of the proxies, `at` the same as a Unix time, and `seconds` how long
    after that it ended, or how old it is now; `left` is how long after that its client's stream ended, if it did.
    `opened`: its upstream was reached. `end` is how it ended, empty while it is open and its client is there. `sent` is
    what its client sent, `received` what was handed to it, in bytes. `faults` are the names of the injections that
    acted on it. `caller` is the process whose connection it is, where that is known.
    """

    seq: int
    at: float
    proxy: str
    link: int
    opened: bool
    end: str
    began: float
    seconds: float
    left: float | None
    sent: int
    received: int
    faults: tuple[str, ...]
    caller: Caller | None = None


class ConnectionLog:
    """The last connections of a process that have ended, numbered 1, 2, ... up to `seq`.

    `listeners` are called with each new one, and before that with one whose client's stream ends, on the event loop.
    """

    # What is kept has no number: that is its place, and is put in when somebody reads it.
    __slots__ = ("_kept", "listeners", "seq")

    def __init__(self, keep: int = KEPT) -> None:
        self._kept: deque[ConnectionEntry] = deque(maxlen=keep)
        self.seq = 0
        self.listeners: set[Callable[[ConnectionEntry], None]] = set()

    def write(self, entry: ConnectionEntry) -> None:
        """Keep one that has ended, under the next number."""
        self.seq += 1
        self._kept.append(entry)
        if self.listeners:
            tell(self.listeners, entry._replace(seq=self.seq))

    def tell(self, entry: ConnectionEntry) -> None:
        """Tell the listeners of one that is still open."""
        tell(self.listeners, entry)

    def entries(self, since: int = 0, *, proxy: str | None = None) -> list[ConnectionEntry]:
        """Return what is kept after number `since`, in the order of ending."""
        numbered = enumerate(self._kept, self.seq - len(self._kept) + 1)
        return [entry._replace(seq=seq) for seq, entry in numbered if seq > since and proxy in (None, entry.proxy)]
