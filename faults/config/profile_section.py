"""The section `profiles` of a configuration file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast, get_args

from ...wire.errors import BrownoutError
from ...wire.protocols import find, known
from ..callers import CALLER_KEYS
from ..catalogue import CATALOGUE
from ..exchange import protocol_mismatch
from ..fault import Fault
from ..placing import MOST
from ..profile import Profile, Start, Target
from ..settings import SettingsError, fields, names, unknown
from ..spec import Spec, match_keys
from ..trigger import RESERVED
from .nodes import Node
from .problem import path
from .reader import Reader, shape, switch

_EXAMPLE = 'write "*": [latency:300ms] below it'
_NESTED = ("match", "caller")
"""The keys of an injection that may have keys of their own."""


class _Item(NamedTuple):
    """An injection with its place."""

    spec: Spec
    node: Node
    key: str


def read_profiles(reader: Reader, section: Node | None, protocols: Mapping[str, str]) -> dict[str, Profile]:
    """Read the section; what is wrong goes to the reader.

    `protocols`: those of the file's proxies, by name, empty where one is not known. Where there is any proxy, every
    key of a profile must mean one.
    """
    profiles: dict[str, Profile] = {}
    hint = "write NAME: below it, and below that PROXY: [INJECTION, ...]"
    for name, node in reader.mapping(section, "profiles", hint).items():
        key = path("profiles", name)
        with reader.right(node, key):
            names.check(name)
        if node.value is None and not node.bad:
            reader.say(node, key, "the profile is empty", f"{_EXAMPLE}, or {{}} for none")
        profiles[name] = _profile(reader, name, node, key, protocols)
    return profiles


def _profile(reader: Reader, name: str, node: Node, key: str, protocols: Mapping[str, str]) -> Profile:
    description, clock = "", None
    found: list[tuple[str, list[_Item]]] = []
    for meant, child in reader.mapping(node, key, _EXAMPLE).items():
        below = path(key, meant)
        if meant == "description" and not isinstance(child.value, list):
            if isinstance(child.value, str):
                description = child.value
            elif child.value is not None:
                reader.say(child, below, f"{shape(child)} is not text", "put quotes around it")
            continue
        if meant == "clock" and not isinstance(child.value, list):
            clock = _clock(reader, child, below)
            continue
        _check_meaning(reader, meant, child, below, protocols)
        items = _injections(reader, child, below)
        if len(meant) <= names.LONGEST:  # a longer one is wrong, and as a glob it would take long
            found.append((meant, items))
    _refuse_names_alike(reader, found, protocols)
    targets = tuple(Target(meant, tuple(item.spec for item in items)) for meant, items in found)
    return Profile(name, targets, description, clock)


def _clock(reader: Reader, node: Node, key: str) -> Start | None:
    if node.value in get_args(Start):
        return cast("Start", node.value)
    if node.value is not None and not node.bad:
        hint = unknown("clock", str(node.value), get_args(Start)).hint
        reader.say(node, key, f"{shape(node)} is not a clock", hint)
    return None


def _check_meaning(reader: Reader, meant: str, node: Node, key: str, protocols: Mapping[str, str]) -> None:
    """Check that a profile's key can mean a proxy, and that it does where the file has proxies."""
    with reader.right(node, key):
        if not meant.endswith(":"):
            names.check(meant)
        target = Target(meant, ())
        if protocols and (target.names(protocols) or target.may_wait(protocols)):
            return
        if not meant.endswith(":"):
            if protocols:
                raise BrownoutError("matches no proxy of this file", unknown("proxy", meant, protocols).hint)
        elif not protocols and find(meant[:-1]) is None:
            raise BrownoutError("unknown protocol", unknown("protocol", meant, [f"{each}:" for each in known()]).hint)
        elif protocols and all(protocols.values()):
            spoken = {f"{each}:" for each in protocols.values()}
            raise BrownoutError("no proxy of this file speaks it", unknown("protocol", meant, spoken).hint)


def _injections(reader: Reader, node: Node, key: str) -> list[_Item]:
    if node.bad:
        return []
    if isinstance(node.value, list) and len(node.value) > MOST:
        reader.say(node, key, f"there are {len(node.value)} injections", f"a proxy has at most {MOST}")
        return []
    if isinstance(node.value, list):
        below = [(each, f"{key}[{index}]") for index, each in enumerate(node.value)]
        read = [(_injection(reader, each, where), each, where) for each, where in below]
        return [_Item(spec, each, where) for spec, each, where in read if spec is not None]
    if node.value is None:
        reader.say(node, key, "no injections", "list them below, like - latency:300ms, or write [] for none")
        return []
    hint = (
        f"put brackets around it: [{node.value}]" if isinstance(node.value, str) else "begin each injection with '- '"
    )
    reader.say(node, key, f"{shape(node)} is given where a list is expected", hint)
    return []


def _injection(reader: Reader, node: Node, key: str) -> Spec | None:
    source: dict[str, object] | str
    lost: set[str] = set()
    if node.bad:
        return None
    if isinstance(node.value, str):
        source = node.value
    elif isinstance(node.value, dict):
        if "fault" not in node.value:
            reader.say(node, key, "no fault is named", _intended(node.value))
            return None
        source, lost = _settings(reader, node.value, key, CATALOGUE.get(str(node.value["fault"].value)))
        if "fault" in lost:
            return None
    else:
        hint = "write it like latency:300ms, or {fault: latency, latency: 300ms}"
        reader.say(node, key, f"{shape(node)} is not an injection", hint)
        return None
    try:
        return Spec.parse(source, folder=reader.folder)
    except SettingsError as error:
        _tell(reader, error, node, key, lost)
    if isinstance(source, dict) and source.get("fault", "noop") not in CATALOGUE:
        # The keys that every fault has are looked at all the same.
        try:
            common = {name: value for name, value in source.items() if name in RESERVED and name != "match"}
            Spec.parse(common | {"fault": "noop"})
        except SettingsError as error:
            _tell(reader, error, node, key, lost)
    return None


def _settings(
    reader: Reader, items: dict[str, Node], key: str, kind: type[Fault] | None, *, within: str = ""
) -> tuple[dict[str, object], set[str]]:
    """Return the settings of an injection, or of what is `within` it (match, caller), and the keys that are unreadable.

    One without a value is as if it were not there, unless the fault has no such setting.
    """
    given: dict[str, object] = {}
    lost: set[str] = set()
    for name, node in items.items():
        if name in _NESTED and isinstance(node.value, dict) and not node.bad:
            found, unread = _settings(reader, node.value, path(key, name), kind, within=name)
            if found or not unread:
                given[name] = found
        elif not node.readable():
            lost.add(name)
        elif isinstance(node.value, list | dict) and name in RESERVED and name not in _NESTED:
            reader.say(
                node, path(key, name), f"{shape(node)} is given where one value is expected", "write the value alone"
            )
            lost.add(name)
        elif node.value is not None or not _has(kind, name, within):
            given[name] = node.plain()
    return given, lost


def _has(kind: type[Fault] | None, name: str, within: str) -> bool:
    """Say whether a fault, or what is within it, has a setting of that name; one that is not known might have any."""
    if within == "caller":
        return name in CALLER_KEYS
    if kind is None:
        return True
    if within:
        return any(key.asked(name) is not None for key in match_keys(kind))
    return name in RESERVED or any(field.name == name for field in fields(kind))


def _tell(reader: Reader, error: SettingsError, node: Node, key: str, lost: set[str]) -> None:
    for problem in error.problems:
        if problem.key in lost or (lost and not problem.key):  # what settings say together needs all of them
            continue
        child, below = _child(node, key, problem.key)
        if child is None or child.value is None:
            reader.say(node, key, problem.message, problem.hint)
            continue
        message = problem.message.removeprefix(f"{problem.key}: ").removesuffix(f" '{problem.key}'")
        hint = switch(child) if problem.hint.endswith("is true or false") else problem.hint
        reader.say(child, below, message, hint)


def _child(node: Node, key: str, name: str) -> tuple[Node | None, str]:
    """Return the node of a problem's key, and the path to it; a match, or a caller, has nodes of its own."""
    items = node.value if isinstance(node.value, dict) else {}
    outer, dot, inner = name.partition(".")
    if name not in items and dot and outer in _NESTED:
        return _child(items[outer], path(key, outer), inner)
    return items.get(name), path(key, name)


def _refuse_names_alike(reader: Reader, found: list[tuple[str, list[_Item]]], protocols: Mapping[str, str]) -> None:
    """Give every injection its name in the order in which proxies will, and say which is taken by then."""
    proxies = protocols or {meant: "" for meant, _ in found}
    taken: dict[str, dict[str, int]] = {}
    said: set[str] = set()
    for meant, items in found:
        for proxy in Target(meant, ()).names(proxies) or [meant]:
            bearers = taken.setdefault(proxy, {})
            for spec, node, key in items:
                spoken = protocols.get(proxy)
                if spoken and (wrong := protocol_mismatch(spec.fault, proxy, spoken)) is not None:
                    reader.say(node, key, wrong.message, wrong.hint)
                if spec.name in bearers and isinstance(node.value, dict) and key not in said:
                    said.add(key)
                    message = f"'{spec.name}' is taken on {proxy}, by the injection in line {bearers[spec.name]}"
                    reader.say(node.value["name"], path(key, "name"), message, "give each a name of its own, or none")
                bearers.setdefault(spec.name or names.free(spec.fault.name, bearers), node.place.line)


def _intended(items: dict[str, Node]) -> str:
    """Guess what was meant by an injection without a fault: often a short form with a space too many."""
    fault = next((name for name in items if name in CATALOGUE), None)
    if fault is None:
        return "write fault: latency, or another fault"
    value = items[fault].value
    short = f"{fault}:{value}" if isinstance(value, str | int | float) else fault
    return f"write {short} without a space after the colon, or {{fault: {fault}, ...}}"
