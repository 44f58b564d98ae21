"""TLS as far as it can be read without its keys: that a connection begins with it, and for which host.

type 22 | version 3.x | length || type 1 | length | version 3.x | random | session | ciphers | ... | extensions
record, RFC 8446, section 5.1      ClientHello, section 4.1.2; its server_name is in RFC 6066, section 3
"""

from __future__ import annotations

import re

_HELLO = re.compile(rb"\x16\x03[\x00-\x04].{2}\x01.{3}\x03[\x00-\x04]", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9._-]+")
_MOST_RECORD = 2**14
_BEFORE_SESSION = 43
"""How many bytes stand before the session's id: the heads of record and handshake, version and random."""


def opening(client: bytes, server: bytes) -> bool:
    """Say whether a client begins with a ClientHello."""
    return _HELLO.match(client) is not None and int.from_bytes(client[3:5], "big") <= _MOST_RECORD


def server_name(data: bytes) -> str:
    """Return the host that a ClientHello asks for (SNI), in lower case.

    Empty where it names none, is not one, or ends before the name.
    """
    if not opening(data, b""):
        return ""
    rest = data[_BEFORE_SESSION:]
    for width in (1, 2, 1):  # session, cipher suites, compression methods
        _, rest = _vector(rest, width)
    extensions, _ = _vector(rest, 2)
    while extensions:
        kind = extensions[:2]
        body, extensions = _vector(extensions[2:], 2)
        if kind == b"\x00\x00":
            names, _ = _vector(body, 2)
            host, _ = _vector(names[1:], 2)
            text = host.decode("ascii", "replace").lower()
            whole = int.from_bytes(names[1:3], "big") == len(host)
            return text if names[:1] == b"\x00" and whole and _HOST.fullmatch(text) else ""
    return ""


def _vector(data: bytes, width: int) -> tuple[bytes, bytes]:
    """Return what a vector has whose length takes `width` bytes, as far as it is there, and what follows it."""
    end = width + int.from_bytes(data[:width], "big")
    return data[width:end], data[end:]
