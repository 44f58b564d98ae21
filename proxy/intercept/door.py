"""Where connections come in that were meant for somewhere else.

Each comes to an address of 127.0.0.0/8 of its own, its ticket, of which we are told at about that time; the accepted
socket's own address gives it back. The listener is bound to the device `lo`, so that nobody else reaches it. Sockets
that take IPv6 alone come to ::1 and are known by where they come from; those of unix sockets come to a path, in the
order in which we are told of them. Whoever nobody tells of is closed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import socket
import tempfile
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from ...supervisor.messages import Connect
from ...wire.address import Address
from ..system import listener
from ..system.clock import Clock
from ..system.listener import Listener
from ..system.sockets import keep_alive
from .supervised import InterceptError

_UNANNOUNCED = 10.0
"""Seconds for which one who comes before we are told of it is kept."""
_LOST = 60.0
"""Seconds for which one that was announced is waited for: it may have left before it was let in."""


class Arrival(NamedTuple):
    """A connection that came, and the socket to where it was meant to go, whose connecting may still be under way."""

    connect: Connect
    sock: socket.socket
    upstream: socket.socket | None


class Door:
    """Listeners of their own; `arrived` gets who was announced, and `hear` is asked for announcements."""

    def __init__(
        self,
        clock: Clock,
        arrived: Callable[[Arrival], None],
        failed: Callable[[OSError], None],
        hear: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._arrived = arrived
        self._failed = failed
        self._hear = hear
        self._listeners: list[Listener] = []
        self._announced: dict[str, tuple[Connect, socket.socket | None, float]] = {}  # and when, in that order
        self._came: dict[str, socket.socket] = {}
        self._unix_announced: deque[tuple[Connect, socket.socket | None]] = deque()
        self._unix_came: deque[socket.socket] = deque()
        self._folder = ""
        self.port = self.port6 = self.refusing = self.hanging = 0
        self.path = ""
        self._nobody = socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    async def open(self) -> None:
        """Listen. Raises InterceptError."""
        self._nobody.bind(("127.0.0.1", 0))  # and does not listen
        self.refusing = self._nobody.getsockname()[1]
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")  # without rights since Linux 5.7
            keep_alive(sock)
            sock.bind(("0.0.0.0", 0))  # noqa: S104 - of the device lo
            self._listen(sock, lambda came: self._take(came.getsockname()[0], came))
        except OSError as error:
            sock.close()
            raise InterceptError(f"--intercept needs Linux 5.7: {error.strerror}") from None
        self.port = sock.getsockname()[1]
        with contextlib.suppress(listener.ListenError):  # a machine without IPv6
            sock = await listener.bind(Address("::1", 0))
            self._listen(sock, self._take_by_peer)
            self.port6 = sock.getsockname()[1]
        self._folder = tempfile.mkdtemp(prefix="brownout-")
        self.path = os.path.join(self._folder, "door")
        self._listen(await listener.bind(Address("", 0, self.path)), self._take_unix)

    def hang(self) -> int:
        """Return a port at which connect() hangs. Raises OSError."""
        if not self.hanging:
            sock = socket.create_server(("127.0.0.1", 0))
            self._listen(sock, socket.socket.close)
            self._listeners[-1].settle("hanging")
            self.hanging = sock.getsockname()[1]
        return self.hanging

    def _listen(self, sock: socket.socket, take: Callable[[socket.socket], None]) -> None:
        sock.setblocking(False)
        sock.listen(4096)
        self._listeners.append(Listener(sock, self._clock, take, self._failed))

    def announce(self, connect: Connect, upstream: socket.socket | None) -> None:
        """Take that a connection comes."""
        if connect.ticket == "unix":
            self._unix_announced.append((connect, upstream))
            self._match_unix()
        elif (sock := self._came.pop(connect.ticket, None)) is not None:
            self._arrived(Arrival(connect, sock, upstream))
        else:
            self._forget_lost()
            self._announced[connect.ticket] = (connect, upstream, self._clock.time())

    def _forget_lost(self) -> None:
        for ticket, (_, _, since) in list(itertools.islice(self._announced.items(), 2)):
            if self._clock.time() - since >= _LOST:
                self.retract(ticket)

    def retract(self, ticket: str) -> None:
        """Take that one which was announced does not come; of unix sockets it is the last one."""
        announced = self._unix_announced.pop() if ticket == "unix" else self._announced.pop(ticket)
        if announced[1] is not None:
            announced[1].close()

    def _take(self, ticket: str, sock: socket.socket) -> None:
        if ticket not in self._announced:
            self._hear()
        announced = self._announced.pop(ticket, None)
        if announced is not None:
            self._arrived(Arrival(announced[0], sock, announced[1]))
            return
        self._came[ticket] = sock
        self._clock.call_at(self._clock.time() + _UNANNOUNCED, lambda: self._turn_away(ticket, sock))

    def _take_by_peer(self, sock: socket.socket) -> None:
        try:
            host, port = sock.getpeername()[:2]
        except OSError:  # it has left
            sock.close()
        else:
            self._take(Address(host, port).endpoint, sock)

    def _turn_away(self, ticket: str, sock: socket.socket) -> None:
        if self._came.get(ticket) is sock:
            self._came.pop(ticket).close()

    def _take_unix(self, sock: socket.socket) -> None:
        self._unix_came.append(sock)
        self._hear()
        self._match_unix()

    def _match_unix(self) -> None:
        while self._unix_came and self._unix_announced:
            connect, upstream = self._unix_announced.popleft()
            self._arrived(Arrival(connect, self._unix_came.popleft(), upstream))

    def close(self) -> None:
        """Let nobody in any more."""
        for each in self._listeners:
            each.close()
        upstreams = [each[1] for each in self._announced.values()] + [each[1] for each in self._unix_announced]
        for sock in (self._nobody, *self._came.values(), *self._unix_came, *upstreams):
            if sock is not None:
                sock.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
