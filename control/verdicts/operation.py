"""What a client did for one purpose: the attempts of a logical operation, and what each of them met.

What an attempt met is of a kind, as its client could know it:

| kind | the client | so |
| --- | --- | --- |
| `retryable` | can tell that the work was not done | it may try again, after a pause |
| `correctable` | was told what stands against it, such as another version | it may try again with that changed |
| `final` | was told that the same request will fail again | to try again is a bug |
| `ambiguous` | cannot know whether the work was done | it may try again what may be done twice |

RFC 9110, 15, has the meaning of the statuses, RFC 4918 that of 423, RFC 6585 that of 428, 429 and 431, and RFC 8470
that of 425.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from ..observations import Connection, Request, looks_like

Kind = Literal["", "retryable", "correctable", "final", "ambiguous"]

_RETRYABLE = frozenset([408, 421, 423, 425, 429, 502, 503])
_CORRECTABLE = frozenset([409, 412, 416, 417, 426, 428, 431])
_FIRST, _LAST = 6, 3
_ENDS = {"left": "no reply in time", "lost": "reply lost", "cut": "cut off"}
"""Ends of requests in words that need no explanation; the others are such words."""
"""How many attempts of many are shown, from both ends."""


class Step(NamedTuple):
    """One attempt. `began` is in seconds of one clock, `pause` in seconds since the end of the attempt before."""

    began: float
    seconds: float
    pause: float | None
    outcome: str
    """The status, or how it ended without one."""
    kind: Kind
    """What it met; empty for a success, and for what is under way."""
    retry_after: float | None
    """The seconds that the reply asked the client to wait."""
    repeatable: bool
    """Whether it may be done twice: idempotent by its protocol, or with an idempotency key."""

    @property
    def ended(self) -> float:
        """When it ended, or its client had given up."""
        return self.began + self.seconds

    @property
    def ill(self) -> bool:
        """Whether it says that the dependency is ill; a 4xx says that it works."""
        return self.kind in ("retryable", "ambiguous")


class Operation(NamedTuple):
    """The attempts at one purpose, in their order."""

    name: str
    steps: tuple[Step, ...]
    shared: bool = False
    """Whether others did the same meanwhile: then any of the attempts may be theirs."""

    @property
    def pauses(self) -> list[float]:
        """The pauses that the client chose and owed: none for which a reply had asked, none after a correction."""
        return [
            after.pause
            for before, after in itertools.pairwise(self.steps)
            if after.pause is not None and before.retry_after is None and before.kind != "correctable"
        ]

    def __str__(self) -> str:
        """Return its attempts in a line: `GET /a: 503 at 0.00 s, 200 at 0.52 s`."""
        start = self.steps[0].began
        shown = [f"{each.outcome} at {each.began - start:.2f} s" for each in self.steps]
        if len(shown) > _FIRST + _LAST:
            shown[_FIRST:-_LAST] = [f"... {len(shown) - _FIRST - _LAST} more ..."]
        return f"{self.name}: {', '.join(shown)}"


def of_requests(requests: Iterable[Request], idempotent: Iterable[str] = ()) -> list[Operation]:
    """Return the logical operations of requests, in the order in which they began.

    `idempotent` has patterns of operations that may be done twice whatever their method.
    """
    patterns = [looks_like(pattern) for pattern in idempotent]

    def step(request: Request) -> Step:
        named = any(fits(request.operation, request.request) for fits in patterns)
        return _request_step(request, named or request.idempotent or bool(request.idempotency_key))

    told = list(requests)
    shared = _shared(told)
    grouped = _grouped((each.group, each.operation, step(each)) for each in told)
    return [each._replace(shared=group in shared) for group, each in grouped.items()]


def of_connections(connections: Iterable[Connection]) -> list[Operation]:
    """Return the logical operations of connections whose bytes are not parsed: their purpose is to connect."""
    return list(_grouped((each.group, "connect", _connection_step(each)) for each in connections).values())


def _shared(requests: Iterable[Request]) -> set[int]:
    """Return the groups of requests during which another group asked for the same without an idempotency key."""
    spans: dict[tuple[str, str], dict[int, tuple[float, float]]] = {}
    for each in requests:
        if not each.idempotency_key:
            groups = spans.setdefault((each.request, each.fingerprint), {})
            began, ended = groups.get(each.group, (each.began, each.began))
            groups[each.group] = (began, max(ended, each.began + each.seconds))
    found: set[int] = set()
    for groups in spans.values():
        last, until = 0, -math.inf
        for group, (began, ended) in sorted(groups.items(), key=lambda item: item[1]):
            if began < until:
                found |= {last, group}
            if ended > until:
                last, until = group, ended
    return found


def _grouped(steps: Iterable[tuple[int, str, Step]]) -> dict[int, Operation]:
    names: dict[int, str] = {}
    found: dict[int, list[Step]] = {}
    for group, name, step in steps:
        names.setdefault(group, name)
        found.setdefault(group, []).append(step)
    return {group: Operation(names[group], tuple(each)) for group, each in found.items()}


def _request_step(request: Request, repeatable: bool) -> Step:
    kind = _kind(request)
    return Step(request.began, request.seconds, request.pause, told(request), kind, request.retry_after, repeatable)


def told(request: Request) -> str:
    """Return what the client had of a request, as a sentence goes on: `503`, `no reply in time`, `200 cut off`."""
    end = _ENDS.get(request.end, request.end)
    return end if request.status is None else f"{request.status} {end}".rstrip()


def _kind(request: Request) -> Kind:
    if request.end in ("open", "unparsed"):
        return ""
    if request.end or request.status is None:
        return "ambiguous"
    if not isinstance(request.status, int):  # a protocol whose statuses are words
        return "retryable" if request.failed else ""
    if request.status in _RETRYABLE or (400 <= request.status < 500 and request.retry_after is not None):
        return "retryable"
    if request.status in _CORRECTABLE:
        return "correctable"
    if request.status >= 500:
        return "ambiguous"
    return "final" if request.status >= 400 else ""


def _connection_step(connection: Connection) -> Step:
    kind: Kind = "retryable" if connection.failed else ""
    return Step(connection.began, connection.seconds, connection.pause, connection.end, kind, None, repeatable=True)


def span(steps: Sequence[Step]) -> float:
    """Return the seconds from the beginning of the first to the end of the last."""
    return max(each.ended for each in steps) - steps[0].began
