"""HTTP answers as Toxiproxy's server gives them, down to what Go's standard library adds."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

import msgspec
from aiohttp import web

from ...wire.errors import BrownoutError
from ..replies import ROOT, Handler

_ESCAPES = {
    b"<": rb"\u003c",
    b">": rb"\u003e",
    b"&": rb"\u0026",
    b"\xe2\x80\xa8": rb"\u2028",
    b"\xe2\x80\xa9": rb"\u2029",
}
_PLAIN = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
REQUEST_ID = "X-Toxiproxy-Request-Id"


class ToxiproxyError(BrownoutError):
    """An error as Toxiproxy answers it; `proxies` are those that a populate made before it, None elsewhere."""

    def __init__(self, status: int, message: str, proxies: Sequence[object] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.proxies = proxies


def encode(value: object) -> bytes:
    """Return JSON with what HTML could mistake escaped, as Go writes it."""
    body = msgspec.json.encode(value)
    for char, escape in _ESCAPES.items():
        body = body.replace(char, escape)
    return body


def reply(value: object, status: int = HTTPStatus.OK) -> web.Response:
    """Answer with JSON."""
    return web.Response(body=encode(value), status=status, content_type="application/json")


def nothing(status: int = HTTPStatus.NO_CONTENT) -> web.Response:
    """Answer without a body."""
    return web.Response(status=status)


def reply_error(error: BrownoutError) -> web.Response:
    """Answer with an error: JSON that calls itself text, but for a populate's."""
    value: dict[str, object] = {"error": error.message, "status": error.status}
    if isinstance(error, ToxiproxyError) and error.proxies is not None:
        return reply({**value, "proxies": error.proxies}, error.status)
    return web.Response(body=encode(value) + b"\n", status=error.status, headers=_PLAIN)


def answering(work: Callable[[web.Request], Awaitable[web.Response]]) -> Handler:
    """Return the handler of a route: errors become answers, and every answer bears a number."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            response = await work(request)
        except BrownoutError as error:
            response = reply_error(error)
        except web.HTTPRequestEntityTooLarge:
            response = reply_error(ToxiproxyError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "request body too large"))
        except Exception as error:
            logging.getLogger(__name__).exception("%s %s", request.method, request.path)
            response = reply_error(ToxiproxyError(HTTPStatus.INTERNAL_SERVER_ERROR, f"a bug in Brownout: {error!r}"))
        return _numbered(response)

    return handle


def to_browsers() -> web.Response:
    """Answer a browser, which is refused."""
    refusal = web.Response(body=b"User agent not allowed\n", status=HTTPStatus.FORBIDDEN, headers=_PLAIN)
    return _numbered(refusal)


def _numbered(response: web.Response) -> web.Response:
    response.headers[REQUEST_ID] = secrets.token_hex(10)
    return response


@web.middleware
async def go_routing(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer for paths outside `/v1` that have no route as Go's routers do."""
    error, path = request.match_info.http_exception, request.rel_url.raw_path
    if error is None or request.path == ROOT or request.path.startswith(f"{ROOT}/"):
        return await handler(request)
    if "//" in path:
        return web.Response(status=HTTPStatus.MOVED_PERMANENTLY, headers={"Location": re.sub("/+", "/", path)})
    if isinstance(error, web.HTTPMethodNotAllowed):
        return nothing(HTTPStatus.METHOD_NOT_ALLOWED)
    return web.Response(body=b"404 page not found\n", status=HTTPStatus.NOT_FOUND, headers=_PLAIN)
