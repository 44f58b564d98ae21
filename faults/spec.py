"""An injection as users write it: one flat mapping, the same in YAML, JSON, Python and on the command line.

    {fault: latency, latency: 300ms, jitter: 50ms, stream: both, probability: 30%, for: 10s}

The reserved keys are `fault`, `name`, `stream` and the trigger's; the others are the fault's own settings. The short
form `latency:300ms` sets a fault's first field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Self, TypeVar, get_args

from ..wire.errors import BrownoutError
from .catalogue import find
from .fault import Fault, Stream
from .name import check
from .settings import Problem, SettingsError, convert, fields, unknown
from .trigger import RESERVED, TRIGGER_KEYS, Trigger

Streams = Literal["upstream", "downstream", "both"]


class Spec(NamedTuple):
    """What to inject: a fault, when it fires, on which stream, and under which name (empty: the fault's own)."""

    fault: Fault
    trigger: Trigger = Trigger()
    stream: Streams = "downstream"
    name: str = ""

    @classmethod
    def parse(cls, source: Mapping[str, object] | str, *, text: bool = False) -> Self:
        """Read a mapping or the short form; with `text` every value is text. Raises SettingsError with all problems."""
        if isinstance(source, str):
            return cls._parse_short(source)
        given = dict(source)
        kind = given.pop("fault", None)
        if not isinstance(kind, str):
            raise SettingsError([Problem("fault", "no fault is named", "write fault: latency, or another fault")])
        fault, (settings, problems) = find(kind), _split(given)
        problems += _unseen(fault, given)
        stream, name = given.get("stream", "downstream"), given.get("name", "")
        if "stream" in given and fault.streams is not None:
            problems.append(Problem("stream", f"{kind} acts on the whole link", "leave stream out"))
        elif stream not in get_args(Streams):
            found = unknown("stream", str(stream), get_args(Streams))
            problems.append(found._replace(key="stream", hint="upstream (to the server), downstream or both"))
        if not isinstance(name, str):
            problems.append(Problem("name", f"name: {name!r} is not text", "a name is text"))
        elif name:
            _collect(problems, lambda: check(name))
        whens = {key: given[key] for key in TRIGGER_KEYS if key in given}
        trigger = _collect(problems, lambda: convert(Trigger, whens, text=text))
        made = _collect(problems, lambda: convert(fault, settings, text=text, also=RESERVED))
        if problems or made is None or trigger is None:
            raise SettingsError(problems)
        return cls(made, trigger, stream, name)  # type: ignore[arg-type]  # stream is one of Streams, as checked

    @classmethod
    def _parse_short(cls, source: str) -> Self:
        kind, colon, value = source.partition(":")
        first = [field.name for field in fields(find(kind.strip()))][:1]
        if colon and not first:
            raise SettingsError([Problem("fault", f"{kind} has no settings", f"write {kind}")])
        settings = {first[0]: value.strip()} if colon else {}
        return cls.parse({"fault": kind.strip(), **settings}, text=True)

    def changed(self, values: Mapping[str, object], *, text: bool = False) -> Self:
        """Return this with settings of the fault or the trigger changed. Raises SettingsError."""
        settings, problems = _split(values)
        problems += _unseen(type(self.fault), values)
        problems += [
            Problem(key, f"{key} cannot change", "heal it and inject it anew")
            for key in ("fault", "name", "stream", "start", "for")
            if key in values
        ]
        whens = {key: values[key] for key in TRIGGER_KEYS if key in values}
        fault = _collect(problems, lambda: self.fault.changed(settings, text=text, also=RESERVED))
        trigger = _collect(problems, lambda: self.trigger.changed(whens, text=text))
        if problems or fault is None or trigger is None:
            raise SettingsError(problems)
        return self._replace(fault=fault, trigger=trigger)

    def streams(self) -> tuple[Stream, ...]:
        """Return the streams of a link on which stages start."""
        if self.fault.streams is not None:
            return self.fault.streams
        return ("upstream", "downstream") if self.stream == "both" else (self.stream,)

    def to_mapping(self) -> dict[str, object]:
        """Return the flat mapping, without what is at its default; `parse()` makes the same of it."""
        mapping: dict[str, object] = {"fault": self.fault.name, "name": self.name}
        if self.fault.streams is None:
            mapping["stream"] = self.stream
        return {**mapping, **self.fault.to_mapping(), **self.trigger.to_mapping()}


def _split(given: Mapping[str, object]) -> tuple[dict[str, object], list[Problem]]:
    problems = []
    if "match" in given:
        problems.append(
            Problem("match", "match picks requests of a protocol; this fault acts on bytes", "leave match out")
        )
    return {key: value for key, value in given.items() if key not in RESERVED}, problems


def trigger_keys(fault: type[Fault]) -> tuple[str, ...]:
    """Return the keys of the trigger that a fault takes."""
    return ("start", "for") if fault.closes_port else TRIGGER_KEYS


def _unseen(fault: type[Fault], given: Mapping[str, object]) -> list[Problem]:
    """Refuse to pick among connections that nobody sees."""
    return [
        Problem(key, f"{fault.name} closes the port, so {key} has nothing to count", "it takes start and for alone")
        for key in TRIGGER_KEYS
        if key in given and key not in trigger_keys(fault)
    ]


T = TypeVar("T")


def _collect(problems: list[Problem], make: Callable[[], T]) -> T | None:
    try:
        return make()
    except SettingsError as error:
        problems += error.problems
    except BrownoutError as error:
        problems.append(Problem("name", error.message, error.hint))
    return None
