"""A template of `env:`: the text of an environment variable, with the places where a proxy's address goes.

{db.url}   redis://{cache.address}/0   {cache.host}   {cache.port}   {{ for a brace
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, Self

from ...wire.address import Address
from ...wire.errors import BrownoutError, NotFoundError
from ...wire.mask import mask
from ..settings import unknown
from .proxy_section import ProxyEntry

FIELDS = ("url", "host", "port", "address")
"""What of a proxy a template may name."""
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_OURS = "BROWNOUT_"


class Field(NamedTuple):
    """A place in a template: a proxy, and what of it goes there."""

    proxy: str
    field: str

    def of(self, upstream: Address, address: Address) -> str:
        """Return the text that goes there, of a proxy before `upstream` that is reached at `address`.

        Raises BrownoutError for the host or the port of a unix socket.
        """
        if self.field == "url":
            return upstream.url_at(address)
        if self.field == "address":
            return address.path or address.endpoint
        if address.path:
            raise BrownoutError(
                f"{self.proxy} listens on a unix socket, which has no {self.field}",
                f"write {{{self.proxy}.url}} or {{{self.proxy}.address}}",
            )
        return address.host if self.field == "host" else str(address.port)

    def is_met(self, text: str, address: Address) -> bool:
        """Say whether a variable that holds this text can lead to the proxy at an address."""
        return (address.path or (address.host if self.field == "host" else str(address.port))) in text


class Template(NamedTuple):
    """What a variable is to hold. `written` is how it is shown: what came out of other variables is not in it."""

    pieces: tuple[str | Field, ...]
    written: str

    @classmethod
    def parse(cls, text: str, written: str = "") -> Self:
        """Read a template. Raises BrownoutError where it names no proxy, or nothing of one that could be known."""
        pieces: list[str | Field] = []
        end = 0
        for found in _PIECE.finditer(text):
            secret = "@" in text[found.end() :]  # a password may hold braces
            pieces += [text[end : found.start()], _piece(found, "..." if secret else mask(found[1] or ""))]
            end = found.end()
        pieces.append(text[end:])
        if not any(isinstance(piece, Field) for piece in pieces):
            raise BrownoutError("the template names no proxy", "write it like {db.url}")
        return cls(tuple(piece for piece in pieces if piece), written or text)

    @property
    def fields(self) -> list[Field]:
        """The places in it."""
        return [piece for piece in self.pieces if isinstance(piece, Field)]

    @property
    def masked(self) -> str:
        """The template without passwords."""
        return mask(self.written)

    def check(self, proxies: Mapping[str, ProxyEntry | None]) -> None:
        """Check that the proxies in it are there and have what it names; None is one of which nothing else is known.

        Raises NotFoundError with the nearest name, BrownoutError for a proxy that is disabled, or has no port.
        """
        for field in self.fields:
            if field.proxy not in proxies:
                hint = unknown("proxy", field.proxy, proxies).hint
                raise NotFoundError(f"there is no proxy named '{mask(field.proxy)}'", hint)
            entry = proxies[field.proxy]
            if entry is None:
                continue
            if not entry.enabled:
                hint = "enable it from the start; a test can disable it"
                raise BrownoutError(f"{field.proxy} is disabled, so it has no address", hint)
            field.of(Address.upstream(entry.upstream), Address.listen(entry.listen))

    def fill(self, find: Callable[[Field], str]) -> str:
        """Return the text with what `find` returns in each place."""
        return "".join(piece if isinstance(piece, str) else find(piece) for piece in self.pieces)


def variable(name: str) -> str:
    """Return the name of an environment variable. Raises BrownoutError for one that cannot be set."""
    if not _NAME.fullmatch(name):
        raise BrownoutError(f"{mask(name)[:100]!r} is not a variable's name", "use letters, digits and _")
    if name.startswith(_OURS):
        raise BrownoutError(f"{name} is a variable of Brownout's own", f"use one that does not begin with {_OURS}")
    return name


def _piece(found: re.Match[str], shown: str) -> str | Field:
    text = found[0]
    if text in ("{{", "}}"):
        return text[0]
    if text in ("{", "}"):
        said = "a { is never closed" if text == "{" else "a } closes nothing"
        raise BrownoutError(said, "write it like {db.url}; {{ and }} stand for the characters { and }")
    name, _, field = found[1].rpartition(".")
    if not name:
        example = "db" if shown in ("", "...") else shown
        fields = ", ".join(f"{{{example}.{each}}}" for each in FIELDS)
        raise BrownoutError(f"{{{shown}}} does not say what of a proxy goes there", f"one of {fields}")
    if field not in FIELDS:
        hint = unknown("field", field, FIELDS).hint
        raise BrownoutError(f"{{{shown}}} is not an address of a proxy", hint)
    return Field(name, field)
