"""What asyncio does not say of a socket: how to reset it, what is unsent, how it was lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Protocol

if sys.platform != "win32":  # here, not where they are used: an import needs a descriptor, and there may be none
    import fcntl
    import termios

LINUX, MACOS = sys.platform == "linux", sys.platform == "darwin"

_LINGER_0 = struct.pack("ii", 1, 0)
_TCP_INFO = 11  # linux/tcp.h; its first byte is the state, 7 is TCP_CLOSE
_TCP_CONNECTION_INFO = 0x106  # macOS netinet/tcp.h; its first byte is the state, 0 is TCPS_CLOSED
_SO_NWRITE = 0x1024  # macOS sys/socket.h: bytes in the send queue
_KEEPALIVE = {
    option: seconds
    for name, seconds in (("TCP_KEEPALIVE" if MACOS else "TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
    if (option := getattr(socket, name, None)) is not None
}
_ENOUGH_FILES = 65_536  # to ask for where the system names no limit
_READ, _MOST_UNREAD = 2**16, 2**26
_CLOSED = (
    OSError,
    ValueError,
)  # what asking a closed socket raises: asyncio's the one, uvloop's (descriptor -1) the other


class Socket(Protocol):
    """What transports show of their socket: asyncio's and uvloop's both can do this much."""

    @property
    def family(self) -> int:
        """The address family."""

    def fileno(self) -> int:
        """Return the descriptor."""

    def getsockopt(self, level: int, option: int, size: int = 0, /) -> int | bytes:
        """Read an option."""

    def setsockopt(self, level: int, option: int, value: int | bytes, /) -> None:
        """Set an option."""


def of(transport: asyncio.Transport) -> Socket:
    """Return the socket of a transport."""
    found: Socket = transport.get_extra_info("socket")
    return found


def is_unix(sock: Socket | socket.socket) -> bool:
    """Say whether it is a unix socket; some systems have none."""
    return sock.family == getattr(socket, "AF_UNIX", None)


def explain(error: OSError) -> str:
    """Return the system's words for an error; asyncio puts others in their place."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)


def keep_alive(sock: socket.socket) -> None:
    """Let the system find out when the peer of an idle TCP connection is gone, about a minute later.

    On Linux a listening socket hands this on to the connections that are accepted on it.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in _KEEPALIVE.items():
        sock.setsockopt(socket.IPPROTO_TCP, option, seconds)


def reset(transport: asyncio.Transport) -> None:
    """Close with a RST; a unix socket, which has none, is just closed."""
    _reset_on_close(of(transport))
    transport.abort()


def refuse(sock: socket.socket) -> None:
    """Close an accepted socket with a RST; a unix socket, which has none, is just closed."""
    _reset_on_close(sock)
    sock.close()


def _reset_on_close(sock: Socket | socket.socket) -> None:
    """Make the close that follows send a RST; a unix socket has none."""
    if not is_unix(sock):
        with contextlib.suppress(*_CLOSED):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)


def unsent(transport: asyncio.Transport) -> int:
    """Return how many bytes are on the way: in the transport's buffer, and what the peer has not acknowledged."""
    return transport.get_write_buffer_size() or _queued(of(transport))


def _queued(sock: Socket) -> int:
    if is_unix(sock):
        return 0
    try:
        if LINUX:
            return int.from_bytes(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
        if MACOS:
            queued = sock.getsockopt(socket.SOL_SOCKET, _SO_NWRITE)
            return queued if isinstance(queued, int) else 0
    except _CLOSED:
        pass  # nothing is on the way any more
    return 0


def lost(sock: Socket) -> OSError | None:
    """Return how the peer has reset the connection, or None: a transport that is not read is told nothing."""
    if is_unix(sock) or not (LINUX or MACOS):
        return None
    option, closed = (_TCP_INFO, 7) if LINUX else (_TCP_CONNECTION_INFO, 0)
    try:
        if sock.getsockopt(socket.IPPROTO_TCP, option, 1) != bytes([closed]):
            return None
        # Closed without an error: both FINs went their way, and there may be something left to read.
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return OSError(error, "reset") if error else None
    except _CLOSED:
        return ConnectionResetError()


def unread(transport: asyncio.Transport) -> Iterator[bytes]:
    """Yield what has come and was not read. Linux keeps it when the connection is reset."""
    with contextlib.suppress(*_CLOSED):
        for _ in range(_MOST_UNREAD // _READ):
            data = os.read(of(transport).fileno(), _READ)
            if not data:
                return
            yield data


def read_away(transport: asyncio.Transport) -> None:
    """Read what has come: a close with unread input would be a RST."""
    for _ in unread(transport):
        pass


def ended_before(error: Exception | None) -> bool:
    """Say whether the peer sent FIN before the RST that made a write fail: the two errors of Linux tell (tcp_reset)."""
    return LINUX and isinstance(error, BrokenPipeError)


def raise_file_limit() -> None:
    """Raise the soft limit of open files to the hard one: each link takes two."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # macOS has a lower bound of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def detach_in_child(fileno: int) -> None:
    """In a forked child: close a socket, keeping its number taken so that nobody closes another file by it."""
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, fileno, inheritable=False)
        os.close(null)
