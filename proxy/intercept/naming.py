"""What a destination that nobody configured is called: the same tomorrow, for seeds and reports go by names.

The protocol names what there is mostly one of: `postgres`, `redis`. What speaks HTTP or TLS, or nothing that is known,
is called by the host that its clients ask for, by the environment variable that has its address, by the fixture that
has started it, or by its address where that will be the same: its port is not one that the system hands out.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping

from ...supervisor.sockaddr import Destination
from ...wire.protocols import AUTO, PROTOCOLS
from ...wire.recognition import host_name, recognise

_MANY = ("http", "https", "tls", "tcp")
"""Protocols of which a service has several dependencies."""
_LOOPBACK = {"127.0.0.1": "::1", "::1": "127.0.0.1"}
_FIRST_EPHEMERAL = 32768
"""The first port that Linux hands out by default; below it somebody chose it."""
_VARIABLE = re.compile(
    r"([A-Z][A-Z0-9_]*?)(?:_(?:BASE|API|SERVICE|SERVER))*_(?:URL|URI|DSN|ADDR|ADDRESS|ENDPOINT|PORT)"
)
"""An environment variable that says where a service is: `PAYMENTS_URL`, `SEARCH_API_BASE_URL`, `RATES_PORT`."""


def protocol_of(client: bytes, server: bytes) -> str:
    """Return the protocol by the first bytes of both: `tcp` where they do not say, `auto` where there are none yet."""
    return recognise(client, server) or ("tcp" if client or server else AUTO)


def url(to: Destination, protocol: str) -> str:
    """Return a destination as the text of an upstream."""
    return f"{protocol}+unix://{to.path}" if to.path else f"{protocol}://{to.endpoint}"


def names(to: Destination, protocol: str, client: bytes, fixture: str = "") -> Iterator[str]:
    """Return what it may be called, the usual name first; by the others it may be expected.

    `fixture` is the name of that which has started it, empty without one.
    """
    if protocol == AUTO:
        protocol = next((each.name for each in PROTOCOLS.values() if each.port == to.port), "tcp")
    host = host_name(client) or ("" if to.path or to.is_local else _hosts().get(to.host, ""))
    named = host if protocol in _MANY and not _is_number(host) and host != "localhost" else ""
    variable = _variable(to, os.environ)
    fixture = fixture.removeprefix("make_").strip("_").replace("_", "-")
    fixed = to.endpoint if not to.path and to.port < _FIRST_EPHEMERAL else ""
    usual = (named or variable or fixture or fixed or protocol) if protocol in _MANY else protocol
    yield usual
    yield from dict.fromkeys(
        each for each in (protocol, host, variable, fixture, to.endpoint) if each and each != usual
    )
    if to.is_local:
        yield f"localhost:{to.port}"


def same(to: Destination) -> list[Destination]:
    """Return other addresses at which the same server listens, as servers mostly do: loopback's other one.

    What a unix socket of Postgres is called has the port in it (libpq, "Connection Strings").
    """
    if to.host in _LOOPBACK:
        return [Destination(_LOOPBACK[to.host], to.port)]
    port = to.path.rpartition("/.s.PGSQL.")[2]
    return [Destination(host, int(port)) for host in _LOOPBACK] if port.isdecimal() else []


def _variable(to: Destination, environ: Mapping[str, str]) -> str:
    """Return the name of a local service by the first variable that has its address: `payments` of `PAYMENTS_URL`."""
    if not to.is_local:
        return ""
    host = rf"(?:localhost|{re.escape(to.endpoint.rpartition(':')[0])})"
    address = re.compile(rf"(?:(?:.*//)?(?:[^/]*@)?{host}:)?{to.port}(?:[/?#].*)?")
    for name, value in sorted(environ.items()):
        if (found := _VARIABLE.fullmatch(name)) and address.fullmatch(value):
            return found[1].lower().replace("_", "-")
    return ""


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return not host
    return True


def _hosts() -> dict[str, str]:
    """Return the names of addresses that this machine's own table has (hosts(5)), the first of each."""
    found: dict[str, str] = {}
    try:
        with open("/etc/hosts", encoding="utf-8", errors="replace") as table:
            rows = [line.partition("#")[0].split() for line in table]
    except OSError:
        return found
    for row in rows:
        for name in row[1:2]:
            if not name.startswith(("localhost", "ip6-")):
                found.setdefault(row[0], name)
    return found
