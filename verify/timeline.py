"""What a journey asked of what failed, and when: a part of the records of a fleet."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from ..control import observations
from ..control.observations import Connection, Request
from ..control.verdicts.operation import told
from ..control.views import connection_view, request_view
from ..proxy.record.connection_log import ConnectionEntry
from ..proxy.record.request_log import Entry
from .document import Attempt, Timeline
from .watch import PREFIX, TIME_OVER, Breaking, Watch

E = TypeVar("E", ConnectionEntry, Entry)

MOST = 40
"""How many requests and connections of a cell are kept, and how many times at which the failure began."""
_AT_ONCE = 0.05
"""Seconds within which a connection is closed whose client has left."""
_ENDS = {
    TIME_OVER: "reset when the time was over",
    "closed by client": "closed by the service",
    "closed by server": "closed by the dependency",
}
"""Ends of connections in words of who the two sides are."""
_LAST = 10
"""How many of these are the last ones, where there are more."""


def timeline(watch: Watch, breaking: Breaking) -> Timeline:
    """Return what went to what the watch breaks, since the journey was called."""
    fleet, dependency, zero = watch.fleet, breaking.dependency, watch.zero
    now = fleet.clock.time()
    broken = tuple((moment(began - zero), moment((ended or now) - zero)) for began, ended in watch.windows[:MOST])
    if dependency not in fleet.proxies:
        return Timeline(broken)
    made = [each for each in fleet.connections(proxy=dependency) if each.began + _lasted(each) >= watch.began]
    asked = [each for each in fleet.requests(proxy=dependency) if each.began >= watch.began]
    starts = [call.at for call in watch.seen[-1].calls if call.began] if watch.seen else []
    names = {f"{PREFIX}-{number}": str(fault["fault"]) for number, fault in enumerate(breaking.faults, 1)}
    found = attempts(made, asked, starts, zero, names, watch.over)
    kept = found if len(found) <= MOST else [*found[: MOST - _LAST], *found[-_LAST:]]
    over = None if watch.over is None else moment(watch.over - zero)
    return Timeline(broken, tuple(kept), len(found) - len(kept), over)


def attempts(
    made: Iterable[ConnectionEntry],
    asked: Iterable[Entry],
    starts: Sequence[float],
    zero: float,
    names: Mapping[str, str],
    over: float | None = None,
) -> list[Attempt]:
    """Return connections and requests in their order. What a call asks, from its start on, is no retry of another's.

    `names` are those of the faults, by their injections. What was held at `over` was reset then.
    """
    found = []
    for some in _by_call(made, starts):
        left = {each.link: each.left is not None and each.left < each.seconds - _AT_ONCE for each in some}
        for connection in observations.connections(map(connection_view, some)):
            found.append(
                _attempt(connection, "", _outcome(connection, left[connection.number]), connection.number, zero, names)
            )
    for entries in _by_call(asked, starts):
        for request in observations.requests(map(request_view, entries)):
            held = over is not None and request.failed and request.began < over <= request.began + request.seconds
            outcome = _ENDS[TIME_OVER] if held else told(request)
            found.append(_attempt(request, request.request, outcome, request.connection, zero, names))
    return sorted(found, key=lambda each: each.at)


def moment(seconds: float) -> float:
    """Return a time to 0.1 ms."""
    return round(seconds, 4)


def _outcome(connection: Connection, left: bool) -> str:
    """Return how a connection ended for its client. What is sent to one that has left reaches nobody."""
    if left:
        return f"given up by the service, {connection.sent} B sent"
    end = _ENDS.get(connection.end, connection.end)
    return f"{end}, {connection.sent} B sent, {connection.received} B received" if connection.sent else end


def _lasted(entry: ConnectionEntry) -> float:
    return entry.seconds if entry.left is None else min(entry.left, entry.seconds)


def _by_call(entries: Iterable[E], starts: Sequence[float]) -> list[list[E]]:
    """Return what began before the second call, what began after that and before the third, and so on."""
    found: list[list[E]] = [[] for _ in range(max(1, len(starts)))]
    for entry in entries:
        found[bisect.bisect_right(starts[1:], entry.began)].append(entry)
    return found


def _attempt(
    each: Request | Connection, what: str, outcome: str, connection: int, zero: float, names: Mapping[str, str]
) -> Attempt:
    return Attempt(
        what=what,
        connection=connection,
        at=moment(each.began - zero),
        seconds=moment(each.seconds),
        outcome=outcome,
        failed=each.failed,
        faults=tuple(names.get(name, name) for name in each.faults),
        number=each.attempt,
        pause=None if each.pause is None else moment(each.pause),
    )
