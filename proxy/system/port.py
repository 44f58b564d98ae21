"""Where a proxy listens: the address that was asked for, the one it got, and what keeps it from listening."""

from __future__ import annotations

import socket
from collections.abc import Callable

from ...faults.fault import PortState
from ...wire.address import Address
from .clock import Clock
from .listener import Listener, ListenError, bind


class Port:
    """A listening address, open while there is a listener on it, which may refuse connections or let them hang.

    `trouble` says why an open one does not listen. `given` is the address that it got: open again, it has the same.
    """

    def __init__(
        self,
        asked: Address,
        clock: Clock,
        accepted: Callable[[socket.socket], None],
        failed: Callable[[OSError], None],
    ) -> None:
        self.asked = asked
        self.trouble = ""
        self.given: Address | None = None
        self._listener: Listener | None = None
        self._dropped = 0
        self._how = (clock, accepted, failed)

    @property
    def open(self) -> bool:
        """Whether it is to listen."""
        return self._listener is not None

    @property
    def address(self) -> Address | None:
        """The address that it has, while it is open."""
        return None if self._listener is None else self.given

    def is_at(self, asked: Address) -> bool:
        """Say whether that address is where it is anyway."""
        return asked in (self.asked, self.address)

    async def bind(self, asked: Address) -> socket.socket:
        """Return a listening socket for `open_on()`. Raises ListenError: then `settle()` must be called again."""
        if self._listener is not None and self.given is not None and asked.port == self.given.port:
            self._listener.settle("refusing")  # from one interface to all: the system lets one socket listen on a port
        return await bind(asked if not self.is_at(asked) else self.given or asked)

    def open_on(self, sock: socket.socket) -> None:
        """Accept on a socket."""
        self._listener = Listener(sock, *self._how)
        self.given = self._listener.address

    def move(self, asked: Address) -> None:
        """Be somewhere else from now on."""
        self.close()
        self.asked, self.given = asked, None

    def catch_up(self) -> None:
        """Accept all clients that have connected by now."""
        if self._listener is not None:
            self._listener.catch_up()

    @property
    def dropped(self) -> int:
        """How many SYNs the system has dropped here so far."""
        return self._dropped + (0 if self._listener is None else self._listener.dropped)

    def settle(self, state: PortState) -> str:
        """Accept connections, refuse them or let them hang; return what is wrong."""
        self.trouble = ""
        if self._listener is not None:
            try:
                self._listener.settle(state)
            except ListenError as error:
                self.trouble = error.message
        return self.trouble

    def filenos(self) -> list[int]:
        """Return the descriptors of its sockets."""
        return [] if self._listener is None else self._listener.filenos()

    def close(self) -> None:
        """Release the address."""
        if self._listener is not None:
            self._listener.close()
            self._dropped += self._listener.dropped
        self._listener, self.trouble = None, ""
