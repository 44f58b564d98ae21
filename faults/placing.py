"""Which injection of a profile is which: the names that they get, and what becomes of them when the profile changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from ..wire.errors import ConflictError
from .profile import Placement
from .settings import Settings
from .settings.names import free
from .spec import Spec

MOST = 1000
"""How many injections a proxy may have."""


class Placed(NamedTuple):
    """An injection of a profile: the proxy on which it is, its settings as the profile has them, and its name there.

    `key` is the profile's key that means the proxy.
    """

    proxy: str
    spec: Spec
    name: str
    key: str = ""


def place(profile: str, placements: Sequence[Placement], taken: Iterable[tuple[str, str]]) -> list[Placed]:
    """Give every placement of a profile a name, where (proxy, name) are `taken`. Raises ConflictError."""
    return replace(profile, placements, [None] * len(placements), taken)


def replace(
    profile: str, placements: Sequence[Placement], kept: Sequence[Placed | None], taken: Iterable[tuple[str, str]]
) -> list[Placed]:
    """Give every placement the name of the one that it continues in `kept`, its own, or that of its fault."""
    used = {*taken, *((each.proxy, each.name) for each in kept if each is not None)}
    names = [each.name if each else spec.name for (_, spec, _), each in zip(placements, kept, strict=True)]
    for (proxy, spec, _), each in zip(placements, kept, strict=True):
        if each is None and spec.name:
            if (proxy, spec.name) in used:
                raise ConflictError(
                    f"profile {profile}: {proxy} already has an injection named {spec.name}",
                    f"give this one another name, or heal the other: brownout heal {proxy}",
                )
            used.add((proxy, spec.name))
    for number, (proxy, spec, _) in enumerate(placements):
        if not names[number]:
            names[number] = free(spec.fault.name, {name for where, name in used if where == proxy})
            used.add((proxy, names[number]))
    return [Placed(proxy, spec, name, key) for (proxy, spec, key), name in zip(placements, names, strict=True)]


def continued(before: Sequence[Placed], after: Sequence[Placement]) -> list[Placed | None]:
    """Return for each placement the injection that it continues, None for one that is to be made.

    On its proxy that is one with equal settings, else one that `Proxy.change` can turn into it; in their order.
    """
    found: list[Placed | None] = [None] * len(after)
    left = list(before)
    for fits in (_equal, _changeable):
        for number, placement in enumerate(after):
            if found[number] is None:
                found[number] = next((each for each in left if fits(each, placement)), None)
                left = [each for each in left if each is not found[number]]
    return found


def changes(before: Spec, after: Spec) -> dict[str, object]:
    """Return which settings of the fault or its trigger differ, or the match, with their new values."""
    match = {"match": after.match.to_mapping() if after.match else None} if after.match != before.match else {}
    return {**_changes(before.fault, after.fault), **_changes(before.trigger, after.trigger), **match}


def _equal(placed: Placed, placement: Placement) -> bool:
    return placed[:2] == placement[:2]


def _changeable(placed: Placed, placement: Placement) -> bool:
    return _fixed(placed.proxy, placed.spec) == _fixed(placement.proxy, placement.spec)


def _fixed(proxy: str, spec: Spec) -> tuple[object, ...]:
    """Return what of an injection cannot be changed."""
    trigger = spec.trigger
    return proxy, type(spec.fault), spec.name, spec.stream, spec.caller, trigger.per, trigger.start, trigger.for_


def _changes(before: Settings, after: Settings) -> Mapping[str, object]:
    return {
        field.encode_name: getattr(after, field.name)
        for field in msgspec.structs.fields(after)
        if getattr(after, field.name) != getattr(before, field.name)
    }
