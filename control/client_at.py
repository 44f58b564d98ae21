"""The client for an address: `HOST:PORT` is a Brownout, `toxiproxy://HOST:PORT` a Toxiproxy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from ..wire.errors import BrownoutError
from .api_address import SCHEME, VARIABLE
from .client import TIMEOUT, Client

if TYPE_CHECKING:
    from ..faults.profile import Profile
    from .toxiproxy.client import ToxiproxyClient

AnyClient: TypeAlias = "Client | ToxiproxyClient"
"""They have the same methods, which answer in the same shapes."""


def client_at(
    address: str | None = None,
    *,
    token: str | None = None,
    timeout: float = TIMEOUT,
    profiles: Mapping[str, Profile] = MappingProxyType({}),
) -> AnyClient:
    """Return the client for an address, else for `BROWNOUT_API`, else for 127.0.0.1:8474.

    `token` is for a Brownout, which else takes that of the environment; with a Toxiproxy it is a BrownoutError.
    `profiles` are those of a configuration here; a Brownout has its own, a Toxiproxy none.
    """
    address = address or os.environ.get(VARIABLE)
    if address is None or not address.startswith(SCHEME):
        return Client(address, token=token, timeout=timeout)
    if token is not None:
        raise BrownoutError("a Toxiproxy asks for no token", "leave --token out")
    from .toxiproxy.client import ToxiproxyClient  # requests, without which a command starts at once

    return ToxiproxyClient(address, timeout=timeout, profiles=profiles)
