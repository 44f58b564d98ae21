"""A named set of injections over several proxies.

    slow-everything:
      "*": ["latency:300ms"]              a glob
      "redis:": ["hang"]                  every proxy of that protocol
      payments: [{fault: reset, times: 1}]

Keys are looked at in the order of the file, and so are the injections below each.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import Literal, NamedTuple

from ..wire.errors import BrownoutError
from ..wire.protocols import AUTO, can_be_recognised, canonical
from .exchange import protocol_mismatch
from .settings import unknown
from .spec import Spec

Start = Literal["launch", "traffic", "first-test"]
"""The launch, the first connection to any proxy, or the first test that pytest starts beneath."""


class ProfileError(BrownoutError):
    """A profile that does not fit the proxies that are there."""


class Target(NamedTuple):
    """What to inject on the proxies that a key means: a name, a glob, or a protocol with a colon."""

    key: str
    specs: tuple[Spec, ...]

    @property
    def protocol(self) -> str:
        """The protocol that the key means; empty for a name or a glob."""
        return canonical(self.key[:-1]) if self.key.endswith(":") else ""

    @property
    def is_name(self) -> bool:
        """Whether the key is a name: neither a protocol nor a glob."""
        return not self.protocol and not set(self.key) & set("*?[")

    def names(self, proxies: Mapping[str, str]) -> list[str]:
        """Return which of the proxies (name: protocol) the key means."""
        if self.protocol:
            return [name for name, spoken in proxies.items() if canonical(spoken) == self.protocol]
        if self.key in proxies:
            return [self.key]
        return [name for name in proxies if fnmatch.fnmatchcase(name, self.key)]

    def may_wait(self, proxies: Mapping[str, str]) -> bool:
        """Say whether it may mean one of the proxies only once its protocol is learnt. Raises PluginError."""
        return AUTO in proxies.values() and can_be_recognised(self.protocol)


class Placement(NamedTuple):
    """An injection with the proxy on which it goes, and the key of the profile that means this proxy."""

    proxy: str
    spec: Spec
    key: str = ""


class Profile(NamedTuple):
    """A named set of injections. `clock` is what its `start` and `for` count from, where `run` places it at launch."""

    name: str
    targets: tuple[Target, ...]
    description: str = ""
    clock: Start | None = None

    def resolve(
        self, proxies: Mapping[str, str], learnt: Mapping[str, str] | None = None, *, waits: bool = False
    ) -> list[Placement]:
        """Return what goes where, of proxies (name: protocol). `learnt` are the same, as far as it is known by now.

        Where there is one on `auto`, a key of a protocol that can be recognised may meet none, and waits; where proxies
        may still come (`waits`), any key may. Raises ProfileError for another key that meets none, and for a fault of
        requests of another protocol.
        """
        placements: list[Placement] = []
        for target in self.targets:
            names = target.names(proxies if learnt is None else learnt)
            if not names and target.may_wait(proxies):
                for spec in target.specs:
                    self._check(spec, f"a proxy of '{target.key}'", target.protocol)
            elif not names and not waits:
                noun = "protocol" if target.key.endswith(":") else "proxy"
                known = [f"{protocol}:" for protocol in proxies.values()] if noun == "protocol" else list(proxies)
                raise ProfileError(
                    f"profile {self.name}: '{target.key}' matches no proxy", unknown(noun, target.key, set(known)).hint
                )
            for placement in (Placement(name, spec, target.key) for name in names for spec in target.specs):
                self._check(placement.spec, placement.proxy, proxies[placement.proxy])
                placements.append(placement)
        return placements

    def waiting(self, spoken: Mapping[str, str]) -> list[Target]:
        """Return what meets none of the proxies (name: protocol), as far as these are known."""
        return [target for target in self.targets if not target.names(spoken)]

    def newly_met(self, proxy: str, protocol: str) -> list[Placement]:
        """Return what goes on a proxy from the moment that its protocol is known: what keys by protocol say."""
        met = [target for target in self.targets if target.protocol == canonical(protocol)]
        return [Placement(proxy, spec, target.key) for target in met for spec in target.specs]

    def on_new(self, proxy: str, protocol: str) -> list[Placement]:
        """Return what goes on a proxy that is new."""
        met = [target for target in self.targets if target.names({proxy: protocol})]
        return [Placement(proxy, spec, target.key) for target in met for spec in target.specs]

    def _check(self, spec: Spec, proxy: str, protocol: str) -> None:
        if (wrong := protocol_mismatch(spec.fault, proxy, protocol)) is not None:
            raise ProfileError(f"profile {self.name}: {wrong.message}", wrong.hint)
