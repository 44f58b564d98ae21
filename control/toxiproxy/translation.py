"""Injections as toxics, for a Toxiproxy elsewhere: all of them, or an error that says what has no words there."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ...faults.fault import Fault
from ...faults.profile import Placement
from ...faults.spec import Spec
from ..client import UnsupportedError
from .toxics import STREAMS, TYPES, Attribute, Toxic


def translate(placements: Iterable[Placement]) -> list[Toxic]:
    """Return a toxic for each placement. Raises UnsupportedError, which names every fault that has none, and why."""
    toxics, wrong = [], []
    for proxy, spec, _ in placements:
        toxic = Toxic.of(spec)
        if toxic is None:
            wrong.append(f"{spec.fault.name} on {proxy}: {_why(spec)}")
        else:
            toxics.append(toxic)
    if wrong:
        known = ", ".join(kind.fault.name for kind in TYPES.values())
        raise UnsupportedError("; ".join(wrong), f"its faults: {known}; of the trigger it knows probability")
    return toxics


def _why(spec: Spec) -> str:
    attributes = next((kind.attributes.values() for kind in TYPES.values() if kind.fault is type(spec.fault)), None)
    if attributes is None:
        return "a Toxiproxy has no such fault"
    if spec.stream not in STREAMS:
        return "a toxic acts on one stream, inject it once on each"
    if spec.caller is not None:
        return "a Toxiproxy does not know who its clients are"
    said = {**spec.fault.to_mapping(), **spec.trigger.to_mapping()}
    fields = {each.field: each for each in attributes}
    if strange := [f"{key}={_text(said[key])}" for key in said if key not in fields and key != "probability"]:
        return f"a Toxiproxy has no {', '.join(strange)}"
    parts = [key for key, each in fields.items() if key in said and not _is_whole(spec.fault, each)]
    wrong = [f"{key}={said[key]} is not a whole number of {fields[key].unit.name}" for key in parts]
    return ", ".join(wrong) or "no toxic says just that"  # centuries, for example


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_whole(fault: Fault, attribute: Attribute) -> bool:
    return math.isclose(attribute.number(fault) * attribute.unit.base, getattr(fault, attribute.field))
