"""The moments in which the application handles a request of a test, where it runs in the tests' own process.

A test that uses the database as well would meet the faults itself. So where one of the clients below is used, faults
are armed only while it waits for the application.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

_DIGITS = 16
"""How many of a digest are told."""


class _Host(Protocol):
    """Who is told."""

    def entered(self, what: str, port: int) -> None:
        """Take that the application begins to handle a request; `port`: where it listens, 0 for nowhere."""

    def left(self, status: int | None, error: BaseException | None, at: float, seconds: float, body: str) -> None:
        """Take that it has ended, with a status or an exception; `body`: a digest of the answer's, empty if unknown."""


class _Client(NamedTuple):
    """A function of a test client by which the application is called: what its arguments ask for, what it returns.

    `body` returns that of an answer, None where it is not there yet or streamed; `port`, of a client, where the
    application listens.

    The outermost one that all requests of a client go through: Starlette's and Django's raise what the application
    raised after the response of the function within, and Starlette's reads a streamed body there.
    """

    module: str
    path: str
    asked: Callable[..., str]
    status: Callable[[Any], object]
    body: Callable[[Any], object] = lambda response: response.content
    port: Callable[..., int] = lambda *_: 0


def _of_request(_: object, request: Any) -> str:
    return f"{request.method} {request.url.path}"


def _of_environ(_: object, environ: Any, *__: object, **___: object) -> str:
    return f"{environ.get('REQUEST_METHOD', '')} {environ.get('PATH_INFO', '')}"


def _of_django(_: object, **request: Any) -> str:
    method = request.get("REQUEST_METHOD") or request.get("method", "GET")
    return f"{method} {request.get('PATH_INFO') or request.get('path', '')}"


def _of_words(_: object, method: str, path: object, **__: object) -> str:
    return f"{method} {str(path).partition('?')[0]}"


def _of_response(response: Any) -> object:
    return response.status_code


def _of_parts(response: Any) -> object:
    return b"".join(response.stream._body)


def _streamed(_: object) -> None:
    return None


CLIENTS = (
    _Client("starlette.testclient", "TestClient.request", _of_words, _of_response),
    _Client("starlette.testclient", "_TestClientTransport.handle_request", _of_request, _of_response),
    _Client("litestar.testing.transport", "TestClientTransport.handle_request", _of_request, _of_response),
    _Client("httpx", "ASGITransport.handle_async_request", _of_request, _of_response, _of_parts),
    _Client("httpx", "WSGITransport.handle_request", _of_request, _of_response),
    _Client("httpx2", "ASGITransport.handle_async_request", _of_request, _of_response, _of_parts),
    _Client("httpx2", "WSGITransport.handle_request", _of_request, _of_response),
    _Client("werkzeug.test", "run_wsgi_app", _of_environ, lambda returned: returned[1].split()[0], _streamed),
    _Client("django.test.client", "Client.request", _of_django, _of_response),
    _Client("django.test.client", "AsyncClient.request", _of_django, _of_response),
    _Client(
        "aiohttp.test_utils",
        "TestClient._request",
        _of_words,
        lambda response: response.status,
        port=lambda client: client.port,
    ),
)


def is_client(value: object) -> bool:
    """Say whether an object is a client by which tests call the application, or one that has such a transport."""
    kinds = {*type(value).__mro__, *type(inspect.getattr_static(value, "_transport", None)).__mro__}
    names = {(kind.__module__, kind.__qualname__) for kind in kinds}
    return any((client.module, client.path.partition(".")[0]) in names for client in CLIENTS)


class Entries:
    """Wraps what is there of the clients, once each; one call within another belongs to it."""

    def __init__(self, host: _Host) -> None:
        self._host = host
        self._wrapped: set[_Client] = set()
        self._lock = threading.RLock()
        self._depth = 0

    def wrap(self) -> None:
        """Wrap the clients of modules that were imported by now."""
        for client in CLIENTS:
            if client not in self._wrapped and client.module in sys.modules:
                self._wrapped.add(client)
                owner: Any = importlib.import_module(client.module)
                *classes, name = client.path.split(".")
                for each in classes:
                    owner = getattr(owner, each, None)
                if owner is not None and hasattr(owner, name):
                    setattr(owner, name, self._around(client, getattr(owner, name)))

    def _around(self, client: _Client, call: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(call):

            @functools.wraps(call)
            async def wrapped(*args: Any, **kwargs: Any) -> Any:
                began = self._enter(client, args, kwargs)
                try:
                    returned = await call(*args, **kwargs)
                except BaseException as error:
                    self._leave(None, error, began, "")
                    raise
                self._leave(client.status(returned), None, began, _digest(client.body, returned))
                return returned
        else:

            @functools.wraps(call)
            def wrapped(*args: Any, **kwargs: Any) -> Any:
                began = self._enter(client, args, kwargs)
                try:
                    returned = call(*args, **kwargs)
                except BaseException as error:
                    self._leave(None, error, began, "")
                    raise
                self._leave(client.status(returned), None, began, _digest(client.body, returned))
                return returned

        return wrapped

    def _enter(self, client: _Client, args: Any, kwargs: Any) -> float:
        try:
            what, port = client.asked(*args, **kwargs), client.port(*args[:1])
        except (AttributeError, TypeError):  # called in a way of its own
            what, port = "request", 0
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self._host.entered(what, port)
        return time.monotonic()

    def _leave(self, status: object, error: BaseException | None, began: float, body: str) -> None:
        seconds = time.monotonic() - began
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                number = int(str(status)) if str(status).isdigit() else None
                self._host.left(number, error, began, seconds, body)


def _digest(body: Callable[[Any], object], returned: Any) -> str:
    try:
        found = body(returned)
    except Exception:  # it is streamed, or a response of its own kind
        return ""
    return hashlib.sha256(found).hexdigest()[:_DIGITS] if isinstance(found, bytes) else ""
