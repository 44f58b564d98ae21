"""Time-outs for libpq, which waits for a reply as long as the connection stands."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import psycopg


@contextlib.contextmanager
def deadline(connection: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Cut a connection that is still busy after some seconds: its query fails with OperationalError."""
    if connection.closed:
        yield
        return
    with socket.socket(fileno=os.dup(connection.pgconn.socket)) as sock:
        timer = threading.Timer(seconds, _cut, [sock])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
