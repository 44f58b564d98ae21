"""A fleet of this process, on a thread of its own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from typing import TypeVar

from ..control.receipts import injection_view
from ..control.views import (
    ConnectionView,
    MarkView,
    ProxyView,
    RequestView,
    connection_view,
    mark_view,
    proxy_view,
    request_view,
)
from ..faults.config.file import Config
from ..faults.spec import Spec
from ..proxy import ConnectionEntry, Entry, Fleet, Injection, Proxy
from ..proxy.record.connection_log import KEPT as CONNECTIONS_KEPT
from ..proxy.record.request_log import KEPT as REQUESTS_KEPT
from ..wire.address import Address
from ..wire.errors import BrownoutError, NotFoundError
from ..wire.protocols import AUTO
from .awaited import Awaited
from .driver import check_kept, differs, hidden
from .thread import LoopThread

__tracebackhide__ = hidden
T = TypeVar("T")

HANGUP_TIMEOUT = 0.25
"""Seconds to wait for connections whose clients have hung up to end; a server may keep one open for longer."""


class Embedded:
    """A driver of a fleet that begins with the proxies of a configuration, and knows its profiles."""

    where = "embedded"
    host = ""

    def __init__(self, config: Config, seed: int) -> None:
        self._listening = {entry.name: entry.enabled for entry in config.proxies.values()}
        self._thread = LoopThread(lambda: self._opened(config, seed))

    @contextlib.asynccontextmanager
    async def _opened(self, config: Config, seed: int) -> AsyncIterator[None]:
        async with Fleet(seed=seed) as self._fleet:
            self._fleet.profiles = config.profiles
            wrong = list((await self._fleet.add_all(config.proxies.values())).values())
            if wrong:
                raise BrownoutError(
                    "; ".join(error.message for error in wrong), "; ".join({error.hint: None for error in wrong})
                )
            yield

    @property
    def seed(self) -> int:
        """Return the seed of what is injected from now on."""
        return self._fleet.seed

    def reseed(self, seed: int) -> None:
        """Set the seed of what is injected from now on."""
        self._thread.call(lambda: setattr(self._fleet, "seed", seed))

    def find(self, name: str) -> ProxyView:
        """Return a proxy."""
        return self._thread.call(lambda: self._view(self._fleet.proxy(name)))

    def add(self, name: str, upstream: str) -> ProxyView:
        """Make a proxy on a free port, or find it there."""

        async def work() -> ProxyView:
            asked, there = Address.upstream(upstream), self._fleet.proxies.get(name)
            if there is None:
                there = await self._fleet.add(name, upstream)
                self._listening[name] = True
            elif there.upstream != asked:
                raise differs(name, there.upstream.masked, asked)
            return self._view(there)

        return self._thread.run(work)

    def enable(self, name: str, enabled: bool) -> ProxyView:
        """Let a proxy listen, or release its port and close its connections."""

        async def work() -> ProxyView:
            proxy = self._fleet.proxy(name)
            await proxy.update(enabled=enabled)
            return self._view(proxy)

        return self._thread.run(work)

    def inject(self, proxy: str, spec: Spec) -> _Placed:
        """Place a fault on a proxy."""

        async def work() -> _Placed:
            await self._settled()
            where = self._fleet.proxy(proxy)
            return _Placed(self._thread, where, where.inject(spec))

        return self._thread.run(work)

    def apply(self, profile: str) -> list[_Placed]:
        """Inject what a profile says."""

        async def work() -> list[_Placed]:
            await self._settled()
            return [
                _Placed(self._thread, self._fleet.proxies[injection.identity.proxy], injection)
                for injection in self._fleet.apply(self._fleet.profile(profile))
            ]

        return self._thread.run(work)

    def learns(self) -> bool:
        """Say whether there is a proxy whose protocol is learnt."""
        return self._thread.call(lambda: AUTO in self._fleet.protocols.values())

    def placed(self, profile: str) -> list[_Placed]:
        """Return what of a profile is there now."""
        return self._thread.call(
            lambda: [
                _Placed(self._thread, proxy, injection)
                for proxy in self._fleet.proxies.values()
                for injection in proxy.injections.values()
                if injection.profile == profile
            ]
        )

    def heal_profile(self, profile: str) -> int:
        """Heal what a profile put there."""
        return self._thread.call(lambda: self._fleet.heal_profile(profile))

    def heal(self, proxy: str | None = None) -> int:
        """Heal one proxy or all."""
        return self._thread.call(lambda: (self._fleet if proxy is None else self._fleet.proxy(proxy)).heal())

    def reset(self) -> None:
        """Heal everything, and let every proxy listen, or not, as it did at first."""

        async def work() -> None:
            self._fleet.heal()
            for name, enabled in self._listening.items():
                await self._fleet.proxies[name].update(enabled=enabled)

        self._thread.run(work)

    def mark(self) -> MarkView:
        """Return this moment."""
        return self._thread.call(lambda: mark_view(self._fleet))

    def requests(self, proxy: str, since: MarkView) -> list[RequestView]:
        """Return the requests of a proxy that ended since a moment, and those that are open."""

        def work() -> list[Entry]:
            check_kept("requests", since["requests"], self._fleet.request_log.seq, REQUESTS_KEPT)
            return self._fleet.requests(since["requests"], proxy=proxy)

        return [request_view(entry) for entry in self._thread.call(work)]

    def connections(self, proxy: str, since: MarkView) -> list[ConnectionView]:
        """Return the connections of a proxy that ended since a moment, and those that are open."""

        async def work() -> list[ConnectionEntry]:
            await self._settled()
            check_kept("connections", since["connections"], self._fleet.connection_log.seq, CONNECTIONS_KEPT)
            return self._fleet.connections(since["connections"], proxy=proxy)

        return [connection_view(entry) for entry in self._thread.run(work)]

    @contextlib.contextmanager
    def watch_requests(self, proxy: str, since: MarkView, awaited: Awaited[RequestView]) -> Iterator[None]:
        """Show the requests of a proxy as they end."""

        def hear(entry: Entry) -> None:
            if entry.proxy == proxy:
                awaited.see(request_view(entry))

        kept = partial(self._fleet.requests, since["requests"], proxy=proxy)
        with self._listening_to(self._fleet.request_log.listeners, hear, kept):
            yield

    @contextlib.contextmanager
    def watch_connections(self, proxy: str, since: MarkView, awaited: Awaited[ConnectionView]) -> Iterator[None]:
        """Show the connections of a proxy as they end."""

        def hear(entry: ConnectionEntry) -> None:
            if entry.proxy == proxy:
                awaited.see(connection_view(entry))

        kept = partial(self._fleet.connections, since["connections"], proxy=proxy)
        with self._listening_to(self._fleet.connection_log.listeners, hear, kept):
            yield

    @contextlib.contextmanager
    def _listening_to(
        self, listeners: set[Callable[[T], None]], hear: Callable[[T], None], kept: Callable[[], list[T]]
    ) -> Iterator[None]:
        """Let one hear of all that was kept, and of what comes, while the block runs."""

        def begin() -> None:
            for entry in kept():
                hear(entry)
            listeners.add(hear)

        self._thread.call(begin)
        try:
            yield
        finally:
            with contextlib.suppress(BrownoutError):  # closed meanwhile
                self._thread.call(lambda: listeners.discard(hear))

    def close(self) -> None:
        """Close the connections, release the ports and end the thread."""
        self._thread.close()

    async def _settled(self) -> None:
        """Wait for connections that were hung up; otherwise chance decides whether they count."""
        await self._fleet.hangups_heard(HANGUP_TIMEOUT)

    def _view(self, proxy: Proxy) -> ProxyView:
        return proxy_view(proxy)


class _Placed:
    """An injection of the fleet."""

    def __init__(self, thread: LoopThread, proxy: Proxy, injection: Injection) -> None:
        self.proxy = proxy.name
        self.name = injection.name
        self._thread = thread
        self._proxy = proxy
        self._injection = injection

    def view(self) -> dict[str, object]:
        return self._thread.call(lambda: injection_view(self._proxy, self._injection))

    def change(self, values: Mapping[str, object]) -> None:
        def work() -> None:
            if not self._there():
                raise NotFoundError(f"{self.name} on {self.proxy} is healed", "inject it again")
            self._proxy.change(self.name, values)

        self._thread.call(work)

    def heal(self) -> None:
        self._thread.call(lambda: self._proxy.heal(self.name) if self._there() else 0)

    def _there(self) -> bool:
        return self._proxy.injections.get(self.name) is self._injection
