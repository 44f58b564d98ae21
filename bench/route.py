"""What is asked of a candidate: a route, and where it is to run."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

HOST = "127.0.0.1"
DEADLINE = 30.0

Injection = Mapping[str, object]


class Route(NamedTuple):
    """The scheme of the upstream, `tcp` or `http`, and what is injected."""

    scheme: str = "tcp"
    injections: tuple[Injection, ...] = ()


class Place(NamedTuple):
    """What a candidate needs to know to run: ports, and a folder for its files."""

    program: str
    route: Route
    upstream: int
    port: int
    api: int
    folder: Path

    def write(self, name: str, content: object) -> str:
        """Write a file, as JSON if it is not text, and return its path."""
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
        return str(path)


def ask(api: int, method: str, path: str, body: object = None) -> bytes:
    """Send a request to a control API, which must succeed; return the body of the answer."""
    connection = http.client.HTTPConnection(HOST, api, timeout=DEADLINE)
    with contextlib.closing(connection):
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        answer = response.read()
    if response.status >= 300:
        raise RuntimeError(f"{method} {path}: {response.status} {answer.decode()}")
    return answer
