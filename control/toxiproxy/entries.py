"""Proxies and toxics as a Toxiproxy tells them, and how we show them: as `views` does those of a Brownout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from ...faults.settings import unknown
from ...wire.address import Address
from ...wire.errors import BrownoutError, NotFoundError
from ...wire.mask import mask
from ..receipts import Receipt
from ..views import ProxyView
from .toxics import TYPES, Toxic

_OF = "~"


class ToxicEntry(msgspec.Struct):
    """A toxic; of any type, for there are others than ours."""

    name: str
    type: str
    stream: str
    toxicity: float = 1.0
    attributes: dict[str, object] = {}

    def known(self) -> Toxic | None:
        """Return it as one of ours; None where it is of a type, or has attributes, that we do not know."""
        numbers = {key: value for key, value in self.attributes.items() if isinstance(value, int)}
        kind = TYPES.get(self.type)
        if kind is None or numbers.keys() != kind.attributes.keys():
            return None
        return Toxic.make(self.type, numbers, name=self.name, stream=self.stream, toxicity=self.toxicity)

    def view(self, *, armed_at: str, healed_at: str | None = None) -> dict[str, object]:
        """Return it as an injection, whose receipt tells next to nothing: a Toxiproxy counts nothing."""
        receipt: Receipt = {
            "seed": None,
            "armed_at": armed_at,
            "active": True,
            "matched": 0,
            "chosen": 0,
            "fired": 0,
            "bytes": 0,
            "untouched": [],
            "untouched_total": 0,
            "unseen": True,
            "refused": None,
            "cause": "",
            "reason": "",
            "hint": "",
            "waits_for": "",
            "profile": self.name.partition(_OF)[0] if _OF in self.name else "",
            "key": "",
            "worker": "",
            "healed_at": healed_at,
        }
        toxic = self.known()
        if toxic is None:
            return {"fault": self.type, "name": self.name, "stream": self.stream, **self.attributes, "receipt": receipt}
        return {**toxic.spec().to_mapping(), "receipt": receipt}


class Entry(msgspec.Struct):
    """A proxy."""

    name: str
    listen: str
    upstream: str
    enabled: bool
    toxics: list[ToxicEntry] = []

    def address(self) -> Address | None:
        """Return what it stands before; None for text that is not an address, which a Toxiproxy takes as well."""
        try:
            return Address.upstream(self.upstream)
        except BrownoutError:
            return None

    def protocol(self) -> str:
        """Return what is spoken there: as a rule tcp, for a Toxiproxy knows no schemes."""
        address = self.address()
        return "tcp" if address is None else address.protocol

    def toxic(self, name: str) -> ToxicEntry:
        """Return the toxic of a name. Raises NotFoundError with the nearest one."""
        known = {toxic.name: toxic for toxic in self.toxics}
        if name not in known:
            hint = unknown("injection", name, known).hint
            raise NotFoundError(f"{self.name} has no injection named '{mask(name)}'", hint)
        return known[name]

    def view(self, armed: Mapping[tuple[str, str], str]) -> ProxyView:
        """Return it with its toxics, for some of which the moment of placing is known."""
        address = self.address()
        return {
            "name": self.name,
            "listen": self.listen,
            "address": self.listen if self.enabled else None,
            "upstream": mask(self.upstream) if address is None else address.masked,
            "protocol": self.protocol(),
            "enabled": self.enabled,
            "trouble": None,
            "connections": None,
            "bytes": None,
            "turns": None,
            "errors": {},
            "callers": [],
            "injections": [toxic.view(armed_at=armed.get((self.name, toxic.name), "")) for toxic in self.toxics],
        }


def of_profile(profile: str, entries: Iterable[Entry]) -> list[tuple[str, str]]:
    """Return the toxics that a profile put there, each as its proxy and name."""
    mark = in_profile(profile, "")
    return [(entry.name, each.name) for entry in entries for each in entry.toxics if each.name.startswith(mark)]


def in_profile(profile: str, name: str) -> str:
    """Return the name of a profile's toxic, which says so, since nothing else of it can: `slow-cache~latency`."""
    return f"{profile}{_OF}{name}"
