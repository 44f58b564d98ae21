"""A request with its reply, on its way through a link."""

from __future__ import annotations

import zlib
from typing import NamedTuple

from ...wire.dialect import RequestHead
from ..record.caller import Caller
from ..record.request_log import Entry
from .message_queue import Slot
from .plan import Plan

BRIEF = 1024
"""The longest head that is kept whole with an exchange that has ended, in bytes."""


class Origin(NamedTuple):
    """Where an exchange was: its proxy and link, and the moment at which the proxy's clock began, in Unix time.

    `caller` is the process whose link it is, where that is known.
    """

    epoch: float
    proxy: str
    link: int
    caller: Caller | None = None


class Exchange:
    """What is known of a request and its reply. Moments are of the proxy's clock, in seconds.

    `reply_began` is when the upstream's reply began. `request_complete`: the whole request was read; `reply_sent`: the
    whole reply was sent. `status`, `outcome`, `end` and `retry_after` are as in `Entry` of the request log.
    `left` is when the client's stream ended meanwhile. `request_slot` and `reply_slot` are its slots in the two queues,
    where it has any, `plan` what faults make of it.
    """

    # No slots of Python's: most exchanges never leave these defaults, which cost nothing to have.
    reply_began: float | None = None
    ended: float = 0.0
    status: str = ""
    outcome: str = ""
    end: str = ""
    retry_after: float | None = None
    left: float | None = None
    request_bytes: int = 0
    reply_bytes: int = 0
    request_complete: bool = False
    reply_sent: bool = False
    faults: tuple[str, ...] = ()
    request_slot: Slot | None = None
    reply_slot: Slot | None = None
    plan: Plan | None = None
    origin: Origin
    _checksum: int = 0
    _body_bytes: int = 0

    def __init__(self, head: RequestHead, started: float) -> None:
        self.head = head
        self.started = started

    def digest(self, body: bytes) -> None:
        """Take more of the request's body."""
        self._checksum = zlib.crc32(body, self._checksum)
        self._body_bytes += len(body)

    def compact(self) -> None:
        """Let go of all that its entry does not need."""
        self.request_slot = self.reply_slot = self.plan = None
        if self.head.size > BRIEF:
            self.head = self.head.brief()

    @property
    def reply_is_torn(self) -> bool:
        """Whether a part of the upstream's reply, which has begun, was not sent and will not be."""
        plan = self.plan
        return self.reply_sent or (plan is not None and (plan.reply_done or plan.reply_swallowed))

    def entry(self, seq: int, *, values: bool, now: float = 0.0) -> Entry:
        """Return it for the record, with the `values` that may be secrets, or without; an open one as it is `now`."""
        epoch, proxy, link, caller = self.origin
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
            first=None if self.reply_began is None else self.reply_began - self.started,
            seconds=(self.ended or now) - self.started,
            request_bytes=self.request_bytes,
            reply_bytes=self.reply_bytes,
            fingerprint=self.fingerprint,
            faults=self.faults,
            began=self.started,
            retry_after=self.retry_after,
            left=None if self.left is None else self.left - self.started,
            request_complete=self.request_complete,
            head=self.head,
            caller=caller,
        )

    @property
    def fingerprint(self) -> str:
        """The CRC-32 of the request's whole body, as eight hexadecimal digits, and its length; empty without one.

        Equal bodies have the same. Of two different ones of the same length, one pair in four thousand million has.
        """
        return f"{self._checksum:08x}-{self._body_bytes}" if self._body_bytes else ""
