import asyncio
import json
import socket
import time

import pytest

from brownout.control import follower as follower_module
from brownout.control.follower import LONGEST, Follower, event_message
from brownout.proxy import Journal
from brownout.proxy.record.event import Injected

from .conftest import DEADLINE, Running


def kinds(events: list[dict[str, object]]) -> list[object]:
    return [event["kind"] for event in events]


def test_the_journal_is_listed_and_filtered(running: Running) -> None:
    client = running.client
    for name in ("a", "b"):
        client.add(name, running.echo)
    client.inject("a", "latency:1s")
    client.heal()
    status, events = running.ask("GET", "/v1/journal?proxy=a")
    assert (status, kinds(events)) == (200, ["proxy_enabled", "proxy_added", "injected", "healed"])
    healed = events[-1]
    assert healed["at"].endswith("Z")
    assert (healed["proxy"], healed["connection"]) == ("a", None)
    assert healed["detail"] == {
        "name": "latency", "matched": 0, "chosen": 0, "fired": 0, "cause": "no_connection",
        "reason": "no connection came",
        "unseen": False,
    }  # fmt: skip
    assert kinds(running.ask("GET", f"/v1/journal?since={events[-2]['seq']}")[1]) == ["healed"]
    assert [each["proxy"] for each in running.ask("GET", "/v1/journal?kind=proxy_added")[1]] == ["a", "b"]


def test_events_of_one_connection_have_its_number(running: Running) -> None:
    client = running.client
    host, _, port = str(client.add("a", running.echo)["address"]).rpartition(":")
    client.inject("a", {"fault": "latency", "latency": "1ms", "name": "first"})
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as connection:
        connection.sendall(b"ping")
        assert connection.recv(4) == b"ping"
    deadline = time.monotonic() + DEADLINE
    while not (closed := client.journal(kind="connection_closed")):
        assert time.monotonic() < deadline
    assert [each["connection"] for each in closed] == [1]
    detail = closed[0]["detail"]
    assert detail.pop("seconds") > 0
    assert detail == {"reason": "closed", "upstream_bytes": 4, "downstream_bytes": 4}
    [opened] = client.journal(kind="connection_opened")
    assert (opened["proxy"], opened["connection"], opened["detail"]) == ("a", 1, {"caller": "", "process": None})
    [fired] = client.journal(kind="fired")
    assert (fired["connection"], fired["detail"]) == (1, {"name": "first", "n": 1, "operation": ""})


def test_a_follower_reads_what_was_and_what_comes(running: Running) -> None:
    running.client.add("a", running.echo)
    connection = running.connect()
    try:
        connection.request("GET", "/v1/journal?follow=1&proxy=a&since=1")
        stream = connection.getresponse()
        assert (stream.status, stream.headers["Content-Type"]) == (200, "text/event-stream")
        assert message(stream)["event"] == "proxy_added"
        running.client.add("b", running.echo)
        running.client.inject("a", "noop")
        injected = message(stream)
        assert injected["event"] == "injected"
        event = json.loads(injected["data"])
        assert (str(event["seq"]), event["detail"]["injection"]["fault"]) == (injected["id"], "noop")
        stream.close()
    finally:
        connection.close()


def message(stream: object) -> dict[str, str]:
    lines: list[str] = []
    while line := stream.readline().decode().rstrip("\n"):
        lines.append(line)
    return dict(line.split(": ", 1) for line in lines)


def test_a_stopping_server_ends_its_followers_at_once(running: Running) -> None:
    connection = running.connect()
    try:
        connection.request("GET", "/v1/journal?follow=1")
        stream = connection.getresponse()
        begun = time.monotonic()
        running.call(running.server.close())
        assert stream.read() == b""
        assert time.monotonic() - begun < 15  # aiohttp would wait 60 s for it
        stream.close()
    finally:
        connection.close()


def test_a_follower_that_left_is_forgotten(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_module, "SILENCE", 0.02)
    connection = running.connect()
    connection.request("GET", "/v1/journal?follow=1")
    stream = connection.getresponse()
    assert len(running.fleet.journal.listeners) == 1
    stream.close()
    connection.close()
    deadline = time.monotonic() + DEADLINE
    while running.fleet.journal.listeners:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_slow_follower_is_told_what_it_missed() -> None:
    async def follow() -> list[bytes]:
        journal = Journal()
        messages: list[bytes] = []
        with Follower(journal.listeners, [], lambda recorded: recorded.proxy == "a", event_message) as follower:
            for _ in range(LONGEST + 5):
                journal.write(Injected("a", {}))
                journal.write(Injected("b", {}))
            async for text in follower.messages():
                messages += text.split(b"\n\n")[:-1]
                if len(messages) == LONGEST + 1:
                    follower.end()
        assert journal.listeners == set()
        return messages

    messages = asyncio.run(follow())
    assert messages[0] == b'event: missed\ndata: {"missed":5}'
    assert messages[1].startswith(b"id: 11\nevent: injected\ndata: {")
    assert messages[-1].startswith(b"id: 2009\n")


def test_silence_is_broken_by_an_empty_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_module, "SILENCE", 0.001)

    async def follow() -> bytes:
        with Follower(Journal().listeners, [], lambda event: True, event_message) as follower:
            async for text in follower.messages():
                return text
        raise AssertionError

    assert asyncio.run(follow()) == b":\n\n"
