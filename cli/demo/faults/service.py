"""The small HTTP service of the demo: a greeting, and a page."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .story import PAGE

BODIES = {"/": b"hello\n", "/page": b"x" * PAGE}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open
    wbufsize = -1  # head and body in one piece

    def do_GET(self) -> None:
        body = BODIES.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server names it
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # ends with open connections

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a connection that was reset: what the demo is about


@contextlib.contextmanager
def service() -> Iterator[str]:
    """Serve on a free loopback port while the block runs; yields `HOST:PORT`."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
