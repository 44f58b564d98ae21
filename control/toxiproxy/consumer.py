"""A Toxiproxy over HTTP: the consumer of toxiproxy-python, with timeouts, and our errors for what it lets pass."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol, TypeVar, cast
from urllib.parse import quote

import msgspec
import requests
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from ...wire.address import Address
from ...wire.errors import BrownoutError, ConflictError, NotFoundError
from ..client import NoAnswerError

T = TypeVar("T")

_PLAIN_VERSION = re.compile(rb"\d+\.\d+[\w.+-]{,20}|git")

_KINDS: dict[type[Exception], type[BrownoutError]] = {
    InvalidToxic: BrownoutError,  # any 400
    NotFound: NotFoundError,
    ProxyExists: ConflictError,  # a toxic's name as well
}
_DIRECT = {"http": "", "https": ""}  # as http.client: no proxy of the environment between us and it


class Consumer:
    """Speaks to the Toxiproxy at an address.

    Every call raises NoAnswerError when nothing answers, and what is answered as an error: NotFoundError,
    ConflictError or BrownoutError.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        self._where = address.endpoint
        self._timeout = timeout
        host = f"[{address.host}]" if ":" in address.host else address.host
        # Its address is the class's, and with it everybody's: a class of our own has its own. Later ones than 0.1.1
        # keep it as base_url.
        place = {"host": host, "port": address.port, "base_url": f"http://{self._where}"}
        self._api = cast("_Api", type("_At", (APIConsumer,), place))

    def get(self, path: str, due: type[T]) -> T:
        """Return what is at a path, as what is due there."""
        return self._read(self._ask(lambda: self._api.get(path, timeout=self._timeout, proxies=_DIRECT)), due)

    def version(self) -> str:
        """Return its version: JSON, and of an old one plain text."""
        answer = self._ask(lambda: self._api.get("/version", timeout=self._timeout, proxies=_DIRECT))
        if _PLAIN_VERSION.fullmatch(answer):
            return answer.decode()
        return self._read(answer, _Version).version

    def post(self, path: str, body: object, due: type[T]) -> T:
        """Make or change what is at a path: with POST, which every release takes; PATCH came with 2.6."""
        answer = self._ask(lambda: self._api.post(path, json=body, timeout=self._timeout, proxies=_DIRECT))
        return self._read(answer, due)

    def delete(self, path: str) -> None:
        """Remove what is at a path."""
        self._ask(lambda: self._api.delete(path, timeout=self._timeout, proxies=_DIRECT))

    def _ask(self, call: Callable[[], _Response]) -> bytes:
        try:
            response = call()
        except tuple(_KINDS) as error:
            raise _KINDS[type(error)](self._said(error.args[0])) from None
        except requests.Timeout:
            raise BrownoutError(
                f"no answer from the Toxiproxy at {self._where} within {self._timeout:g} s",
                "is it one? Some wait for clients that do not read: disabling the proxy ends that",
            ) from None
        except requests.RequestException:
            hint = "say where it is: --api toxiproxy://HOST:PORT"
            raise NoAnswerError(f"no Toxiproxy answers at {self._where}", hint) from None
        if response.status_code >= 300:
            raise BrownoutError(self._said(response.content))
        return response.content

    def _read(self, answer: bytes, due: type[T]) -> T:
        try:
            return msgspec.json.decode(answer, type=due)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._stranger() from None

    def _said(self, answer: bytes) -> str:
        return f"the Toxiproxy at {self._where} says: {self._read(answer, _Refusal).error}"

    def _stranger(self) -> BrownoutError:
        return BrownoutError(
            f"what answers at {self._where} is not a Toxiproxy", "say where it is with --api toxiproxy://HOST:PORT"
        )


def path(*parts: str) -> str:
    """Return the path of what bears these names."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


class _Refusal(msgspec.Struct):
    error: str


class _Version(msgspec.Struct):
    version: str


class _Response(Protocol):
    status_code: int
    content: bytes


class _Api(Protocol):
    """What the consumer of toxiproxy-python has, which tells no types; `more` goes to requests."""

    def get(self, url: str, **more: object) -> _Response: ...
    def post(self, url: str, *, json: object, **more: object) -> _Response: ...
    def delete(self, url: str, **more: object) -> _Response: ...
