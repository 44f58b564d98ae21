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
from ..wire.protocols import canonical
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

    def names(self, proxies: Mapping[str, str]) -> list[str]:
        """Return which of the proxies (name: protocol) the key means."""
        if self.key.endswith(":"):
            protocol = canonical(self.key[:-1])
            return [name for name, spoken in proxies.items() if canonical(spoken) == protocol]
        if self.key in proxies:
            return [self.key]
        return [name for name in proxies if fnmatch.fnmatchcase(name, self.key)]


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

    def resolve(self, proxies: Mapping[str, str]) -> list[Placement]:
        """Return what goes where, of proxies (name: protocol).

        Raises ProfileError for a key that meets none, and for a fault of requests of another protocol.
        """
        placements: list[Placement] = []
        for target in self.targets:
            names = target.names(proxies)
            if not names:
                noun = "protocol" if target.key.endswith(":") else "proxy"
                known = [f"{protocol}:" for protocol in proxies.values()] if noun == "protocol" else list(proxies)
                raise ProfileError(
                    f"profile {self.name}: '{target.key}' meets no proxy", unknown(noun, target.key, set(known)).hint
                )
            for placement in (Placement(name, spec, target.key) for name in names for spec in target.specs):
                wrong = protocol_mismatch(placement.spec.fault, placement.proxy, proxies[placement.proxy])
                if wrong is not None:
                    raise ProfileError(f"profile {self.name}: {wrong.message}", wrong.hint)
                placements.append(placement)
        return placements
