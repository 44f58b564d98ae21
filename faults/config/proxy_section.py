"""The section `proxies` of a configuration file."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from msgspec import Meta

from ...wire.address import Address
from ...wire.errors import BrownoutError
from ..settings import names
from .nodes import Node
from .problem import path
from .reader import Reader, shape, switch

FREE = "127.0.0.1:0"


class ProxyEntry(NamedTuple):
    """A proxy of the file."""

    name: str
    upstream: Annotated[
        str, Meta(description="The server behind the proxy: a URL like redis://HOST:PORT, or HOST:PORT.")
    ]
    listen: Annotated[
        str, Meta(description="Where it listens: HOST:PORT, PORT, unix:///path. Port 0 means any free port.")
    ] = FREE
    enabled: Annotated[bool, Meta(description="Whether it listens from the start.")] = True


class Proxies(NamedTuple):
    """What the section says, and the protocol of every proxy that it names: empty where its upstream is wrong."""

    entries: dict[str, ProxyEntry]
    protocols: dict[str, str]


def read_proxies(reader: Reader, section: Node | None) -> Proxies:
    """Read the section; what is wrong goes to the reader."""
    found = Proxies({}, {})
    taken: dict[Address, Node] = {}
    for name, node in reader.mapping(section, "proxies", "write NAME: UPSTREAM below it, a line for each").items():
        key = path("proxies", name)
        with reader.right(node, key):
            names.check(name)
        entry = _proxy(reader, name, node, key, taken)
        found.protocols[name] = ""
        if entry is not None:
            found.entries[name], found.protocols[name] = entry, Address.upstream(entry.upstream).protocol
    return found


def _proxy(reader: Reader, name: str, node: Node, key: str, taken: dict[Address, Node]) -> ProxyEntry | None:
    if node.bad:
        return None
    if isinstance(node.value, str | int | float):
        return ProxyEntry(name, str(node.value)) if _upstream_is_right(reader, node, key) else None
    example = "write upstream: redis://HOST:PORT below it"
    items = reader.mapping(node, key, example)
    reader.refuse_unknown(items, ProxyEntry._fields[1:], key)
    given = {field: each for field, each in items.items() if each.value is not None and not each.bad}
    listen = _listen(reader, given.get("listen"), path(key, "listen"), taken)
    enabled = given.get("enabled")
    if enabled is not None and not isinstance(enabled.value, bool):
        reader.say(enabled, path(key, "enabled"), f"{shape(enabled)} is not a switch", switch(enabled))
    upstream = given.get("upstream")
    if upstream is None:
        if not isinstance(node.value, list) and not ("upstream" in items and items["upstream"].bad):
            reader.say(node, key, "the proxy has no upstream", example)
        return None
    if not _upstream_is_right(reader, upstream, path(key, "upstream")):
        return None
    return ProxyEntry(name, str(upstream.value), listen, enabled is None or enabled.value is True)


def _upstream_is_right(reader: Reader, node: Node, key: str) -> bool:
    with reader.right(node, key):
        if not isinstance(node.value, str):
            raise BrownoutError(f"{shape(node)} is not an address", "write it like redis://HOST:PORT or HOST:PORT")
        Address.upstream(node.value)
        return True
    return False


def _listen(reader: Reader, node: Node | None, key: str, taken: dict[Address, Node]) -> str:
    if node is None:
        return FREE
    with reader.right(node, key):
        if isinstance(node.value, bool) or not isinstance(node.value, str | int):
            raise BrownoutError(f"{shape(node)} is not an address", "write it like 127.0.0.1:6379")
        address = Address.listen(str(node.value))._replace(url="")
        first = taken.setdefault(address, node) if address.port or address.path else node
        if first is not node:
            raise BrownoutError(
                f"{address.endpoint} is taken by the proxy in line {first.place.line}",
                "give each a port of its own; port 0 is any free one",
            )
    return str(node.value)
