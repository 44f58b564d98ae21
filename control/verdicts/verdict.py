"""All rules over what the clients of one proxy did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Self

from ...proxy.shaping.budget import LIMITS
from ...supervisor.process import Process
from ...supervisor.scope import Scope
from ..observations import Connection, Request
from . import crowd, recovery, retries
from .breaker import keeps
from .expectations import Expectations
from .finding import Finding
from .operation import Operation, of_connections, of_requests


class Seen(NamedTuple):
    """What clients did on a proxy, and when its last fault was healed, by the clock of the requests.

    `requests` is None where nothing is parsed: then a connection is an attempt.
    """

    requests: Sequence[Request] | None
    connections: Sequence[Connection]
    healed: float | None = None
    holding: frozenset[str] = frozenset()
    """The injections that hold connections back before their upstream is dialled: when a client left whose first
    bytes are more than are read until then, nobody knows."""

    def of(self, program: str) -> Self:
        """Return what clients of a program did, which is named as in `caller`; empty: all."""
        if not program:
            return self
        meant = Scope(program)
        connections = [each for each in self.connections if meant.fits(Process(0, each.caller))]
        requests = [each for each in self.requests or () if meant.fits(Process(0, each.caller))]
        return self._replace(connections=connections, requests=None if self.requests is None else requests)

    def operations(self, idempotent: Iterable[str], told: int | None) -> list[Operation]:
        """Return the logical operations, as far as their times are known; `idempotent` as in [of_requests].

        Where no connection came to a request, each is an attempt if it is told how many operations there are: else five
        of them may be five calls.
        """
        held = {
            each.number
            for each in self.connections
            if each.sent > LIMITS.early and self.holding.intersection(each.faults)
        }
        if self.requests is None or (told is not None and not self.requests):
            return of_connections(each for each in self.connections if each.number not in held)
        return of_requests((each for each in self.requests if each.connection not in held), idempotent)


def healed_at(ends: Iterable[float | None], done: Sequence[Request | Connection]) -> float | None:
    """Return when the last fault was healed, by the clock of what was done; None while one is armed, or without any.

    `ends` has the Unix times at which each was healed.
    """
    told = list(ends)
    if not told or not done:
        return None
    healed = [end for end in told if end is not None]
    return max(healed) + done[0].began - done[0].at.timestamp() if len(healed) == len(told) else None


def findings(seen: Seen, expected: Expectations) -> list[Finding]:
    """Return what the rules found, errors first; of a rule that found the same on many operations, the first."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for finding in _findings(seen.of(expected.caller), expected):
        found.setdefault((finding.level, finding.rule), []).append(finding)
    first = [each[0] if len(each) == 1 else _counted(each) for each in found.values()]
    return sorted(first, key=lambda finding: finding.level != "error")


def _counted(same: list[Finding]) -> Finding:
    return same[0]._replace(text=f"{same[0].text} (the first of {len(same)} operations)")


def _findings(seen: Seen, expected: Expectations) -> Iterator[Finding]:
    told = expected.operations
    operations = seen.operations(expected.idempotent, told)
    calls = 1 if told is None else max(1, 1 + told - len(operations))
    counted = [(each, calls + each.shared) for each in operations]  # an attempt of another client is like another call
    bounded = [found for each, count in counted for found in retries.bounded(each, expected.max_attempts, count)]
    yield from bounded
    if told is not None and not bounded:
        yield from crowd.bounded_together(operations, told, expected.max_attempts)
    for operation, count in counted:
        if expected.deadline is not None:
            yield from retries.within_deadline(operation, expected.deadline, count)
        yield from retries.backs_off(operation, expected.opens_after, count)
        yield from retries.honours_retry_after(operation, count)
        yield from retries.leaves_final(operation, count)
        yield from retries.repeats_safely(operation, count)
    if calls == 1:
        yield from crowd.has_jitter(operations)
    yield from crowd.amplifies_little(operations, expected.max_amplification, calls)
    if expected.opens_after is not None and expected.quiet_for is not None:
        yield from keeps(operations, expected.opens_after, expected.quiet_for, expected.probes)
    if seen.healed is not None and expected.recover_within is not None:
        yield from recovery.recovers(operations, seen.healed, expected.recover_within)
    if seen.requests is not None:
        yield from recovery.closes_broken(seen.requests, seen.connections)
        yield from recovery.gives_back(seen.requests, seen.connections, calls)
