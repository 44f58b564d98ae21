import asyncio
import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, NamedTuple

import pytest

from brownout.faults.segment import Kind
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
def served(
    seed: int = 7, loop: Callable[[], asyncio.AbstractEventLoop] | None = None, undialled: Kind = Kind.RESET
) -> Iterator[Toxiproxy]:
    with serving(seed=seed, loop=loop, undialled=undialled) as running:
        address = running.server.address
        yield Toxiproxy(running.fleet, running.loop, address.host, address.port)


Serve = Callable[[socket.socket], None]


def echo(sock: socket.socket) -> None:
    while data := sock.recv(65536):
        sock.sendall(data)


class Upstream:
    """A server on a port of its own, a thread for each connection."""

    def __init__(self, work: Serve) -> None:
        self._work = work
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.accepted: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.settimeout(DEADLINE)
                self.accepted.append(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._work(sock)
            sock.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which close() does not
        self._thread.join(DEADLINE)
        self._listener.close()
        for sock in self.accepted:
            sock.close()


@pytest.fixture
def upstream() -> Iterator[Callable[[Serve], Upstream]]:
    made: list[Upstream] = []

    def start(work: Serve) -> Upstream:
        made.append(Upstream(work))
        return made[-1]

    yield start
    for each in made:
        each.close()


class Proxied(contextlib.ExitStack):
    """A proxy `p` before a server, and clients of it."""

    def __init__(self, toxiproxy: Toxiproxy, address: str) -> None:
        super().__init__()
        self.api = toxiproxy
        made = toxiproxy.done("POST", "/proxies", {"name": "p", "upstream": address, "listen": "127.0.0.1:0"})
        self.listen = str(made["listen"])

    def connect(self) -> socket.socket:
        host, port = self.listen.split(":")
        return self.enter_context(socket.create_connection((host, int(port)), timeout=DEADLINE))

    def add(
        self, kind: str, name: str = "t", *, stream: str = "downstream", toxicity: float = 1, **attributes: int
    ) -> Any:
        body = {"name": name, "type": kind, "stream": stream, "toxicity": toxicity, "attributes": attributes}
        return self.api.done("POST", "/proxies/p/toxics", body)

    def change(self, name: str = "t", toxicity: float | None = None, **attributes: int) -> Any:
        return self.api.done("PATCH", f"/proxies/p/toxics/{name}", {"toxicity": toxicity, "attributes": attributes})

    def remove(self, name: str = "t") -> None:
        self.api.done("DELETE", f"/proxies/p/toxics/{name}")


def said(sock: socket.socket, text: bytes) -> bytes:
    """What comes back of a text."""
    sock.sendall(text)
    return read(sock, len(text))


def read(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (part := sock.recv(count - len(data))):
        data += part
    return data


def wait_until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def toxiproxy() -> Iterator[Toxiproxy]:
    with served() as toxiproxy:
        yield toxiproxy
