"""The parameters of requests to `/v1`: bodies and queries, checked as settings are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..faults.settings import Problem, Settings, SettingsError, unknown
from ..faults.settings.units import Duration
from ..proxy.record.event import KINDS
from ..proxy.record.request_log import KEPT
from .verdicts.expectations import Expectations

if TYPE_CHECKING:
    from ..proxy import ConnectionEntry, Entry, Recorded

LONGEST_LEASE = 3600.0
"""Seconds that a lease may last without a sign of life."""


class ProxyPut(Settings, frozen=True):
    """The body of a PUT of a proxy."""

    upstream: str
    listen: str = "127.0.0.1:0"
    enabled: bool = True


class ProxyPatch(Settings, frozen=True):
    """The body of a PATCH of a proxy; a field that is left out stays as it is."""

    upstream: str | None = None
    listen: str | None = None
    enabled: bool | None = None


class WorkerPut(Settings, frozen=True):
    """The body of a PUT of a worker: what pytest-xdist calls it, the number of its run, and the test that it runs."""

    name: str = ""
    run: str = ""
    test: str | None = None


class LeasePost(Settings, frozen=True):
    """The body of a POST of a lease; `worker` is the process of an attached worker whose lease it is."""

    duration: Duration = Duration(30.0)
    worker: int | None = None

    def __post_init__(self) -> None:
        """Refuse a lease that ends at once, or lasts. Raises SettingsError."""
        super().__post_init__()
        if not 0 < self.duration <= LONGEST_LEASE:
            wrong = f"{self.duration} is not the duration of a lease"
            raise SettingsError([Problem("duration", wrong, "more than 0s, and at most 1h")])


class JournalQuery(Settings, frozen=True):
    """The query of the journal."""

    proxy: str | None = None
    kind: str | None = None
    since: int = 0
    follow: Literal["0", "1"] = "0"

    def __post_init__(self) -> None:
        """Refuse a kind that no event has. Raises SettingsError."""
        super().__post_init__()
        if self.kind is not None and self.kind not in KINDS:
            raise SettingsError([unknown("kind", self.kind, KINDS)._replace(key="kind")])

    def wants(self, recorded: Recorded) -> bool:
        """Say whether an event is asked for."""
        return self.proxy in (None, recorded.proxy) and self.kind in (None, recorded.kind)


class RequestsQuery(Settings, frozen=True):
    """The query of the requests."""

    proxy: str | None = None
    since: int = 0
    last: int = KEPT
    open: Literal["0", "1"] = "0"
    follow: Literal["0", "1"] = "0"

    def wants(self, entry: Entry) -> bool:
        """Say whether a request is asked for: one that is open has no number."""
        return self.proxy in (None, entry.proxy) and (entry.seq > 0 or self.open == "1")


class VerdictsQuery(Expectations, frozen=True):
    """The query of the verdicts: whose clients, and what is expected of them."""

    proxy: str | None = None


class ConnectionsQuery(Settings, frozen=True):
    """The query of the connections."""

    proxy: str | None = None
    since: int = 0
    follow: Literal["0", "1"] = "0"

    def wants(self, entry: ConnectionEntry) -> bool:
        """Say whether a connection is asked for."""
        return self.proxy in (None, entry.proxy)
