"""Connecting to an upstream; its name is resolved again for each link."""

from __future__ import annotations

import asyncio
import os
import socket

from ...wire.address import Address


async def dial(address: Address) -> socket.socket:
    """Return a connected socket; every address of a name is tried in turn. Raises OSError (the last one's)."""
    if address.wrong:
        raise OSError(address.wrong)
    if address.path:
        return await _connect(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), address.path)
    failure = OSError(f"{address.host} has no address")
    try:
        found = await _resolve(address)
    except ValueError:  # what cannot be put to a name server: a part of more than 63 characters
        raise OSError(f"{address.host} is no name") from None
    for family, kind, proto, _, name in found:
        try:
            return await _connect(socket.socket(family, kind, proto), name)
        except OSError as error:
            failure = error
    try:
        raise failure
    finally:
        del failure  # its traceback knows this frame: a reference cycle


async def dialled(sock: socket.socket) -> socket.socket:
    """Return a socket when its connecting, which is under way, has ended. Raises OSError, and then closes it."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_writer(sock, ended.set)
    try:
        await ended.wait()
        if (error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) != 0:
            raise OSError(error, os.strerror(error))
    except BaseException:
        loop.remove_writer(sock)
        sock.close()
        raise
    loop.remove_writer(sock)
    return sock


async def _resolve(address: Address) -> list[tuple[socket.AddressFamily, int, int, str, tuple[object, ...]]]:
    try:  # numbers need no thread
        return list(
            socket.getaddrinfo(
                address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
            )
        )
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        return list(await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))


async def _connect(sock: socket.socket, name: str | tuple[object, ...]) -> socket.socket:
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, name)
    except BaseException:
        sock.close()
        raise
    return sock
