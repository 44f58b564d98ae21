"""What the clients of one proxy did since a moment, and the wait until they have done it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

from ..control import observations
from ..control.observations import Connection, Request, looks_like, request_end
from ..control.views import ConnectionView, MarkView, RequestView
from ..faults.settings import unknown
from ..faults.settings.units import Duration
from ..wire.errors import BrownoutError
from ..wire.protocols import AUTO, dialect_of
from .awaited import Awaited
from .driver import Driver, hidden

__tracebackhide__ = hidden

ANY = "*"
_SHOWN = 5


class NotSeenError(BrownoutError, AssertionError):
    """What a test waited for did not happen in time: a failed expectation, which says what happened instead."""


class Observer:
    """Reads the records of a driver: what is on the proxy `name` since the moment that `since` returns.

    `protocol` returns what the proxy carries.
    """

    def __init__(self, driver: Driver, name: str, protocol: Callable[[], str], since: Callable[[], MarkView]) -> None:
        self._driver = driver
        self._name = name
        self._protocol = protocol
        self._since = since

    def requests(self) -> list[Request]:
        """Return the requests that began since then. Raises BrownoutError where none are parsed, or some are lost."""
        return self._requests(self._since())

    def connections(self) -> list[Connection]:
        """Return the connections that were accepted since then. Raises BrownoutError where some are lost."""
        return self._connections(self._since())

    def wait_for_requests(self, operation: str, count: int, within: float | str) -> list[Request]:
        """Wait until clients have done `count` requests. Raises NotSeenError."""
        with self._expecting_requests(operation, count, within) as (since, done, seconds):
            done.result(seconds)
        return _picked(self._requests(since), operation)

    async def wait_for_requests_async(self, operation: str, count: int, within: float | str) -> list[Request]:
        """Do the same without blocking the loop."""
        with self._expecting_requests(operation, count, within) as (since, done, seconds):
            async with asyncio.timeout(seconds):
                await asyncio.wrap_future(done)
        return _picked(self._requests(since), operation)

    def wait_for_connections(self, count: int, within: float | str) -> list[Connection]:
        """Wait until `count` connections have ended. Raises NotSeenError."""
        with self._expecting_connections(count, within) as (since, done, seconds):
            done.result(seconds)
        return [each for each in self._connections(since) if each.end != "open"]

    async def wait_for_connections_async(self, count: int, within: float | str) -> list[Connection]:
        """Do the same without blocking the loop."""
        with self._expecting_connections(count, within) as (since, done, seconds):
            async with asyncio.timeout(seconds):
                await asyncio.wrap_future(done)
        return [each for each in self._connections(since) if each.end != "open"]

    def _requests(self, since: MarkView) -> list[Request]:
        self._check_parsed()
        views = self._driver.requests(self._name, since)
        return observations.requests(view for view in views if view["began"] >= since["clock"])

    def _connections(self, since: MarkView) -> list[Connection]:
        views = self._driver.connections(self._name, since)
        return observations.connections(view for view in views if view["began"] >= since["clock"])

    def _check_parsed(self) -> None:
        protocol = self._protocol()
        if protocol != AUTO and dialect_of(protocol) is None:
            raise BrownoutError(
                f"{self._name} carries {protocol}, whose requests are not parsed",
                "connections and wait_for_connections() show what its clients did; "
                "requests need an upstream like http://HOST:PORT",
            )

    @contextlib.contextmanager
    def _expecting_requests(
        self, operation: str, count: int, within: float | str
    ) -> Iterator[tuple[MarkView, Future[None], float]]:
        self._check_parsed()
        seconds, since, fits = _seconds(count, within), self._since(), looks_like(operation)

        def wants(view: RequestView) -> bool:
            return (
                view["began"] >= since["clock"]
                and request_end(view) != "open"
                and fits(view["operation"], view["request"])
            )

        awaited = Awaited(count, wants)
        with self._driver.watch_requests(self._name, since, awaited):
            try:
                yield since, awaited.done, seconds
            except TimeoutError:
                raise self._requests_missing(operation, count, seconds, self._requests(since)) from None

    @contextlib.contextmanager
    def _expecting_connections(self, count: int, within: float | str) -> Iterator[tuple[MarkView, Future[None], float]]:
        seconds, since = _seconds(count, within), self._since()

        def wants(view: ConnectionView) -> bool:
            return view["began"] >= since["clock"] and bool(view["end"])

        awaited = Awaited(count, wants)
        with self._driver.watch_connections(self._name, since, awaited):
            try:
                yield since, awaited.done, seconds
            except TimeoutError:
                found = self._connections(since)
                ended = sum(each.end != "open" for each in found)
                what = f"{ended} of {count} connections end within {seconds:g} s"
                raise NotSeenError(f"{self._name} saw {what}; {_summary('connection', _ends(found))}") from None

    def _requests_missing(self, operation: str, count: int, seconds: float, found: list[Request]) -> NotSeenError:
        picked = [each for each in _picked(found, operation) if each.end != "open"]
        what = f"{len(picked)} of {count} requests" + ("" if operation == ANY else f" for {operation}")
        seen = _summary("request", [f"{each.operation} {each.status or each.end or 'no status'}" for each in found])
        if not found:
            seen += f", and {_summary('connection', _ends(self.connections()))}"
        others = {each.operation for each in found}
        hint = "" if not found or _picked(found, operation) else unknown("operation", operation, others).hint
        return NotSeenError(f"{self._name} saw {what} within {seconds:g} s; {seen}", hint)


def _ends(found: Sequence[Connection]) -> list[str]:
    return [each.end for each in found]


def _summary(noun: str, kinds: Sequence[str]) -> str:
    """Return what was seen, the most frequent first."""
    if not kinds:
        return f"it saw no {noun}"
    counts = Counter(kinds).most_common()
    texts = [kind if times == 1 else f"{kind} ({times} times)" for kind, times in counts[:_SHOWN]]
    more = [f"and {len(counts) - _SHOWN} more kinds"] if len(counts) > _SHOWN else []
    return f"it saw {len(kinds)} {noun}{'' if len(kinds) == 1 else 's'}: {', '.join([*texts, *more])}"


def _seconds(count: int, within: float | str) -> float:
    if count < 1:
        raise BrownoutError(f"it cannot wait for {count} of them", "count is 1 or more")
    return Duration.parse(within) if isinstance(within, str) else within


def _picked(found: Sequence[Request], operation: str) -> list[Request]:
    fits = looks_like(operation)
    return [each for each in found if fits(each.operation, each.request)]
