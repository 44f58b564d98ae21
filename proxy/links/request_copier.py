"""Requests that reach the upstream more often than the client sent them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import NamedTuple, cast

from ...wire.address import Address
from ...wire.dialect import Dialect, Part, ReplyHead, RequestHead
from ..system import sockets
from ..system.clock import Callback
from ..system.dial import dial

_READ = 65536


class Copies(NamedTuple):
    """What to send: a request, how often, and where to; `timeout` is how long one copy may take, in seconds."""

    dialect: Dialect
    upstream: Address
    head: RequestHead
    data: bytes
    times: int
    timeout: float


class RequestCopier:
    """Sends the copies that a proxy owes, each on a connection of its own and one after the other."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, copies: Copies, sent: Callable[[str, bool], None], done: Callback) -> None:
        """Call `sent` with the outcome of each copy and whether it was answered, then `done`."""
        task = asyncio.get_running_loop().create_task(_send(copies, sent))
        self._tasks.add(task)  # the loop itself keeps no reference
        task.add_done_callback(lambda task: self._done(task, done))

    def _done(self, task: asyncio.Task[None], done: Callback) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            done()

    def cancel(self) -> None:
        """Cancel the copies in flight."""
        for task in self._tasks:
            task.cancel()

    async def gone(self) -> None:
        """Wait until no copy is in flight."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _send(copies: Copies, sent: Callable[[str, bool], None]) -> None:
    for _ in range(copies.times):
        answered = False
        try:
            async with asyncio.timeout(copies.timeout):
                status, answered = await _ask(copies)
        except TimeoutError:
            status = f"no answer within {copies.timeout:g}s"
        except OSError as error:
            status = sockets.explain(error)
        sent(status, answered)


async def _ask(copies: Copies) -> tuple[str, bool]:
    """Return the status of the reply to a copy and whether there was one, as soon as that is known.

    The reply may be there before all of the copy was read.
    """
    loop = asyncio.get_running_loop()
    with await dial(copies.upstream, copies.timeout) as upstream:
        sending = loop.create_task(loop.sock_sendall(upstream, copies.data))
        try:
            status = await _reply(copies, upstream)
            if not status and sending.done():
                sending.result()  # may say why there is none
            return status or "closed", bool(status)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _reply(copies: Copies, upstream: socket.socket) -> str:
    """Return the status of the upstream's reply, or why it cannot be parsed; empty where none comes."""
    loop, status = asyncio.get_running_loop(), ""
    reader = copies.dialect.replies(lambda: copies.head)
    while got := await loop.sock_recv(upstream, _READ):
        for piece in reader.feed(got):
            if piece.part is Part.HEAD and not cast("ReplyHead", piece.head).interim:
                status = cast("ReplyHead", piece.head).status
            if piece.last:
                return status
        if reader.opaque:
            return status or reader.opaque
    return status
