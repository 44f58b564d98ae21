"""Toxics: what Toxiproxy calls a fault, and which of ours does the same.

    {"name": "slow", "type": "latency", "stream": "upstream", "toxicity": 0.5,
     "attributes": {"latency": 100, "jitter": 10}}

A toxic keeps what it was given as it was given: attributes are any int64, also negative and enormous ones, the stream
is spelled in any case, a toxicity is any 32-bit float. `spec()` is the nearest sane injection: what is negative acts as
0, what is enormous as the largest that means something.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Self

from ...faults import (
    Bandwidth,
    Duration,
    Fault,
    Latency,
    LimitData,
    Noop,
    Rate,
    Reset,
    Share,
    Size,
    Slicer,
    SlowClose,
    Spec,
    Timeout,
    Trigger,
)
from ...faults.fault import Stream
from ...faults.tcp.toxic import ResetPeer, ResetPeerUpstream, TimeoutThatEnds

STREAMS: tuple[Stream, ...] = ("upstream", "downstream")


class Unit(NamedTuple):
    """What a bare number counts: how our quantities are made of it, how many of it make one of ours, and the most."""

    make: Callable[[str], Duration | Rate | Size]
    name: str
    base: float
    most: int


MILLISECONDS = Unit(Duration.parse, "ms", Duration.units["ms"], 10**12)  # 31 years: clocks hold no thousands of them
MICROSECONDS = Unit(Duration.parse, "us", Duration.units["us"], 10**15)
BYTES = Unit(Size.parse, "B", 1, 10**15)
KILOBYTES_A_SECOND = Unit(Rate.parse, "KB/s", Rate.units["KB/s"], 10**12)


class Attribute(NamedTuple):
    """An attribute of a toxic: the setting of our fault that it is, and its unit."""

    field: str
    unit: Unit
    never: bool = False
    """0 is no moment at all: the setting is left at none."""
    below: str = ""
    """It acts as less than this other attribute."""

    def setting(self, attributes: Mapping[str, int], name: str) -> Duration | Rate | Size | None:
        """Return the nearest sane setting of our fault."""
        most = min(self.unit.most, attributes[self.below]) - 1 if self.below else self.unit.most
        number = max(0, min(attributes[name], most))
        return None if self.never and not number else self.unit.make(f"{number}{self.unit.name}")

    def number(self, fault: Fault) -> int:
        """Return the nearest number of a setting of our fault."""
        value: float | None = getattr(fault, self.field)
        return 0 if value is None else round(value / self.unit.base)


class Sort(NamedTuple):
    """A type of toxic: our fault with the same settings, its attributes in their order, and what it means by them.

    `meant` has the faults that act in the place of ours, by stream, where a toxic does something else.
    """

    fault: type[Fault]
    attributes: dict[str, Attribute]
    meant: Mapping[Stream, type[Fault]] = MappingProxyType({})


TYPES: dict[str, Sort] = {
    "latency": Sort(
        Latency, {"latency": Attribute("latency", MILLISECONDS), "jitter": Attribute("jitter", MILLISECONDS)}
    ),
    "bandwidth": Sort(Bandwidth, {"rate": Attribute("rate", KILOBYTES_A_SECOND)}),
    "slow_close": Sort(SlowClose, {"delay": Attribute("delay", MILLISECONDS)}),
    "timeout": Sort(
        Timeout,
        {"timeout": Attribute("timeout", MILLISECONDS, never=True)},
        dict.fromkeys(STREAMS, TimeoutThatEnds),
    ),
    "reset_peer": Sort(
        Reset,
        {"timeout": Attribute("delay", MILLISECONDS)},
        {"upstream": ResetPeerUpstream, "downstream": ResetPeer},
    ),
    "slicer": Sort(
        Slicer,
        {
            "average_size": Attribute("average_size", BYTES),
            "size_variation": Attribute("size_variation", BYTES, below="average_size"),
            "delay": Attribute("delay", MICROSECONDS),
        },
    ),
    "limit_data": Sort(LimitData, {"bytes": Attribute("bytes", BYTES)}),
    "noop": Sort(Noop, {}),
}
"""The types of toxics by name."""


class Toxic(NamedTuple):
    """A toxic as it was given; `stream` in any case, all attributes of its type in `attributes`."""

    name: str
    type: str
    stream: str
    toxicity: float
    attributes: dict[str, int]

    @classmethod
    def make(
        cls,
        kind: str,
        attributes: Mapping[str, int] | None = None,
        *,
        name: str = "",
        stream: str = "downstream",
        toxicity: float = 1.0,
    ) -> Self:
        """Return a toxic of a known type and stream; attributes that are not given are 0, unknown ones are dropped."""
        given = attributes or {}
        whole = {each: given.get(each, 0) for each in TYPES[kind].attributes}
        return cls(name or f"{kind}_{stream}", kind, stream, single(toxicity), whole)

    @classmethod
    def of(cls, spec: Spec) -> Self | None:
        """Return an injection as a toxic; None for one that Toxiproxy has no words for."""
        probability = spec.trigger.probability
        if spec.stream not in STREAMS or spec.trigger != Trigger(probability=probability) or spec.caller is not None:
            return None
        for kind, sort in TYPES.items():
            if type(spec.fault) in (sort.fault, *sort.meant.values()):
                numbers = {name: attribute.number(spec.fault) for name, attribute in sort.attributes.items()}
                toxicity = 1.0 if probability is None else float(probability)
                toxic = cls.make(kind, numbers, name=spec.name, stream=spec.stream, toxicity=toxicity)
                return toxic if _alike(toxic.spec().fault, spec.fault) else None
        return None

    @property
    def direction(self) -> Stream:
        """The stream on which it acts."""
        return "upstream" if self.stream.lower() == "upstream" else "downstream"

    def changed(self, attributes: Mapping[str, int], toxicity: float | None) -> Self:
        """Return this with some attributes changed, and the toxicity if one is given."""
        merged = {name: attributes.get(name, number) for name, number in self.attributes.items()}
        return self._replace(attributes=merged, toxicity=self.toxicity if toxicity is None else single(toxicity))

    def spec(self) -> Spec:
        """Return the injection that does what this toxic says."""
        sort = TYPES[self.type]
        settings = {each.field: each.setting(self.attributes, name) for name, each in sort.attributes.items()}
        chance = None if self.toxicity >= 1 else Share(max(0.0, self.toxicity))
        fault = sort.meant.get(self.direction, sort.fault)
        return Spec(fault(**settings), Trigger(probability=chance), self.direction, self.name)

    def answer(self) -> dict[str, object]:
        """Return it as Toxiproxy's JSON has it, keys in their order."""
        toxicity = int(self.toxicity) if self.toxicity.is_integer() else self.toxicity
        return {
            "attributes": self.attributes,
            "name": self.name,
            "type": self.type,
            "stream": self.stream,
            "toxicity": toxicity,
        }


def _alike(one: Fault, other: Fault) -> bool:
    """Say whether all settings are equal, but for how floats round."""
    pairs = [(getattr(one, field), getattr(other, field)) for field in one.__struct_fields__]
    return all(a == b or (isinstance(a, float) and isinstance(b, float) and math.isclose(a, b)) for a, b in pairs)


def single(number: float) -> float:
    """Return a number as a 32-bit float prints: 0.123456789 is 0.12345679. Raises OverflowError."""
    nearest = _nearest_single(number)
    if math.isinf(nearest):
        raise OverflowError(f"{number} is no 32-bit float")
    texts = (f"{nearest:.{digits}g}" for digits in range(1, 10))
    return next(float(text) for text in texts if _nearest_single(float(text)) == nearest)


def _nearest_single(number: float) -> float:
    try:
        value: float = struct.unpack("f", struct.pack("f", number))[0]
    except OverflowError:
        return math.inf
    return value
