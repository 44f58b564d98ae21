"""Faults on command, for tests and scripts."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..control.api_address import VARIABLE
from ..faults.config.file import Config
from ..proxy import new_seed
from ..wire.address import Address, AddressError
from ..wire.errors import BrownoutError, NotFoundError
from ..wire.protocols import dialect_of
from .driver import Driver, hidden
from .embedded import Embedded
from .handle import Handle, ProfileHandle
from .proxied import Proxied

if TYPE_CHECKING:
    from .probe import Probe
    from .verdict import Verdict

__tracebackhide__ = hidden

NONE = "none"


class _Applied:
    """A profile of which more may be placed, as the protocols of proxies are learnt."""

    def __init__(self, handles: list[Handle], allow_unused: bool) -> None:
        self.handles = handles
        self.allow_unused = allow_unused
        self.ended = False


class Chaos:
    """Proxies in this process, on a thread of their own, and the faults that you inject on them.

        with Chaos(seed=7) as chaos:
            redis = chaos.proxy("redis", upstream="redis://127.0.0.1:6379")
            client = connect(redis.url)
            with redis.inject("latency", latency="300ms"):
                ...

    `config` is a configuration file, or what was read from one. Its proxies exist from the start, and its profiles can
    be applied by name. `seed` is the random seed (default: the file's, else random).

    `api` is the address of a running Brownout, which then has the proxies and faults instead of this process. By
    default it is `BROWNOUT_API` of the environment, which `brownout run -- COMMAND` sets; `none` means this process,
    whatever the environment says. A running Brownout keeps the faults that were there before, and its own seed.
    `toxiproxy://HOST:PORT` is a Toxiproxy: it takes the faults for which it has toxics, counts nothing, has no seed.

    `worker` is the name that pytest-xdist gives to this process. Several workers may share a running Brownout. What a
    worker injects then acts on the connections of its own processes alone, and it sees no others.

    You can call every method from any thread, also from within an event loop. A method returns when it has taken
    effect. Every error is a BrownoutError.
    """

    def __init__(
        self,
        *,
        config: str | Path | Config | None = None,
        seed: int | None = None,
        api: str | None = None,
        worker: str = "",
    ) -> None:
        self.config = _read(config) if isinstance(config, (str, Path)) else config or Config()
        self._proxies: dict[str, Proxied] = {}
        self._lock = threading.Lock()
        self.injected: list[Handle] = []
        """What was injected since the last reset."""
        self.watchers: list[Callable[[Handle], None]] = []
        """Called with each handle that is made."""
        self._waiting: dict[str, _Applied] = {}
        self._driver = _driver(api or os.environ.get(VARIABLE) or NONE, self.config, seed, worker)
        self._since = self._driver.mark()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close it."""
        self.close()

    def __getitem__(self, name: str) -> Proxied:
        """Return the proxy of a name. Raises NotFoundError with the nearest one."""
        return self.proxy(name)

    @property
    def where(self) -> str:
        """`embedded`, or the address of the API."""
        return self._driver.where

    @property
    def seed(self) -> int | None:
        """The random seed of later injections. That of a running Brownout cannot be set; a Toxiproxy has none."""
        return self._driver.seed

    @seed.setter
    def seed(self, seed: int) -> None:
        if not isinstance(seed, int):
            raise BrownoutError(f"a random seed is a number, not {seed!r}")
        self._driver.reseed(seed)

    def proxy(self, name: str, upstream: str | None = None) -> Proxied:
        """Return the proxy with this name. If there is none and `upstream` is given, make it.

        Raises NotFoundError with the most similar name, ConflictError if the proxy is in front of another upstream.
        """
        with self._lock:
            proxy = self._proxies.get(name)
            if proxy is None or (upstream is not None and not proxy.serves(upstream)):
                proxy = self._proxies[name] = self._reach(name, upstream)
            return proxy

    def env(self) -> dict[str, str]:
        """Return the variables of `env:` in the configuration, filled with the addresses of the proxies.

        Raises NotFoundError if a proxy does not exist, BrownoutError if it has no such value, such as a port.
        """
        return {
            name: template.fill(lambda field: self[field.proxy].filled(field))
            for name, template in self.config.env.items()
        }

    @property
    def proxies(self) -> list[Proxied]:
        """The proxies that tests have asked for."""
        with self._lock:
            return list(self._proxies.values())

    def profile(self, name: str, *, allow_unused: bool = False) -> ProfileHandle:
        """Inject what a profile says, of the configuration or one that comes with Brownout.

        If the profile was applied before, it is healed first. With `allow_unused` a test may pass although nothing of
        it fires. Raises NotFoundError with the most similar name, ProfileError for a key that matches no proxy.
        """
        handles = [Handle(placed, allow_unused=allow_unused) for placed in self._driver.apply(name)]
        for handle in handles:
            self._keep(handle)
        if not self._driver.learns():
            return ProfileHandle(name, handles, bool, bool)
        self._waiting[name] = applied = _Applied(handles, allow_unused)
        return ProfileHandle(name, handles, lambda: self._look(name, applied), lambda: self._end(name, applied))

    def look_again(self) -> list[str]:
        """Take the injections that came since a profile was applied, on proxies whose protocol was learnt.

        Return the profiles of which nothing has come at all, and something should.
        """
        for name, applied in self._waiting.items():
            self._look(name, applied)
        return [name for name, applied in self._waiting.items() if not applied.handles and not applied.allow_unused]

    def _look(self, name: str, applied: _Applied) -> None:
        if self._waiting.get(name) is not applied or applied.ended:
            return
        known = {(handle.proxy, handle.name) for handle in applied.handles}
        for placed in self._driver.placed(name):
            if (placed.proxy, placed.name) not in known:
                applied.handles.append(Handle(placed, allow_unused=applied.allow_unused))
                self._keep(applied.handles[-1])

    def _end(self, name: str, applied: _Applied) -> None:
        if self._waiting.get(name) is applied and not applied.ended:
            applied.ended = True
            self._driver.heal_profile(name)

    def verdict(self, proxy: str | Proxied, **settings: object) -> Verdict:
        """Judge what the clients of a proxy have done since the last reset.

        `settings` say what is expected of them: `max_attempts=5`, `deadline="2s"`. Raises SettingsError for wrong
        settings, BrownoutError if some of what they did is no longer known.
        """
        from .verdict import Verdict, seen_on  # most tests do without

        there = self[proxy] if isinstance(proxy, str) else proxy
        connections = there.connections  # first: that waits until what clients have hung up is read
        requests = None if dialect_of(there.protocol) is None else there.requests
        handles = [handle for handle in tuple(self.injected) if handle.proxy == there.name]
        return Verdict(there.name, seen_on(requests, connections, handles), settings)

    def probe(self, target: str | Callable[[], object], *, timeout: float | str = 10.0) -> Probe:
        """Return a probe, which calls a function or fetches a URL: while healthy, under a fault and afterwards.

        `timeout` is for each fetch, in seconds or as text. Raises BrownoutError if the text is not a URL.
        """
        from .probe import Probe  # most tests do without

        return Probe(target, timeout)

    def heal(self) -> int:
        """Heal all injections, and return how many there were."""
        return self._driver.heal()

    def reset(self) -> None:
        """Heal everything, and enable what was disabled. The proxies stay.

        `requests` and `connections` begin with an empty list again.
        """
        for name, applied in self._waiting.items():
            self._end(name, applied)
        self._waiting.clear()
        self._driver.reset()
        self.injected.clear()
        self.forget()

    def forget(self) -> None:
        """Begin `requests` and `connections` with an empty list again."""
        self._since = self._driver.mark()

    def close(self) -> None:
        """End the proxies, their connections and the thread. A second call does nothing."""
        self._driver.close()

    def _reach(self, name: str, upstream: str | None) -> Proxied:
        if upstream is not None:
            view = self._driver.add(name, upstream)
        else:
            try:
                view = self._driver.find(name)
            except NotFoundError as error:
                hint = f'{error.hint}; chaos.proxy("{name}", upstream=...) makes it'
                raise NotFoundError(error.message, hint) from None
        texts = [upstream] if upstream is not None else []
        texts += [entry.upstream for entry in self.config.proxies.values() if entry.name == name]
        # The view has no password: take it from where it was given.
        known = [Address.upstream(text) for text in texts]
        # A Toxiproxy has no scheme either.
        same = [address for address in known if view["upstream"] in (address.masked, f"tcp://{address.endpoint}")]
        found = same[0] if same else _address(view["upstream"])
        return Proxied(self._driver, view, found, self._keep, lambda: self._since)

    def _keep(self, handle: Handle) -> None:
        self.injected.append(handle)
        for watcher in tuple(self.watchers):
            watcher(handle)


def _read(path: str | Path) -> Config:
    from ..faults.config.file import read  # YAML, which most tests do without

    try:
        return read(path)
    except BrownoutError as error:  # where it was found out helps nobody
        raise error.with_traceback(None) from None


def _driver(api: str, config: Config, seed: int | None, worker: str) -> Driver:
    if api != NONE:
        from .remote import Remote  # http.client, which most runs do without

        return Remote(api, seed, config.profiles, worker)
    if seed is None:
        seed = new_seed() if config.seed is None else config.seed
    return Embedded(config, seed)


def _address(text: str) -> Address:
    """Return the upstream of a proxy, also where what it is to stand before is not met yet."""
    try:
        return Address.upstream(text)
    except AddressError as error:
        return Address("", 0, url=text, wrong=error.message)
