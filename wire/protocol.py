"""What a protocol is to Brownout: its names, its usual port, what a match may look at, and who reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from .dialect import Dialect

Known = Literal["head", "body", "json", "reply"]
"""What of an exchange must be known before a key can be looked at."""


def as_it_came(value: str) -> tuple[str, ...]:
    """Return no other spelling of a value."""
    return ()


class Key(NamedTuple):
    """A key that a match may have. `header.NAME` is one for every NAME; in names of headers case does not count.

    `fold`: how literals and globs are spelled, as the protocol spells the value. `spellings`: what else a value may be
    written as; a pattern fits it if it fits one of them.
    """

    name: str
    part: Known
    meaning: str
    fold: Callable[[str], str] = str
    spellings: Callable[[str], tuple[str, ...]] = as_it_came

    @property
    def family(self) -> str:
        """What stands before the name that users choose, with the dot; empty for a key without one."""
        before, dot, _ = self.name.partition(".")
        return before + dot if dot else ""

    def asked(self, written: str) -> str | None:
        """Return what a head is asked for by a key that was written so; None where it is not this key."""
        if not self.family:
            return written if written == self.name else None
        if not written.startswith(self.family) or written == self.family:
            return None
        return written if self.part == "json" else written.lower()


Opening = Callable[[bytes, bytes], bool]
"""Says whether what came first on a connection, from the client and from the server, is of a protocol and no other one.

Either may be empty or cut off. It is pure, and called once for each side of a connection whose protocol is not known.
"""


class Protocol(NamedTuple):
    """A protocol that upstreams speak. Its name and its aliases are the schemes of their addresses.

    `port` is where it is spoken if an address has none, None: an address must have one. `encrypts` names the protocol
    that is carried inside, as `http` is in `https`. `keys` are in the order in which they are documented. Without a
    `dialect` it is carried and not parsed: the faults of bytes and connections act on it, and none of requests. By its
    `opening` it is recognised where an address leaves the protocol open.
    """

    name: str
    port: int | None = None
    aliases: tuple[str, ...] = ()
    encrypts: str = ""
    keys: tuple[Key, ...] = ()
    dialect: Dialect | None = None
    opening: Opening | None = None

    @property
    def schemes(self) -> tuple[str, ...]:
        """The name and the aliases."""
        return (self.name, *self.aliases)
