"""The protocols that exist, by name and alias: ours, and those that other packages bring.

A package registers a Protocol in its own pyproject.toml, under the protocol's name:

    [project.entry-points."brownout.protocols"]
    memcached = "mypackage.protocol:MEMCACHED"
"""

from __future__ import annotations

import contextlib
import re

from . import openings, tls
from .dialect import Dialect
from .http1.protocol import HTTP
from .plugins import PluginError, Plugins
from .protocol import Key, Protocol

AUTO = "auto"
"""The protocol of an address that leaves open what is spoken there: it is learnt from the first bytes."""
PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol("tcp"),
        Protocol(AUTO),
        Protocol("amqp", 5672, opening=openings.amqp),
        Protocol("amqps", 5671, encrypts="amqp"),
        HTTP,
        Protocol("https", 443, encrypts="http"),
        Protocol("kafka", 9092, opening=openings.kafka),
        Protocol("mongodb", 27017, opening=openings.mongodb),
        Protocol("mssql", 1433, opening=openings.mssql),
        Protocol("mysql", 3306, opening=openings.mysql),
        Protocol("nats", 4222, opening=openings.nats),
        Protocol("postgres", 5432, aliases=("postgresql",), opening=openings.postgres),
        Protocol("redis", 6379, opening=openings.redis),
        Protocol("rediss", 6379, encrypts="redis"),
        Protocol("smtp", 25, opening=openings.smtp),
        Protocol("tls", opening=tls.opening),
    )
}
"""The protocols that come with Brownout, by name."""

_BY_SCHEME = {scheme: protocol for protocol in PROTOCOLS.values() for scheme in protocol.schemes}
SCHEME = re.compile(r"[a-z][a-z0-9.-]*")  # RFC 3986, section 3.1; after a "+" stands how it is reached
UNIX = "unix"
"""The scheme of a socket's path, and what stands after a protocol's "+"; no protocol may have this name."""


def find(scheme: str) -> Protocol | None:
    """Return the protocol of a name or an alias, ours first; None for an unknown one.

    Raises PluginError where another package registers one of that name, and it cannot be used.
    """
    return _BY_SCHEME.get(scheme) or PLUGINS.get(scheme) or _by_alias(scheme)


def canonical(scheme: str) -> str:
    """Return the name of a protocol for its name or an alias, and what is unknown as it is."""
    with contextlib.suppress(PluginError):
        protocol = find(scheme)
        return scheme if protocol is None else protocol.name
    return scheme


def dialect_of(scheme: str) -> Dialect | None:
    """Return what parses a protocol; None where it is carried and not parsed. Raises PluginError."""
    protocol = find(scheme)
    return None if protocol is None else protocol.dialect


def keys_of(scheme: str) -> tuple[Key, ...]:
    """Return the keys that a match on a protocol's requests may have. Raises PluginError."""
    protocol = find(scheme)
    return () if protocol is None else protocol.keys


def can_be_recognised(scheme: str) -> bool:
    """Say whether a protocol can be learnt from the first bytes. Raises PluginError."""
    protocol = find(scheme)
    return protocol is not None and protocol.opening is not None


def known() -> list[str]:
    """Return every name and alias that can be used, ours first."""
    return [scheme for protocol in (*PROTOCOLS.values(), *others()) for scheme in protocol.schemes]


def others() -> list[Protocol]:
    """Return the protocols of other packages that can be used."""
    return _theirs()[0]


def broken() -> list[PluginError]:
    """Return what is wrong with the protocols of other packages that cannot be used."""
    return _theirs()[1]


def _theirs() -> tuple[list[Protocol], list[PluginError]]:
    """Return the protocols of other packages that can be used, and why the others cannot be."""
    found: list[Protocol] = []
    wrong: list[PluginError] = []
    for name in PLUGINS.names():
        try:
            if (protocol := PLUGINS.get(name)) is not None:
                found.append(protocol)
        except PluginError as error:
            wrong.append(error)
    return found, wrong


def _by_alias(scheme: str) -> Protocol | None:
    return next((protocol for protocol in others() if scheme in protocol.aliases), None)


def _checked(protocol: object, name: str, label: str) -> Protocol:
    if not isinstance(protocol, Protocol):
        raise PluginError(f"{label} is not a Protocol: {protocol!r}", "it must be a brownout.wire.protocol.Protocol")
    if protocol.name != name:
        raise PluginError(f"{label} calls itself {protocol.name!r}", "its name must be that of its entry point")
    if not isinstance(protocol.aliases, tuple):
        raise PluginError(f"{label} has aliases that are not a tuple: {protocol.aliases!r}", "write aliases=('NAME',)")
    if protocol.opening is not None and not callable(protocol.opening):
        raise PluginError(f"{label} has an opening that cannot be called: {protocol.opening!r}", "give a function")
    for scheme in protocol.schemes:
        if not SCHEME.fullmatch(scheme):
            raise PluginError(f"{label} has a name that cannot be the scheme of a URL: {scheme!r}", "take a-z and 0-9")
        if scheme in _BY_SCHEME or scheme == UNIX:
            raise PluginError(f"{label} has the name {scheme!r}, which is Brownout's own", "choose another name")
    return protocol


PLUGINS = Plugins("brownout.protocols", "protocol", _checked)
"""The protocols of other packages."""
