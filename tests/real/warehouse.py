"""A server with an export that can be resumed, and stock that others change all the time."""

from __future__ import annotations

import contextlib
import http.server
import itertools
import threading
from collections.abc import Iterator

EXPORT = bytes(range(256)) * 64
"""What GET /export answers."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    versions = itertools.count(1)

    def do_GET(self) -> None:
        begin, _, _ = (self.headers["Range"] or "bytes=0-").removeprefix("bytes=").partition("-")
        body = EXPORT[int(begin) :] if self.path == "/export" else b'{"stock": 7}'
        self.send_response(206 if self.headers["Range"] else 200)
        self.send_header("ETag", f'"{next(self.versions)}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.send_response(204)
        self.end_headers()

    do_PUT = do_POST  # noqa: N815

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def warehouse() -> Iterator[str]:
    """Serve it on a free port, and give its URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
