import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from brownout.control import client as client_module
from brownout.control.client import Client, NoAnswerError
from brownout.control.follower import LONGEST, Follower, request_message
from brownout.control.replies import reply_list
from brownout.control.views import RequestView
from brownout.proxy import RequestLog
from brownout.wire.errors import BrownoutError, NotFoundError
from brownout.wire.keyed_hash import keyed_hash

from ..written import Written
from .conftest import Running, carried, entry
from .test_client import stranger

API = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
VIEW = {
    "seq": 1,
    "at": "2026-11-24T03:23:51.187Z",
    "proxy": "echo",
    "connection": 3,
    "operation": "POST /charge/{}",
    "request": "POST /charge/17?token=*",
    "status": "503",
    "outcome": "5xx",
    "end": "",
    "first_seconds": 0.000012,
    "seconds": 0.000123,
    "request_bytes": 345,
    "reply_bytes": 678,
    "fingerprint": "9f86d081",
    "request_complete": True,
    "faults": ["http.status", "latency"],
    "began": 91342.1870306,
    "identity": keyed_hash("POST /charge/17?token=secret"),
    "idempotency_key": keyed_hash("k17"),
    "idempotent": False,
    "retry_after": 2.0,
    "left_seconds": None,
    "caller": "",
    "process": None,
    "container": "",
    "worker": "",
    "test": "",
}


def carry(running: Running, *names: str, **values: object) -> None:
    """Let proxies have carried a request each, and be there before."""

    async def feed() -> None:
        for name in names:
            proxy = running.fleet.proxies.get(name) or await running.fleet.add(name, running.echo)
            carried(proxy, entry(0, name, **values))

    running.call(feed())


def numbers(views: object) -> list[object]:
    assert isinstance(views, list)
    return [view["seq"] for view in views]


# The list


def test_a_request_is_shown_with_all_that_is_known_of_it(running: Running) -> None:
    carry(running, "echo")
    assert running.ask("GET", "/v1/requests") == (200, [VIEW])
    assert running.client.requests() == [VIEW]
    carry(running, "echo", status="", outcome="", end="lost", first=None, fingerprint="", faults=())
    silent = {"status": "", "outcome": "", "end": "lost", "first_seconds": None, "fingerprint": "", "faults": []}
    assert running.client.requests(since=1) == [{**VIEW, "seq": 2, **silent}]


def test_requests_are_picked(running: Running) -> None:
    carry(running, "a", "b", "a", "b")
    for query, found in (
        ("", [1, 2, 3, 4]), ("?proxy=a", [1, 3]), ("?since=2", [3, 4]), ("?last=1", [4]), ("?last=0", []),
        ("?proxy=a&since=1&last=5", [3]), ("?proxy=a&since=3", []),
    ):  # fmt: skip
        status, views = running.ask("GET", f"/v1/requests{query}")
        assert (status, numbers(views)) == (200, found), query
    assert numbers(running.client.requests(proxy="b", since=2, last=1)) == [4]
    assert running.client.requests(last=0) == []


def test_a_proxy_of_which_there_is_nothing_is_not_found_and_one_that_was_removed_is(running: Running) -> None:
    carry(running, "echo")
    assert running.ask("GET", "/v1/requests?proxy=ecko") == (
        404,
        {"error": "there is no proxy named 'ecko'", "hint": "did you mean echo?", "status": 404},
    )
    assert running.ask("GET", "/v1/requests?proxy=ecko&follow=1")[0] == 404
    with pytest.raises(NotFoundError, match=r"^there is no proxy named 'ecko'"):
        next(running.client.follow_requests(proxy="ecko"))
    running.client.remove("echo")
    assert numbers(running.client.requests(proxy="echo")) == [1]


def test_a_wrong_query_is_an_error(running: Running) -> None:
    status, error = running.ask("GET", "/v1/requests?last=few")
    assert (status, error["error"]) == (400, "last: 'few' is not right")
    assert running.ask("GET", "/v1/requests?sincce=1")[1]["hint"] == "did you mean since?"


def test_a_long_list_comes_whole(running: Running) -> None:
    carry(running, *["echo"] * 250)
    assert numbers(running.client.requests()) == list(range(1, 251))


def test_the_page_shows_what_is_answered() -> None:
    shown = re.search(r"^id: 214\nevent: request\ndata: (.*)$", API, re.MULTILINE)
    assert shown
    assert list(json.loads(shown[1])) == list(RequestView.__annotations__) == list(VIEW)


# Following


def test_a_follower_reads_what_was_and_what_comes(running: Running) -> None:
    carry(running, "a", "b", "a")
    coming = running.client.follow_requests(proxy="a", since=1)
    assert next(coming)["seq"] == 3
    carry(running, "b", "a")
    assert next(coming) == {**VIEW, "seq": 5, "proxy": "a"}
    coming.close()
    newest = running.client.follow_requests(last=1)
    assert next(newest)["seq"] == 5
    newest.close()


def test_a_follower_comes_to_its_end_with_the_server(running: Running) -> None:
    carry(running, "a")
    coming = running.client.follow_requests()
    assert next(coming)["seq"] == 1
    running.call(running.server.close())
    assert list(coming) == []
    with pytest.raises(NoAnswerError):
        next(running.client.follow_requests())


@pytest.mark.parametrize(
    ("head", "size"), [(b"", b""), (b"Transfer-Encoding: chunked\r\n", b"ffff\r\n"), (b"Content-Length: 9999\r\n", b"")]
)
def test_a_follower_is_told_what_it_missed_and_ends_where_the_answer_breaks_off(head: bytes, size: bytes) -> None:
    view = json.dumps(VIEW).encode()
    events = b'event: missed\ndata: {"missed":5}\n\n:\n\nid: 7\nevent: request\ndata: %s\n\ndata: {"se' % view
    with stranger(b"HTTP/1.1 200 OK\r\n%s\r\n%s%s" % (head, size, events)) as address:
        assert list(Client(address).follow_requests()) == [{"missed": 5}, VIEW]


def test_one_that_is_silent_is_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FOLLOW_TIMEOUT", 0.05)
    with stranger(None) as address, pytest.raises(BrownoutError, match=r"^no answer from .* within 0\.05 s"):
        next(Client(address).follow_requests())


def test_a_slow_follower_loses_the_oldest() -> None:
    async def follow() -> list[bytes]:
        exchanges = RequestLog()
        messages: list[bytes] = []
        with Follower(exchanges.listeners, exchanges.entries(), lambda each: True, request_message) as follower:
            for _ in range(LONGEST + 5):
                exchanges.write(Written(entry(0)))
            async for text in follower.messages():
                messages += text.split(b"\n\n")[:-1]
                if len(messages) == LONGEST + 1:
                    follower.end()
        return messages

    missed, first, *_, last = asyncio.run(follow())
    assert missed == b'event: missed\ndata: {"missed":5}'
    assert first.startswith(b'id: 6\nevent: request\ndata: {"seq":6,')
    assert last.startswith(b"id: 1005\n")


# The proxies meanwhile


def rounds(work: Callable[[], Coroutine[None, None, object]]) -> int:
    """How often something else on the loop runs while work is done."""

    async def count() -> int:
        rounds = 0
        task = asyncio.ensure_future(work())
        while not task.done():
            rounds += 1
            await asyncio.sleep(0)
        return rounds

    return asyncio.run(count())


def test_the_proxies_run_while_a_follower_is_sent_what_was() -> None:
    async def follow() -> None:
        with Follower(set(), [entry(n) for n in range(500)], lambda each: True, request_message) as follower:
            async for text in follower.messages():
                if b"id: 499\n" in text:
                    follower.end()

    assert rounds(follow) > 8  # fifty at once


def test_the_proxies_run_while_a_list_is_written() -> None:
    assert rounds(lambda: reply_list(range(1000), str)) > 8  # a hundred at once
