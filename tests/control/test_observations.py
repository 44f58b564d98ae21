"""What clients did, as values: made of the views of the API."""

from datetime import UTC, datetime

import pytest

from brownout.control import observations
from brownout.control.observations import Connection, Request
from brownout.control.views import ConnectionView, RequestView


def request(**values: object) -> RequestView:
    view: RequestView = {
        "seq": 1, "at": "2026-11-24T03:23:51.187Z", "proxy": "payments", "connection": 3,
        "operation": "POST /charge/{}", "request": "POST /charge/17?token=***", "status": "200", "outcome": "2xx",
        "end": "", "first_seconds": 0.1, "seconds": 0.2, "request_bytes": 345, "reply_bytes": 678,
        "fingerprint": "9f86d081", "request_complete": True, "faults": [], "began": 100.0, "identity": "id", "idempotency_key": "",
        "idempotent": False, "retry_after": None, "left_seconds": None, "caller": "", "process": None, "container": "", "worker": "", "test": "",
    }  # fmt: skip
    return {**view, **values}


def connection(**values: object) -> ConnectionView:
    view: ConnectionView = {
        "seq": 1, "at": "2026-11-24T03:23:51.187Z", "proxy": "cache", "connection": 1, "opened": True,
        "end": "closed by client", "began": 100.0, "seconds": 2.0, "left_seconds": None, "sent": 10, "received": 20,
        "faults": [], "caller": "", "process": None, "container": "", "worker": "", "test": "",
    }  # fmt: skip
    return {**view, **values}


def test_a_request_has_all_of_this() -> None:
    busy = request(status="503", outcome="5xx", retry_after=2.0, faults=["http.status", "http.delay"])
    first, second = observations.requests([request(seq=2, began=101.0), busy])
    assert first == Request(
        proxy="payments",
        operation="POST /charge/{}",
        request="POST /charge/17?token=***",
        status=503,
        end="",
        faults=("http.status", "http.delay"),
        attempt=1,
        group=1,
        pause=None,
        at=datetime(2026, 11, 24, 3, 23, 51, 187000, UTC),
        began=100.0,
        first=0.1,
        seconds=0.2,
        connection=3,
        request_bytes=345,
        reply_bytes=678,
        fingerprint="9f86d081",
        idempotency_key="",
        idempotent=False,
        retry_after=2.0,
        failed=True,
        caller="",
        process=None,
        container="",
        worker="",
        test="",
    )
    assert (first.fault, second.fault) == ("http.status", "")
    assert (second.attempt, second.group, second.pause, second.failed) == (2, 1, pytest.approx(0.8), False)
    assert repr(first) == "<POST /charge/{} 503 in 0.200 s, attempt 1, http.status, http.delay>"
    assert repr(second) == "<POST /charge/{} 200 in 0.200 s, attempt 2 after 0.800 s>"


OPEN = {"seq": 0, "status": "", "outcome": ""}
LEFT = {"status": "200", "outcome": "2xx", "left_seconds": 0.05}


@pytest.mark.parametrize(
    ("values", "status", "end", "failed"),
    [
        ({}, 200, "", False),
        ({"status": "301", "outcome": "3xx"}, 301, "", False),
        ({"status": "404", "outcome": "4xx"}, 404, "", False),
        ({"status": "404", "outcome": "4xx", "faults": ["http.status"]}, 404, "", True),
        ({"faults": ["http.delay"]}, 200, "", False),
        ({"status": "408", "outcome": "4xx"}, 408, "", True),
        ({"status": "425", "outcome": "4xx"}, 425, "", True),
        ({"status": "429", "outcome": "4xx"}, 429, "", True),
        ({"status": "500", "outcome": "5xx"}, 500, "", True),
        ({"status": "", "outcome": "", "end": "reset"}, None, "reset", True),
        ({"status": "", "outcome": "", "end": "closed"}, None, "closed", True),
        ({"status": "200", "end": "lost"}, None, "lost", True),
        ({"end": "cut"}, 200, "cut", True),
        ({"status": "", "outcome": "", "end": "unparsed"}, None, "unparsed", False),
        (OPEN, None, "open", False),
        ({**OPEN, **LEFT}, None, "left", True),
        (LEFT, None, "left", True),
        ({**LEFT, "end": "reset"}, None, "left", True),
        ({"status": "OK", "outcome": "ok"}, "OK", "", False),
        ({"status": "ERROR", "outcome": "error"}, "ERROR", "", True),
    ],
)
def test_how_a_request_ended_and_whether_it_failed(values: dict, status: object, end: str, failed: bool) -> None:
    [found] = observations.requests([request(**values)])
    assert (found.status, found.end, found.failed) == (status, end, failed)


def test_a_client_that_left_counts_from_there() -> None:
    held = request(seq=0, left_seconds=0.05, seconds=7.0)
    again = request(seq=0, began=101.05, seconds=1.0, status="", outcome="")
    first, second = observations.requests([held, again])
    assert (first.seconds, second.attempt, second.pause, second.end) == (0.05, 2, pytest.approx(1.0), "open")
    assert repr(first) == "<POST /charge/{} left in 0.050 s, attempt 1>"


def test_a_connection_has_all_of_this() -> None:
    views = [connection(connection=2, began=103.0, seq=0, end=""), connection(end="reset", faults=["reset"])]
    first, second = observations.connections(views)
    assert first == Connection(
        proxy="cache",
        number=1,
        opened=True,
        end="reset",
        faults=("reset",),
        attempt=1,
        group=1,
        pause=None,
        at=datetime(2026, 11, 24, 3, 23, 51, 187000, UTC),
        began=100.0,
        seconds=2.0,
        sent=10,
        received=20,
        failed=True,
        caller="",
        process=None,
        container="",
        worker="",
        test="",
    )
    assert (first.fault, second.fault) == ("reset", "")
    assert (second.end, second.attempt, second.pause, second.failed) == ("open", 2, 1.0, False)
    assert [repr(first), repr(second)] == [
        "<connection 1 reset, attempt 1, reset>",
        "<connection 2 open, attempt 2 after 1.000 s>",
    ]


@pytest.mark.parametrize(
    ("values", "failed"),
    [
        ({}, False),
        ({"end": "closed by server"}, False),
        ({"end": ""}, False),
        ({"end": "reset by server"}, True),
        ({"end": "reset by client"}, True),
        ({"end": "closed"}, True),
        ({"end": "dial_refused", "opened": False, "sent": 0, "received": 0}, True),
        ({"end": "client left", "opened": False}, True),
        ({"end": "proxy disabled"}, True),
        ({"received": 0}, True),
        ({"sent": 0, "received": 0}, False),
        ({"end": "closed by server", "sent": 0, "received": 0}, True),
    ],
)
def test_whether_a_connection_failed(values: dict, failed: bool) -> None:
    assert [each.failed for each in observations.connections([connection(**values)])] == [failed]


def test_a_connection_whose_client_left_counts_from_there() -> None:
    views = [connection(left_seconds=0.5, received=0, seq=0, seconds=9.0), connection(connection=2, began=101.0)]
    first, second = observations.connections(views)
    assert (first.seconds, second.attempt, second.pause) == (0.5, 2, 0.5)
