"""One who follows the journal, the requests or the connections: server-sent events, with a bounded queue."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from .views import connection_view, event_view, request_view

if TYPE_CHECKING:
    from ..proxy import ConnectionEntry, Entry, Recorded

LONGEST = 1000
"""How many wait for a follower that reads slowly; the oldest give way, and it is told how many."""
SILENCE = 5.0
"""Seconds without news after which an empty line is sent: only a write finds out that the other has left."""
AT_ONCE = 50
"""How many are written before the proxies have their turn: a millisecond's work."""

T = TypeVar("T")


class Follower(Generic[T]):
    """Is one of the `listeners` inside a `with`; `messages()` is what to send, first of those that were `kept`."""

    def __init__(
        self,
        listeners: set[Callable[[T], None]],
        kept: Iterable[T],
        wants: Callable[[T], bool],
        message: Callable[[T], bytes],
    ) -> None:
        self._listeners = listeners
        self._waiting = deque(kept)
        self._wants = wants
        self._message = message
        self._missed = 0
        self._ended = False
        self._news = asyncio.Event()

    def __enter__(self) -> Follower[T]:
        """Begin to listen."""
        self._listeners.add(self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._listeners.discard(self._hear)

    def end(self) -> None:
        """Let `messages()` come to its end."""
        self._ended = True
        self._news.set()

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield server-sent events until `end()`, some at once: first what was kept, then what happens.

        Each is `id: SEQ`, `event: KIND`, `data: {...}` as in a list; `event: missed` with `data: {"missed": N}` stands
        where N were lost because they were not read.
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
                some = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
                yield b"".join(map(self._message, some))
                await asyncio.sleep(0)
            elif not self._ended:
                yield b":\n\n"

    def _hear(self, news: T) -> None:
        if not self._wants(news):
            return
        if len(self._waiting) >= LONGEST:
            self._waiting.popleft()
            self._missed += 1
        self._waiting.append(news)
        self._news.set()


def event_message(recorded: Recorded) -> bytes:
    """Return an entry of the journal as a server-sent event."""
    return _message(recorded.seq, recorded.kind, event_view(recorded))


def request_message(entry: Entry) -> bytes:
    """Return a request as a server-sent event."""
    return _message(entry.seq, "request", request_view(entry))


def connection_message(entry: ConnectionEntry) -> bytes:
    """Return a connection that has ended as a server-sent event."""
    return _message(entry.seq, "connection", connection_view(entry))


def _message(seq: int, kind: str, view: object) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, kind.encode(), msgspec.json.encode(view, enc_hook=str))
