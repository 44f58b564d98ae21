"""The named proxies of a process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from typing import TYPE_CHECKING, NamedTuple

from ..faults import placing
from ..faults.placing import MOST, Placed
from ..faults.profile import Placement, Profile
from ..faults.segment import Kind
from ..faults.settings.names import check, comes_from, free, look_up
from ..wire.address import Address
from ..wire.errors import BrownoutError, ConflictError
from ..wire.protocols import PROTOCOLS
from .injections import cannot_tell, full
from .launch import Launch
from .ledger import Asked
from .proxy import EXPECTED, Proxy
from .record.connection_log import ConnectionEntry
from .record.event import ProfileLeftOut, ProxyAdded, ProxyRemoved
from .record.finding import Finding
from .record.request_log import Entry
from .record.workers import Worker
from .shaping.budget import LIMITS, Limits
from .shaping.countdown import Countdown
from .shaping.injection import Injection
from .shared import Shared
from .system import sockets
from .system.filler import cannot_hang

if TYPE_CHECKING:
    from ..faults.config.proxy_section import ProxyEntry


class Source(NamedTuple):
    """A profile that was applied, and the worker that has done so for itself, if any."""

    profile: Profile
    worker: Worker | None


FREE = Address("127.0.0.1", 0)
"""Any free port of loopback."""


def new_seed() -> int:
    """Return a seed for when none is given, short enough to be typed again."""
    return secrets.randbelow(10**6)


class Fleet(Shared):
    """Proxies by name, in the order of adding, with what they share. Made and used on a running event loop.

    `profiles` are those of the configuration file, `applied` what each profile that was applied put where, and
    `countdowns` the clocks of those that have one of their own; one that a worker has applied for itself is there under
    its label. `launch` places what is there from the beginning. With `show_values` the record of exchanges has the
    values that may be secrets.
    As an async context manager it closes itself.
    """

    def __init__(
        self, *, seed: int, limits: Limits = LIMITS, show_values: bool = False, undialled: Kind = Kind.RESET
    ) -> None:
        super().__init__(seed=seed, limits=limits, show_values=show_values, undialled=undialled)
        self.proxies: dict[str, Proxy] = {}
        self.profiles: dict[str, Profile] = {}
        self.applied: dict[str, list[Placed]] = {}
        self.countdowns: dict[str, Countdown | None] = {}
        self._sources: dict[str, Source] = {}
        self.launch = Launch(self)
        self._leaving: dict[asyncio.Task[None], Proxy] = {}
        _FLEETS.add(self)
        for protocol in PROTOCOLS.values():
            if protocol.dialect is not None:  # its readers are imported now: later there may be no descriptor for that
                protocol.dialect.requests()
        # asyncio reads into 256 KiB that it then shrinks; glibc maps a new block each time (three system calls a
        # read) until a larger one was freed.
        bytes(2**19)

    async def __aenter__(self) -> Fleet:
        """Return itself."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close everything."""
        await self.close()

    async def add(
        self,
        name: str,
        upstream: str | Address,
        listen: str | Address = "127.0.0.1:0",
        *,
        enabled: bool = True,
        then: Callable[[Proxy], None] = lambda proxy: None,
    ) -> Proxy:
        """Add a proxy, call `then` with it, let it listen. Raises BrownoutError: a bad name or address, one taken."""
        proxy = self._make(name, upstream, listen)
        try:
            then(proxy)
            if enabled:
                await proxy.enable()
        except BaseException:
            if self.proxies.get(name) is proxy:
                del self.proxies[name]
            raise
        self._added(proxy, enabled=enabled)
        return proxy

    async def add_all(
        self, entries: Iterable[ProxyEntry], then: Callable[[], None] = lambda: None
    ) -> dict[str, BrownoutError]:
        """Add proxies; once all are there, and before any of them listens, call `then`.

        Return why which of them do not listen: those are there disabled. Raises BrownoutError as `add` does.
        """
        made = [(self._make(entry.name, entry.upstream, entry.listen), entry.enabled) for entry in entries]
        for proxy, enabled in made:
            self._added(proxy, enabled=enabled)
        then()
        failed: dict[str, BrownoutError] = {}
        for proxy, enabled in made:
            try:
                if enabled:
                    await proxy.enable()
            except BrownoutError as error:
                failed[proxy.name] = error
        return failed

    def expect(self, name: str) -> Proxy:
        """Return the proxy of a name; where there is none, one that waits until what it stands before is met.

        Raises BrownoutError for a bad name.
        """
        if name not in self.proxies:
            proxy = self._make(name, EXPECTED, FREE)
            self._added(proxy, enabled=False)
        return self.proxies[name]

    def _expect_named(self, profile: Profile) -> None:
        for target in profile.targets if self.meets else ():
            if target.is_name:
                self.expect(target.key)

    async def meet(self, names: Sequence[str], upstream: Address, others: Set[str] = frozenset()) -> Proxy:
        """Stand before an upstream that was met: by the proxy that is expected under one of its names, or a new one.

        Of several with one name, as `redis` and `redis-2`, the first that is expected is the one.
        A new one has the first of the names. Profiles that are applied act on it as well. `others` are expected too,
        but are known to be something else. Raises BrownoutError.
        """
        numbered = [name for name in self.proxies if comes_from(name, names[0])]
        expected = next(
            (self.proxies[name] for name in (*names, *numbered) if self._expects(name) and name not in others), None
        )
        if expected is None:
            return await self.add(free(names[0], self.proxies), upstream, then=self._place_on_new)
        await expected.meet(upstream)
        return expected

    def _place_on_new(self, proxy: Proxy) -> None:
        self._place_met(proxy.name, lambda profile: profile.on_new(proxy.name, proxy.protocol))

    def _expects(self, name: str) -> bool:
        return name in self.proxies and self.proxies[name].expected

    async def replace(
        self,
        old: Proxy,
        upstream: str | Address,
        listen: str | Address,
        *,
        enabled: bool,
        then: Callable[[Proxy], None],
    ) -> Proxy:
        """Put a new proxy in the place of one; raises BrownoutError, which leaves the old one as it was.

        Its port must be free for the new one, so its connections have ended all the same.
        """
        proxy, was_enabled = self._new(old.name, upstream, listen), old.enabled
        then(proxy)
        await old.disable()
        try:
            if enabled:
                await proxy.enable()
        except BrownoutError:
            if was_enabled:
                await old.enable()
            raise
        if self.proxies.get(old.name) is not old:
            proxy.close()
            raise ConflictError(f"the proxy {old.name} was removed meanwhile")
        self.proxies[old.name] = proxy
        self._leave(old)
        self._added(proxy, enabled=enabled)
        return proxy

    def _make(self, name: str, upstream: str | Address, listen: str | Address) -> Proxy:
        if check(name) in self.proxies:
            raise ConflictError(f"there is a proxy named {name}", f"remove it first: brownout proxy rm {name}")
        self.proxies[name] = proxy = self._new(name, upstream, listen)
        return proxy

    def _new(self, name: str, upstream: str | Address, listen: str | Address) -> Proxy:
        to = Address.upstream(upstream) if isinstance(upstream, str) else upstream
        return Proxy(self, name, to, Address.listen(listen) if isinstance(listen, str) else listen)

    def _added(self, proxy: Proxy, *, enabled: bool) -> None:
        self.journal.write(ProxyAdded(proxy.name, proxy.upstream.masked, enabled))
        self.tell_changed()

    async def settled(self, name: str) -> Proxy | None:
        """Return the proxy of a name, once what is being done with it is done: one that is added may not listen yet."""
        while (proxy := self.proxies.get(name)) is not None:
            await proxy.settled()
            if self.proxies.get(name) is proxy:
                return proxy
        return None

    async def remove(self, name: str) -> None:
        """Remove a proxy: release its port, close its links. Raises NotFoundError."""
        self._leave(self.proxies.pop(self.proxy(name).name))

    def _leave(self, proxy: Proxy) -> None:
        proxy.close()
        task = asyncio.create_task(proxy.gone())  # no call waits for a peer that does not read
        self._leaving[task] = proxy
        task.add_done_callback(self._leaving.pop)
        self.journal.write(ProxyRemoved(proxy.name))
        self.tell_changed()

    def proxy_to_be(self, name: str) -> Proxy:
        """Return the proxy of a name, also one that may still be met. Raises NotFoundError, or BrownoutError."""
        return self.expect(name) if self.meets else self.proxy(name)

    def proxy(self, name: str) -> Proxy:
        """Return the proxy of a name. Raises NotFoundError with the nearest one."""
        return look_up("proxy", name, self.proxies)

    def heal(self) -> int:
        """Take out every injection of every proxy; return how many. No profile is applied any more."""
        self.applied.clear()
        self._sources.clear()
        return sum(proxy.heal() for proxy in self.proxies.values())

    # Who calls

    def name_callers(self) -> None:
        """Find out from now on who opens each connection, and who has opened those that are open."""
        if not self.names_callers:
            self.names_callers = True
            for link in [link for proxy in self.proxies.values() for link in proxy.links.values()]:
                if link.caller is None and not link.client.disconnected:
                    link.caller = self.caller_at(sockets.of(link.client.transport).fileno())

    def turn_to(self, worker: Worker, test: str) -> None:
        """Take that a worker runs a test from now on, or none (empty); who has connected by now did so before."""
        for proxy in self.proxies.values():
            proxy.catch_up()
        self.workers.turn_to(worker, test, self.clock.time())

    def callers_changed(self, members: bool) -> None:
        """Take that workers run other tests than before, or (`members`) that processes may belong to others."""
        for proxy in self.proxies.values():
            for link in proxy.links.values() if members else ():
                if link.caller is not None:
                    link.caller.worker = self.workers.of(link.caller.who)
            proxy.injections.rescope()
        if members:
            self.tell_changed()

    # What happened

    def requests(self, since: int = 0, *, proxy: str | None = None) -> list[Entry]:
        """Return the requests that ended after number `since`, then those that are open."""
        there = [each.open_requests() for each in self.proxies.values() if proxy in (None, each.name)]
        return self.request_log.entries(since, proxy=proxy) + [entry for entries in there for entry in entries]

    def connections(self, since: int = 0, *, proxy: str | None = None) -> list[ConnectionEntry]:
        """Return the connections that ended after number `since`, then those that are open."""
        proxies = [each for each in self.proxies.values() if proxy in (None, each.name)]
        there = [link.entry(each.name) for each in proxies for link in each.links.values()]
        return self.connection_log.entries(since, proxy=proxy) + there

    async def hangups_heard(self, within: float) -> None:
        """Wait until connections that clients have hung up are gone, or until `within` seconds have passed."""
        for _ in range(5):  # rounds of the loop, in which it hears what clients did before this call
            await asyncio.sleep(0)
        deadline = self.clock.time() + within
        while self.clock.time() < deadline and any(  # noqa: ASYNC110 - no link reports that its client hung up
            not link.open or link.client.eof_seen or link.ending is not None
            for proxy in self.proxies.values()
            for link in proxy.links.values()
        ):
            await asyncio.sleep(0.001)

    # Profiles

    def known_profiles(self) -> dict[str, Profile]:
        """Return the profiles of the configuration file, and those that ship with Brownout."""
        from ..faults.config.file import with_shipped  # YAML is read when it is wanted

        return with_shipped(self.profiles)

    def profile(self, name: str) -> Profile:
        """Return the profile of a name, the file's before a shipped one. Raises NotFoundError with the nearest one."""
        return look_up("profile", name, self.known_profiles())

    def apply(
        self, profile: Profile, countdown: Countdown | None = None, worker: Worker | None = None
    ) -> list[Injection]:
        """Inject what a profile says, all or nothing; what it put there before is healed first.

        Its `start` and `for` count from the `countdown`, or from now. With a `worker` it is for the connections of that
        one alone. Raises ProfileError for a key that matches no proxy, ConflictError for a name that is taken.
        """
        name = profile.name if worker is None else worker.label(profile.name)
        self._expect_named(profile)
        placements = profile.resolve(self.protocols, self.learnt, waits=self.meets)
        placed = placing.place(profile.name, placements, self._taken(name, worker))
        self._check_room(name, placed, worker)
        self.heal_profile(name)
        self.applied[name], self._sources[name] = placed, Source(profile, worker)
        self.countdowns[name] = countdown
        return [self.place(name, each, countdown, worker) for each in placed]

    def revise(self, profile: Profile) -> Counter[str]:
        """Make an applied profile be what it says now, all or nothing; return how many were added, changed, healed.

        What says the same is not touched, also where it was changed or healed by hand. Raises as `apply` does, and
        SettingsError for a change that does not go with one made by hand.
        """
        self._expect_named(profile)
        before = self.applied[profile.name]
        after = profile.resolve(self.protocols, self.learnt, waits=self.meets)
        kept = placing.continued(before, after)
        placed = placing.replace(profile.name, after, kept, self._taken(profile.name))
        self._check_room(profile.name, placed)
        changed = [
            (each, values)
            for each, old in zip(placed, kept, strict=True)
            if old and (values := placing.changes(old.spec, each.spec)) and self._is_there(profile.name, each)
        ]
        for each, values in changed:
            self.proxies[each.proxy].injections[each.name].spec.changed(values)  # raises before anything is done
        self.applied[profile.name], self._sources[profile.name] = placed, Source(profile, None)
        done: Counter[str] = Counter()
        for each in before:
            if not any(each is other for other in kept) and self._is_there(profile.name, each):
                done["healed"] += self.proxies[each.proxy].heal(each.name)
        for each, old in zip(placed, kept, strict=True):
            if old is None:
                self.place(profile.name, each)
                done["added"] += 1
        for each, values in changed:
            self.proxies[each.proxy].change(each.name, values)
            done["changed"] += 1
        return done

    def heal_profile(self, name: str) -> int:
        """Take out what a profile put there; return how many injections that were."""
        self.applied.pop(name, None)
        self._sources.pop(name, None)
        return sum(
            proxy.heal(injection.name)
            for proxy in self.proxies.values()
            for injection in tuple(proxy.injections.values())
            if injection.profile == name
        )

    @property
    def protocols(self) -> dict[str, str]:
        """The protocol of each proxy, as its upstream's address says, as profiles look for them."""
        return {name: proxy.upstream.protocol for name, proxy in self.proxies.items()}

    @property
    def learnt(self) -> dict[str, str]:
        """The protocol of each proxy, as far as it is known by now."""
        return {name: proxy.protocol for name, proxy in self.proxies.items()}

    def protocol_learnt(self, proxy: str, protocol: str) -> None:
        """Place what applied profiles have for a protocol on a proxy of which it is known now."""
        self._place_met(proxy, lambda profile: profile.newly_met(proxy, protocol))

    def _place_met(self, proxy: str, found: Callable[[Profile], list[Placement]]) -> None:
        """Place what is found in applied profiles for a proxy. The journal says what cannot be placed."""
        for name, (profile, worker) in tuple(self._sources.items()):
            try:
                placed = placing.place(profile.name, found(profile), self._taken(None, worker))
                self._check_room(None, placed, worker)
                self.applied[name] += placed
                for each in placed:
                    self.place(name, each, self.countdowns[name], worker)
            except BrownoutError as error:
                self.journal.write(ProfileLeftOut(proxy, name, error.message))

    def _taken(self, profile: str | None, worker: Worker | None = None) -> set[tuple[str, str]]:
        """Return the names, each with its proxy, that are not the profile's own; None: all.

        Each `worker` has names of its own.
        """
        everything = [(proxy.name, each) for proxy in self.proxies.values() for each in proxy.injections.values()]
        return {
            (proxy, injection.identity.injection)
            for proxy, injection in everything
            if injection.profile != profile and injection.worker is worker
        }

    def _check_room(self, profile: str | None, placed: Sequence[Placed], worker: Worker | None = None) -> None:
        """Check that no proxy would have too many injections, or one that it cannot have. Raises BrownoutError."""
        for each in placed:
            listen = self.proxies[each.proxy].listen
            if (wrong := cannot_hang(each.spec.fault, each.proxy, listen, intercepted=self.meets)) is not None:
                raise wrong
            if (wrong := cannot_tell(each.spec, worker, intercepted=self.meets)) is not None:
                raise wrong
        everything = [(proxy.name, each) for proxy in self.proxies.values() for each in proxy.injections.values()]
        others = Counter(proxy for proxy, injection in everything if injection.profile != profile)
        for proxy, count in Counter(each.proxy for each in placed).items():
            if others[proxy] + count > MOST:
                raise full(proxy)

    def _is_there(self, profile: str, placed: Placed) -> bool:
        """Say whether an injection of a profile is still there: it may have been healed, its name taken by another."""
        proxy = self.proxies.get(placed.proxy)
        return (
            proxy is not None and placed.name in proxy.injections and proxy.injections[placed.name].profile == profile
        )

    def place(
        self, profile: str, placed: Placed, countdown: Countdown | None = None, worker: Worker | None = None
    ) -> Injection:
        """Inject what is a part of a profile. Raises as `Injections.place` does."""
        spec, proxy = placed.spec._replace(name=placed.name), self.proxies[placed.proxy]
        return proxy.inject(spec, profile=profile, key=placed.key, countdown=countdown, worker=worker)

    def asked(self) -> list[Asked]:
        """Return what was asked for so far, and what came of it."""
        placed = [found for proxy in self.proxies.values() for found in proxy.findings().items()]
        return self.ledger.asked((each, *found) for each, found in placed) + list(self._waiting())

    def _waiting(self) -> Iterator[Asked]:
        """Yield what applied profiles have for proxies that are not there yet, or whose protocol is not known."""
        for profile in {source.profile.name: source.profile for source in self._sources.values()}.values():
            for target in profile.waiting(self.learnt):
                if self.meets:
                    hint = "`brownout deps` shows what it connects to"
                    finding = Finding("never_met", f"the command has connected to nothing like '{target.key}'", hint)
                    yield Asked(profile.name, target.key, (), finding)
                elif target.protocol:
                    hint = f"give it an upstream like {target.protocol}://HOST:PORT"
                    finding = Finding("protocol_unknown", f"no proxy is known to carry {target.protocol}", hint)
                    yield Asked(profile.name, target.key, (), finding)

    async def close(self) -> None:
        """Close every proxy, and wait until all links are gone."""
        for proxy in self.proxies.values():
            proxy.close()
        await asyncio.gather(*self._leaving, *(proxy.gone() for proxy in self.proxies.values()))
        self.stop_sweeping()

    def detach_in_child(self) -> None:
        """In a forked child: let go of every socket, so that a close in the parent is one."""
        for proxy in (*self.proxies.values(), *self._leaving.values()):
            for fileno in proxy.filenos():
                sockets.detach_in_child(fileno)


_FLEETS: weakref.WeakSet[Fleet] = weakref.WeakSet()


def _detach_all() -> None:
    for fleet in tuple(_FLEETS):
        with contextlib.suppress(Exception):
            fleet.detach_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_detach_all)
