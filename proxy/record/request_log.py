"""The bounded record of exchanges."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from ...wire.dialect import RequestHead
from ...wire.keyed_hash import keyed_hash
from .caller import Caller
from .listeners import tell

KEPT = 10_000
"""How many exchanges are kept."""


class Entry(NamedTuple):
    """An exchange that has ended, with its number in the record, or one that is open (0).

    `at` is the Unix time at which its request began; `first` how long after that the upstream's reply began (None: it
    did not), `seconds` until the reply's end. Sizes are those of the whole messages, as they came from the client and
    as they went to it. `fingerprint` is a checksum of the request's body, empty without one. `status` is what the
    client saw, empty where no reply came; `end` how it ended, if not by a whole reply: `reset`, `closed`, `lost`,
    `cut`, or `unparsed`, where the proxy stopped parsing its link.
    `faults` are the names of the injections that acted on it.

    `began` is when it began by the clock of the proxies. `retry_after` is how many seconds the reply asks the client to
    wait. `left` is how long after the beginning the client's stream ended, if that was before the reply's end.
    `request_complete`: all of the request was read, and `fingerprint` is that of its whole body. `head`
    is what its request asks for, secrets included: hashes of it are made when somebody asks. `caller` is the process
    that asked, where that is known.
    """

    seq: int
    at: float
    proxy: str
    link: int
    operation: str
    summary: str
    status: str
    outcome: str
    end: str
    first: float | None
    seconds: float
    request_bytes: int
    reply_bytes: int
    fingerprint: str
    faults: tuple[str, ...]
    began: float
    retry_after: float | None
    left: float | None
    request_complete: bool
    head: RequestHead
    caller: Caller | None = None

    @property
    def identity(self) -> str:
        """A hash of what was asked, with all its values and without the body: requests for the same have the same."""
        return keyed_hash(self.head.summary(values=True))

    @property
    def idempotency_key(self) -> str:
        """A hash of its idempotency key; empty without one."""
        return self.head.idempotency_key()

    @property
    def idempotent(self) -> bool:
        """Whether it may be sent again, by the rules of its protocol."""
        return self.head.idempotent


class Ended(Protocol):
    """An exchange that has ended; its entry is made when somebody reads it."""

    def entry(self, seq: int, *, values: bool) -> Entry:
        """Return the entry of that number, with the `values` that may be secrets, or without."""


class Open(Protocol):
    """An exchange that is open."""

    def entry(self, seq: int, *, values: bool, now: float) -> Entry:
        """Return the entry as it is now."""


class RequestLog:
    """The last exchanges of a process, numbered 1, 2, ... up to `seq`; `listeners` are called with each new one, and
    before that with one that is still open when its reply is lost, or its client's stream ends.

    `values`: they are shown with the values that may be secrets, such as those of a query.
    """

    __slots__ = ("_kept", "_values", "listeners", "seq")

    def __init__(self, keep: int = KEPT, *, values: bool = False) -> None:
        self._kept: deque[Ended] = deque(maxlen=keep)
        self.seq = 0
        self._values = values
        self.listeners: set[Callable[[Entry], None]] = set()

    def write(self, ended: Ended) -> None:
        """Keep one."""
        self.seq += 1
        self._kept.append(ended)
        if self.listeners:
            tell(self.listeners, ended.entry(self.seq, values=self._values))

    def tell(self, exchange: Open, now: float) -> None:
        """Tell the listeners of one that is still open."""
        if self.listeners:
            tell(self.listeners, self.look(exchange, now))

    def look(self, exchange: Open, now: float) -> Entry:
        """Return the entry of one that is still open."""
        return exchange.entry(0, values=self._values, now=now)

    def entries(self, since: int = 0, *, proxy: str | None = None, last: int = KEPT) -> list[Entry]:
        """Return what is kept after number `since`, the `last` ones of it, oldest first."""
        before = self.seq - len(self._kept)
        numbered = enumerate(itertools.islice(self._kept, max(0, since - before), None), max(since, before) + 1)
        entries = (each.entry(seq, values=self._values) for seq, each in numbered)
        found = [entry for entry in entries if proxy in (None, entry.proxy)]
        return found[max(0, len(found) - last) :]
