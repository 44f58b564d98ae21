"""What a framework would do: routes, JSON, and a page for an exception that nobody caught, which is logged."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

Reply = tuple[int, dict[str, Any]]
Application = Callable[[dict[str, Any], Callable[..., object]], Iterable[bytes]]


def application(routes: Mapping[str, Callable[[], Reply]]) -> Application:
    """Return a WSGI application of routes, which are written as `GET /orders`."""

    def serve(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        try:
            status, body = routes[asked]()
        except Exception:
            logging.exception("%s", asked)
            status, body = 500, {"error": "something went wrong"}
        start_response(f"{status} {HTTPStatus(status).phrase}", [("Content-Type", "application/json")])
        return [json.dumps(body).encode()]

    return serve
