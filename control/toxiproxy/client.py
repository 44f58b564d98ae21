"""The client of a real Toxiproxy: what `Client` does with a Brownout, as far as a Toxiproxy can.

A toxic is an injection, its toxicity the probability. A Toxiproxy counts nothing, so every receipt is `unseen`, and it
knows no profiles, so a toxic of one bears its name: `slow-cache~latency`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Self

from ...faults import placing
from ...faults.profile import Placement, Profile
from ...faults.settings import unknown
from ...faults.settings.names import look_up
from ...faults.spec import Spec
from ...wire.address import Address
from ...wire.errors import BrownoutError, ConflictError, NotFoundError
from ..api_address import SCHEME
from ..client import TIMEOUT, Hangup, UnsupportedError
from ..receipts import moment
from ..views import (
    ConnectionView,
    EventView,
    FaultView,
    Health,
    MarkView,
    MissedView,
    PlacedView,
    ProfileView,
    ProxyView,
    RequestView,
    fault_view,
    profile_view,
)
from .consumer import Consumer, path
from .entries import Entry, ToxicEntry, in_profile, of_profile
from .toxics import TYPES
from .translation import translate


class ToxiproxyClient:
    """Drives the Toxiproxy at `toxiproxy://HOST:PORT`; it has the methods of `Client`, and answers in its shapes.

    `profiles` are those that it can apply beside the shipped ones. Every call raises BrownoutError: NoAnswerError
    when nothing answers, UnsupportedError for what a Toxiproxy cannot do, before anything is changed.
    """

    noun = "Toxiproxy"

    def __init__(
        self, address: str, *, timeout: float = TIMEOUT, profiles: Mapping[str, Profile] = MappingProxyType({})
    ) -> None:
        self.address = Address.listen(address.removeprefix(SCHEME))
        if self.address.path:
            raise BrownoutError(f"no Toxiproxy is at {self.address.endpoint}", f"write {SCHEME}HOST:PORT")
        self._timeout = timeout
        self._profiles = profiles
        self._api = Consumer(self.address, timeout)
        self._armed: dict[tuple[str, str], str] = {}

    @property
    def where(self) -> str:
        """The address, as `--api` takes it."""
        return f"{SCHEME}{self.address.endpoint}"

    def within(self, seconds: float) -> Self:
        """Return a client of the same Toxiproxy that waits `seconds` at most."""
        return type(self)(self.where, timeout=seconds, profiles=self._profiles)

    def knowing(self, profiles: Mapping[str, Profile]) -> Self:
        """Return a client of the same Toxiproxy that can apply these profiles beside the shipped ones."""
        return type(self)(self.where, timeout=self._timeout, profiles=profiles)

    def health(self) -> Health:
        """Return who answers."""
        return {"status": "ok", "version": self._api.version(), "pid": None, "seed": None}

    def faults(self) -> list[FaultView]:
        """Return the faults for which there are toxics."""
        return [fault_view(kind.fault) for kind in TYPES.values()]

    def fault(self, name: str) -> FaultView:
        """Return a fault for which there is a toxic."""
        known = {view["name"]: view for view in self.faults()}
        if name not in known:
            raise NotFoundError(f"a Toxiproxy has no fault named '{name}'", unknown("fault", name, known).hint)
        return known[name]

    def proxies(self) -> list[ProxyView]:
        """Return all proxies with their injections."""
        return [entry.view(self._armed) for entry in self._entries().values()]

    def proxy(self, name: str) -> ProxyView:
        """Return a proxy with its injections."""
        return self._entry(name).view(self._armed)

    def add(self, name: str, upstream: str, listen: str = "127.0.0.1:0", *, enabled: bool = True) -> ProxyView:
        """Make a proxy, without the scheme of its upstream; one that is there and differs is a ConflictError."""
        body = {"name": name, "upstream": _upstream(upstream), "listen": _listen(listen), "enabled": enabled}
        there = self._entries().get(name)
        if there is None:
            return self._api.post("/proxies", body, Entry).view(self._armed)
        address = there.address()
        same = address is not None and address.endpoint == body["upstream"] and there.enabled == enabled
        if not same or (there.listen != body["listen"] and not listen.endswith(":0")):
            raise ConflictError(
                f"the proxy '{name}' exists already and differs", "remove it, or give this one another name"
            )
        return there.view(self._armed)

    def update(
        self, name: str, *, upstream: str | None = None, listen: str | None = None, enabled: bool | None = None
    ) -> ProxyView:
        """Change a proxy; what is None stays."""
        body = {
            "upstream": None if upstream is None else _upstream(upstream),
            "listen": None if listen is None else _listen(listen),
            "enabled": enabled,
        }
        said = {key: value for key, value in body.items() if value is not None}
        self._api.post(path("proxies", self._entry(name).name), said, Entry)
        return self.proxy(name)

    def remove(self, name: str) -> None:
        """Remove a proxy and close its connections."""
        self._api.delete(path("proxies", self._entry(name).name))

    def injections(self, proxy: str) -> list[dict[str, object]]:
        """Return the injections of a proxy."""
        return self.proxy(proxy)["injections"]

    def injection(self, proxy: str, name: str) -> dict[str, object]:
        """Return an injection with its receipt."""
        return self._view(proxy, self._entry(proxy).toxic(name))

    def inject(self, proxy: str, injection: Mapping[str, object] | str) -> dict[str, object]:
        """Inject a fault, as a flat mapping or in the short form, and return it with its receipt."""
        placement = Placement(proxy, Spec.parse(injection))
        taken = {(proxy, toxic.name) for toxic in self._entry(proxy).toxics}
        name = placement.spec.name
        if (proxy, name) in taken:
            raise ConflictError(
                f"{proxy} has an injection named {name}", "heal or change it, or give this one another name"
            )
        return self._inject(placing.place("", [placement], taken)[0])

    def change(self, proxy: str, name: str, values: Mapping[str, object]) -> dict[str, object]:
        """Change settings of an injection while it works, and return it with its receipt."""
        entry = self._entry(proxy).toxic(name)
        known = entry.known()
        if known is None:
            raise UnsupportedError(f"Brownout does not know {entry.type}, which {name} on {proxy} is", "heal it")
        [toxic] = translate([Placement(proxy, known.spec().changed(values))])
        body = {"attributes": toxic.attributes, "toxicity": toxic.toxicity}
        return self._view(proxy, self._api.post(path("proxies", proxy, "toxics", name), body, ToxicEntry))

    def heal(self, proxy: str | None = None) -> int:
        """Heal everything, or all of one proxy, and return how many injections that were."""
        entries = self._entries().values() if proxy is None else [self._entry(proxy)]
        return self._heal((entry.name, toxic.name) for entry in entries for toxic in entry.toxics)

    def heal_one(self, proxy: str, name: str) -> dict[str, object]:
        """Heal an injection and return it with its last receipt."""
        view = self._view(proxy, self._entry(proxy).toxic(name), healed_at=moment(time.time()))
        self._heal([(proxy, name)])
        return view

    def profiles(self) -> list[ProfileView]:
        """Return the profiles that are known here, then those that ship with Brownout."""
        entries = self._entries().values()
        return [self._profile_view(each, entries) for each in self._known_profiles().values()]

    def profile(self, name: str) -> ProfileView:
        """Return a profile."""
        return self._profile_view(self._profile(name), self._entries().values())

    def apply(self, name: str) -> list[PlacedView]:
        """Inject what a profile says, all or nothing, and return that; what it put there before is healed first."""
        profile, entries = self._profile(name), self._entries().values()
        placements = profile.resolve({entry.name: entry.protocol() for entry in entries})
        try:
            translate(placements)
        except UnsupportedError as error:
            raise UnsupportedError(f"profile {name}: {error.message}", error.hint) from None
        placed = [each._replace(name=in_profile(name, each.name)) for each in placing.place(name, placements, ())]
        self._heal(of_profile(name, entries))
        views: list[PlacedView] = []
        try:
            for each in placed:
                views.append({"proxy": each.proxy, "injection": self._inject(each)})
        except BrownoutError:
            self._heal((each.proxy, each.name) for each in placed[: len(views)])
            raise
        return views

    def heal_profile(self, name: str) -> int:
        """Heal what a profile put there, and return how many injections that were."""
        ours = of_profile(name, self._entries().values())
        if not ours:
            self._profile(name)
        return self._heal(ours)

    def journal(self, *, proxy: str | None = None, kind: str | None = None, since: int = 0) -> list[EventView]:
        """Raise UnsupportedError: a Toxiproxy has no journal."""
        raise UnsupportedError(f"the Toxiproxy at {self.address.endpoint} keeps no journal", "a Brownout does")

    def requests(self, *, proxy: str | None = None, since: int = 0, last: int | None = None) -> list[RequestView]:
        """Raise UnsupportedError: a Toxiproxy follows no protocol."""
        raise UnsupportedError(f"the Toxiproxy at {self.address.endpoint} keeps no requests", "a Brownout does")

    def follow_requests(
        self, *, proxy: str | None = None, since: int = 0, last: int | None = None
    ) -> Iterator[RequestView | MissedView]:
        """Raise UnsupportedError: a Toxiproxy follows no protocol."""
        raise UnsupportedError(f"the Toxiproxy at {self.address.endpoint} keeps no requests", "a Brownout does")

    def open_requests(self, *, proxy: str, since: int) -> list[RequestView]:
        """Raise UnsupportedError: a Toxiproxy follows no protocol."""
        return self.requests()

    def follow_open_requests(self, *, proxy: str, since: int, hangup: Hangup) -> Iterator[RequestView | MissedView]:
        """Raise UnsupportedError: a Toxiproxy follows no protocol."""
        return self.follow_requests()

    def connections(self, *, proxy: str, since: int) -> list[ConnectionView]:
        """Raise UnsupportedError: a Toxiproxy tells nothing of connections."""
        raise UnsupportedError(f"the Toxiproxy at {self.address.endpoint} keeps no connections", "a Brownout does")

    def follow_connections(self, *, proxy: str, since: int, hangup: Hangup) -> Iterator[ConnectionView | MissedView]:
        """Raise UnsupportedError: a Toxiproxy tells nothing of connections."""
        raise UnsupportedError(f"the Toxiproxy at {self.address.endpoint} keeps no connections", "a Brownout does")

    def mark(self) -> MarkView:
        """Return a moment before all others: nothing of what comes after it is told."""
        return {"clock": 0.0, "requests": 0, "connections": 0}

    def _entries(self) -> dict[str, Entry]:
        return self._api.get("/proxies", dict[str, Entry])

    def _entry(self, name: str) -> Entry:
        return look_up("proxy", name, self._entries())

    def _view(self, proxy: str, toxic: ToxicEntry, healed_at: str | None = None) -> dict[str, object]:
        return toxic.view(armed_at=self._armed.get((proxy, toxic.name), ""), healed_at=healed_at)

    def _inject(self, placed: placing.Placed) -> dict[str, object]:
        [toxic] = translate([Placement(placed.proxy, placed.spec._replace(name=placed.name))])
        made = self._api.post(path("proxies", placed.proxy, "toxics"), toxic._asdict(), ToxicEntry)
        self._armed[placed.proxy, made.name] = moment(time.time())
        return self._view(placed.proxy, made)

    def _heal(self, names: Iterable[tuple[str, str]]) -> int:
        healed = 0
        for proxy, name in names:
            with contextlib.suppress(NotFoundError):  # gone meanwhile
                self._api.delete(path("proxies", proxy, "toxics", name))
                healed += 1
            self._armed.pop((proxy, name), None)
        return healed

    def _known_profiles(self) -> dict[str, Profile]:
        from ...faults.config.file import with_shipped  # YAML is read when it is wanted

        return with_shipped(self._profiles)

    def _profile(self, name: str) -> Profile:
        return look_up("profile", name, self._known_profiles())

    def _profile_view(self, profile: Profile, entries: Iterable[Entry]) -> ProfileView:
        source = "file" if profile.name in self._profiles else "shipped"
        return profile_view(profile, source, applied=bool(of_profile(profile.name, entries)))


def _upstream(text: str) -> str:
    """Return what a Toxiproxy is to dial: it knows no schemes. Raises UnsupportedError for a unix socket."""
    address = Address.upstream(text)
    if address.path:
        raise UnsupportedError(f"a Toxiproxy cannot connect to a unix socket: {address.masked}", "give HOST:PORT")
    return address.endpoint


def _listen(text: str) -> str:
    address = Address.listen(text)
    if address.path:
        raise UnsupportedError(f"a Toxiproxy cannot listen on a unix socket: {address.endpoint}", "give HOST:PORT")
    return address.endpoint
