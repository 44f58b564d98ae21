"""Connections to a destination that was not met before: they wait for the first word of either side, or a second.

The words are looked at and stay where they are, in the sockets; from them comes what the destination is called, and so
which faults are for it. A client that leaves without a word, to see that a server is up, gives no name.
"""

from __future__ import annotations

import asyncio
import socket
from typing import NamedTuple

from ...supervisor.tcp_sockets import is_held
from ..system.sockets import is_unix
from .door import Arrival

SILENCE = 1.0
"""Seconds after which a destination is named although nobody has said anything."""
_WORDS = 4096


class Words(NamedTuple):
    """What was said first."""

    client: bytes = b""
    server: bytes = b""


class Newcomer:
    """Who came to a destination while it has no name. `heard()` returns what the first of them to speak says."""

    def __init__(self) -> None:
        self.waiting: list[Arrival] = []
        self._loop = asyncio.get_running_loop()
        self._spoke: asyncio.Future[Words] = self._loop.create_future()
        self._watched: list[socket.socket] = []

    @property
    def since(self) -> float:
        """When the command's server there began to listen (see `Connect`)."""
        return self.waiting[0].connect.since

    def add(self, arrival: Arrival) -> None:
        """Take one more; who comes when it is known what was said is not listened to."""
        self.waiting.append(arrival)
        if self._spoke.done():
            return
        for sock in (arrival.sock, arrival.upstream):
            if sock is not None:
                self._watched.append(sock)
                self._loop.add_reader(sock, self._look, arrival)

    def _look(self, arrival: Arrival) -> None:
        client = _peeked(arrival.sock)
        server = None if arrival.upstream is None else _peeked(arrival.upstream)
        if client == b"" and server is None:  # it has left; the server may have something to say all the same
            self._watched.remove(arrival.sock)
            self._loop.remove_reader(arrival.sock)
            return
        if not self._spoke.done():
            self._spoke.set_result(Words(client or b"", server or b""))
        self._stop()

    def _stop(self) -> None:
        while self._watched:
            self._loop.remove_reader(self._watched.pop())

    async def heard(self) -> Words | None:
        """Wait until one has spoken, or a server has ended; after SILENCE there are no words.

        Return None where all clients have left by then.
        """
        try:
            return await asyncio.wait_for(self._spoke, SILENCE)
        except TimeoutError:
            return None if self._all_have_left() else Words()
        finally:
            self._stop()

    def _all_have_left(self) -> bool:
        """Say whether every client has closed its socket, and not only ended its stream: then it waits for a reply."""
        if any(_peeked(arrival.sock) != b"" for arrival in self.waiting):
            return False
        return not any(_is_held(arrival.sock) for arrival in self.waiting if not is_unix(arrival.sock))

    def close(self) -> None:
        """Send all of them away."""
        self._stop()
        for arrival in self.waiting:
            for sock in (arrival.sock, arrival.upstream):
                if sock is not None:
                    sock.close()
        self.waiting.clear()


def _is_held(sock: socket.socket) -> bool:
    """Say whether a client has its own socket still."""
    try:
        return is_held(_plain(sock.getpeername()), _plain(sock.getsockname()))
    except OSError:  # it was reset
        return False


def _plain(name: tuple[str, int]) -> tuple[str, int]:
    return name[0].removeprefix("::ffff:"), name[1]


def _peeked(sock: socket.socket) -> bytes | None:
    """Return what is there to be read: b"" at the end, which may be a reset; None where nothing has come yet."""
    try:
        return sock.recv(_WORDS, socket.MSG_PEEK)
    except BlockingIOError:
        return None
    except OSError:  # whoever reads hears of it as well
        return b""
