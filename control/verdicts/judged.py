"""What the rules find of the clients of a running fleet."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...faults.fault import Fault
from ...wire.protocols import dialect_of
from .. import observations
from ..views import FindingView, connection_view, request_view
from .expectations import Expectations
from .verdict import Seen, findings, healed_at

if TYPE_CHECKING:
    from ...proxy import Fleet, Proxy


def judged(
    fleet: Fleet,
    expected: Expectations,
    *,
    proxy: str | None = None,
    since: float = -math.inf,
    until: float = math.inf,
) -> list[FindingView]:
    """Return what is found of the clients of one proxy, or of all, as far as the records go back.

    `since`, `until`: only of what began at that time or later, and before this one, by the clock of the fleet.
    """
    proxies = fleet.proxies.values() if proxy is None else [fleet.proxy(proxy)]
    return [view for each in proxies for view in _judged(fleet, each, expected, since, until)]


def _judged(fleet: Fleet, proxy: Proxy, expected: Expectations, since: float, until: float) -> Iterator[FindingView]:
    made = [each for each in fleet.connections(proxy=proxy.name) if since <= each.began < until]
    connections = observations.connections(map(connection_view, made))
    requests = None
    if dialect_of(proxy.protocol) is not None:
        asked = [each for each in fleet.requests(proxy=proxy.name) if since <= each.began < until]
        requests = observations.requests(map(request_view, asked))
    placed = [*proxy.injections.healed, *proxy.injections.values()]
    ends = [each.healed_at for each in placed]
    holding = frozenset(each.name for each in placed if type(each.spec.fault).admit is not Fault.admit)
    seen = Seen(requests, connections, healed_at(ends, [*(requests or []), *connections]), holding)
    for finding in findings(seen, expected):
        yield {
            "proxy": proxy.name,
            "rule": finding.rule,
            "level": finding.level,
            "text": finding.text,
            "evidence": finding.evidence,
        }
