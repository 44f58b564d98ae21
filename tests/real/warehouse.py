"""A server with an export that can be resumed, and stock that others change all the time."""

from __future__ import annotations

import contextlib
import http.server
import itertools
from contextlib import AbstractContextManager

from ..serving import serving

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

    do_PUT = do_POST  # noqa: N815 (the name that http.server looks for)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, *args: object) -> None:
        pass


def warehouse() -> AbstractContextManager[str]:
    """Serve it on a free port, and give its URL."""
    return serving(_Handler)
