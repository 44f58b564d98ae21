"""The section `verify` of a configuration file: what `brownout verify FILE` runs, breaks and expects.

verify:
command: ./serve --port 8000          in place of what stands behind --
journeys:                             in place of tests
checkout: ./checkout.sh
search: {url: "http://127.0.0.1:8000/search?q=shoes", contains: shoes, degraded: [503]}
failures:
payments: [slow, hangs, lost]       of this dependency only these
expect:
cache: degraded
payments/hangs: unavailable
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple, get_args

from msgspec import Meta

from ...wire.address import Address
from ...wire.errors import BrownoutError
from ..failures import failure_names
from ..settings import Settings, convert, unknown
from .nodes import Node
from .problem import path
from .reader import Reader, shape

Availability = Literal["available", "degraded", "unavailable"]
"""How a journey may fare: as ever, with another answer, or not at all, as long as it ends and is well afterwards."""
KEYS = ("command", "journeys", "failures", "expect")


class Probe(Settings, frozen=True):
    """An HTTP request to the service, and the answer that it is to have."""

    url: Annotated[str, Meta(description="The URL that is requested.")]
    method: Annotated[str, Meta(description="The method.")] = "GET"
    body: Annotated[str, Meta(description="The body as text. It is sent as JSON if it begins with { or [.")] = ""
    headers: Annotated[dict[str, str], Meta(description="Headers.")] = {}
    status: Annotated[int, Meta(ge=100, le=599, description="The status of a good answer.")] = 200
    contains: Annotated[str, Meta(description="A text that the body of a good answer contains.")] = ""
    degraded: Annotated[
        tuple[int, ...], Meta(description="Statuses that are acceptable while something is broken.")
    ] = ()

    def __post_init__(self) -> None:
        """Check the address. Raises BrownoutError."""
        super().__post_init__()
        if not self.url.startswith("http://"):
            raise BrownoutError(f"'{self.url}' is not an address of HTTP", "write it like http://127.0.0.1:8000/search")
        Address.upstream(self.url)


class JourneyEntry(NamedTuple):
    """A journey of the file: a command or a probe."""

    name: str
    command: tuple[str, ...] = ()
    probe: Probe | None = None


class VerifySection(NamedTuple):
    """The section."""

    command: tuple[str, ...] = ()
    journeys: Mapping[str, JourneyEntry] = {}
    failures: Mapping[str, tuple[str, ...]] = {}
    expect: Mapping[str, Availability] = {}


def read_verify(reader: Reader, section: Node | None) -> VerifySection:
    """Read the section; what is wrong goes to the reader."""
    items = reader.mapping(section, "verify", f"write {', '.join(f'{key}:' for key in KEYS[:-1])} or expect: below it")
    reader.refuse_unknown(items, KEYS, "verify")
    return VerifySection(
        command=_command(reader, items.get("command"), "verify.command"),
        journeys=_journeys(reader, items.get("journeys")),
        failures=_failures(reader, items.get("failures")),
        expect=_expect(reader, items.get("expect")),
    )


def _command(reader: Reader, node: Node | None, key: str) -> tuple[str, ...]:
    if node is None or node.bad or node.value is None:
        return ()
    if isinstance(node.value, list) and all(isinstance(each.value, str) for each in node.value):
        return tuple(str(each.value) for each in node.value)
    if isinstance(node.value, str):
        try:
            return tuple(shlex.split(node.value))
        except ValueError as error:
            reader.say(node, key, f"{shape(node)} is not a command: {error}".lower(), "close the quotes")
            return ()
    reader.say(node, key, f"{shape(node)} is not a command", "write it as in a shell, or as a list of words")
    return ()


def _journeys(reader: Reader, node: Node | None) -> dict[str, JourneyEntry]:
    found: dict[str, JourneyEntry] = {}
    for name, each in reader.mapping(node, "verify.journeys", "write NAME: COMMAND or NAME: {url: ...}").items():
        key = path("verify.journeys", name)
        if isinstance(each.value, dict):
            with reader.right(each, key):
                found[name] = JourneyEntry(name, probe=convert(Probe, dict(_plain(each))))
        elif command := _command(reader, each, key):
            found[name] = JourneyEntry(name, command)
    return found


def _plain(node: Node) -> Mapping[str, object]:
    plain = node.plain()
    return plain if isinstance(plain, Mapping) else {}


def _failures(reader: Reader, node: Node | None) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, each in reader.mapping(node, "verify.failures", "write DEPENDENCY: [slow, hangs]").items():
        key = path("verify.failures", name)
        if isinstance(each.value, list) and all(isinstance(word.value, str) for word in each.value):
            found[name] = tuple(str(word.value) for word in each.value)
            for word in each.value:
                if word.value not in failure_names():
                    wrong = unknown("failure", str(word.value), failure_names())
                    reader.say(word, key, wrong.message, wrong.hint)
        elif not each.bad:
            reader.say(each, key, f"{shape(each)} is given where a list is expected", "write it like [slow, hangs]")
    return found


def _expect(reader: Reader, node: Node | None) -> dict[str, Availability]:
    found: dict[str, Availability] = {}
    known: dict[object, Availability] = {level: level for level in get_args(Availability)}
    for name, each in reader.mapping(node, "verify.expect", "write DEPENDENCY: degraded").items():
        if isinstance(each.value, str) and each.value in known:
            found[name] = known[each.value]
        elif not each.bad:
            hint = unknown("level", str(each.value), get_args(Availability)).hint
            reader.say(each, path("verify.expect", name), f"{shape(each)} is not a level of availability", hint)
    return found
