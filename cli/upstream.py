"""What `-p` and `proxy add` say of a proxy: its name, where it listens, and what it stands before."""

from __future__ import annotations

import re

from ..faults.settings import names
from ..wire.errors import BrownoutError
from ..wire.mask import mask
from ..wire.protocols import AUTO, PROTOCOLS, find

FREE = "127.0.0.1:0"
_PORT = re.compile(r":?([0-9]{1,5})")
_ADDRESS = re.compile(r"(?:\[[^\]]+\]|[^:/=@\s]+):([0-9]{1,5})")
_EXAMPLE = "redis=redis://127.0.0.1:6379"


def split(text: str) -> tuple[str, str, str]:
    """Read the value of one -p, `NAME=UPSTREAM` or `NAME=LISTEN=UPSTREAM`. Raises BrownoutError.

    What follows NAME= is LISTEN=UPSTREAM where an `=` comes before any URL, since URLs may hold one of their own.
    """
    name, equals, rest = text.partition("=")
    if not equals or not rest or "://" in name:
        raise BrownoutError(f"-p {mask(text)} is not NAME=UPSTREAM", f"write it like -p {mask(named(text))}")
    names.check(name)
    listen, equals, upstream = rest.partition("=")
    if not equals or ("://" in listen and not listen.startswith("unix://")):
        listen, upstream = FREE, rest
    return name, listen, full(name, upstream)


def full(name: str, upstream: str) -> str:
    """Return an upstream that may be a port alone: on 127.0.0.1, in the protocol that the proxy's name names, if any.

    `redis=6379` and `redis=:6379` are redis://127.0.0.1:6379. All else stays as it is.
    """
    found = _PORT.fullmatch(upstream)
    if found is None:
        return upstream
    scheme = name.lower() if find(name.lower()) is not None else "tcp"
    return f"{scheme}://127.0.0.1:{found[1]}"


def named(text: str) -> str:
    """Return an upstream with a name, as -p has it, where a user gave it alone; what has a name stays as it is."""
    if "=" in text.partition("://")[0]:
        return text if text.partition("=")[2] else _EXAMPLE
    if "://" in text:
        scheme = text.partition("://")[0]
        return f"{_name(scheme)}={text}"
    port = _PORT.fullmatch(text) or _ADDRESS.fullmatch(text)
    if port is not None:
        usual = next((each.name for each in PROTOCOLS.values() if each.port == int(port[1])), "")
        upstream = f"127.0.0.1:{port[1]}" if text in (port[1], f":{port[1]}") else text
        return f"{usual}={usual}://{upstream}" if usual else f"app={upstream}"
    protocol = PROTOCOLS.get(text.removesuffix("=").lower())
    if protocol is not None and protocol.port is not None:
        return f"{protocol.name}={protocol.name}://127.0.0.1:{protocol.port}"
    return _EXAMPLE


def _name(scheme: str) -> str:
    """Return a name for a proxy before an upstream of a scheme."""
    name = re.sub("[^a-z0-9]", "", scheme.lower().partition("+")[0])
    return name if name not in ("", AUTO, "tcp", "unix") else "app"
