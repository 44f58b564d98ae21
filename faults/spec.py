"""An injection as users write it: one flat mapping, the same in YAML, JSON, Python and on the command line.

    {fault: latency, latency: 300ms, jitter: 50ms, stream: both, probability: 30%, for: 10s}

The reserved keys are `fault`, `name`, `stream`, the trigger's, `match` and `caller`; the others are the fault's own
settings. The short form `latency:300ms` sets a fault's first field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, Self, TypeVar, get_args

from ..wire.errors import BrownoutError
from ..wire.protocol import Key
from ..wire.protocols import keys_of
from . import text_file
from .callers import Callers
from .catalogue import CATALOGUE, find
from .exchange import ExchangeFault
from .fault import Fault, Stream
from .match import Match
from .settings import Problem, Settings, SettingsError, convert, fields, unknown
from .settings.names import check
from .trigger import RESERVED, TRIGGER_KEYS, Trigger

Streams = Literal["upstream", "downstream", "both"]


class Spec(NamedTuple):
    """What to inject: a fault, when it fires, on which stream, and under which name (empty: the fault's own).

    `match`: which exchanges an exchange fault is for; None is all of them. `caller`: whose connections, None: all.
    """

    fault: Fault
    trigger: Trigger = Trigger()
    stream: Streams = "downstream"
    name: str = ""
    match: Match | None = None
    caller: Callers | None = None

    @classmethod
    def parse(cls, source: Mapping[str, object] | str, *, text: bool = False, folder: Path | None = None) -> Self:
        """Read a mapping or the short form; with `text` every value is text. Raises SettingsError with all problems.

        Files that it names are read where there is a `folder`, to which their paths are relative.
        """
        if isinstance(source, str):
            return cls.parse(from_short(source), text=True)
        given = dict(source)
        kind = given.pop("fault", None)
        if not isinstance(kind, str):
            raise SettingsError([Problem("fault", "no fault is named", "write fault: latency, or another fault")])
        fault = find(kind)
        return cls._placed(fault, given, lambda own: _made(fault, own, folder, text=text), text=text)

    @classmethod
    def of(cls, fault: Fault, given: Mapping[str, object]) -> Self:
        """Place a fault that is there, by the reserved keys of a mapping. Raises SettingsError with all problems."""

        def known(own: Mapping[str, object]) -> Fault:
            convert(Settings, own, also=RESERVED)
            return fault

        return cls._placed(type(fault), given, known, text=False)

    @classmethod
    def _placed(
        cls,
        kind: type[Fault],
        given: Mapping[str, object],
        make: Callable[[Mapping[str, object]], Fault],
        *,
        text: bool,
    ) -> Self:
        settings, problems = _own(given), _unpickable(kind, given)
        match = _collect(problems, lambda: _match(kind, given.get("match")))
        caller = _collect(problems, lambda: Callers.parse(given["caller"]) if given.get("caller") is not None else None)
        stream, name = given.get("stream", "downstream"), given.get("name", "")
        if "stream" in given and kind.streams is not None:
            what = "requests" if issubclass(kind, ExchangeFault) else "the whole connection"
            problems.append(Problem("stream", f"{kind.name} acts on {what}", "leave stream out"))
        elif stream not in get_args(Streams):
            found = unknown("stream", str(stream), get_args(Streams))
            problems.append(found._replace(key="stream", hint="upstream (to the server), downstream or both"))
        if not isinstance(name, str):
            problems.append(Problem("name", f"name: {name!r} is not text", "a name is text"))
        elif name:
            _collect(problems, lambda: check(name))
        trigger_values = {key: given[key] for key in TRIGGER_KEYS if key in given}
        trigger = _collect(problems, lambda: convert(Trigger, trigger_values, text=text))
        made = _collect(problems, lambda: make(settings))
        if made is not None:
            problems += _too_late(made, match)
        if problems or made is None or trigger is None:
            raise SettingsError(problems)
        return cls(made, trigger, stream, name, match, caller)  # type: ignore[arg-type]  # stream is one of Streams, as checked

    def changed(self, values: Mapping[str, object], *, text: bool = False) -> Self:
        """Return this with settings of the fault or the trigger changed, or another match. Raises SettingsError."""
        settings, problems = _own(values), _unpickable(type(self.fault), values)
        problems += [
            Problem(key, f"{key} cannot change", "heal it and inject it again")
            for key in ("fault", "name", "stream", "caller", "per", "start", "for")
            if key in values
        ]
        trigger_values = {key: values[key] for key in TRIGGER_KEYS if key in values}
        fault = _collect(problems, lambda: self.fault.changed(settings, text=text, also=RESERVED))
        trigger = _collect(problems, lambda: self.trigger.changed(trigger_values, text=text))
        match = self.match
        if "match" in values:
            match = _collect(problems, lambda: _match(type(self.fault), values["match"]))
        if fault is not None:
            problems += _too_late(fault, match)
        if problems or fault is None or trigger is None:
            raise SettingsError(problems)
        return self._replace(fault=fault, trigger=trigger, match=match)

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
        match = {"match": self.match.to_mapping()} if self.match else {}
        caller = {"caller": self.caller.to_mapping()} if self.caller else {}
        return {**mapping, **self.fault.to_mapping(), **self.trigger.to_mapping(), **match, **caller}


def from_short(source: str) -> dict[str, str]:
    """Return the mapping that a short form stands for: `latency:300ms`, or a fault alone. Raises SettingsError."""
    kind, colon, value = (part.strip() for part in source.partition(":"))
    first = fields(find(kind))[:1]
    if colon and not first:
        raise SettingsError([Problem("fault", f"{kind} has no settings", f"write {kind}")])
    return {"fault": kind, **({first[0].name: value} if colon else {})}


def _own(given: Mapping[str, object]) -> dict[str, object]:
    """Return the settings that are the fault's own."""
    return {key: value for key, value in given.items() if key not in RESERVED}


def _made(kind: type[Fault], own: Mapping[str, object], folder: Path | None, *, text: bool) -> Fault:
    """Make a fault of its own settings, one of which may be in a file."""
    name = own.get("file")
    if folder is None or not kind.body_settings or not isinstance(name, str):
        return convert(kind, own, text=text, also=RESERVED)
    problems: list[Problem] = []
    found = _collect(problems, lambda: text_file.read(folder / name))
    rest = {key: value for key, value in own.items() if key != "file"}
    made = _collect(problems, lambda: convert(kind, rest, text=text, also=RESERVED))
    if made is None or found is None:
        raise SettingsError(problems)
    return text_file.with_text(made, found, name)


def _match(fault: type[Fault], given: object) -> Match | None:
    if given is None:
        return None
    if not issubclass(fault, ExchangeFault):
        message = "match picks requests of a protocol; this fault acts on bytes"
        raise SettingsError([Problem("match", message, "leave match out")])
    return Match.parse(fault.protocol, given)


def _too_late(fault: Fault, match: Match | None) -> list[Problem]:
    """Refuse to pick by the reply what becomes of the request."""
    if match is None or not isinstance(fault, ExchangeFault) or fault.acts_on == "reply":
        return []
    late = [each.written for each in match.conditions if each.part == "reply"]
    if _of_replies(type(fault)):
        message, hint = f"{fault.name} as it is set acts before there is a reply", "let it act on the reply"
    else:
        other = next((name for name, kind in CATALOGUE.items() if _of_replies(kind, fault.protocol)), "")
        message = f"{fault.name} acts before there is a reply"
        hint = f"match the request, or take a fault of replies, such as {other}" if other else "match the request"
    return [Problem(f"match.{key}", f"match.{key}: {message}", hint) for key in late]


def _of_replies(kind: type[Fault], protocol: str = "") -> bool:
    """Say whether there are settings with which a fault acts on the reply."""
    if not issubclass(kind, ExchangeFault) or protocol not in ("", kind.protocol):
        return False
    return kind.on_reply is not ExchangeFault.on_reply


def match_keys(fault: type[Fault]) -> tuple[Key, ...]:
    """Return the keys of a match that a fault takes, none for one that takes no match. Raises PluginError."""
    known = keys_of(fault.protocol) if issubclass(fault, ExchangeFault) else ()
    return tuple(key for key in known if key.part != "reply" or _of_replies(fault))


def trigger_keys(fault: type[Fault]) -> tuple[str, ...]:
    """Return the keys of the trigger that a fault takes."""
    if fault.port != "open":
        return ("start", "for")
    return tuple(key for key in TRIGGER_KEYS if key != "per" or fault.acts_on_turns)


def _unpickable(fault: type[Fault], given: Mapping[str, object]) -> list[Problem]:
    """Refuse to pick among connections that nobody sees, or among turns where the fault does not act on single ones."""
    refused = [key for key in TRIGGER_KEYS if key in given and key not in trigger_keys(fault)]
    if fault.port != "open":
        hint = "it takes only start and for"
        return [Problem(key, f"{fault.name} closes the port, so {key} has nothing to count", hint) for key in refused]
    what = "single requests" if issubclass(fault, ExchangeFault) else "the connection"
    hint = f"leave per out; it is for {', '.join(kind.name for kind in CATALOGUE.values() if kind.acts_on_turns)}"
    return [Problem(key, f"{fault.name} acts on {what}", hint) for key in refused]


T = TypeVar("T")


def _collect(problems: list[Problem], make: Callable[[], T]) -> T | None:
    try:
        return make()
    except SettingsError as error:
        problems += error.problems
    except BrownoutError as error:
        problems.append(Problem("name", error.message, error.hint))
    return None
