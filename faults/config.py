"""What a configuration file says: the seed, the proxies, the profiles."""

from __future__ import annotations

from typing import NamedTuple

from .profile import Profile


class ProxyEntry(NamedTuple):
    """A proxy of the file."""

    name: str
    upstream: str
    listen: str = "127.0.0.1:0"
    enabled: bool = True


class Config(NamedTuple):
    """A whole file, read and checked."""

    path: str = ""
    seed: int | None = None
    proxies: dict[str, ProxyEntry] = {}
    profiles: dict[str, Profile] = {}
