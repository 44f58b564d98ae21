"""Serve one of the services."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading

from aiohttp import web

from . import gateway, notifications, tokens

SERVICES = {"gateway": gateway.application, "notifications": notifications.application, "tokens": tokens.application}


def main() -> None:
    """Serve until SIGTERM or ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m shop.services")
    parser.add_argument("service", choices=sorted(SERVICES))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--fd", type=int, help="a socket that was bound by the process that started this one")
    parser.add_argument("--until-eof", action="store_true", help="end when stdin ends, however that came about")
    given = parser.parse_args()
    if given.until_eof:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    app = SERVICES[given.service]()
    if given.fd is not None:
        web.run_app(app, sock=socket.socket(fileno=given.fd), access_log=None, print=None)
    else:
        web.run_app(app, host=given.host, port=given.port, access_log=None, print=None)


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
