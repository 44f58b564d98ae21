"""The client of `/v1`, over http.client alone: a command that uses it starts at once."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Self, TypedDict, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from ..faults.settings import Problem, SettingsError
from ..faults.settings.units import Duration
from ..wire.address import Address
from ..wire.errors import BrownoutError, ConflictError, NotFoundError
from . import bearer
from .api_address import DEFAULT, VARIABLE
from .views import (
    ConnectionView,
    EventView,
    FaultView,
    FindingView,
    Health,
    LeaseView,
    MarkView,
    MissedView,
    PlacedView,
    ProblemView,
    ProfileView,
    ProxyView,
    RequestView,
    WorkerView,
)

if TYPE_CHECKING:
    from ..faults.profile import Profile

TIMEOUT = 10.0
LEASE = "Brownout-Lease"
"""The header that names the lease of a request."""
FOLLOW_TIMEOUT = 30.0
"""Seconds of silence, without even a keep-alive line, after which a followed API counts as gone."""

T = TypeVar("T")


class _Refusal(msgspec.Struct):
    error: str
    hint: str = ""
    status: int = 400
    problems: list[ProblemView] = []


class NoAnswerError(BrownoutError):
    """Nobody is where the API should be."""


class UnsupportedError(BrownoutError):
    """Something that a Toxiproxy has no words for."""

    status = 501


class Hangup:
    """Ends what another thread follows, from any thread: it comes to its end as if the Brownout had ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None
        self._over = False

    def take(self, sock: socket.socket) -> None:
        """Take the connection to end; it may be over already."""
        with self._lock:
            self._sock = sock
        if self._over:
            self()

    def __call__(self) -> None:
        """End it."""
        with self._lock:
            self._over = True
            if self._sock is not None:
                with contextlib.suppress(OSError):  # the other end was quicker
                    self._sock.shutdown(socket.SHUT_RDWR)


class _Healed(TypedDict):
    healed: int


class Client:
    """Speaks to the API at `HOST:PORT`: as given, else `BROWNOUT_API`, else 127.0.0.1:8474.

    A `token` goes with every call: as given, else `BROWNOUT_TOKEN`; none where that is empty.

    Every call raises BrownoutError when nothing answers, and what the API answers as an error: NotFoundError,
    ConflictError, SettingsError (with its `problems`) or BrownoutError, each with the API's message, hint and status.
    """

    noun = "Brownout"

    def __init__(self, address: str | None = None, *, token: str | None = None, timeout: float = TIMEOUT) -> None:
        self.address = Address.listen(address or os.environ.get(VARIABLE) or DEFAULT)
        if self.address.path:
            raise BrownoutError(f"the API is not at {self.address.endpoint}", "write HOST:PORT")
        self._token = (os.environ.get(bearer.VARIABLE) or "") if token is None else token
        if self._token:
            bearer.checked(self._token)
        self._timeout = timeout
        self.lease = ""
        """The lease under which it makes what it makes, if any."""

    @property
    def where(self) -> str:
        """The address, as `--api` takes it."""
        return self.address.endpoint

    def within(self, seconds: float) -> Self:
        """Return a client of the same API that waits `seconds` at most."""
        return type(self)(self.address.endpoint, token=self._token, timeout=seconds)

    def knowing(self, profiles: Mapping[str, Profile]) -> Self:
        """Raise BrownoutError: a Brownout knows the profiles of its own file."""
        raise BrownoutError("a Brownout has the profiles of its own file", "give it the file: brownout run FILE")

    def health(self) -> Health:
        """Return who answers."""
        return self._ask("GET", "health", Health)

    def faults(self) -> list[FaultView]:
        """Return the catalogue of the running Brownout."""
        return self._ask("GET", "faults", list[FaultView])

    def fault(self, name: str) -> FaultView:
        """Return a fault of the catalogue."""
        return self._ask("GET", _path("faults", name), FaultView)

    def proxies(self) -> list[ProxyView]:
        """Return all proxies with their injections."""
        return self._ask("GET", "proxies", list[ProxyView])

    def proxy(self, name: str) -> ProxyView:
        """Return a proxy with its injections."""
        return self._ask("GET", _path("proxies", name), ProxyView)

    def expect(self, name: str) -> ProxyView:
        """Return a proxy, also one that an intercepted command may still connect to."""
        return self._ask("POST", _path("proxies", name, "expect"), ProxyView)

    def add(self, name: str, upstream: str, listen: str = "127.0.0.1:0", *, enabled: bool = True) -> ProxyView:
        """Make a proxy; one that is there and differs is a ConflictError."""
        body = {"upstream": upstream, "listen": listen, "enabled": enabled}
        return self._ask("PUT", _path("proxies", name), ProxyView, body)

    def update(
        self, name: str, *, upstream: str | None = None, listen: str | None = None, enabled: bool | None = None
    ) -> ProxyView:
        """Change a proxy; what is None stays."""
        body = {"upstream": upstream, "listen": listen, "enabled": enabled}
        said = {key: value for key, value in body.items() if value is not None}
        return self._ask("PATCH", _path("proxies", name), ProxyView, said)

    def remove(self, name: str) -> None:
        """Remove a proxy and close its connections."""
        self._ask("DELETE", _path("proxies", name), dict[str, object])

    def injections(self, proxy: str) -> list[dict[str, object]]:
        """Return the injections of a proxy."""
        return self._ask("GET", _path("proxies", proxy, "injections"), list[dict[str, object]])

    def injection(self, proxy: str, name: str) -> dict[str, object]:
        """Return an injection with its receipt."""
        return self._ask("GET", _path("proxies", proxy, "injections", name), dict[str, object])

    def inject(self, proxy: str, injection: Mapping[str, object] | str) -> dict[str, object]:
        """Inject a fault, as a flat mapping or in the short form, and return it with its receipt."""
        body = injection if isinstance(injection, str) else dict(injection)
        return self._ask("POST", _path("proxies", proxy, "injections"), dict[str, object], body)

    def change(self, proxy: str, name: str, values: Mapping[str, object]) -> dict[str, object]:
        """Change settings of an injection while it works, and return it with its receipt."""
        return self._ask("PATCH", _path("proxies", proxy, "injections", name), dict[str, object], dict(values))

    def heal(self, proxy: str | None = None) -> int:
        """Heal everything, or all of one proxy, and return how many injections that were."""
        path = "injections" if proxy is None else _path("proxies", proxy, "injections")
        return self._ask("DELETE", path, _Healed)["healed"]

    def heal_one(self, proxy: str, name: str) -> dict[str, object]:
        """Heal an injection and return it with its last receipt."""
        return self._ask("DELETE", _path("proxies", proxy, "injections", name), dict[str, object])

    def profiles(self) -> list[ProfileView]:
        """Return the profiles of the configuration file, then those that ship with Brownout."""
        return self._ask("GET", "profiles", list[ProfileView])

    def profile(self, name: str) -> ProfileView:
        """Return a profile."""
        return self._ask("GET", _path("profiles", name), ProfileView)

    def apply(self, name: str) -> list[PlacedView]:
        """Inject what a profile says, all or nothing, and return that; what it put there before is healed first."""
        return self._ask("POST", _path("profiles", name, "apply"), list[PlacedView])

    def heal_profile(self, name: str) -> int:
        """Heal what a profile put there, and return how many injections that were."""
        return self._ask("POST", _path("profiles", name, "heal"), _Healed)["healed"]

    def begin_lease(self, seconds: float, worker: int | None = None) -> None:
        """Begin a lease: everything made from now on is undone when it ends, or is not renewed in time.

        Of an attached `worker`, a process, it is for its own connections alone.
        """
        body = {"duration": str(Duration(seconds)), **({} if worker is None else {"worker": worker})}
        self.lease = self._ask("POST", "leases", LeaseView, body)["id"]

    def renew_lease(self) -> None:
        """Say that we live. Raises BrownoutError with the status 410 where the lease has ended."""
        self._ask("POST", _path("leases", self.lease, "renew"), LeaseView)

    def end_lease(self) -> None:
        """End the lease: what is left of what was made under it is undone."""
        lease, self.lease = self.lease, ""
        self._ask("DELETE", _path("leases", lease), _Healed)

    def put_worker(self, process: int, *, name: str = "", run: str = "", test: str | None = None) -> WorkerView:
        """Say that a process runs tests, by what pytest-xdist calls it, and which one now; an empty `test` is none."""
        said = {"name": name, "run": run, **({} if test is None else {"test": test})}
        return self._ask("PUT", _path("workers", str(process)), WorkerView, said)

    def attach_worker(self, process: int) -> WorkerView:
        """Let a worker inject for itself. Raises ConflictError where its connections cannot be told from others'."""
        return self._ask("POST", _path("workers", str(process), "attach"), WorkerView)

    def announce_tests(self) -> None:
        """Say that tests are to come: what `run` placed at launch waits for the first one."""
        self._ask("POST", "tests/announce", dict[str, bool])

    def begin_tests(self) -> None:
        """Say that the first test begins; said again it means nothing."""
        self._ask("POST", "tests/begin", dict[str, bool])

    def journal(self, *, proxy: str | None = None, kind: str | None = None, since: int = 0) -> list[EventView]:
        """Return what the journal has after `since`."""
        asked = {"proxy": proxy, "kind": kind, "since": since}
        query = urlencode({key: value for key, value in asked.items() if value})
        return self._ask("GET", f"journal?{query}", list[EventView])

    def requests(self, *, proxy: str | None = None, since: int = 0, last: int | None = None) -> list[RequestView]:
        """Return the requests kept after `since`, the `last` ones of them, oldest first."""
        return self._ask("GET", _query("requests", proxy=proxy, since=since, last=last), list[RequestView])

    def verdicts(self, *, proxy: str | None = None, **expected: str | int) -> list[FindingView]:
        """Judge what the clients of one proxy did, or of all. Raises SettingsError for expectations that are wrong."""
        return self._ask("GET", _query("verdicts", proxy=proxy, **expected), list[FindingView])

    def follow_requests(
        self, *, proxy: str | None = None, since: int = 0, last: int | None = None
    ) -> Iterator[RequestView | MissedView]:
        """Yield what `requests` returns, then each request as it ends, until the Brownout does.

        Where some came too fast to be sent, how many were missed stands in their place.
        """
        return self._follow(_query("requests", proxy=proxy, since=since, last=last), RequestView)

    def open_requests(self, *, proxy: str, since: int) -> list[RequestView]:
        """Return the requests of a proxy that ended after `since`, then those that are open."""
        return self._ask("GET", _query("requests", proxy=proxy, since=since, open=1), list[RequestView])

    def follow_open_requests(self, *, proxy: str, since: int, hangup: Hangup) -> Iterator[RequestView | MissedView]:
        """Yield what `open_requests` returns, then each request as its client leaves, and as it ends.

        It goes on until the Brownout ends, or the `hangup`.
        """
        return self._follow(_query("requests", proxy=proxy, since=since, open=1), RequestView, hangup)

    def connections(self, *, proxy: str, since: int) -> list[ConnectionView]:
        """Return the connections that ended after `since`, then those that are open."""
        return self._ask("GET", _query("connections", proxy=proxy, since=since), list[ConnectionView])

    def follow_connections(self, *, proxy: str, since: int, hangup: Hangup) -> Iterator[ConnectionView | MissedView]:
        """Yield what `connections` returns, then each connection as its client leaves, and as it ends."""
        return self._follow(_query("connections", proxy=proxy, since=since), ConnectionView, hangup)

    def mark(self) -> MarkView:
        """Return this moment, so that one can ask later what has happened since."""
        return self._ask("GET", "mark", MarkView)

    def _follow(self, path: str, due: type[T], hangup: Hangup | None = None) -> Iterator[T | MissedView]:
        with self._answer("GET", f"/v1/{path}&follow=1", None, FOLLOW_TIMEOUT, hangup) as response:
            if response.status >= 300:
                raise self._refusal(response.read())
            kind = ""
            for line in _lines(response):
                name, _, value = line.rstrip(b"\n").partition(b": ")
                if name == b"event":
                    kind = value.decode()
                elif name == b"data" and kind == "missed":
                    yield msgspec.json.decode(value, type=MissedView)
                elif name == b"data":
                    yield msgspec.json.decode(value, type=due)

    def _ask(self, method: str, path: str, due: type[T], body: object = None) -> T:
        content = None if body is None else msgspec.json.encode(body)
        with self._answer(method, f"/v1/{path}", content, self._timeout) as response:
            status, answer = response.status, response.read()
        if status >= 300:
            raise self._refusal(answer)
        try:
            return msgspec.json.decode(answer, type=due)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._stranger() from None

    def _refusal(self, content: bytes) -> BrownoutError:
        try:
            return _as_error(msgspec.json.decode(content, type=_Refusal))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._stranger()

    def _stranger(self) -> BrownoutError:
        where = self.address.endpoint
        return BrownoutError(f"what answers at {where} is not a Brownout", "say where the API is with --api HOST:PORT")

    @contextlib.contextmanager
    def _answer(
        self, method: str, path: str, body: bytes | None, timeout: float, hangup: Hangup | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        where = self.address.endpoint
        headers = {"Content-Type": "application/json"} if body else {}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if self.lease:
            headers[LEASE] = self.lease
        connection = http.client.HTTPConnection(self.address.host, self.address.port, timeout=timeout)
        try:
            if hangup is not None:
                connection.connect()
                hangup.take(connection.sock)
            connection.request(method, path, body, headers)
            with connection.getresponse() as response:
                yield response
        except TimeoutError:
            raise BrownoutError(f"no answer from {where} within {timeout:g} s", "is it a Brownout?") from None
        except OSError:
            hint = "start one: brownout run -p NAME=UPSTREAM, or say where it is: --api HOST:PORT"
            raise NoAnswerError(f"no Brownout answers at {where}", hint) from None
        except UnicodeError:  # a part of the host has more than 63 characters
            raise BrownoutError(f"{where} is not an address", "say where the API is: --api HOST:PORT") from None
        except http.client.HTTPException:
            raise BrownoutError(f"what answers at {where} is not a Brownout", "say where the API is: --api") from None
        finally:
            connection.close()


def _query(path: str, **asked: str | int | None) -> str:
    return f"{path}?{urlencode({key: value for key, value in asked.items() if value is not None})}"


def _lines(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield the lines of an answer until its end, however it ends."""
    with contextlib.suppress(ConnectionError, http.client.IncompleteRead):
        while (line := response.readline()).endswith(b"\n"):
            yield line


def _path(*parts: str) -> str:
    return "/".join(quote(part, safe="") for part in parts)


def _as_error(refusal: _Refusal) -> BrownoutError:
    if refusal.problems:
        return SettingsError([Problem(**problem) for problem in refusal.problems])
    kinds: dict[int, type[BrownoutError]] = {404: NotFoundError, 409: ConflictError}
    error = kinds.get(refusal.status, BrownoutError)(refusal.error, refusal.hint)
    error.status = refusal.status
    return error
