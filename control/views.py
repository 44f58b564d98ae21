"""Proxies, injections, faults and what happened as JSON has it: the one shape of `/v1`, of the client and of `--json`.

Injections are those of `receipts`: a flat mapping with a `receipt` in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict, final

from ..faults.settings import Field, Settings, fields
from .receipts import found_view, injection_view, moment

if TYPE_CHECKING:
    from ..faults.fault import Fault
    from ..faults.profile import Profile
    from ..faults.spec import Spec
    from ..proxy import ConnectionEntry, Entry, Fleet, Injection, Proxy, Recorded


class Connections(TypedDict):
    """How many client connections are open, and how many were ever accepted."""

    open: int
    total: int


class Bytes(TypedDict):
    """Bytes read from the source of each stream since the proxy began."""

    upstream: int
    downstream: int


class ProxyCallerView(TypedDict):
    """What a program did on a proxy: in one container or outside, of one worker of pytest-xdist or of none."""

    program: str
    container: str
    worker: str
    connections: int
    sent: int
    received: int


class ProxyView(TypedDict):
    """A proxy with its counts and its injections."""

    name: str
    listen: str
    """As it was asked for; `address` is what it got, null while it is disabled."""
    address: str | None
    upstream: str
    """Without its password."""
    protocol: str
    enabled: bool
    trouble: str | None
    """Why it does not listen although it is enabled: another one took its port while a fault had it closed."""
    connections: Connections | None
    """None, like `bytes` and `turns`, for a Toxiproxy: it reports none of them."""
    bytes: Bytes | None
    turns: int | None
    """How many turns of conversation have begun: see docs/faults.md."""
    errors: dict[str, int]
    callers: list[ProxyCallerView]
    """By whom, as far as that is known: 100 programs, then `others`."""
    injections: list[dict[str, object]]


class Setting(TypedDict):
    """One setting of a fault or of the trigger."""

    name: str
    type: str
    default: str
    required: bool
    meaning: str


class FaultView(TypedDict):
    """A fault of the catalogue."""

    name: str
    summary: str
    description: str
    acts_on: str
    """`stream`, `connection` or `request`; only a stream fault takes a stream."""
    settings: list[Setting]


class LeaseView(TypedDict):
    """A lease: what is made under it is undone unless it is renewed within its duration."""

    id: str
    duration: str


class WorkerView(TypedDict):
    """A process that runs tests."""

    name: str
    """What pytest-xdist calls it; empty without pytest-xdist."""
    process: int
    test: str
    """The test that it runs; empty between tests."""


class ProfileView(TypedDict):
    """A profile: what it would inject, and whether it is applied."""

    name: str
    description: str
    source: str
    """`file` or `shipped`."""
    clock: str
    """What its `start` and `for` count from, where `brownout run` places it at launch; empty: the usual."""
    applied: bool
    """Since it was applied, until it or everything is healed."""
    targets: dict[str, list[dict[str, object]]]
    """As a configuration file has them: a proxy's name, a pattern or a protocol, and what is injected there."""


class PlacedView(TypedDict):
    """What a profile put on a proxy."""

    proxy: str
    injection: dict[str, object]


class EventView(TypedDict):
    """An entry of the journal."""

    seq: int
    at: str
    kind: str
    proxy: str
    connection: int | None
    """Its number; null for an event that is not about one connection."""
    detail: dict[str, object]
    """The fields that its kind has (`brownout.proxy.record.event`)."""


@final  # so that one is told from a MissedView
class RequestView(TypedDict):
    """A request and its outcome."""

    seq: int
    """Its number among those that have ended; 0 while it is open."""
    at: str
    """When the request began."""
    proxy: str
    connection: int
    operation: str
    """What was asked for, without what differs from one time to the next."""
    request: str
    """The request in a line, without secrets."""
    status: str
    """What the client saw; empty where no reply came."""
    outcome: str
    """The class of the status: `5xx`."""
    end: str
    """How it ended, if not by a whole reply: `reset`, `closed`, `lost`, `cut`, `unparsed`."""
    first_seconds: float | None
    """From the request's beginning to that of the upstream's reply; None where none began."""
    seconds: float
    """From the request's beginning to the reply's end."""
    request_bytes: int
    reply_bytes: int
    fingerprint: str
    """A hash of the request's body, empty without one."""
    request_complete: bool
    """Whether all of the request came; else `fingerprint` is that of a part of its body."""
    faults: list[str]
    """The names of the injections that acted on it."""
    began: float
    """When it began by the clock of `MarkView`, which never goes back."""
    identity: str
    """A hash of what was asked, with all its values but without the body: the same request has the same."""
    idempotency_key: str
    """A hash of its idempotency key, empty without one."""
    idempotent: bool
    """By the rules of its protocol it may be sent again."""
    retry_after: float | None
    """How many seconds the reply asks the client to wait; None: it does not."""
    left_seconds: float | None
    """From its beginning until the client's stream ended; None: not before the reply was whole."""
    caller: str
    """The client's program, without its settings; empty where nobody knows."""
    process: int | None
    """Its process."""
    container: str
    """The container in which that runs, in the 12 digits that `docker ps` shows; empty outside of one."""
    worker: str
    """The worker of pytest-xdist to which it belongs: `gw0`; else empty."""
    test: str
    """The test that the worker ran when it began; empty where none, or nobody knows."""


@final  # as well
class ConnectionView(TypedDict):
    """A connection, open or ended."""

    seq: int
    """Its number among those that have ended; 0 while it is open."""
    at: str
    """When it was accepted."""
    proxy: str
    connection: int
    """Its number on the proxy."""
    opened: bool
    """Whether the upstream was reached."""
    end: str
    """How it ended, such as `closed by client`, `reset by server` or `dial_refused`; empty while it is in use."""
    began: float
    """When it was accepted, by the clock of `MarkView`."""
    seconds: float
    """From there until it ended, or until now."""
    left_seconds: float | None
    """From there until the client's stream ended; None: it did not."""
    sent: int
    """What the client sent, in bytes."""
    received: int
    """What was handed to the client, in bytes."""
    faults: list[str]
    """The names of the injections that acted on it; those of requests are in the RequestView."""
    caller: str
    """The client's program, without its settings; empty where nobody knows."""
    process: int | None
    """Its process."""
    container: str
    """The container in which that runs, in the 12 digits that `docker ps` shows; empty outside of one."""
    worker: str
    """The worker of pytest-xdist to which it belongs: `gw0`; else empty."""
    test: str
    """The test that the worker ran when it began; empty where none, or nobody knows."""


class FindingView(TypedDict):
    """Something that the clients of a proxy did and that makes a failure worse."""

    proxy: str
    rule: str
    level: Literal["error", "warning"]
    text: str
    """What they did, as a sentence."""
    evidence: str
    """When they did what, in a line of text."""


class MarkView(TypedDict):
    """A moment, so that one can ask later what has happened since."""

    clock: float
    """In seconds, by a clock that never goes back."""
    requests: int
    """The number of the last request that had ended."""
    connections: int
    """The number of the last connection that had ended."""


@final
class MissedView(TypedDict):
    """How many were missed by a follower that was too slow."""

    missed: int


class Health(TypedDict):
    """Who answers."""

    status: str
    version: str
    pid: int | None
    seed: int | None
    """None, as `pid`: a Toxiproxy has none."""


class ProblemView(TypedDict):
    """One thing that is wrong with settings, in the `problems` of an error."""

    key: str
    message: str
    hint: str


def proxy_view(proxy: Proxy) -> ProxyView:
    """Return a proxy as JSON has it."""
    findings = proxy.findings()
    return {
        "name": proxy.name,
        "listen": proxy.listen.endpoint,
        "address": None if proxy.address is None else proxy.address.endpoint,
        "upstream": proxy.upstream.masked,
        "protocol": proxy.protocol,
        "enabled": proxy.enabled,
        "trouble": proxy.port.trouble or None,
        "connections": {"open": len(proxy.links), "total": proxy.links_total},
        "bytes": {"upstream": proxy.bytes("upstream"), "downstream": proxy.bytes("downstream")},
        "turns": proxy.turns,
        "errors": dict(proxy.errors),
        "callers": [
            {
                "program": program,
                "container": container,
                "worker": worker,
                "connections": said["connections"],
                "sent": said["sent"],
                "received": said["received"],
            }
            for (program, container, worker), said in proxy.by_caller().items()
        ],
        "injections": [found_view(each, *found) for each, found in findings.items()],
    }


def profile_view(profile: Profile, source: str, *, applied: bool) -> ProfileView:
    """Return a profile as JSON has it."""
    return {
        "name": profile.name,
        "description": profile.description,
        "clock": profile.clock or "",
        "source": source,
        "applied": applied,
        "targets": {target.key: [_written(spec) for spec in target.specs] for target in profile.targets},
    }


def placed_view(proxy: Proxy, injection: Injection) -> PlacedView:
    """Return an injection as JSON has it, with the proxy on which it is."""
    return {"proxy": proxy.name, "injection": injection_view(proxy, injection)}


def fault_view(fault: type[Fault]) -> FaultView:
    """Return a fault of the catalogue as JSON has it."""
    from ..faults.exchange import ExchangeFault  # with all protocols; a client needs the shapes alone
    from ..faults.fault import opening_line

    paragraphs = [" ".join(part.split()) for part in (fault.__doc__ or "").split("\n\n")]
    return {
        "name": fault.name,
        "summary": opening_line(fault),
        "description": "\n\n".join(part for part in paragraphs[1:] if part),
        "acts_on": "request"
        if issubclass(fault, ExchangeFault)
        else "stream"
        if fault.streams is None
        else "connection",
        "settings": settings_view(fault),
    }


def settings_view(struct: type[Settings]) -> list[Setting]:
    """Return the settings of a fault, or of the trigger."""
    return [_setting(field) for field in fields(struct)]


def event_view(recorded: Recorded) -> EventView:
    """Return an entry of the journal as JSON has it."""
    return {
        "seq": recorded.seq,
        "at": moment(recorded.at),
        "kind": recorded.kind,
        "proxy": recorded.proxy,
        "connection": recorded.connection,
        "detail": recorded.event.detail(),
    }


def request_view(entry: Entry) -> RequestView:
    """Return a request, with its outcome, as JSON has it."""
    return {
        "seq": entry.seq,
        "at": moment(entry.at),
        "proxy": entry.proxy,
        "connection": entry.link,
        "operation": entry.operation,
        "request": entry.summary,
        "status": entry.status,
        "outcome": entry.outcome,
        "end": entry.end,
        "first_seconds": None if entry.first is None else round(entry.first, 6),
        "seconds": round(entry.seconds, 6),
        "request_bytes": entry.request_bytes,
        "reply_bytes": entry.reply_bytes,
        "fingerprint": entry.fingerprint,
        "request_complete": entry.request_complete,
        "faults": list(entry.faults),
        "began": entry.began,
        "identity": entry.identity,
        "idempotency_key": entry.idempotency_key,
        "idempotent": entry.idempotent,
        "retry_after": entry.retry_after,
        "left_seconds": None if entry.left is None else round(entry.left, 6),
        "caller": "" if entry.caller is None else entry.caller.program,
        "process": None if entry.caller is None else entry.caller.process,
        "container": "" if entry.caller is None else entry.caller.container,
        "worker": "" if entry.caller is None or entry.caller.worker is None else entry.caller.worker.name,
        "test": "" if entry.caller is None else entry.caller.test_at(entry.began),
    }


def connection_view(entry: ConnectionEntry) -> ConnectionView:
    """Return a connection as JSON has it."""
    return {
        "seq": entry.seq,
        "at": moment(entry.at),
        "proxy": entry.proxy,
        "connection": entry.link,
        "opened": entry.opened,
        "end": entry.end,
        "began": entry.began,
        "seconds": round(entry.seconds, 6),
        "left_seconds": None if entry.left is None else round(entry.left, 6),
        "sent": entry.sent,
        "received": entry.received,
        "faults": list(entry.faults),
        "caller": "" if entry.caller is None else entry.caller.program,
        "process": None if entry.caller is None else entry.caller.process,
        "container": "" if entry.caller is None else entry.caller.container,
        "worker": "" if entry.caller is None or entry.caller.worker is None else entry.caller.worker.name,
        "test": "" if entry.caller is None else entry.caller.test_at(entry.began),
    }


def mark_view(fleet: Fleet) -> MarkView:
    """Return this moment as JSON has it."""
    return {
        "clock": fleet.clock.time(),
        "requests": fleet.request_log.seq,
        "connections": fleet.connection_log.seq,
    }


def _written(spec: Spec) -> dict[str, object]:
    """Return an injection as a person writes it: without a name that it does not have, and the usual stream."""
    unsaid = {"name": "", "stream": "downstream"}
    return {key: value for key, value in spec.to_mapping().items() if unsaid.get(key) != value}


def _setting(field: Field) -> Setting:
    return {
        "name": field.name,
        "type": field.type,
        "default": field.default,
        "required": field.required,
        "meaning": field.meaning,
    }
