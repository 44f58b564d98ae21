"""What a request may ask for: bodies and queries, checked as settings are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..faults.settings import Settings
from ..proxy.record.entry import KEPT

if TYPE_CHECKING:
    from ..proxy import Entry, Event


class ProxyPut(Settings, frozen=True):
    """The body of a PUT of a proxy."""

    upstream: str
    listen: str = "127.0.0.1:0"
    enabled: bool = True


class ProxyPatch(Settings, frozen=True):
    """The body of a PATCH of a proxy; what is not said stays."""

    upstream: str | None = None
    listen: str | None = None
    enabled: bool | None = None


class JournalQuery(Settings, frozen=True):
    """The query of the journal."""

    proxy: str | None = None
    kind: str | None = None
    since: int = 0
    follow: Literal["0", "1"] = "0"

    def wants(self, event: Event) -> bool:
        """Say whether an event is asked for."""
        return self.proxy in (None, event.proxy) and self.kind in (None, event.kind)


class RequestsQuery(Settings, frozen=True):
    """The query of the requests."""

    proxy: str | None = None
    since: int = 0
    last: int = KEPT
    follow: Literal["0", "1"] = "0"

    def wants(self, entry: Entry) -> bool:
        """Say whether a request is asked for."""
        return self.proxy in (None, entry.proxy)
