"""What clients did, as values: requests and connections, each with its place among the attempts at the same work.

They are made of the views of the API, so they are the same wherever the proxies run. `proxy/record/attempts.py` has the
rules by which attempts belong together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from ..faults.pattern import Pattern
from ..proxy.record.attempts import Attempt, Try, attempts
from .views import ConnectionView, RequestView

RETRYABLE = frozenset(["408", "425", "429"])
"""Statuses beside 5xx that ask the client to try again."""
_GRACEFUL = ("closed by client", "closed by server")


class Request(NamedTuple):
    """One attempt of a client, as it was seen on the wire."""

    proxy: str
    operation: str
    """What was asked for, without what differs from one time to the next: `POST /charge/{}`."""
    request: str
    """The request in a line, without secrets: `POST /charge/17?token=***`."""
    status: int | str | None
    """What the client was answered, a number where the protocol's statuses are; None where it got no reply."""
    end: str
    """Empty for a whole reply. Else `reset`, `closed`, `lost`, `cut`, `unparsed`; `left`: the client closed the
    connection before it had the reply; `open`: the request is under way."""
    faults: tuple[str, ...]
    """The names of the injections that acted on it."""
    attempt: int
    """Its number among the attempts of its logical operation, from 1."""
    group: int
    """The number of its logical operation, from 1: all attempts of one have the same."""
    pause: float | None
    """Seconds from the end of the attempt before to its beginning; None for a first attempt."""
    at: datetime
    """When it began, in UTC."""
    began: float
    """The same in seconds of a clock that never goes back."""
    first: float | None
    """Seconds until the upstream's reply began; None where none did."""
    seconds: float
    """Seconds until the reply had gone out, or the client had left; until now, while it is under way."""
    connection: int
    """The number of its connection."""
    request_bytes: int
    reply_bytes: int
    fingerprint: str
    """A hash of its body, empty without one."""
    idempotency_key: str
    """A hash of its idempotency key, empty without one."""
    idempotent: bool
    """By the rules of its protocol it may be sent again, as a GET."""
    retry_after: float | None
    """How many seconds the reply asked the client to wait before it tries again."""
    failed: bool
    """Whether the client had reason to try again: no whole reply, 5xx, 408, 425, 429, or a 4xx that a fault made."""
    caller: str
    """The program of the client, without its settings; empty where nobody knows."""
    process: int | None
    """Its process."""
    container: str
    """The container in which that runs, in the 12 digits that `docker ps` shows; empty outside of one."""
    worker: str
    """The worker of pytest-xdist to which it belongs, such as `gw0`; else empty."""
    test: str
    """The test that its worker ran when it began; empty where none, or nobody knows."""

    @property
    def fault(self) -> str:
        """The first fault that acted on it; empty where none did."""
        return self.faults[0] if self.faults else ""

    def __repr__(self) -> str:
        """Show it in a short line."""
        outcome = " ".join(str(word) for word in (self.status, self.end) if word)
        return _shown(f"{self.operation} {outcome} in {self.seconds:.3f} s", self.attempt, self.pause, self.faults)


class Connection(NamedTuple):
    """A connection of a client."""

    proxy: str
    number: int
    """Its number on the proxy."""
    opened: bool
    """Whether the upstream was reached."""
    end: str
    """How it ended, such as `closed by client`, `reset by server`, `reset` (by a fault), `refused` or `dial_refused`;
    `open` while it is in use."""
    faults: tuple[str, ...]
    """The names of the injections that acted on it; those of requests are told by the requests."""
    attempt: int
    """Its number among the attempts to connect, from 1: the attempt before it failed."""
    group: int
    """The number of its logical operation, from 1: all attempts of one have the same."""
    pause: float | None
    """Seconds from the end of the attempt before to its beginning; None for a first attempt."""
    at: datetime
    """When it was accepted, in UTC."""
    began: float
    """The same in seconds of a clock that never goes back."""
    seconds: float
    """Seconds until it ended, or its client had left; until now, while it is in use."""
    sent: int
    """What the client sent, in bytes."""
    received: int
    """What the client got, in bytes."""
    failed: bool
    """Whether the client had reason to try again: it was refused or reset, or got nothing."""
    caller: str
    """The program of the client, without its settings; empty where nobody knows."""
    process: int | None
    """Its process."""
    container: str
    """The container in which that runs, in the 12 digits that `docker ps` shows; empty outside of one."""
    worker: str
    """The worker of pytest-xdist to which it belongs, such as `gw0`; else empty."""
    test: str
    """The test that its worker ran when it began; empty where none, or nobody knows."""

    @property
    def fault(self) -> str:
        """The first fault that acted on it; empty where none did."""
        return self.faults[0] if self.faults else ""

    def __repr__(self) -> str:
        """Show it in a short line."""
        return _shown(f"connection {self.number} {self.end}", self.attempt, self.pause, self.faults)


def requests(views: Iterable[RequestView]) -> list[Request]:
    """Return requests as values, in the order in which they began."""
    ordered = sorted(views, key=lambda view: view["began"])
    tries = [
        Try(
            view["identity"],
            view["fingerprint"] if view["request_complete"] else None,
            view["idempotency_key"],
            view["began"],
            math.inf if request_end(view) == "open" else view["began"] + _request_seconds(view),
            _request_failed(view),
            view["retry_after"] or 0.0,
        )
        for view in ordered
    ]
    return [_request(view, place) for view, place in zip(ordered, attempts(tries), strict=True)]


def connections(views: Iterable[ConnectionView]) -> list[Connection]:
    """Return connections as values, in the order in which they were accepted."""
    ordered = sorted(views, key=lambda view: view["connection"])
    tries = [
        Try(
            "",
            "",
            "",
            view["began"],
            view["began"] + _connection_seconds(view) if view["end"] else math.inf,
            _connection_failed(view),
        )
        for view in ordered
    ]
    return [_connection(view, place) for view, place in zip(ordered, attempts(tries), strict=True)]


def looks_like(pattern: str) -> Callable[[str, str], bool]:
    """Return what says whether an operation, or the request's own method and path, looks like a pattern.

    Raises BrownoutError for a pattern that is none.
    """
    wanted = Pattern.parse(pattern)

    def fits(operation: str, request: str) -> bool:
        return wanted.fits(operation) or wanted.fits(request) or wanted.fits(request.partition("?")[0])

    return fits


def request_end(view: RequestView) -> str:
    """Return how a request ended: `left` if its client did before it had the reply, `open` if it is under way.

    A client that leaves only ends its own stream, as far as can be seen. What is sent to it then is sent to nobody, so
    one that has left stays so, whatever comes.
    """
    if view["left_seconds"] is not None:
        return "left"
    return view["end"] or ("" if view["seq"] else "open")


def _request(view: RequestView, place: Attempt) -> Request:
    return Request(
        proxy=view["proxy"],
        operation=view["operation"],
        request=view["request"],
        status=_status(view),
        end=request_end(view),
        faults=tuple(view["faults"]),
        attempt=place.number,
        group=place.operation,
        pause=place.pause,
        at=datetime.fromisoformat(view["at"]),
        began=view["began"],
        first=view["first_seconds"],
        seconds=_request_seconds(view),
        connection=view["connection"],
        request_bytes=view["request_bytes"],
        reply_bytes=view["reply_bytes"],
        fingerprint=view["fingerprint"],
        idempotency_key=view["idempotency_key"],
        idempotent=view["idempotent"],
        retry_after=view["retry_after"],
        failed=_request_failed(view),
        caller=view["caller"],
        process=view["process"],
        container=view["container"],
        worker=view["worker"],
        test=view["test"],
    )


def _status(view: RequestView) -> int | str | None:
    """Return what the client saw: of a reply that was still on its way when it left, nothing."""
    text = view["status"]
    if not text or request_end(view) in ("left", "lost", "open"):
        return None
    return int(text) if text.isascii() and text.isdigit() else text


def _request_seconds(view: RequestView) -> float:
    left = view["left_seconds"]
    return view["seconds"] if left is None else left


def _request_failed(view: RequestView) -> bool:
    """Say whether the client had reason to try again. Of a connection that is no longer parsed nobody knows."""
    end = request_end(view)
    if end:
        return end not in ("open", "unparsed")
    refused = view["outcome"] == "4xx" and bool(view["faults"])
    return refused or view["outcome"] in ("", "5xx", "error") or view["status"] in RETRYABLE


def _connection(view: ConnectionView, place: Attempt) -> Connection:
    return Connection(
        proxy=view["proxy"],
        number=view["connection"],
        opened=view["opened"],
        end=view["end"] or "open",
        faults=tuple(view["faults"]),
        attempt=place.number,
        group=place.operation,
        pause=place.pause,
        at=datetime.fromisoformat(view["at"]),
        began=view["began"],
        seconds=_connection_seconds(view),
        sent=view["sent"],
        received=view["received"],
        failed=_connection_failed(view),
        caller=view["caller"],
        process=view["process"],
        container=view["container"],
        worker=view["worker"],
        test=view["test"],
    )


def _connection_seconds(view: ConnectionView) -> float:
    left = view["left_seconds"]
    return view["seconds"] if left is None else min(left, view["seconds"])


def _connection_failed(view: ConnectionView) -> bool:
    """Say whether the client had reason to connect again."""
    if not view["end"]:
        return False
    if not view["opened"] or view["end"] not in _GRACEFUL:
        return True
    return not view["received"] and (view["sent"] > 0 or view["end"] == "closed by server")


def _shown(what: str, attempt: int, pause: float | None, faults: tuple[str, ...]) -> str:
    after = "" if pause is None else f" after {pause:.3f} s"
    return f"<{what}, attempt {attempt}{after}{', ' if faults else ''}{', '.join(faults)}>"
