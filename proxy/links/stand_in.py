"""What a link has in place of an upstream that could not be reached, while a fault is armed that needs none.

Such a fault answers, drops or resets a request, and the upstream never hears of it: `http.status` is an error page of a
gateway, which has one above all when what is behind it is gone. A request that no fault keeps gets here, and then the
link ends as it would have ended at once.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable


class StandIn(asyncio.Protocol):
    """The other end of a socket that nobody serves: the first byte that comes there is one too many."""

    def __init__(self, reached: Callable[[], None]) -> None:
        self._reached = reached

    def data_received(self, data: bytes) -> None:
        """Take what was for the upstream."""
        self._reached()


async def stand_in(reached: Callable[[], None]) -> socket.socket:
    """Return a connected socket; `reached` is called when something was sent to its other end."""
    near, far = socket.socketpair()
    try:
        near.setblocking(False)
        far.setblocking(False)
        await asyncio.get_running_loop().create_connection(lambda: StandIn(reached), sock=far)
    except BaseException:
        near.close()
        far.close()
        raise
    return near
