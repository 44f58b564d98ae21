"""A listening socket that never blocks on what it accepts, and lives through a lack of descriptors."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable

from ...faults.fault import PortState
from ...wire.address import Address
from ...wire.errors import ConflictError
from .clock import Clock, Timer
from .filler import Filler, dropped
from .sockets import LINUX, is_unix, keep_alive

_BACKLOG = 4096
_BATCH = 64
_PAUSE = 0.1
_MOMENT = 0.01
_AT_PEER = {errno.ECONNABORTED, errno.EPROTO, errno.EINTR}


class ListenError(ConflictError):
    """An address on which one cannot listen; `system` is what the system says of it."""

    def __init__(self, message: str, hint: str = "", system: str = "") -> None:
        super().__init__(message, hint)
        self.system = system


async def bind(address: Address) -> socket.socket:
    """Return a socket that listens, not blocking. Raises ListenError."""
    try:
        return _listening(_bound_unix(address.path) if address.path else await _bound_tcp(address))
    except (OSError, ValueError) as error:  # ValueError: a name that cannot be put to a name server
        raise _explained(address, error) from None


async def _bound_tcp(address: Address) -> socket.socket:
    found = await asyncio.get_running_loop().getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, _, _, _, name = min(found, key=lambda info: info[0] != socket.AF_INET)
    return _bound(family, name)


def _bound(family: int, name: tuple[object, ...]) -> socket.socket:
    # With its protocol: asyncio sets TCP_NODELAY only on what is accepted from a socket that names it.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keep_alive(sock)
        if family == socket.AF_INET6 and name[0] == "::":  # those of IPv4 too, whatever the system's default
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(name)
    except BaseException:
        sock.close()
        raise
    return sock


def _bound_unix(path: str) -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise OSError(errno.EAFNOSUPPORT, "this system has no unix sockets")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear(path)
        sock.bind(path)
        os.chmod(path, 0o600)
    except BaseException:
        sock.close()
        raise
    return sock


def _listening(sock: socket.socket) -> socket.socket:
    try:
        sock.setblocking(False)
        sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _clear(path: str) -> None:
    """Remove a unix socket that nobody listens on any more."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise OSError(errno.EEXIST, "there is a file that is not a socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)  # a listener with a full backlog would keep us waiting
            if probe.connect_ex(path) != errno.ECONNREFUSED:
                raise OSError(errno.EADDRINUSE, "address already in use")
        os.unlink(path)


def _explained(address: Address, error: OSError | ValueError) -> ListenError:
    code, where = getattr(error, "errno", None), address.endpoint
    system = getattr(error, "strerror", None) or str(error)
    if code == errno.EADDRINUSE:
        return ListenError(f"{where} is in use", "choose another listen address, or port 0 for a free one", system)
    if code in (errno.EACCES, errno.EPERM):
        hint = "choose a folder that you may write to" if address.path else "ports below 1024 are privileged; choose 0"
        return ListenError(f"{where} may not be listened on: {system}", hint, system)
    if isinstance(error, socket.gaierror) or code == errno.EADDRNOTAVAIL:
        return ListenError(f"{where} is not an address of this machine", "listen on 127.0.0.1 or [::1]", system)
    return ListenError(f"cannot listen on {where}: {system}", system=system)


class Listener:
    """Accepts on a socket from now until closed; in between connections may be refused, or hang in connect()."""

    def __init__(
        self,
        sock: socket.socket,
        clock: Clock,
        accepted: Callable[[socket.socket], None],
        failed: Callable[[OSError], None],
    ) -> None:
        self.socket = sock
        self._clock = clock
        self._accepted = accepted
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._accept)
        self._family, self._name = sock.family, sock.getsockname()
        self._path = self._name if is_unix(sock) else None
        self._inode = os.stat(self._path).st_ino if self._path else 0
        self._state: PortState = "open"
        self._filler: Filler | None = None
        self._fillers: set[object] = set()
        self._refill: Timer | None = None
        self._dropped = 0

    @property
    def address(self) -> Address:
        """The address that is really bound."""
        if self._path:
            return Address("", 0, self._path)
        host, port = self._name[:2]
        return Address(host, port)

    @property
    def dropped(self) -> int:
        """How many SYNs the system has dropped here so far."""
        return self._dropped + (dropped(self.socket) if self.socket.fileno() >= 0 else 0)

    def filenos(self) -> list[int]:
        """Return the descriptors of its sockets."""
        found = [self.socket.fileno()] if self._filler is None else [self.socket.fileno(), self._filler.fileno()]
        return [fileno for fileno in found if fileno >= 0]

    def catch_up(self) -> None:
        """Accept all clients that have connected by now."""
        if self._state == "open":
            self._accept(_BACKLOG)

    def settle(self, state: PortState) -> None:
        """Accept from now on, refuse connections or let them hang.

        Raises ListenError where another one has taken the address meanwhile: then they are still refused.
        """
        if state == self._state:
            return
        if state == "refusing":
            self._shut()
        elif self._state == "refusing":
            self._reopen()
        self._state = state
        if state == "hanging":
            self._loop.remove_reader(self.socket.fileno())
            self._fill()
        elif state == "open":
            self._stop_filling()
            self._loop.add_reader(self.socket.fileno(), self._accept)
            self._drain()

    def _shut(self) -> None:
        """Let the system refuse connections; a bound socket that does not listen keeps others off the address."""
        self.close()
        with contextlib.suppress(OSError):  # _reopen() tries again, and says what is wrong
            self.socket = self._bind()

    def _reopen(self) -> None:
        try:
            self.socket = _listening(self.socket if self.socket.fileno() >= 0 else self._bind())
        except OSError as error:
            raise _explained(self.address, error) from None

    def _fill(self) -> None:
        """Fill the accept queue, and try again where a client, or a lack of descriptors, was in the way."""
        self._refill = None
        if self._filler is not None and self._filler.alone:
            return
        self._drain()
        if self._state != "hanging" or self._filler is not None:
            return  # a client that was accepted has changed it
        pause = _MOMENT
        try:
            self._filler = Filler(self.socket)
            self._fillers.add(self._filler.name)
        except OSError as error:
            self._failed(error)
            pause = _PAUSE
        self.socket.listen(0)
        if self._filler is None or not self._filler.alone:
            self._refill = self._clock.call_at(self._clock.time() + pause, self._fill)

    def _drain(self) -> None:
        """Hang up what fills the accept queue, make room there, and accept all clients."""
        if self._filler is not None:
            self._filler.close()
            self._filler = None
        self.socket.listen(_BACKLOG)
        self._accept(_BACKLOG)

    def _stop_filling(self) -> None:
        if self._refill is not None:
            self._refill.cancel()
            self._refill = None

    def _bind(self) -> socket.socket:
        if not self._path:
            return _bound(self._family, self._name)
        sock = _bound_unix(self._path)
        self._inode = os.stat(self._path).st_ino
        return sock

    def _accept(self, most: int = _BATCH) -> None:
        for _ in range(most):
            try:
                sock, name = self.socket.accept()
            except (BlockingIOError, InterruptedError):
                self._fillers.clear()
                return
            except OSError as error:
                if error.errno in _AT_PEER:
                    continue
                # No descriptors or no memory: clients wait in the backlog while we do.
                self._loop.remove_reader(self.socket.fileno())
                self._clock.call_at(self._clock.time() + _PAUSE, self._resume)
                self._failed(error)
                return
            if name in self._fillers:
                self._fillers.remove(name)
                sock.close()
                continue
            sock.setblocking(False)
            if not (LINUX or self._path):  # Linux hands the options of the listening socket on
                keep_alive(sock)
            self._accepted(sock)

    def _resume(self) -> None:
        if self.socket.fileno() >= 0 and self._state == "open":
            self._loop.add_reader(self.socket.fileno(), self._accept)

    def close(self) -> None:
        """Release the address at once; who waits in the backlog is reset."""
        self._stop_filling()
        if self._filler is not None:
            self._filler.close()
            self._filler = None
        self._fillers.clear()
        if self.socket.fileno() >= 0:
            self._loop.remove_reader(self.socket.fileno())
            self._dropped = self.dropped
        self.socket.close()
        if self._path:
            with contextlib.suppress(OSError):
                if os.stat(self._path).st_ino == self._inode:
                    os.unlink(self._path)
