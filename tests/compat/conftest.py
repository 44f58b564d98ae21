import asyncio
import contextlib
import http.client
import json
from collections.abc import Coroutine, Iterator
from typing import Any, NamedTuple

import pytest

from brownout.proxy import Fleet

from ..control.conftest import serving

DEADLINE = 60.0


class Answer(NamedTuple):
    """What came back: the status, the headers (names in lower case), the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Toxiproxy(NamedTuple):
    """A served API over an empty fleet, on a loop in a thread, as a client of Toxiproxy sees it."""

    fleet: Fleet
    loop: asyncio.AbstractEventLoop
    host: str
    port: int

    def ask(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Answer:
        """Send a request; a body that is not text is sent as JSON."""
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        connection = http.client.HTTPConnection(self.host, self.port, timeout=DEADLINE)
        try:
            connection.request(method, path, None if text is None else text.encode(), headers or {})
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())
        finally:
            connection.close()

    def done(self, method: str, path: str, body: object = None) -> Any:
        """Send a request that must succeed, and return the JSON of its answer."""
        answer = self.ask(method, path, body)
        assert answer.status < 300, answer
        return answer.json if answer.body else None

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(DEADLINE)


@contextlib.contextmanager
def served(seed: int = 7) -> Iterator[Toxiproxy]:
    with serving(seed=seed) as running:
        address = running.server.address
        yield Toxiproxy(running.fleet, running.loop, address.host, address.port)


@pytest.fixture
def toxiproxy() -> Iterator[Toxiproxy]:
    with served() as toxiproxy:
        yield toxiproxy
