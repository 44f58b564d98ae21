"""A request with its reply, on its way through a link."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from ...wire.dialect import RequestHead
from ..record.entry import Entry

if TYPE_CHECKING:
    from .message_queue import Turn
    from .plan import Plan


BRIEF = 1024
"""The longest head that is kept whole with an exchange that has ended, in bytes."""


class Place(NamedTuple):
    """Where an exchange was: its proxy and link, and the moment at which the proxy's clock began, in Unix time."""

    epoch: float
    proxy: str
    link: int


class Exchange:
    """What is known of a request and its reply. Moments are of the proxy's clock, in seconds.

    `first` is when the upstream's reply began. `asked`: the whole request was read; `replied`: the whole reply was
    sent. `status`, `outcome` and `end` are as in `proxy.entry.Entry`. `asking` and `replying` are its turns in the two
    streams, where it has any, `plan` what faults make of it.
    """

    # No slots: most exchanges never leave these defaults, which cost nothing to have.
    first: float | None = None
    ended: float = 0.0
    status: str = ""
    outcome: str = ""
    end: str = ""
    request_bytes: int = 0
    reply_bytes: int = 0
    asked: bool = False
    replied: bool = False
    faults: tuple[str, ...] = ()
    asking: Turn | None = None
    replying: Turn | None = None
    plan: Plan | None = None
    place: Place
    _digest: hashlib.blake2b | None = None

    def __init__(self, head: RequestHead, started: float) -> None:
        self.head = head
        self.started = started

    def digest(self, body: bytes) -> None:
        """Take more of the request's body."""
        if self._digest is None:
            self._digest = hashlib.blake2b(digest_size=8)
        self._digest.update(body)

    def done(self) -> None:
        """Let go of all that its entry does not need."""
        self.asking = self.replying = self.plan = None
        if self.head.size > BRIEF:
            self.head = self.head.brief()

    def entry(self, seq: int, *, values: bool) -> Entry:
        """Return it for the record, with the `values` that may be secrets, or without."""
        epoch, proxy, link = self.place
        return Entry(
            seq=seq,
            at=epoch + self.started,
            proxy=proxy,
            link=link,
            operation=self.head.operation,
            summary=self.head.summary(values=values),
            status=self.status,
            outcome=self.outcome,
            end=self.end,
            first=None if self.first is None else self.first - self.started,
            seconds=self.ended - self.started,
            request_bytes=self.request_bytes,
            reply_bytes=self.reply_bytes,
            fingerprint=self.fingerprint,
            faults=self.faults,
        )

    @property
    def fingerprint(self) -> str:
        """A hash of the request's body; empty without one."""
        return "" if self._digest is None else self._digest.hexdigest()
