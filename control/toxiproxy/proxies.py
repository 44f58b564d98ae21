"""Proxies as Toxiproxy makes, changes and populates them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from ...proxy.record.event import ToxicLeftOut
from ...proxy.system.listener import ListenError
from ...wire.address import Address
from ...wire.errors import BrownoutError, ConflictError
from .gohttp import ToxiproxyError
from .gojson import array
from .golisten import same_place, shown, upstream_address
from .request_params import Entry, LeftOut, bind_error, read_entry, read_listen
from .toxics import Toxic
from .words import Words

if TYPE_CHECKING:
    from ...proxy import Fleet, Proxy


class Proxies:
    """The proxies of a fleet, with what was given for each in its words."""

    def __init__(self, fleet: Fleet, words: Words) -> None:
        self._fleet = fleet
        self._words = words

    async def make(self, entry: Entry, instead_of: Proxy | None = None) -> Proxy:
        """Make a proxy, its toxics in place before it listens. Raises ToxiproxyError."""
        upstream = upstream_address(entry.upstream)
        try:
            at = await read_listen(entry.listen, "listen tcp: ")
        except ToxiproxyError:
            if entry.enabled:
                raise
            at = Address(shown(entry.listen), 0)  # no place at all, which matters when it is enabled

        left_out = [*entry.left_out]

        def place(proxy: Proxy) -> None:
            for toxic in entry.toxics:
                try:
                    self.inject(proxy, toxic)
                except BrownoutError as error:  # more of them than a proxy may have
                    left_out.append(LeftOut(toxic.name, error.message))

        try:
            if instead_of is None:
                proxy = await self._fleet.add(entry.name, upstream, at, enabled=entry.enabled, then=place)
            else:
                proxy = await self._fleet.replace(instead_of, upstream, at, enabled=entry.enabled, then=place)
        except ListenError as error:
            raise bind_error(at, error) from None
        except ConflictError:  # made by another call while we looked for the address
            raise ToxiproxyError(HTTPStatus.CONFLICT, "proxy already exists") from None
        self._words.keep(proxy, listen=entry.listen, upstream=entry.upstream)
        for toxic, reason in left_out:
            self._fleet.journal.write(ToxicLeftOut(entry.name, toxic, reason))
        return proxy

    async def change(self, proxy: Proxy, upstream: str | None, listen: str | None, enabled: bool | None) -> None:
        """Change where a proxy stands; what is refused changes nothing. Raises ToxiproxyError."""
        if listen == self._words.listen(proxy) and proxy.enabled:
            listen = None
        if listen is None and enabled and not proxy.enabled:
            listen = self._words.unresolved(proxy)
        at = None if listen is None else await read_listen(listen)
        if at is not None and (same_place(proxy.address, at) or same_place(proxy.port.given, at)):
            at = None
        to = None if upstream is None or self._stands_before(proxy, upstream) else upstream_address(upstream)
        try:
            await proxy.update(upstream=to, listen=at, enabled=enabled)
        except ListenError as error:
            raise bind_error(at or proxy.port.given or proxy.listen, error) from None
        self._words.keep(proxy, listen=None if at is None else listen, upstream=None if to is None else upstream)

    async def reset(self) -> None:
        """Enable every proxy and heal it, also of what Toxiproxy has no words for.

        Raises ToxiproxyError for the first that cannot listen; such a one keeps what it has.
        """
        wrong: ToxiproxyError | None = None
        for proxy in tuple(self._fleet.proxies.values()):
            try:
                await self._enable(proxy)
            except ToxiproxyError as error:
                wrong = wrong or error
            else:
                proxy.heal()
        if wrong is not None:
            raise wrong
        self._fleet.heal()

    async def populate(self, entries: object, *, toxics: bool) -> list[dict[str, object]]:
        """Make the proxies of a list of JSON, and return them. What is there and equal is kept as is.

        With `toxics` each has its own; one that is wrong is left out, and the journal says so.

        Raises ToxiproxyError: nothing was done where an entry is wrong (400); `proxies` were made where a later one
        could not be had.
        """
        try:
            wanted = [read_entry(each, number, toxics=toxics) for number, each in enumerate(array(entries), 1)]
        except BrownoutError as error:
            raise ToxiproxyError(error.status, error.message, []) from None
        done: list[Proxy] = []
        for entry in wanted:
            try:
                done.append(await self._have(entry))
            except BrownoutError as error:
                proxies = [self._words.proxy(proxy) for proxy in done]
                raise ToxiproxyError(error.status, error.message, proxies) from None
        return [self._words.proxy(proxy) for proxy in done]

    def inject(self, proxy: Proxy, toxic: Toxic) -> Toxic:
        """Add a toxic to a proxy."""
        self._words.keep_toxic(proxy.inject(toxic.spec()), toxic)
        return toxic

    async def _have(self, entry: Entry) -> Proxy:
        """Return the proxy of an entry: as it is, or replaced by a new one where it differs."""
        known = await self._fleet.settled(entry.name)
        if known is None:
            return await self.make(entry)
        if entry.listen != self._words.unresolved(known):
            at = await read_listen(entry.listen)
            if not any(same_place(place, at) for place in (known.port.given, known.listen)):
                return await self.make(entry, known)
        return known if self._stands_before(known, entry.upstream) else await self.make(entry, known)

    async def _enable(self, proxy: Proxy) -> None:
        unresolved = self._words.unresolved(proxy)
        at = None if proxy.enabled or unresolved is None else await read_listen(unresolved, "listen tcp: ")
        try:
            await proxy.update(listen=at, enabled=True)
        except ListenError as error:
            raise bind_error(at or proxy.port.given or proxy.listen, error) from None

    def _stands_before(self, proxy: Proxy, upstream: str) -> bool:
        return upstream == self._words.upstream(proxy) or upstream_address(upstream) == proxy.upstream
