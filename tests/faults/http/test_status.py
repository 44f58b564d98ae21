"""http.status: the exact bytes of its answers, and what is refused."""

import random

import pytest

from brownout.faults import Spec
from brownout.faults.action import Answer
from brownout.faults.exchange import Request
from brownout.faults.settings import SettingsError

from .conftest import CLOSE, DATE, EXPECT, GET, HEAD, OLD, POST, asked


def answered(settings: dict[str, object] | str, request: Request = GET) -> Answer:
    spec = Spec.parse(settings if isinstance(settings, str) else {"fault": "http.status", **settings})
    (answer,) = spec.fault.on_request(request, random.Random(7))
    return answer


def lines(*parts: str, body: str = "") -> bytes:
    return ("\r\n".join([*parts, "", ""]) + body).encode("latin-1")


def test_an_answer_is_empty_unless_it_is_told_otherwise() -> None:
    assert answered("http.status:503") == Answer(lines("HTTP/1.1 503 Service Unavailable", DATE, "content-length: 0"))


@pytest.mark.parametrize(
    ("settings", "type_", "body"),
    [
        ({"body": "größer"}, "text/plain; charset=utf-8", "größer"),
        ({"body": ""}, "text/plain; charset=utf-8", ""),
        ({"json": {"error": ["busy", 1, None]}}, "application/json", '{"error":["busy",1,null]}'),
        ({"json": []}, "application/json", "[]"),
        ({"json": '{"a": 1}'}, "application/json", '{"a":1}'),
        (
            {"html": True},
            "text/html",
            "<html>\n<head><title>502 Bad Gateway</title></head>\n<body><h1>502 Bad Gateway</h1></body>\n</html>\n",
        ),
        (
            {"html": True, "reason": "Oh"},
            "text/html",
            "<html>\n<head><title>502 Oh</title></head>\n<body><h1>502 Oh</h1></body>\n</html>\n",
        ),
    ],
    ids=str,
)
def test_a_body_comes_with_its_type_and_its_length(settings: dict[str, object], type_: str, body: str) -> None:
    head, _, found = answered({"status": 502, **settings}).data.partition(b"\r\n\r\n")
    assert found == body.encode()
    assert head.decode().split("\r\n")[1:] == [
        DATE, f"content-type: {type_}", f"content-length: {len(body.encode())}",
    ]  # fmt: skip


def test_a_reply_to_head_says_the_length_and_has_no_body() -> None:
    found = answered({"status": 500, "body": "oops"}, HEAD).data
    assert found == lines(
        "HTTP/1.1 500 Internal Server Error", DATE, "content-type: text/plain; charset=utf-8", "content-length: 4"
    )


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_no_length(status: int) -> None:
    reason = {204: "No Content", 304: "Not Modified"}[status]
    assert answered({"status": status}).data == lines(f"HTTP/1.1 {status} {reason}", DATE)


@pytest.mark.parametrize(("status", "line"), [(599, b"HTTP/1.1 599 \r\n"), (200, b"HTTP/1.1 200 OK\r\n")])
def test_a_status_that_nobody_knows_has_no_reason(status: int, line: bytes) -> None:
    assert answered({"status": status}).data.startswith(line)


def test_the_reason_may_be_another() -> None:
    assert answered({"status": 200, "reason": "Sure"}).data.startswith(b"HTTP/1.1 200 Sure\r\n")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"retry_after": "2s"}, "2"),
        ({"retry_after": "1500ms"}, "2"),
        ({"retry_after": 0}, "0"),
        ({"retry_after": "10000h"}, "36000000"),
        ({"retry_after": "2s", "retry_as": "date"}, "Thu, 27 Nov 2025 12:00:03 GMT"),
        ({"retry_after": "1h", "retry_as": "past"}, "Thu, 27 Nov 2025 11:00:00 GMT"),
        ({"retry_after": "2s", "retry_as": "garbage"}, "soon"),
        ({"headers": {"Retry-After": "soon"}, "retry_after": "2s"}, None),
    ],
    ids=str,
)
def test_retry_after_is_never_too_early(settings: dict[str, object], line: str | None) -> None:
    found = [f"retry-after: {line}"] if line else ["Retry-After: soon"]
    assert answered({"status": 429, **settings}).data == lines(
        "HTTP/1.1 429 Too Many Requests", DATE, *found, "content-length: 0"
    )


def test_headers_of_the_user_come_as_they_are_and_in_the_place_of_ours() -> None:
    settings = {"status": 401, "json": {}, "headers": "WWW-Authenticate: Bearer\nContent-Type: text/x\nDate: never"}
    assert answered(settings).data == lines(
        "HTTP/1.1 401 Unauthorized", "WWW-Authenticate: Bearer", "Content-Type: text/x", "Date: never",
        "content-length: 2", body="{}",
    )  # fmt: skip


@pytest.mark.parametrize("request_", [CLOSE, EXPECT, OLD], ids=["close", "expect", "1.0"])
def test_the_link_ends_where_the_client_wants_that_or_may_send_a_body_or_not(request_: Request) -> None:
    found = answered("http.status:503", request_)
    assert found.close
    assert found.data == lines(
        "HTTP/1.1 503 Service Unavailable", DATE, "connection: close", "content-length: 0"
    )  # fmt: skip


def test_a_client_of_http_1_0_that_wants_the_link_to_go_on_is_told_so() -> None:
    found = answered("http.status:503", asked("GET /cart HTTP/1.0", "Connection: Keep-Alive"))
    assert not found.close
    assert found.data == lines(
        "HTTP/1.1 503 Service Unavailable", DATE, "connection: keep-alive", "content-length: 0"
    )  # fmt: skip


def test_the_link_goes_on_behind_a_body_that_comes_for_sure() -> None:
    assert not answered("http.status:503", POST).close


WRONG = [
    ({}, "status is missing", "status is a number from 200 to 599"),
    ({"status": 100}, "status: 100 is not right", "status is a number from 200 to 599"),
    ({"status": 600}, "status: 600 is not right", "status is a number from 200 to 599"),
    ({"status": "busy"}, "status: 'busy' is not right", "status is a number from 200 to 599"),
    ({"status": 200, "body": "x", "json": {}}, "body and json exclude each other", "give one of them"),
    ({"status": 200, "json": [], "html": True}, "json and html exclude each other", "give one of them"),
    ({"status": 204, "body": "x"}, "a reply with status 204 has no body", "leave body out"),
    ({"status": 304, "html": True}, "a reply with status 304 has no body", "leave html out"),
    ({"status": 503, "retry_as": "date"}, "retry_as=date needs a retry_after", "give retry_after=2s"),
    ({"status": 503, "retry_after": 2}, "retry_after: 2 has no unit", "a duration is written like 2ms or 2s"),
    ({"status": 503, "reason": "a\r\nb"}, "reason: 'a\\r\\nb' cannot be in a header",
     "use one line of Latin letters"),
    ({"status": 503, "headers": {"X": "☃"}}, "X: '☃' cannot be in a header", "use one line of Latin letters"),
    ({"status": 503, "headers": {"Content-Length": "3"}},
     "Content-Length says where messages end, and cannot be changed",
     "http.truncate cuts a reply, http.lost_reply ends the connection"),
    ({"status": 503, "headers": {"X": 5}}, "headers: {'X': 5} is not right",
     "headers is a mapping of names to text, numbers in quotes, or NAME: VALUE"),
    ({"status": 503, "json": "{"}, "json: '{' is not JSON: Input data was truncated",
     'write it like {"error": "busy"}'),
    ({"status": 503, "json": "5"}, "json: '5' is not right", "json is a mapping or a list, or JSON as text"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "message", "hint"), WRONG, ids=[str(each[0]) for each in WRONG])
def test_what_is_wrong_is_said(settings: dict[str, object], message: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        answered(settings)
    assert (caught.value.message, caught.value.hint) == (message, hint)
