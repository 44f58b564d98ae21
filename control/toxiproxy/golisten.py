"""Addresses as Toxiproxy takes them: whatever Go's net package would, with its words for what is wrong.

127.0.0.1:6379   localhost:redis   :6379   0.0.0.0:6379   [::]:6379   ""        (the last four: all interfaces)
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import re
import socket

from ...wire.address import Address, AddressError, check_length
from ...wire.errors import BrownoutError
from ...wire.mask import mask

_WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 (what a user may write)
_PARTS = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([^:]*)")


async def listen_address(text: str) -> Address:
    """Return where to listen, names resolved. Raises AddressError, whose message is Go's."""
    if not text:
        return Address(_any(), 0)
    parts = _PARTS.fullmatch(text)
    if parts is None:
        colons = text.startswith("[") or text.count(":") < 2
        what = "missing port in address" if colons else "too many colons in address"
        raise AddressError(f"address {mask(text)}: {what}")
    host, port = parts[1] or parts[2] or "", _port(parts[3])
    return Address(_any() if host in _WILDCARDS else await _resolved(host), port)


def same_place(one: Address | None, other: Address) -> bool:
    """Say whether two addresses are one place, all interfaces being one however they are spelled."""
    return one is not None and _widened(one) == _widened(other)


def upstream_address(text: str) -> Address:
    """Return an upstream; for text that is not an address, one that fails when a client connects.

    Raises AddressError for text that is too long for one.
    """
    check_length(text)
    url = text if "://" in text else f"tcp://{text}"
    try:
        found = Address.upstream(f"localhost{text}" if text.startswith(":") else text)
    except BrownoutError as error:
        return Address("", 0, url=url, wrong=error.message)
    return Address("", 0, url=url, wrong=f"unknown scheme in '{mask(text)}'") if found.unknown else found


def shown(text: str) -> str:
    """Return an upstream as it was given, but for a password."""
    return mask(text)


@functools.cache
def _any() -> str:
    """Return the host that is all interfaces, of both families where the system has both."""
    try:
        socket.socket(socket.AF_INET6).close()
    except OSError:
        return "0.0.0.0"  # noqa: S104 (what the user asked for)
    return "::"


def _port(text: str) -> int:
    digits = text.lstrip("+-")
    if digits.isdecimal():
        if digits != text or len(digits) > 5 or int(digits) > 65535:
            raise AddressError(f"address {text}: invalid port")
        return int(digits)
    try:
        return socket.getservbyname(text, "tcp") if text else 0
    except (OSError, ValueError):
        raise AddressError(f"lookup tcp/{text}: unknown port") from None


async def _resolved(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        raise AddressError(f"lookup {host}: no such host") from None
    return str(min(found, key=lambda info: info[0] != socket.AF_INET)[4][0])


def _widened(address: Address) -> Address:
    return address._replace(host="") if address.host in _WILDCARDS and not address.path else address
