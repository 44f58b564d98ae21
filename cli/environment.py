"""What the COMMAND of `run` finds in its environment: where the proxies and the API are, and what `env:` says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..control import bearer
from ..control.api_address import VARIABLE
from ..wire.errors import BrownoutError

if TYPE_CHECKING:
    from ..faults.config.template import Field, Template
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


def filled(env: Mapping[str, Template], proxies: Mapping[str, Proxy]) -> dict[str, str]:
    """Return the variables of `env:`. Raises BrownoutError for a proxy that is disabled."""

    def find(field: Field) -> str:
        proxy = proxies[field.proxy]
        if proxy.address is None:
            raise BrownoutError(f"{proxy.name} is disabled, so it has no address")
        return field.of(proxy.upstream, proxy.address.reachable)

    return {name: template.fill(find) for name, template in env.items()}
