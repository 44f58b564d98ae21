"""The parameters of requests to Toxiproxy's API, checked in the order in which Toxiproxy checks them."""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import NamedTuple

from ...faults.settings.names import LONGEST, check
from ...proxy.system.listener import ListenError
from ...wire.address import Address, AddressError
from ...wire.errors import BrownoutError, cut
from .gohttp import ToxiproxyError
from .gojson import DecodeError, Fields
from .golisten import listen_address
from .toxics import STREAMS, TYPES, Toxic, single


class LeftOut(NamedTuple):
    """A toxic of a list that is not added, and why."""

    toxic: str
    reason: str


class Entry(NamedTuple):
    """A proxy that somebody wants, and what is left out of it."""

    name: str
    upstream: str
    listen: str
    enabled: bool
    toxics: list[Toxic]
    left_out: list[LeftOut]


def read_entry(value: object, number: int | None = None, *, toxics: bool = False) -> Entry:
    """Read a proxy to be made; one of a list says its number in errors. Raises BrownoutError.

    With `toxics` it has those that it is given; what is wrong with one of them is no error, it is left out.
    """
    fields, where = Fields(value), "" if number is None else f" at proxy {number}"
    name, upstream = fields.text("name"), fields.text("upstream")
    listen, enabled = fields.text("listen") or "", fields.switch("enabled")
    for key, text in (("name", name), ("upstream", upstream)):
        if not text:
            raise ToxiproxyError(HTTPStatus.BAD_REQUEST, f"missing required field: {key}{where}")
    found, left_out = _toxics(None if number is None else fields.get("toxics"), wanted=toxics)
    return Entry(_name(name or ""), upstream or "", listen, enabled is not False, found, left_out)


def _toxics(given: object, *, wanted: bool) -> tuple[list[Toxic], list[LeftOut]]:
    """Read the toxics of a proxy, and why which are left out."""
    if given is not None and not isinstance(given, list):
        return [], [LeftOut("", "toxics is not a list")]
    found: list[Toxic] = []
    left_out: list[LeftOut] = []
    for each in given or []:
        try:
            if not wanted:
                raise BrownoutError("a list adds toxics only where it is asked to: POST /populate?toxics=1")
            found.append(read_toxic(each, [toxic.name for toxic in found]))
        except BrownoutError as error:
            left_out.append(LeftOut(_called(each), error.message))
    return found, left_out


def _called(toxic: object) -> str:
    """Return what a toxic calls itself, be it ill-formed."""
    said = toxic if isinstance(toxic, dict) else {}
    return cut(str(said.get("name") or said.get("type") or ""), LONGEST)


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
