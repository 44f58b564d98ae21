"""The parameters of requests to Toxiproxy's API, checked in the order in which Toxiproxy checks them."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import NamedTuple

from ...faults.settings.names import check
from ...proxy.system.listener import ListenError
from ...wire.address import Address, AddressError
from ...wire.errors import BrownoutError
from .gohttp import ToxiproxyError
from .gojson import DecodeError, Fields
from .golisten import listen_address
from .toxics import STREAMS, TYPES, Toxic, single


class Entry(NamedTuple):
    """A proxy that somebody wants."""

    name: str
    upstream: str
    listen: str
    enabled: bool
    toxics: list[Toxic]


def read_entry(value: object, number: int | None = None) -> Entry:
    """Read a proxy to be made; one of a list says its number in errors, and may have toxics. Raises BrownoutError."""
    fields, where = Fields(value), "" if number is None else f" at proxy {number}"
    name, upstream = fields.text("name"), fields.text("upstream")
    listen, enabled = fields.text("listen") or "", fields.switch("enabled")
    for key, text in (("name", name), ("upstream", upstream)):
        if not text:
            raise ToxiproxyError(HTTPStatus.BAD_REQUEST, f"missing required field: {key}{where}")
    toxics: list[Toxic] = []
    for each in (fields.items("toxics") or []) if number is not None else []:
        toxics.append(read_toxic(each, [toxic.name for toxic in toxics]))
    return Entry(_name(name or ""), upstream or "", listen, enabled is not False, toxics)


def read_toxic(value: object, taken: Collection[str]) -> Toxic:
    """Read a toxic to be added, where names are taken. Raises BrownoutError."""
    fields = Fields(value)
    name, kind, stream = fields.text("name"), fields.text("type"), fields.text("stream")
    stream, toxicity = "downstream" if stream is None else stream, read_toxicity(fields)
    if stream.lower() not in STREAMS:
        raise ToxiproxyError(HTTPStatus.BAD_REQUEST, "stream was invalid, can be either upstream or downstream")
    if kind not in TYPES:
        raise ToxiproxyError(HTTPStatus.BAD_REQUEST, "invalid toxic type")
    name = _name(name or f"{kind}_{stream}")
    if name in taken:
        raise ToxiproxyError(HTTPStatus.CONFLICT, "toxic already exists")
    attributes = read_attributes(fields, kind)
    return Toxic.make(kind, attributes, name=name, stream=stream, toxicity=1.0 if toxicity is None else toxicity)


def read_attributes(fields: Fields, kind: str) -> dict[str, int]:
    """Return the attributes that are given of a type. Raises DecodeError."""
    given = Fields(fields.get("attributes"))
    numbers = {name: given.integer(name) for name in TYPES[kind].attributes}
    return {name: number for name, number in numbers.items() if number is not None}


def read_toxicity(fields: Fields) -> float | None:
    """Return the toxicity that is given. Raises DecodeError."""
    number = fields.number("toxicity")
    try:
        return None if number is None else single(number)
    except OverflowError as error:
        raise DecodeError(f"json: cannot unmarshal number into toxicity: {error}") from None


async def read_listen(text: str, prefix: str = "") -> Address:
    """Return where to listen. Raises ToxiproxyError (500), `prefix` before what is wrong."""
    try:
        return await listen_address(text)
    except AddressError as error:
        raise ToxiproxyError(HTTPStatus.INTERNAL_SERVER_ERROR, f"{prefix}{error.message}") from None


def bind_error(address: Address, error: ListenError) -> ToxiproxyError:
    """Return Toxiproxy's error for an address that one cannot listen on, in the system's words."""
    what = f"bind: {error.system.lower()}" if error.system else error.message
    return ToxiproxyError(HTTPStatus.INTERNAL_SERVER_ERROR, f"listen tcp {address.endpoint}: {what}")


def _name(name: str) -> str:
    try:
        return check(name)
    except BrownoutError as error:
        raise ToxiproxyError(HTTPStatus.BAD_REQUEST, error.message) from None
