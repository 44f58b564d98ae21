"""What a request may ask for: bodies and queries, checked as settings are."""

from __future__ import annotations

from typing import Literal

from ..faults.settings import Settings


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
