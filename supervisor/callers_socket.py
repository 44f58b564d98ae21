"""The socket of a process that calls connect(), in our hands: taken (pidfd_getfd), or its address written over.

Taking is better: a connect can be tried, waited for, and its end told. Where the kernel refuses that to us (containers
whose processes may not trace each other), our address is put in the place of the one that the call points to, and the
kernel goes on with that; then only the kernel knows how it ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from abc import ABC, abstractmethod

from . import kernel
from .kernel import Calls, Notification
from .processes import STREAMS, inode_of, kind_of
from .sockaddr import Destination, pack

_CLOSED = 7  # TCP_CLOSE, of tcp_states.h
_UNIX = ("UNIX-STREAM", "UNIX")
PASSED = -1
"""In place of an errno: the kernel goes on with the call."""


class CallersSocket(ABC):
    """A socket on which connect() was called; `process` has it.

    `key` is what it is known by while it lives. `family` is its address family, `is_stream` whether it is a stream of
    TCP or of unix sockets, and `blocks` whether its connect() waits; `patience` is how long (seconds), None: for ever.
    """

    key: int
    family: int
    is_stream: bool
    blocks: bool
    patience: float | None = None

    def __init__(self, process: int, note: Notification) -> None:
        self.process = process
        self.note = note

    @property
    @abstractmethod
    def is_new(self) -> bool:
        """Whether it is not connected, nor connecting, nor listening."""

    @property
    def needs_ipv6(self) -> bool:
        """Whether it cannot be connected to an IPv4 address."""
        return False

    @abstractmethod
    def connect(self, to: Destination, original: bytes) -> int:
        """Let it connect there; return 0, the errno (EINPROGRESS while it is not decided), or PASSED."""

    def close(self) -> None:  # noqa: B027 (there may be nothing to let go of)
        """Let go of it."""


class Taken(CallersSocket):
    """A socket that we have as well."""

    def __init__(self, numbers: Calls, process: int, pidfd: int, note: Notification) -> None:
        super().__init__(process, note)
        descriptor = kernel.descriptor_of(numbers, pidfd, note.descriptor)
        try:
            self.socket = socket.socket(fileno=descriptor)
        except OSError:  # it is no socket
            os.close(descriptor)
            raise
        self.key = os.fstat(self.socket.fileno()).st_ino
        self.family = self.socket.family
        tcp = self.socket.proto in (socket.IPPROTO_TCP, getattr(socket, "IPPROTO_MPTCP", 262))
        self.is_stream = self.socket.type == socket.SOCK_STREAM and (tcp or self.family == socket.AF_UNIX)
        self._flags = fcntl.fcntl(self.socket, fcntl.F_GETFL)
        self.blocks = not self._flags & os.O_NONBLOCK
        if self.blocks:
            seconds, micros = struct.unpack("@ll", self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16))
            self.patience = seconds + micros / 1e6 or None

    @property
    def is_new(self) -> bool:
        """Whether it is not connected, nor connecting, nor listening."""
        if self.family == socket.AF_UNIX:
            try:
                self.socket.getpeername()
            except OSError:
                return True
            return False
        return self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _CLOSED

    @property
    def needs_ipv6(self) -> bool:
        """Whether it cannot be connected to an IPv4 address."""
        if self.family != socket.AF_INET6:
            return False
        only = self.socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        return bool(only) or self.socket.getsockname()[0] != "::"

    @property
    def address(self) -> str:
        """Its own address."""
        host, port = self.socket.getsockname()[:2]
        return Destination(host, port).endpoint

    def connect(self, to: Destination, original: bytes) -> int:
        """Let it connect there, without waiting for it."""
        self._to = pack(to, self.family)
        return self.proceed() if self.blocks else kernel.connect(self.socket.fileno(), self._to)

    def proceed(self) -> int:
        """Connect one that blocks, or ask how its connecting goes: 0, an errno, or EINPROGRESS.

        A second connect() makes of a socket that is connecting one that is connected, or not connected any more.
        """
        fcntl.fcntl(self.socket, fcntl.F_SETFL, self._flags | os.O_NONBLOCK)
        try:
            result = kernel.connect_by_now(self.socket.fileno(), self._to)
        finally:
            fcntl.fcntl(self.socket, fcntl.F_SETFL, self._flags)
        return errno.EINPROGRESS if result == errno.EALREADY else result

    def close(self) -> None:
        """Let go of it."""
        self.socket.close()


class Rewritten(CallersSocket):
    """A socket that its process alone has; the kernel is to read our address in place of the one that was given."""

    def __init__(self, process: int, note: Notification) -> None:
        super().__init__(process, note)
        self.key = inode_of(process, note.descriptor)
        kind = kind_of(process, note.descriptor)
        self.is_stream = kind in STREAMS or kind in _UNIX
        self.family = STREAMS.get(kind, socket.AF_UNIX)
        with open(f"/proc/{process}/fdinfo/{note.descriptor}") as info:
            flags = next(int(line.split()[1], 8) for line in info if line.startswith("flags:"))
        self.blocks = not flags & os.O_NONBLOCK

    @property
    def is_new(self) -> bool:
        """Whether it is not connected: nobody can tell, but see `Connects`."""
        return True

    def connect(self, to: Destination, original: bytes) -> int:
        """Write the address over the one that was given, and let the kernel go on."""
        address = pack(to, self.family, len(original))
        if len(address) > len(original):
            return errno.ENAMETOOLONG
        try:
            kernel.write_address(self.note.thread, self.note.arguments[1], address)
        except OSError as error:
            return error.errno or errno.EFAULT
        return PASSED
