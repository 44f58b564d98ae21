"""The moments in which an application handles a request, with the test clients that people use."""

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

import pytest

from brownout.testing.verified.entries import Entries

HELLO = hashlib.sha256(b"hello").hexdigest()[:16]


class Left(NamedTuple):
    status: int | None
    error: str
    body: str


class Told:
    """Hears of entries."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ended: list[Left] = []

    def entered(self, what: str, port: int) -> None:
        self.asked.append(what)

    def left(self, status: int | None, error: BaseException | None, at: float, seconds: float, body: str) -> None:
        self.ended.append(Left(status, "" if error is None else repr(error), body))


@pytest.fixture
def told() -> Told:
    """Who is told."""
    return Told()


def _wsgi(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/broken":
        raise RuntimeError("broken")
    start("404 Not Found" if environ["PATH_INFO"] == "/missing" else "200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


async def _asgi(scope: Any, receive: Any, send: Callable[..., Awaitable[None]]) -> None:
    """Answer as Starlette does: an exception leaves the application after the answer of 500 that stands for it."""
    status = {"/broken": 500, "/missing": 404}.get(scope["path"], 200)
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})
    if status == 500:
        raise RuntimeError("broken")


def _starlette() -> Callable[[str], object]:
    from starlette.testclient import TestClient

    return TestClient(_asgi).get


def _werkzeug() -> Callable[[str], object]:
    import werkzeug.test

    return werkzeug.test.Client(_wsgi).get


def _django() -> Callable[[str], object]:
    import django
    from django.conf import settings
    from django.http import HttpRequest, HttpResponse
    from django.test import Client
    from django.urls import path

    def answer(request: HttpRequest) -> HttpResponse:
        if request.path == "/broken":
            raise RuntimeError("broken")
        return HttpResponse(b"hello")

    if not settings.configured:
        settings.configure(ROOT_URLCONF=(), ALLOWED_HOSTS=["*"])
        django.setup()
    settings.ROOT_URLCONF = (path("", answer), path("broken", answer))
    return Client().get


@pytest.mark.parametrize(("client", "body"), [(_starlette, HELLO), (_werkzeug, ""), (_django, HELLO)])
def test_a_request_of_a_test_client_is_an_entry(
    client: Callable[[], Callable[[str], object]], body: str, told: Told
) -> None:
    get = client()
    Entries(told).wrap()
    get("/?a=1")
    get("/missing")
    with pytest.raises(RuntimeError):
        get("/broken")
    assert told.asked == ["GET /", "GET /missing", "GET /broken"]
    assert [each[:2] for each in told.ended] == [(200, ""), (404, ""), (None, "RuntimeError('broken')")]
    assert told.ended[0].body == body
