"""How `/v1` answers: JSON out, JSON in, and every error as `{error, hint, status}`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from ..faults.settings import SettingsError
from ..wire.errors import BrownoutError
from ..wire.json_document import JsonError, read_json_document
from .guard import Guard, RefusedError
from .views import ProblemView

ROOT = "/v1"
LARGEST_BODY = 1 << 20
AT_ONCE = 100
"""How many of a list are encoded before the proxies have their turn: a millisecond's work."""

T = TypeVar("T")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpError(BrownoutError):
    """An error that has no other class, under a status of HTTP."""

    def __init__(self, status: HTTPStatus, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.status = status


def reply(value: object, status: int = 200) -> web.Response:
    """Answer with a value as JSON."""
    body = msgspec.json.encode(value, enc_hook=str) + b"\n"
    return web.Response(body=body, status=status, content_type="application/json")


async def reply_list(values: Sequence[T], view: Callable[[T], object]) -> web.Response:
    """Answer with a list as JSON, made in pieces, since it may be long."""
    pieces = []
    for start in range(0, len(values), AT_ONCE):
        await asyncio.sleep(0)
        pieces.append(msgspec.json.encode([view(each) for each in values[start : start + AT_ONCE]], enc_hook=str)[1:-1])
    return web.Response(body=b"[%s]\n" % b",".join(pieces), content_type="application/json")


def reply_error(error: BrownoutError) -> web.Response:
    """Answer with an error; one about settings lists its problems."""
    body: dict[str, object] = {"error": error.message, "hint": error.hint, "status": int(error.status)}
    if isinstance(error, SettingsError):
        problems: list[ProblemView] = [
            {"key": problem.key, "message": problem.message, "hint": problem.hint} for problem in error.problems
        ]
        body["problems"] = problems
    answer = reply(body, int(error.status))
    if error.status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


async def read_json(request: web.Request) -> object:
    """Return the body. Raises HttpError where it is not JSON."""
    try:
        return read_json_document(await request.read())
    except JsonError as error:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}", "send a JSON object") from None


async def read_mapping(request: web.Request) -> dict[str, object]:
    """Return the body, a JSON object. Raises HttpError for anything else."""
    value = await read_json(request)
    if not isinstance(value, dict):
        raise HttpError(HTTPStatus.BAD_REQUEST, "the body is not a JSON object", 'send one like {"enabled": false}')
    return value


def guarded(guard: Guard, to_browsers: Callable[[], web.Response]) -> Middleware:
    """Return the middleware that asks a guard about each request; `to_browsers` answers a refused one outside `/v1`."""

    @web.middleware
    async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            guard.check(request.headers)
        except BrownoutError as error:
            return reply_error(error if _is_ours(request) else _whole(error))
        there = request.match_info.http_exception is None
        if not there or not guard.turns_away(request.headers.get("User-Agent", ""), request.path):
            return await handler(request)
        if _is_ours(request):
            return reply_error(RefusedError("browsers may not use this API", "a page could drive it: use curl"))
        return to_browsers()

    return let_in


def _whole(error: BrownoutError) -> HttpError:
    """Return a refusal for clients of Toxiproxy, which show the error and no hint."""
    return HttpError(HTTPStatus(error.status), f"{error.message}: {error.hint}" if error.hint else error.message)


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer errors below `/v1` as JSON; other paths keep their own ways."""
    if not _is_ours(request):
        return await handler(request)
    try:
        return await handler(request)
    except BrownoutError as error:
        return reply_error(error)
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        message = f"{request.path} takes no {request.method}"
        answer = reply_error(HttpError(HTTPStatus.METHOD_NOT_ALLOWED, message, f"it takes {allowed}"))
        answer.headers["Allow"] = allowed
        return answer
    except web.HTTPRequestEntityTooLarge:
        return reply_error(HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large", "at most 1 MiB"))
    except web.HTTPNotFound:
        return reply_error(HttpError(HTTPStatus.NOT_FOUND, f"there is no {request.path}", f"begin at {ROOT}/proxies"))
    except web.HTTPException:
        raise
    except Exception as error:
        logging.getLogger(__name__).exception("%s %s", request.method, request.path)
        bug = HttpError(
            HTTPStatus.INTERNAL_SERVER_ERROR, f"a bug in Brownout: {error!r}", "its stderr has the traceback"
        )
        return reply_error(bug)


def _is_ours(request: web.Request) -> bool:
    """Say whether a path is below `/v1`."""
    return request.path == ROOT or request.path.startswith(f"{ROOT}/")
