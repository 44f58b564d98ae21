"""What a fleet holds, in Toxiproxy's words: the texts and numbers as they were given, for as long as they are true.

A toxic is an injection, which anybody may change through `/v1`; a listen or an upstream may be changed there too. What
was given is remembered with what was made of it, and forgotten as soon as that is no longer what is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakKeyDictionary

from .golisten import shown
from .toxics import STREAMS, Toxic

if TYPE_CHECKING:
    from ...faults import Spec
    from ...proxy import Injection, Proxy
    from ...wire.address import Address

Owner = TypeVar("Owner")
Made = TypeVar("Made")
Given = TypeVar("Given")


class _Memory(Generic[Owner, Made, Given]):
    """What was given for something, while what was made of it is still there."""

    def __init__(self) -> None:
        self._given: WeakKeyDictionary[Owner, tuple[Made, Given]] = WeakKeyDictionary()

    def keep(self, owner: Owner, made: Made, given: Given) -> None:
        self._given[owner] = (made, given)

    def recall(self, owner: Owner, made: Made) -> Given | None:
        known = self._given.get(owner)
        return known[1] if known is not None and known[0] is made else None


class Words:
    """The proxies and injections of a fleet as Toxiproxy speaks of them."""

    def __init__(self) -> None:
        self._toxics: _Memory[Injection, Spec, Toxic] = _Memory()
        self._listens: _Memory[Proxy, Address, str] = _Memory()
        self._upstreams: _Memory[Proxy, Address, str] = _Memory()

    def proxy(self, proxy: Proxy) -> dict[str, object]:
        """Return a proxy as JSON has it."""
        return {
            "name": proxy.name,
            "listen": self.listen(proxy),
            "upstream": self.upstream(proxy),
            "enabled": proxy.enabled,
            "toxics": [toxic.answer() for toxic in self.toxics(proxy)],
        }

    def toxics(self, proxy: Proxy) -> list[Toxic]:
        """Return the toxics of a proxy: upstream ones first, each in the order of their coming."""
        found = [toxic for each in proxy.injections.values() if (toxic := self.toxic(each)) is not None]
        return sorted(found, key=lambda toxic: STREAMS.index(toxic.direction))

    def toxic(self, injection: Injection) -> Toxic | None:
        """Return an injection as a toxic; None for one that Toxiproxy has no words for."""
        return self._toxics.recall(injection, injection.spec) or Toxic.of(injection.spec)

    def listen(self, proxy: Proxy) -> str:
        """Return where a proxy listens: the address that it got, before that what was asked for."""
        if proxy.port.given is not None:
            return proxy.port.given.endpoint
        unresolved = self.unresolved(proxy)
        return proxy.listen.endpoint if unresolved is None else shown(unresolved)

    def unresolved(self, proxy: Proxy) -> str | None:
        """Return the listen that was asked for of a proxy that has not listened on it yet."""
        return None if proxy.port.given is not None else self._listens.recall(proxy, proxy.listen)

    def upstream(self, proxy: Proxy) -> str:
        """Return an upstream as it was given, but for a password."""
        text = self._upstreams.recall(proxy, proxy.upstream)
        return proxy.upstream.masked.removeprefix("tcp://") if text is None else shown(text)

    def keep(self, proxy: Proxy, *, listen: str | None = None, upstream: str | None = None) -> None:
        """Remember what was given for a proxy, which has been made of it."""
        if listen is not None:
            self._listens.keep(proxy, proxy.listen, listen)
        if upstream is not None:
            self._upstreams.keep(proxy, proxy.upstream, upstream)

    def keep_toxic(self, injection: Injection, toxic: Toxic) -> None:
        """Remember the toxic that an injection was made of."""
        self._toxics.keep(injection, injection.spec, toxic)
