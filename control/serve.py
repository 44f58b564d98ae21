"""The API as a server: bound before anything else starts, gone within a second."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING

from aiohttp import web

from ..wire.address import Address
from ..wire.errors import BrownoutError, ConflictError
from .api import add_routes
from .holder import holder
from .metrics import add_metrics
from .replies import LARGEST_BODY, errors_as_json, refuse_browsers

if TYPE_CHECKING:
    from ..proxy import Fleet

PATIENCE = 0.25
"""Seconds that requests under way have when the server stops, and again when they were cancelled."""


class Server:
    """A server that listens at `address`, with its real port."""

    def __init__(self, runner: web.AppRunner, address: Address) -> None:
        self._runner = runner
        self.address = address

    async def close(self) -> None:
        """Stop: no new request, followers end, requests under way have a moment."""
        await self._runner.cleanup()


def application(fleet: Fleet) -> web.Application:
    """Return the application that answers for a fleet."""
    app = web.Application(middlewares=[refuse_browsers, errors_as_json], client_max_size=LARGEST_BODY)
    add_routes(app, fleet)
    add_metrics(app, fleet)
    return app


async def serve(fleet: Fleet, address: str) -> Server:
    """Serve the API of a fleet at `HOST:PORT`. Raises BrownoutError, which says who has the port if it is taken."""
    asked = Address.listen(address)
    if asked.path:
        raise BrownoutError(f"the API cannot listen at {asked.endpoint}", "write HOST:PORT")
    listener = await _bind(asked)
    runner = web.AppRunner(application(fleet), access_log=None, handle_signals=False, shutdown_timeout=PATIENCE)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    return Server(runner, asked._replace(port=int(listener.getsockname()[1])))


async def _bind(asked: Address) -> socket.socket:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(asked.host, asked.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, place = found[0]
        listener = socket.create_server((str(place[0]), asked.port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            who = await asyncio.to_thread(holder, asked)
            raise ConflictError(
                f"the API cannot listen at {asked.endpoint}: {who or 'another process'} has that port",
                f"take another one: --api {asked._replace(port=0).endpoint} (a free one), or end the other",
            ) from None
        # socket.create_server adds the address to the text.
        why = (error.strerror or str(error)).partition(" (while")[0]
        raise BrownoutError(f"the API cannot listen at {asked.endpoint}: {why}", "try --api 127.0.0.1:0") from None
    listener.setblocking(False)
    return listener
