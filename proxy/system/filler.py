"""How Linux is made to drop the SYNs of new connections: the accept queue of their listening socket is full.

    theory of operation

Linux drops a SYN where the accept queue holds more than the backlog, whatever `tcp_syncookies` and
`tcp_abort_on_overflow` say (`tcp_conn_request` in net/ipv4/tcp_input.c), and counts it in the drops of the listening
socket. With a backlog of 0 one connection is enough: the filler, our own, which nobody accepts. It connects before the
backlog is lowered. With an empty queue and a backlog of 0 Linux would answer it with a SYN cookie and warn of a flood,
or drop it where cookies are off.

A client may connect just before the filler, and would wait in the queue with it. So whoever fills a queue looks whether
the filler is `alone` there, else accepts all and tries again.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys

from ...faults.fault import Fault
from ...wire.address import Address
from ...wire.errors import BrownoutError

_QUEUED = 24
"""Where struct tcp_info has tcpi_unacked: of a listening socket, the length of its accept queue."""
_SO_MEMINFO = 55
_DROPS = 32
"""Where the answer to SO_MEMINFO has SK_MEMINFO_DROPS (Linux 4.12)."""


class Filler:
    """A connection to a listening socket, not accepted. Raises OSError where it cannot be had."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._socket = socket.socket(listening.family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        code = self._socket.connect_ex(listening.getsockname())  # of 0.0.0.0 and :: the system makes its loopback
        if code not in (0, errno.EINPROGRESS):
            self._socket.close()
            raise OSError(code, os.strerror(code))
        self.name: object = self._socket.getsockname()

    @property
    def alone(self) -> bool:
        """Whether it has arrived in the accept queue, and nobody else has."""
        try:
            self._socket.getpeername()
        except OSError:
            return False
        info = self._listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        (queued,) = struct.unpack_from("I", info, _QUEUED)
        return bool(queued == 1)

    def fileno(self) -> int:
        """Return its descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Hang up; what is in the queue must still be accepted."""
        self._socket.close()


def dropped(listening: socket.socket) -> int:
    """Return how many SYNs a listening socket has dropped; 0 where the system does not tell.

    A client sends its SYN again while it waits, so one attempt to connect counts several times.
    """
    try:
        counts = listening.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 64)
        (drops,) = struct.unpack_from("I", counts, _DROPS)
    except (OSError, struct.error):
        return 0
    return int(drops)


def cannot_hang(fault: Fault, proxy: str, listen: Address, *, intercepted: bool) -> BrownoutError | None:
    """Return why a fault that lets connect() hang, or fail, cannot do so at a proxy that listens there, or None.

    An error of connect() itself needs connections that are `intercepted`.
    """
    if fault.connect_error() and not intercepted:
        text = f"{fault.name} on {proxy}: only --intercept can give connect() an error of its own"
        return BrownoutError(text, f"leave out `how`, or: brownout run --intercept -p {proxy}=UPSTREAM -- COMMAND")
    if fault.port != "hanging":
        return None
    if sys.platform != "linux":
        return BrownoutError(f"{fault.name} needs Linux, which drops SYNs on demand", "use hang or refuse")
    if listen.path:
        text = f"{fault.name} acts on TCP, and {proxy} listens on a unix socket"
        return BrownoutError(text, "use hang or refuse, or listen on HOST:PORT")
    return None
