"""Who may use the API.

Origin       a web page names its own on every request that changes something: 403, unless it is the API's
Authorization    where there is a token, it must come with every request: 401
Host         where there is none, a name that public DNS could point here (DNS rebinding) is refused: 403
User-Agent   a browser's is refused, as Toxiproxy does it, where there is something to refuse: 403
"""

from __future__ import annotations

import fnmatch
import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from typing import Self

import msgspec

from ..wire.errors import BrownoutError
from . import bearer

BROWSER = "Mozilla/"
"""What the User-Agent of every browser begins with."""
VIEWABLE = frozenset({"/metrics"})
"""What people look at."""


PRIVATE = (".internal", ".local", ".localhost", ".svc")
"""How names end that public DNS has not: containers and clusters have them."""


class RefusedError(BrownoutError):
    """A request of somebody who may not use the API."""

    status = 403


class UnauthorizedError(BrownoutError):
    """A request without the token."""

    status = 401


class Guard(msgspec.Struct, frozen=True):
    """Who may use an API: those who have its `token`, or where that is empty, those who call it by one of its `hosts`.

    A host may be a glob. IP addresses, names without a dot and those that end as only private ones do are always right,
    and no name is because of the address that it has. `viewable` are paths for browsers too.
    """

    token: str = ""
    hosts: frozenset[str] = frozenset()
    viewable: frozenset[str] = VIEWABLE

    @classmethod
    def of(cls, token: str | None, hosts: Iterable[str] = (), viewable: Iterable[str] = VIEWABLE) -> Self:
        """Return a guard. Raises BrownoutError for a token that no header can carry, and a host that is not a name."""
        for host in hosts:
            if not host or set(host) & set(":/@[] "):
                raise BrownoutError(f"'{host}' is not a host name", "write it like --allow-host chaos.example.com")
        word = "" if token is None else bearer.checked(token)
        return cls(word, frozenset(host.lower() for host in hosts), frozenset(viewable))

    def at(self, host: str) -> Self:
        """Return this guard for an API that listens at a host."""
        return msgspec.structs.replace(self, hosts=self.hosts | {host.lower()})

    def check(self, headers: Mapping[str, str]) -> None:
        """Judge the headers of a request. Raises RefusedError and UnauthorizedError."""
        host, origin = headers.get("Host", ""), headers.get("Origin")
        if origin is not None and origin != f"http://{host}":
            raise RefusedError(f"the origin '{origin}' may not use this API")
        if self.token:
            self._check_token(headers.get("Authorization", ""))
        elif not self._knows(name := _name(host)):
            raise RefusedError(
                f"this API does not answer to the name '{name}'",
                f"start it with --allow-host {name}, or with a --token",
            )

    def turns_away(self, agent: str, path: str) -> bool:
        """Say whether a User-Agent may not look at a path."""
        return agent.startswith(BROWSER) and path not in self.viewable

    def __repr__(self) -> str:
        """Show all but the token."""
        return f"Guard(token={'***' if self.token else ''!r}, hosts={set(self.hosts)})"

    def _check_token(self, shown: str) -> None:
        scheme, _, token = shown.partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(
            token.strip().encode(errors="surrogateescape"), self.token.encode()
        ):
            return
        raise UnauthorizedError(
            "the token is not the one of this API" if shown else "this API asks for a token",
            f"give it with --token or {bearer.VARIABLE}; over HTTP, Authorization: Bearer TOKEN",
        )

    def _knows(self, name: str) -> bool:
        if "." not in name or name.endswith(PRIVATE) or any(fnmatch.fnmatchcase(name, each) for each in self.hosts):
            return True
        try:
            return bool(ipaddress.ip_address(name))
        except ValueError:
            return False


NO_TOKEN = Guard()
"""Who may use an API of which nothing is said."""


def is_loopback(address: str) -> bool:
    """Say whether nobody but this machine reaches an IP address."""
    return ipaddress.ip_address(address).is_loopback


def _name(host: str) -> str:
    """Return a Host header without its port, in small letters, an IPv6 address without its brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()
