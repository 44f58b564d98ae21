"""Start a real Redis and an HTTP server, and run a command with URL, HOST and PORT of them in its environment."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from brownout.testing import servers


class Pong(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"pong")

    def log_message(self, *args: object) -> None:
        pass


class Site(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Be silent about connections that were reset."""


with servers.redis() as redis, Site(("127.0.0.1", 0), Pong) as site:
    threading.Thread(target=site.serve_forever, daemon=True).start()
    at = {"URL": f"http://127.0.0.1:{site.server_port}/", "HOST": redis.host, "PORT": str(redis.port)}
    code = subprocess.run(sys.argv[1:], env={**os.environ, **at, "REDIS_URL": redis.url}).returncode
    site.shutdown()
sys.exit(code)
