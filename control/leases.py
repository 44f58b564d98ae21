"""Leases: what a client made is undone when nothing is heard of it any more.

    POST   /v1/leases              {duration?, worker?}: the client lives, and says so at least once in that time
    POST   /v1/leases/ID/renew     it still lives; so does every request with `Brownout-Lease: ID`
    DELETE /v1/leases/ID           it needs nothing any more

What requests with that header make is undone at the end of the lease, whichever way it ends: injections are healed,
proxies that were switched are switched back, and proxies that were made are removed. Afterwards each request with the
header is an error, so that a client that was only stopped for a while learns of it.

What is made under the lease of an attached worker is for the connections of its processes alone.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..faults.settings.units import Duration
from ..proxy.record.event import LeaseExpired, ListenFailed
from ..wire.errors import BrownoutError, ConflictError
from .receipts import moment

if TYPE_CHECKING:
    from ..faults.placing import Placed
    from ..proxy import Fleet, Injection, Proxy
    from ..proxy.record.workers import Worker

MOST = 1000
"""How many leases there may be, and how many that expired are remembered."""


class LeaseError(BrownoutError):
    """A lease that is not there, or no longer."""

    status = 410


class Lease:
    """A lease, and what was made under it."""

    def __init__(self, fleet: Fleet, duration: Duration, worker: Worker | None) -> None:
        self.id = secrets.token_hex(8)
        self.worker = worker
        self.duration = duration
        self.until = 0.0
        self._fleet = fleet
        self._injections: list[tuple[Proxy, Injection]] = []
        self._applied: dict[str, list[Placed]] = {}
        self._switched: dict[Proxy, bool] = {}
        self._made: list[Proxy] = []

    def injected(self, placed: Iterable[tuple[Proxy, Injection]]) -> None:
        """Note injections, each with its proxy."""
        self._injections = [*self._standing(), *placed]

    def applied(self, profile: str) -> None:
        """Note a profile that was applied: more of it may be placed as protocols are learnt."""
        self._applied[profile] = self._fleet.applied[profile]

    def made(self, proxy: Proxy) -> None:
        """Note a proxy that was not there before, or that the lease of another worker had made."""
        self._made = [*(each for each in self._made if self._is_there(each) and each is not proxy), proxy]

    def switches(self, proxy: Proxy) -> None:
        """Note a proxy that is about to be enabled or disabled."""
        self._switched = {each: enabled for each, enabled in self._switched.items() if self._is_there(each)}
        self._switched.setdefault(proxy, proxy.enabled)

    def heal(self) -> int:
        """Heal the injections that are left, and return how many there were."""
        left = self._standing()
        for proxy, injection in left:
            proxy.heal(injection.name)
        waiting = [name for name, placed in self._applied.items() if self._fleet.applied.get(name) is placed]
        return len(left) + sum(map(self._fleet.heal_profile, waiting))

    async def undo(self, others: Iterable[Lease]) -> None:
        """Remove the proxies that were made and that no other lease has, and switch others back."""
        kept = {proxy for other in others for proxy in other._made}
        for proxy in [each for each in self._made if self._is_there(each) and each not in kept]:
            await self._fleet.remove(proxy.name)
        for proxy, enabled in self._switched.items():
            if self._is_there(proxy):
                try:
                    await proxy.update(enabled=enabled)
                except BrownoutError as error:
                    self._fleet.journal.write(ListenFailed(proxy.name, error.message))

    def _standing(self) -> list[tuple[Proxy, Injection]]:
        return [
            (proxy, injection)
            for proxy, injection in self._injections
            if self._is_there(proxy) and proxy.injections.get(injection.name) is injection
        ]

    def _is_there(self, proxy: Proxy) -> bool:
        return self._fleet.proxies.get(proxy.name) is proxy


class Leases:
    """The leases of the clients of a fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._leases: dict[str, Lease] = {}
        self._expired: dict[str, LeaseError] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, duration: Duration, worker: Worker | None) -> Lease:
        """Return a new lease, of a worker or of anybody. Raises ConflictError where there are too many."""
        if len(self._leases) >= MOST:
            raise ConflictError(f"there are {MOST} leases", "end some: DELETE /v1/leases/ID")
        lease = Lease(self._fleet, duration, worker)
        self._leases[lease.id] = lease
        self.renew(lease.id)
        self._wait(lease)
        return lease

    def renew(self, name: str) -> Lease:
        """Return a lease, which lasts for its duration from now. Raises LeaseError where it has ended."""
        lease = self._leases.get(name)
        if lease is None:
            raise self._expired.get(name) or LeaseError("there is no such lease", "begin one: POST /v1/leases")
        lease.until = self._fleet.clock.time() + lease.duration
        return lease

    async def end(self, name: str) -> int:
        """End a lease, and return how many injections that healed. Raises LeaseError where it has ended."""
        lease = self._leases.pop(self.renew(name).id)
        healed = lease.heal()
        await lease.undo(self._leases.values())
        return healed

    def found(self, lease: Lease, proxy: Proxy) -> None:
        """Take that a worker has asked for a proxy which is there: it stays as long as one needs it."""
        if lease.worker is not None and any(proxy in other._made for other in self._leases.values()):
            lease.made(proxy)

    def _wait(self, lease: Lease) -> None:
        self._fleet.clock.call_at(lease.until, lambda: self._look(lease))

    def _look(self, lease: Lease) -> None:
        """End a lease of which nothing was heard; of another one wait on."""
        if lease.id not in self._leases:
            return
        if self._fleet.clock.time() < lease.until:
            self._wait(lease)
            return
        del self._leases[lease.id]
        self._remember(lease)
        self._fleet.journal.write(LeaseExpired("", lease=lease.id, duration=str(lease.duration)))
        lease.heal()
        task = asyncio.get_running_loop().create_task(lease.undo(self._leases.values()))
        self._tasks.add(task)  # the loop itself keeps no reference
        task.add_done_callback(self._tasks.discard)

    def _remember(self, lease: Lease) -> None:
        text = f"nothing was heard of this client for {lease.duration}: what it had made was undone at"
        hint = "what was tested since has met no fault; a stopped process, or a machine that sleeps, says nothing"
        self._expired[lease.id] = LeaseError(f"{text} {moment(time.time())}", hint)
        while len(self._expired) > MOST:
            del self._expired[next(iter(self._expired))]
