"""Serves the page of a report on loopback, as it is at each moment."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ..verify.document import Document, read
from ..verify.history import Trend, newest, trend
from ..verify.writers.page import page
from ..wire.errors import BrownoutError

_HOST = "127.0.0.1"
_NAMES = (_HOST, "localhost")
"""The host names by which a browser may reach us. A web page could point any other here, to read the report."""


class Source:
    """Where the page comes from: a folder with a report, or one with the runs that were kept."""

    def __init__(self, folder: Path, history: Path | None) -> None:
        self._report = folder / "verify.json"
        self._folder = folder
        self._history = history
        self._over = threading.Event()

    def read(self) -> tuple[Document, Trend | None]:
        """Read it. Raises BrownoutError."""
        found = read(self._report) if self._report.exists() else newest(self._folder)
        history = self._history or (None if self._report.exists() else self._folder)
        try:
            return found, None if history is None else trend(history, found)
        except OSError as error:
            raise BrownoutError(
                f"{history}: {error.strerror}", "it is the folder that --history of verify named"
            ) from None

    def state(self) -> str:
        """Return a text that is another one when there is something new."""
        try:
            found = self._report.stat()
        except OSError:
            return str(len([*self._folder.glob("verify-*.json")]))
        return f"{found.st_mtime_ns} {found.st_size}"

    def wait(self) -> None:
        """Wait for a ctrl-C."""
        self._over.wait()


@contextlib.contextmanager
def served(source: Source, port: int) -> Iterator[str]:
    """Serve it; return its address. Raises BrownoutError for a report that cannot be read, or a port that is taken."""
    source.read()

    class Handler(_Handler):
        given = source

    try:
        server = ThreadingHTTPServer((_HOST, port), Handler)
    except OSError as error:
        raise BrownoutError(f"port {port} of {_HOST}: {error.strerror}", "without --port a free one is taken") from None
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        yield f"http://{_HOST}:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    given: Source

    def do_GET(self) -> None:
        """Answer with the page, or with its state."""
        if self.headers.get("Host", "").rpartition(":")[0] not in _NAMES:
            self._answer(403, "text/plain", f"this is http://{_HOST}, and goes by no other name\n")
        elif self.path == "/":
            try:
                state = self.given.state()
                document, earlier = self.given.read()
                self._answer(200, "text/html", page(document, earlier, live=state))
            except BrownoutError as error:
                self._answer(503, "text/plain", f"{error.message}\n")
        elif self.path == "/state":
            self._answer(200, "text/plain", self.given.state())
        else:
            self._answer(404, "text/plain", "the page is at /\n")

    def _answer(self, status: int, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Say nothing."""
