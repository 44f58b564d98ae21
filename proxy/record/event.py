"""What can happen to a proxy: one frozen struct per kind of event.

    Event                       proxy
    ├── ProxyAdded, ...         what happened to the proxy itself, or to an injection on it
    ├── ConnectionEvent         connection
    │   └── Fired, ...          what happened on one connection
    └── LeaseExpired, ...       what happened to the whole process; `proxy` is empty

The kind, as JSON and queries spell it, is the class name in snake case: ConnectionOpened is `connection_opened`.
The table in docs/api.md is made from the docstrings and fields here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from ...wire.errors import cut


def _kind(name: str) -> str:
    return re.sub(r"(?<=.)(?=[A-Z])", "_", name).lower()


LONGEST_SETTING = 1000
"""How many characters of a setting's value an event keeps, so that the journal stays small."""


def shortened(mapping: Mapping[str, object]) -> dict[str, object]:
    """Return an injection's flat mapping, with each long value shortened."""
    return {key: _shortened(value) for key, value in mapping.items()}


def _shortened(value: object) -> object:
    text = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
    return value if len(text) <= LONGEST_SETTING else cut(text, LONGEST_SETTING)


class Event(msgspec.Struct, frozen=True, tag_field="kind", tag=_kind):
    """Something that happened; `proxy` is the name of the proxy, or empty for the whole process."""

    proxy: str

    @property
    def kind(self) -> str:
        """The name of the kind: the class name in snake case."""
        return str(self.__struct_config__.tag)

    def detail(self) -> dict[str, object]:
        """Return the fields of this kind alone: all but `proxy` and `connection`."""
        values = msgspec.structs.asdict(self)
        return {name: value for name, value in values.items() if name not in ("proxy", "connection")}


class ProxyAdded(Event, frozen=True):
    """A proxy to `upstream` (without its password) was added, `enabled` or not."""

    upstream: str
    enabled: bool


class ProxyRemoved(Event, frozen=True):
    """A proxy was removed; its open connections are being closed."""


class ProxyEnabled(Event, frozen=True):
    """A proxy started to listen on `address`."""

    address: str


class ProxyDisabled(Event, frozen=True):
    """A proxy stopped listening and closed its connections."""


class ListenFailed(Event, frozen=True):
    """An enabled proxy cannot listen; `error` says why."""

    error: str


class AcceptFailed(Event, frozen=True):
    """A client could not be accepted; `reason` is a key of the proxy's `errors`; `error` is the system's message."""

    reason: str
    error: str


class Injected(Event, frozen=True):
    """An injection was placed on a proxy; `injection` is its flat mapping, with long values shortened."""

    injection: Mapping[str, object]


class ToxicLeftOut(Event, frozen=True):
    """The `toxic` of a proxy in a `/populate` or in a config file was not added; `reason` says why."""

    toxic: str
    reason: str


class Changed(Event, frozen=True):
    """The settings of an injection changed; `injection` is its new flat mapping, with long values shortened."""

    injection: Mapping[str, object]


class Healed(Event, frozen=True):
    """`name` was healed: `matched`, `chosen`, `fired`; why it never fired (`cause`, `reason`); whether `unseen`."""

    name: str
    matched: int
    chosen: int
    fired: int
    cause: str = ""
    reason: str = ""
    unseen: bool = False


class ConnectionEvent(Event, frozen=True):
    """Something that happened on one connection; `connection` is its number on the proxy."""

    connection: int


class DialFailed(ConnectionEvent, frozen=True):
    """The address `upstream` could not be reached; `reason` is a key of the proxy's `errors`, and `error` says why."""

    reason: str
    error: str
    upstream: str


class ConnectionOpened(ConnectionEvent, frozen=True):
    """A client was accepted and its upstream was reached; `caller` is its program, `process` its number, if known."""

    caller: str = ""
    process: int | None = None


class ConnectionFailed(ConnectionEvent, frozen=True):
    """A fault, or Brownout itself, raised `error` on a connection, which is therefore reset."""

    error: str


class ConnectionClosed(ConnectionEvent, frozen=True):
    """A connection ended after `seconds` for `reason`; the bytes are those read from the client and the upstream."""

    reason: str
    upstream_bytes: int
    downstream_bytes: int
    seconds: float


class Fired(ConnectionEvent, frozen=True):
    """The injection `name` fired on its `n`-th match; `operation` is the request's, empty if it was none."""

    name: str
    n: int
    operation: str = ""


class ParsingStopped(ConnectionEvent, frozen=True):
    """The proxy stopped parsing requests on a connection, for `reason`; request faults no longer touch its bytes."""

    reason: str


class ProtocolLearnt(Event, frozen=True):
    """The first bytes on a connection showed which `protocol` is spoken to an upstream given as `auto://`."""

    protocol: str


class ProfileLeftOut(Event, frozen=True):
    """An applied `profile` has faults for the protocol just learnt, and they could not be placed, for `reason`."""

    profile: str
    reason: str


class TextTooLong(ConnectionEvent, frozen=True):
    """A text was longer than the match of the injection `name` can look at; the connection is untouched by it."""

    name: str


class BodyUnread(ConnectionEvent, frozen=True):
    """The match of the injection `name` could not read a body, for `reason`; the connection is untouched by it."""

    name: str
    reason: str


class RequestCopied(ConnectionEvent, frozen=True):
    """`http.duplicate` sent a copy of a request; `status` is the reply's, `closed`, or why there was no reply."""

    operation: str
    status: str


class Mistake(msgspec.Struct, frozen=True):
    """What is wrong in a configuration file, and how to correct it."""

    error: str
    hint: str


class ServerShared(Event, frozen=True):
    """Several `workers` of pytest-xdist use the server `program` (`process`): its connections are no worker's own."""

    program: str
    process: int
    workers: tuple[str, ...]


class LeaseExpired(Event, frozen=True):
    """Nothing was heard of a client for `duration`, so what it made under its `lease` is undone: see what follows."""

    lease: str
    duration: str


class Reloaded(Event, frozen=True):
    """The configuration `file` was read again: what was `done` (`["1 proxy added"]`), and its `errors` with hints."""

    file: str
    done: tuple[str, ...]
    errors: tuple[Mistake, ...]


def _leaves(event: type[Event]) -> Iterator[type[Event]]:
    subclasses = event.__subclasses__()
    if not subclasses:
        yield event
    for subclass in subclasses:
        yield from _leaves(subclass)


KINDS: dict[str, type[Event]] = {_kind(event.__name__): event for event in _leaves(Event)}
"""Every kind with its class."""
