"""The API as a server: bound before anything else starts, gone within a second."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ..wire.address import Address
from ..wire.errors import BrownoutError, ConflictError
from .api import add_routes
from .guard import NO_TOKEN, Guard, is_loopback
from .holder import holder
from .replies import LARGEST_BODY, errors_as_json, guarded
from .toxiproxy.api import Toxiproxy, add_toxiproxy
from .toxiproxy.gohttp import go_routing, to_browsers

if TYPE_CHECKING:
    from ..proxy import Fleet

SHUTDOWN_TIMEOUT = 0.25
"""Seconds for requests under way to finish when the server stops, and again for those then cancelled."""


def _is_ours(record: logging.LogRecord) -> bool:
    """Say whether a record is of our own making: what could not be read as HTTP may hold the token."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_LOG = logging.getLogger(f"{__name__}.http")
_LOG.addFilter(_is_ours)


class Server:
    """A server that listens at `address`, with its real port; `is_open` to whoever reaches it from other machines."""

    def __init__(self, runner: web.AppRunner, address: Address, *, is_open: bool) -> None:
        self._runner = runner
        self.address = address
        self.is_open = is_open

    async def close(self) -> None:
        """Stop: no new request, followers end, requests under way have a moment."""
        await self._runner.cleanup()


Offer = Callable[[web.Application, "Fleet"], None]
"""What lets an application answer something for a fleet."""


def add_metrics(app: web.Application, fleet: Fleet) -> None:
    """Let an application answer `/metrics`."""
    from . import metrics  # slow to import, and `brownout toxiproxy` needs none of it

    metrics.add_metrics(app, fleet)


async def _nothing(toxiproxy: Toxiproxy) -> None:
    """Do nothing before the first request."""


def application(fleet: Fleet, guard: Guard, metrics: Offer = add_metrics) -> tuple[web.Application, Toxiproxy]:
    """Return the application that serves a fleet to those a guard lets in, and what it knows of toxics."""
    app = web.Application(
        middlewares=[guarded(guard, to_browsers), errors_as_json, go_routing], client_max_size=LARGEST_BODY
    )
    add_routes(app, fleet)
    metrics(app, fleet)
    return app, add_toxiproxy(app, fleet)


async def serve(
    fleet: Fleet,
    address: str,
    guard: Guard = NO_TOKEN,
    *,
    metrics: Offer = add_metrics,
    first: Callable[[Toxiproxy], Awaitable[None]] = _nothing,
) -> Server:
    """Serve the API of a fleet at `HOST:PORT` to those a guard lets in.

    `first` is done when the address is taken, and before a request is answered.

    Raises BrownoutError, which says who has the port if it is taken.
    """
    asked = Address.listen(address)
    if asked.path:
        raise BrownoutError(f"the API cannot listen at {asked.endpoint}", "write HOST:PORT")
    listener = await _bind(asked)
    place, port = listener.getsockname()[:2]
    app, toxiproxy = application(fleet, guard.at(asked.host), metrics)
    runner = web.AppRunner(app, access_log=None, logger=_LOG, handle_signals=False, shutdown_timeout=SHUTDOWN_TIMEOUT)
    await first(toxiproxy)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    return Server(runner, asked._replace(port=int(port)), is_open=not guard.token and not is_loopback(place))


async def _bind(asked: Address) -> socket.socket:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(asked.host, asked.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, place = min(found, key=lambda info: info[0] != socket.AF_INET)
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
