"""What the proxies of a fleet share: clock, seed, limits and budget, what happened, and the sweep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from ..faults.segment import Kind
from ..supervisor.process import Process, Processes
from .ledger import Ledger
from .record.caller import Caller
from .record.connection_log import ConnectionLog
from .record.journal import Journal
from .record.request_log import RequestLog
from .record.workers import Workers
from .shaping.budget import Budget, Limits
from .shaping.countdown import Countdown
from .system import sockets
from .system.clock import Timer, loop_clock
from .system.peers import Peers

_SWEEP_SECONDS = 1.0


class Unread(Protocol):
    """A socket that is not read at the moment, so that nobody is told when its peer resets it."""

    @property
    def disconnected(self) -> bool:
        """Whether the socket is gone."""

    @property
    def transport(self) -> asyncio.Transport:
        """Its transport."""

    def peer_reset(self, error: OSError) -> None:
        """Take a reset that the transport was not told of."""

    def let_go(self) -> None:
        """End its link if nobody waits for anything on it any more."""


class Shared:
    """Made and used on a running event loop.

    `meets`: the connections of a command are intercepted, so faults may be placed on a proxy that is yet to be met.
    `changed` are called when a proxy came or went, when it listens or not any more, and when its injections have
    changed. `unread` are the sockets that the sweep looks after, once a second. `ledger` has the books of what was
    injected, and `awaiting_connection` the clocks that the next connection starts. `undialled` is how a connection ends
    that has no upstream yet: the dial failed, or the proxy was disabled or removed meanwhile. `names_callers`: who
    opens a connection is found out of each, and not only where a fault needs to know.
    """

    def __init__(self, *, seed: int, limits: Limits, show_values: bool, undialled: Kind) -> None:
        self.seed = seed
        self.limits = limits
        self.undialled = undialled
        self.journal = Journal()
        self.request_log = RequestLog(values=show_values)
        self.connection_log = ConnectionLog()
        self.ledger = Ledger()
        self.awaiting_connection: list[Countdown] = []
        self.changed: set[Callable[[], None]] = set()
        self.meets = False
        self.clock = loop_clock(asyncio.get_running_loop())
        self.peers = Peers()
        self.processes = Processes()
        self.workers = Workers(self.callers_changed)
        self.names_callers = False
        self.budget = Budget(limits.total)
        self.unread: dict[Unread, None] = {}
        self._sweeper: Timer = self.clock.call_at(self.clock.time() + _SWEEP_SECONDS, self._sweep)

    def tell_changed(self) -> None:
        """Tell of a change to a proxy, before whoever asked for it goes on."""
        for listener in tuple(self.changed):
            listener()

    def connection_came(self) -> None:
        """Start the clocks that wait for a connection."""
        while self.awaiting_connection:
            self.awaiting_connection.pop().start()

    def caller_at(self, descriptor: int) -> Caller | None:
        """Return who is at the other end of a socket; None where no process of this machine is known to be."""
        process = self.peers.process_at(descriptor)
        return None if process is None else self.caller(self.processes.find(process))

    def caller(self, process: Process) -> Caller:
        """Return a process as the caller of a connection."""
        return Caller(process, self.workers.of(process))

    def callers_changed(self, members: bool) -> None:
        """Take that workers run other tests than before, or (`members`) that processes may belong to others."""

    def protocol_learnt(self, proxy: str, protocol: str) -> None:
        """Take that it is known now which protocol a proxy carries."""

    def _sweep(self) -> None:
        self._sweeper = self.clock.call_at(self.clock.time() + _SWEEP_SECONDS, self._sweep)
        for side in tuple(self.unread):
            try:
                if side.disconnected:  # meanwhile, since the other side of its link is gone
                    continue
                if (error := sockets.lost(sockets.of(side.transport))) is not None:
                    side.peer_reset(error)
                else:
                    side.let_go()
            except Exception as error:  # one link's trouble is its own
                context = {"message": "error in taking a reset", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)

    def stop_sweeping(self) -> None:
        """Stop sweeping, and give the timer back."""
        self._sweeper.cancel()
        self.clock.close()
