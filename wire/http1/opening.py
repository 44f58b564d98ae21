"""How a connection with HTTP/1.x begins: a request line (RFC 9112, section 3), and which host it is for."""

from __future__ import annotations

import re

_REQUEST_LINE = re.compile(rb"(?:\r?\n){0,4}[A-Za-z][A-Za-z0-9_-]{0,31} [^\s\x00-\x1f]+ HTTP/1\.[0-9]\r?\n")
_HOST = re.compile(rb"\n[Hh][Oo][Ss][Tt]:[ \t]*(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]*)?[ \t]*\r?\n")
_STATUS_LINE = b"HTTP/1."


def opening(client: bytes, server: bytes) -> bool:
    """Say whether a client begins with a request line, and the server, if it has spoken, with a status line."""
    return _REQUEST_LINE.match(client) is not None and server[: len(_STATUS_LINE)] == _STATUS_LINE[: len(server)]


def host(client: bytes) -> str:
    """Return the host of the first request's Host field (RFC 9112, section 3.2), without port, in lower case.

    IPv6 is without brackets. Empty where there is none.
    """
    if not opening(client, b""):
        return ""
    head = client.lstrip(b"\r\n").replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    found = _HOST.search(head + b"\n")
    return "" if found is None else found[1].decode().strip("[]").lower()
