"""What injections did, as JSON has it: receipts, and what was asked for.

An injection is its flat mapping (`brownout.faults.spec`) with a `receipt` in it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from ..proxy import Injection, Proxy
    from ..proxy.ledger import Asked, Line
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
    """How many connections, turns or requests it could have hit since it began."""
    chosen: int
    """How many of those its trigger picked."""
    fired: int
    """On how many of those something happened that the client or the server could notice."""
    bytes: int
    untouched: list[int]
    """The numbers of connections on which it could not act: at most the first 1000."""
    untouched_total: int
    unseen: bool
    """Nobody can count what it hits: connections that the system refuses, or all that a Toxiproxy does."""
    refused: int | None
    """How many connection attempts failed on this machine while it had the port closed, for `unreachable` how many SYNs
    were dropped; null: it does not, or nobody knows."""
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
    worker: str
    """The worker of pytest-xdist that injected it, for its own connections alone; empty: anybody."""
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


def injection_view(proxy: Proxy, injection: Injection) -> dict[str, object]:
    """Return an injection of a proxy, placed or healed, as JSON has it: its flat mapping and its receipt."""
    return found_view(injection, *proxy.findings(injection)[injection])


def found_view(injection: Injection, finding: Finding | None, refused: int | None) -> dict[str, object]:
    """Return the same of an injection of which this was found: see `Proxy.findings`."""
    waits = injection.countdown is not None and injection.timer is not None and injection.countdown.waits_for
    cause, reason, hint = finding or ("", "", "")
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
        "unseen": injection.spec.fault.port != "open",
        "refused": refused,
        "cause": cause,
        "reason": reason,
        "hint": hint,
        "waits_for": waits or "",
        "profile": injection.profile,
        "key": injection.key,
        "worker": "" if injection.worker is None else injection.worker.name,
        "healed_at": None if injection.healed_at is None else moment(injection.healed_at),
    }
    return {**injection.spec.to_mapping(), "receipt": receipt}


def asked_view(asked: Asked) -> AskedView:
    """Return what was asked for as JSON has it."""
    cause, reason, _ = asked.finding or ("", "", "")
    return {
        "profile": asked.profile,
        "key": asked.key,
        "cause": cause,
        "reason": reason,
        "injections": [_line_view(line) for line in asked.lines],
    }


def moment(seconds: float) -> str:
    """Return a unix time as ISO 8601 in UTC, with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line_view(line: Line) -> AskedLine:
    cause, reason, _ = line.finding or ("", "", "")
    return {
        "proxy": line.proxy,
        "injection": dict(line.injection),
        "placed": line.placed,
        "vacuous": line.vacuous,
        "matched": line.matched,
        "chosen": line.chosen,
        "fired": line.fired,
        "refused": line.refused,
        "cause": cause,
        "reason": reason,
    }
