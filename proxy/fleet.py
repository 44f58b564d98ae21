"""The named proxies of a process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import weakref

from ..faults.name import check
from ..faults.profile import Profile
from ..faults.settings import unknown
from ..wire.address import Address
from ..wire.errors import ConflictError, NotFoundError
from . import sockets
from .budget import LIMITS, Budget, Limits
from .clock import Timer, loop_clock
from .injection import Injection
from .journal import Journal
from .proxy import Proxy
from .side import Side

_SWEEP = 1.0


def new_seed() -> int:
    """Return a seed for when none is given, short enough to be typed again."""
    return secrets.randbelow(10**6)


class Fleet:
    """Proxies by name, in the order of adding, with what they share. Made and used on a running event loop.

    As an async context manager it closes itself.
    """

    def __init__(self, *, seed: int, limits: Limits = LIMITS) -> None:
        self.seed = seed
        self.limits = limits
        self.journal = Journal()
        self.proxies: dict[str, Proxy] = {}
        self.clock = loop_clock(asyncio.get_running_loop())
        self.budget = Budget(limits.total)
        self.unread: dict[Side, None] = {}
        self._leaving: dict[asyncio.Task[None], Proxy] = {}
        self._sweeper: Timer = self.clock.call_at(self.clock.time() + _SWEEP, self._sweep)
        _FLEETS.add(self)
        # asyncio reads into 256 KiB that it then shrinks; glibc maps such a block anew each time (three system calls a
        # read) until a larger one was freed.
        bytes(2**19)

    async def __aenter__(self) -> Fleet:
        """Return itself."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close everything."""
        await self.close()

    async def add(self, name: str, upstream: str, listen: str = "127.0.0.1:0", *, enabled: bool = True) -> Proxy:
        """Add a proxy and let it listen. Raises BrownoutError: a bad name or address, one that is taken."""
        if check(name) in self.proxies:
            raise ConflictError(f"there is a proxy named {name}", f"remove it first: brownout proxy rm {name}")
        proxy = Proxy(self, name, Address.upstream(upstream), Address.listen(listen))
        self.proxies[name] = proxy
        try:
            if enabled:
                await proxy.enable()
        except BaseException:
            if self.proxies.get(name) is proxy:
                del self.proxies[name]
            raise
        self.journal.write("proxy_added", name, upstream=proxy.upstream.masked)
        return proxy

    async def remove(self, name: str) -> None:
        """Remove a proxy: release its port, close its links. Raises NotFoundError."""
        proxy = self.proxies.pop(self.proxy(name).name)
        proxy.close()
        task = asyncio.create_task(proxy.gone())  # no call waits for a peer that does not read
        self._leaving[task] = proxy
        task.add_done_callback(self._leaving.pop)
        self.journal.write("proxy_removed", name)

    def proxy(self, name: str) -> Proxy:
        """Return the proxy of a name. Raises NotFoundError with the nearest one."""
        try:
            return self.proxies[name]
        except KeyError:
            raise NotFoundError(
                f"there is no proxy named '{name}'", unknown("proxy", name, self.proxies).hint
            ) from None

    def heal(self) -> int:
        """Take out every injection of every proxy; return how many."""
        return sum(proxy.heal() for proxy in self.proxies.values())

    def apply(self, profile: Profile) -> list[Injection]:
        """Inject what a profile says, all or nothing; what it put there before is healed first.

        Raises ProfileError for a key that meets no proxy, ConflictError for a name that is taken.
        """
        placements = profile.resolve({name: proxy.upstream.scheme for name, proxy in self.proxies.items()})
        taken = {
            (proxy.name, name)
            for proxy in self.proxies.values()
            for name, injection in proxy.injections.items()
            if injection.profile != profile.name
        }
        for name, spec in placements:
            if spec.name and (name, spec.name) in taken:
                raise ConflictError(
                    f"profile {profile.name}: {name} has an injection named {spec.name}", f"brownout heal {name}"
                )
            taken.add((name, spec.name))
        for proxy in self.proxies.values():
            for name in [name for name, each in proxy.injections.items() if each.profile == profile.name]:
                proxy.heal(name)
        return [self.proxies[name].inject(spec, profile=profile.name) for name, spec in placements]

    async def close(self) -> None:
        """Close every proxy, and wait until all links are gone."""
        for proxy in self.proxies.values():
            proxy.close()
        await asyncio.gather(*self._leaving, *(proxy.gone() for proxy in self.proxies.values()))
        self._sweeper.cancel()
        self.clock.close()

    def _sweep(self) -> None:
        for side in tuple(self.unread):
            if not side.lost and sockets.is_gone(sockets.of(side.transport)):
                side.gone()
        self._sweeper = self.clock.call_at(self.clock.time() + _SWEEP, self._sweep)

    def forsake(self) -> None:
        """In a forked child: let go of every socket, so that a close in the parent is one."""
        for proxy in (*self.proxies.values(), *self._leaving.values()):
            for fileno in proxy.filenos():
                sockets.forsake(fileno)


_FLEETS: weakref.WeakSet[Fleet] = weakref.WeakSet()


def _forsake_all() -> None:
    for fleet in tuple(_FLEETS):
        with contextlib.suppress(Exception):
            fleet.forsake()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forsake_all)
