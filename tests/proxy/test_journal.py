"""The journal keeps the last events, numbered, and finds them again."""

import asyncio
import json
import time

import msgspec
import pytest

from brownout.proxy import Journal
from brownout.proxy.record.event import (
    KINDS,
    ConnectionEvent,
    Fired,
    Healed,
    Mistake,
    ProxyEnabled,
    ProxyRemoved,
    Reloaded,
    shortened,
)


def test_it_keeps_the_last_ones_and_goes_on_counting() -> None:
    journal = Journal(keep=3)
    for number in range(1, 8):
        journal.write(ProxyEnabled("p", f"127.0.0.1:{number}"))
    assert [(recorded.seq, recorded.event) for recorded in journal.events()] == [
        (5, ProxyEnabled("p", "127.0.0.1:5")),
        (6, ProxyEnabled("p", "127.0.0.1:6")),
        (7, ProxyEnabled("p", "127.0.0.1:7")),
    ]


def test_unless_told_it_keeps_ten_thousand() -> None:
    journal = Journal()
    for _ in range(10_001):
        journal.write(ProxyRemoved("p"))
    assert (len(journal.events()), journal.events()[0].seq) == (10_000, 2)


def test_events_are_found_by_number_kind_and_proxy() -> None:
    journal = Journal()
    for event in [Fired("a", 1, "x", 1), Fired("b", 1, "x", 1), Healed("a", "x", 1, 1, 1), Fired("a", 2, "x", 2)]:
        journal.write(event)

    def found(since: int = 0, **wanted: str) -> list[int]:
        return [recorded.seq for recorded in journal.events(since, **wanted)]

    assert found() == [1, 2, 3, 4]
    assert found(2) == [3, 4]
    assert found(4) == []
    assert found(99) == []
    assert found(kind="fired") == [1, 2, 4]
    assert found(proxy="a") == [1, 3, 4]
    assert found(1, kind="fired", proxy="a") == [4]
    assert found(kind="nothing of the sort") == []


def test_a_recorded_event_carries_the_moment_the_connection_and_its_details() -> None:
    journal = Journal()
    before = time.time()
    journal.write(Fired("p", 7, "latency", 1, "GET /"))
    (recorded,) = journal.events()
    assert (recorded.kind, recorded.proxy, recorded.connection) == ("fired", "p", 7)
    assert recorded.event == Fired(proxy="p", connection=7, name="latency", n=1, operation="GET /")
    assert recorded.event.detail() == {"name": "latency", "n": 1, "operation": "GET /"}
    assert before <= recorded.at <= time.time()


def test_an_event_that_is_not_about_one_connection_has_none() -> None:
    journal = Journal()
    journal.write(ProxyRemoved("p"))
    (recorded,) = journal.events()
    assert (recorded.kind, recorded.connection, recorded.event.detail()) == ("proxy_removed", None, {})


def test_the_kinds_are_the_names_of_the_classes() -> None:
    assert sorted(KINDS) == [
        "accept_failed", "body_unread", "changed", "connection_closed", "connection_failed", "connection_opened", "dial_failed",
        "fired", "healed", "injected", "lease_expired", "listen_failed", "parsing_stopped", "profile_left_out", "protocol_learnt", "proxy_added", "proxy_disabled", "proxy_enabled",
        "proxy_removed", "reloaded", "request_copied", "server_shared", "text_too_long", "toxic_left_out",
    ]  # fmt: skip
    assert {kind for kind, event in KINDS.items() if issubclass(event, ConnectionEvent)} == {
        "body_unread", "connection_closed", "connection_failed", "connection_opened", "dial_failed", "fired", "parsing_stopped",
        "request_copied", "text_too_long",
    }  # fmt: skip


def test_as_json_an_event_has_its_kind() -> None:
    event = Reloaded("", "brownout.yaml", ("1 proxy added",), (Mistake("port taken", "choose another"),))
    assert json.loads(msgspec.json.encode(event)) == {
        "kind": "reloaded",
        "proxy": "",
        "file": "brownout.yaml",
        "done": ["1 proxy added"],
        "errors": [{"error": "port taken", "hint": "choose another"}],
    }
    assert msgspec.json.decode(msgspec.json.encode(event), type=Reloaded | Fired) == event


def test_an_event_cannot_be_changed() -> None:
    event = Fired("p", 7, "latency", 1)
    with pytest.raises(AttributeError, match="immutable"):
        event.proxy = "q"


def test_listeners_hear_each_new_event_until_they_leave_also_while_they_are_told() -> None:
    journal = Journal()
    heard: list[int] = []

    def once(recorded) -> None:
        heard.append(recorded.seq)
        journal.listeners.discard(once)

    journal.write(ProxyRemoved("before"))
    journal.listeners.add(once)
    journal.write(ProxyRemoved("heard"))
    journal.write(ProxyRemoved("after"))
    assert heard == [2]


def test_a_listener_that_raises_is_reported_and_breaks_neither_the_writer_nor_other_listeners() -> None:
    async def write() -> tuple[list[int], list[dict[str, object]]]:
        reported: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        journal = Journal()
        heard: list[int] = []

        def broken(recorded) -> None:
            heard.append(-recorded.seq)
            raise ValueError(f"broken by {recorded.proxy}")

        journal.listeners |= {broken, lambda recorded: heard.append(recorded.seq)}
        journal.write(ProxyRemoved("a"))
        journal.write(ProxyRemoved("b"))
        assert [recorded.proxy for recorded in journal.events()] == ["a", "b"]
        return heard, reported

    heard, reported = asyncio.run(write())
    assert sorted(heard) == [-2, -1, 1, 2]
    assert [str(each["exception"]) for each in reported] == ["broken by a", "broken by b"]
    assert all("broken" in str(each["message"]) for each in reported)


def test_an_event_keeps_the_beginning_of_long_settings() -> None:
    long = {"body": "x" * 900_000, "json": list(range(1000)), "status": 503}
    short = shortened(long)
    assert short["status"] == 503
    assert short["body"] == "x" * 1000 + "... (900000 characters)"
    assert short["json"] == "[" + ",".join(map(str, range(1000)))[:999] + "... (3891 characters)"
