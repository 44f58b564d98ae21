"""What the COMMAND of `run` finds in its environment: where the proxies and the API are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..control import bearer
from ..control.client import VARIABLE

if TYPE_CHECKING:
    from ..proxy import Proxy
    from ..wire.address import Address


def prefix(name: str) -> str:
    """Return what the variables of a proxy begin with: `BROWNOUT_MY_DB` for `my-db`."""
    return f"BROWNOUT_{re.sub('[^A-Z0-9]', '_', name.upper())}"


def variables(proxies: Iterable[Proxy], api: Address | None, token: str = "") -> dict[str, str]:
    """Return what the command finds beside its own environment.

    `_URL` is the upstream's own URL, password and all, with the proxy's host and port; a unix socket has neither.
    """
    found: dict[str, str] = {}
    if api is not None:
        found[VARIABLE] = api.reachable.endpoint
        if token:
            found[bearer.VARIABLE] = token
    for proxy in proxies:
        if proxy.address is None:
            continue
        address = proxy.address.reachable
        found[f"{prefix(proxy.name)}_URL"] = proxy.upstream.url_at(address)
        found[f"{prefix(proxy.name)}_ADDRESS"] = address.path or address.endpoint
        if not address.path:
            found[f"{prefix(proxy.name)}_HOST"] = address.host
            found[f"{prefix(proxy.name)}_PORT"] = str(address.port)
    return found
