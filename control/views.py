"""Proxies, injections, faults and what happened as JSON has it: the one shape of `/v1`, of the client and of `--json`.

An injection is its flat mapping (`brownout.faults.spec`) with a `receipt` in it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypedDict, final

from ..faults.exchange import ExchangeFault
from ..faults.fault import Fault, opening_line
from ..faults.profile import Profile
from ..faults.settings import Field, Settings, fields
from ..faults.spec import Spec

if TYPE_CHECKING:
    from ..proxy import Entry, Injection, Proxy, Recorded
    from ..proxy.ledger import Asked
    from ..proxy.record.finding import Finding


class Receipt(TypedDict):
    """What an injection did: since when, to how many, and which connections it could not act on."""

    seed: int | None
    """None: a Toxiproxy has none."""
    armed_at: str
    """When it was placed: ISO 8601, UTC. Empty for a toxic that is not ours, since a Toxiproxy does not tell."""
    active: bool
    """False while its `start` has not come."""
    matched: int
    """How many connections or requests it could have hit since it began."""
    chosen: int
    """How many of those its trigger picked."""
    fired: int
    """On how many of those something happened that the client or the server could notice."""
    bytes: int
    untouched: list[int]
    """The numbers of connections that it could not act on: at most the first 1000."""
    untouched_total: int
    unseen: bool
    """Nobody can count what it hits: connections that the system refuses, or all that a Toxiproxy does."""
    refused: int | None
    """How many connection attempts failed on this machine while it had the port closed; null: it does not, or nobody
    knows."""
    cause: str
    """Why it has not fired, as a word for programs; empty where it has, or nobody can know."""
    reason: str
    """The same as a sentence."""
    hint: str
    """What to do about it."""
    waits_for: str
    """What its clock waits for: `first connection`, `first test`; empty where it runs."""
    profile: str
    """The profile that says so; empty for one that was injected by itself."""
    key: str
    """The key of the profile that means the proxy."""
    healed_at: str | None


class AskedLine(TypedDict):
    """Equal injections under one name on a proxy."""

    proxy: str
    injection: dict[str, object]
    placed: int
    """How often it was injected."""
    vacuous: int
    """How often nothing came of it."""
    matched: int
    chosen: int
    fired: int
    refused: int | None
    """How many connection attempts failed on this machine meanwhile; null: see `Receipt`."""
    cause: str
    reason: str


class AskedView(TypedDict):
    """Something that was asked for: an injection, or what one key of a profile means."""

    profile: str
    """Empty for an injection by itself."""
    key: str
    cause: str
    """Why nothing came of it, as a word for programs; empty where something did, or nobody can know."""
    reason: str
    injections: list[AskedLine]


class Connections(TypedDict):
    """How many client connections are open, and how many were ever accepted."""

    open: int
    total: int


class Bytes(TypedDict):
    """Bytes read from the source of each stream since the proxy began."""

    upstream: int
    downstream: int


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
    """None, like `bytes`, for a Toxiproxy: it reports neither."""
    bytes: Bytes | None
    errors: dict[str, int]
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
    faults: list[str]
    """The names of the injections that acted on it."""


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
        "protocol": proxy.upstream.protocol,
        "enabled": proxy.enabled,
        "trouble": proxy.port.trouble or None,
        "connections": {"open": len(proxy.links), "total": proxy.links_total},
        "bytes": {"upstream": proxy.bytes("upstream"), "downstream": proxy.bytes("downstream")},
        "errors": dict(proxy.errors),
        "injections": [_injection_view(each, *found) for each, found in findings.items()],
    }


def injection_view(proxy: Proxy, injection: Injection) -> dict[str, object]:
    """Return an injection of a proxy, placed or healed, as JSON has it: its flat mapping and its receipt."""
    healed = (injection.finding, injection.refused)
    return _injection_view(injection, *(healed if injection.healed_at is not None else proxy.findings()[injection]))


def _injection_view(injection: Injection, finding: Finding | None, refused: int | None) -> dict[str, object]:
    waits = injection.countdown is not None and injection.timer is not None and injection.countdown.waits_for
    receipt: Receipt = {
        "seed": injection.identity.seed,
        "armed_at": moment(injection.armed_at),
        "active": injection.active,
        "matched": injection.matched,
        "chosen": injection.chosen,
        "fired": injection.fired,
        "bytes": injection.bytes,
        "untouched": list(injection.untouched),
        "untouched_total": injection.untouched_total,
        "unseen": injection.spec.fault.closes_port,
        "refused": refused,
        "cause": "" if finding is None else finding.cause,
        "reason": "" if finding is None else finding.text,
        "hint": "" if finding is None else finding.hint,
        "waits_for": waits or "",
        "profile": injection.profile,
        "key": injection.key,
        "healed_at": None if injection.healed_at is None else moment(injection.healed_at),
    }
    return {**injection.spec.to_mapping(), "receipt": receipt}


def asked_view(asked: Asked) -> AskedView:
    """Return what was asked for as JSON has it."""
    return {
        "profile": asked.profile,
        "key": asked.key,
        "cause": "" if asked.finding is None else asked.finding.cause,
        "reason": "" if asked.finding is None else asked.finding.text,
        "injections": [
            {
                "proxy": line.proxy,
                "injection": dict(line.injection),
                "placed": line.placed,
                "vacuous": line.vacuous,
                "matched": line.matched,
                "chosen": line.chosen,
                "fired": line.fired,
                "refused": line.refused,
                "cause": "" if line.finding is None else line.finding.cause,
                "reason": "" if line.finding is None else line.finding.text,
            }
            for line in asked.lines
        ],
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
        "faults": list(entry.faults),
    }


def moment(seconds: float) -> str:
    """Return a unix time as ISO 8601 in UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


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
