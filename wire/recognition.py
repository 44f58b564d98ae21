"""Which protocol is spoken on a connection, and with which host, as its first bytes tell."""

from __future__ import annotations

from . import tls
from .http1 import opening as http1
from .protocols import PROTOCOLS, others


def recognise(client: bytes, server: bytes) -> str | None:
    """Return the name of the protocol that is spoken on a connection, by the first bytes of its client and its server.

    Either may be empty. None where no protocol is recognised, or several are. Ours are asked first; one of another
    package may raise whatever it does.
    """
    for protocols in (PROTOCOLS.values, others):
        claims = [each.name for each in protocols() if each.opening is not None and each.opening(client, server)]
        if claims:
            return claims[0] if len(claims) == 1 else None
    return None


def host_name(client: bytes) -> str:
    """Return the host that a client asks for in its first bytes, without port and in lower case.

    That is the SNI of TLS, or the Host of HTTP/1.x; empty where it names none.
    """
    return tls.server_name(client) or http1.host(client)
