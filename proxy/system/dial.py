"""Connecting to an upstream; its name is resolved again for each link.

On one machine, and where the peer is near, connect() has most often ended when it returns, or when it is called a
second time. Then nothing is waited for, and no timeout is set.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket

from ...wire.address import Address
from .sockets import keep_alive

_CONNECTED = {0, errno.EISCONN}
_UNDER_WAY = {errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK, errno.EAGAIN, errno.EINTR}


async def dial(address: Address, seconds: float) -> socket.socket:
    """Return a connected socket within a time; every address of a name is tried in turn.

    Raises OSError (the last one's), TimeoutError.
    """
    if address.wrong:
        raise OSError(address.wrong)
    if address.path:
        return await _connect(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), address.path, seconds)
    family = _family(address.host)
    if family is not None:
        return await _connect(_tcp(family), (address.host, address.port), seconds)
    async with asyncio.timeout(seconds):
        return await _dial_by_name(address, seconds)


async def dialled(sock: socket.socket, seconds: float) -> socket.socket:
    """Return a socket when its connecting, which is under way, has ended. Closes it if that fails.

    Raises OSError, TimeoutError.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_writer(sock, ended.set)
    try:
        async with asyncio.timeout(seconds):
            await ended.wait()
        if (error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) != 0:
            raise OSError(error, os.strerror(error))
    except BaseException:
        loop.remove_writer(sock)
        sock.close()
        raise
    loop.remove_writer(sock)
    return sock


def _family(host: str) -> int | None:
    """Return the family of an address in numbers; None for a name, which must be resolved."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return family
    return None


async def _dial_by_name(address: Address, seconds: float) -> socket.socket:
    failure = OSError(f"{address.host} has no address")
    try:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except ValueError:  # what cannot be put to a name server: a part of more than 63 characters
        raise OSError(f"{address.host} is no name") from None
    for family, _, _, _, name in found:
        try:
            return await _connect(_tcp(family), name, seconds)
        except OSError as error:
            failure = error
    try:
        raise failure
    finally:
        del failure  # its traceback knows this frame: a reference cycle


def _tcp(family: int) -> socket.socket:
    # With its protocol: asyncio sets TCP_NODELAY only where a socket names it.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    keep_alive(sock)
    return sock


async def _connect(sock: socket.socket, name: str | tuple[object, ...], seconds: float) -> socket.socket:
    try:
        sock.setblocking(False)
        error = sock.connect_ex(name)
        if error == errno.EINPROGRESS:  # on loopback the peer has answered within the call, and the second one is told
            error = sock.connect_ex(name)
        if error not in _CONNECTED and error not in _UNDER_WAY:
            raise OSError(error, os.strerror(error))
    except BaseException:
        sock.close()
        raise
    return sock if error in _CONNECTED else await dialled(sock, seconds)
