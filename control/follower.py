"""One who follows the journal: server-sent events, with a bounded queue."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec

from .views import event_view

if TYPE_CHECKING:
    from ..proxy import Event, Journal

LONGEST = 1000
"""How many events wait for a follower that reads slowly; the oldest give way, and it is told how many."""
SILENCE = 5.0
"""Seconds without an event after which an empty line is sent: only a write finds out that the other has left."""


class Follower:
    """Takes part in the journal inside a `with`; `messages()` is what to send."""

    def __init__(self, journal: Journal, since: int, proxy: str | None, kind: str | None) -> None:
        self._journal = journal
        self._proxy = proxy
        self._kind = kind
        self._waiting = deque(journal.events(since, proxy=proxy, kind=kind))
        self._missed = 0
        self._ended = False
        self._news = asyncio.Event()

    def __enter__(self) -> Follower:
        """Begin to listen."""
        self._journal.listeners.add(self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        self._journal.listeners.discard(self._hear)

    def end(self) -> None:
        """Let `messages()` come to its end."""
        self._ended = True
        self._news.set()

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield server-sent events until `end()`: first what the journal still has, then what happens.

        Each is `id: SEQ`, `event: KIND`, `data: {...}` as in a list of the journal; `event: missed` with
        `data: {"missed": N}` stands where N events were lost because they were not read.
        """
        while not self._ended:
            if not self._waiting:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), SILENCE)
            self._news.clear()
            if self._missed:
                missed, self._missed = self._missed, 0
                yield b'event: missed\ndata: {"missed":%d}\n\n' % missed
            elif self._waiting:
                yield _message(self._waiting.popleft())
            elif not self._ended:
                yield b":\n\n"

    def _hear(self, event: Event) -> None:
        if (self._proxy is not None and event.proxy != self._proxy) or (
            self._kind is not None and event.kind != self._kind
        ):
            return
        if len(self._waiting) >= LONGEST:
            self._waiting.popleft()
            self._missed += 1
        self._waiting.append(event)
        self._news.set()


def _message(event: Event) -> bytes:
    data = msgspec.json.encode(event_view(event), enc_hook=str)
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.seq, event.kind.encode(), data)
