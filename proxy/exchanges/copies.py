"""Requests that reach the upstream more often than the client sent them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from ...wire.dialect import Dialect, Part, ReplyHead, RequestHead
from ..system import sockets
from ..system.clock import Callback
from ..system.dial import dial

if TYPE_CHECKING:
    from ..links.link import Link

_READ = 65536


class Errands:
    """The copies that a proxy sends, each on a connection of its own and one after the other."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, link: Link, dialect: Dialect, head: RequestHead, data: bytes, times: int, done: Callback) -> None:
        """Send a request so often, and call `done` when all were answered, or could not be."""
        task = asyncio.get_running_loop().create_task(_repeat(link, dialect, head, data, times))
        self._tasks.add(task)  # the loop itself keeps no reference
        task.add_done_callback(lambda task: self._done(task, done))

    def _done(self, task: asyncio.Task[None], done: Callback) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            done()

    def cancel(self) -> None:
        """Let the copies be that are on their way."""
        for task in self._tasks:
            task.cancel()

    async def gone(self) -> None:
        """Wait until none is on its way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _repeat(link: Link, dialect: Dialect, head: RequestHead, data: bytes, times: int) -> None:
    for _ in range(times):
        try:
            async with asyncio.timeout(link.limits.dial):
                status = await _ask(link, dialect, head, data)
        except TimeoutError:
            status = f"no answer within {link.limits.dial:g}s"
        except OSError as error:
            status = sockets.explain(error)
        link.proxy.repeated(link, head.operation, status)


async def _ask(link: Link, dialect: Dialect, head: RequestHead, data: bytes) -> str:
    """Return the status of the reply to a request."""
    loop, status = asyncio.get_running_loop(), "closed"
    reader = dialect.replies(lambda: head)
    with await dial(link.proxy.upstream) as upstream:
        await loop.sock_sendall(upstream, data)
        while (got := await loop.sock_recv(upstream, _READ)) and not reader.opaque:
            for part, _, last, reply in reader.feed(got):
                if part is Part.HEAD:
                    status = cast("ReplyHead", reply).status
                if last:
                    return status
    return status
