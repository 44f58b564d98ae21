"""What the recorded conversations of tests/compat do not show."""

import asyncio
import json
import socket
from typing import Any
from urllib.parse import quote

import pytest

from brownout.control.toxiproxy.api import Toxiproxy
from brownout.control.toxiproxy.gohttp import ToxiproxyError
from brownout.proxy.record.event import ToxicLeftOut

from ..conftest import Running

OK = {"upstream": "127.0.0.1:1", "listen": "127.0.0.1:0"}


def ask(running: Running, method: str, path: str, body: object = None) -> tuple[int, Any]:
    connection = running.connect()
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        raw = response.read()
        return response.status, json.loads(raw) if raw else None
    finally:
        connection.close()


def made(running: Running, name: str = "p", **fields: object) -> dict[str, Any]:
    status, proxy = ask(running, "POST", "/proxies", {"name": name, **OK, **fields})
    assert status == 201, proxy
    return dict(proxy)


def toxics(running: Running) -> Any:
    return ask(running, "GET", "/proxies/p/toxics")[1]


def test_a_toxic_is_an_injection_of_v1(running: Running) -> None:
    made(running)
    ask(running, "POST", "/proxies/p/toxics", {"type": "latency", "toxicity": 0.5, "attributes": {"latency": 9}})

    [injection] = running.ask("GET", "/v1/proxies/p/injections")[1]
    del injection["receipt"]
    assert injection == {
        "fault": "latency",
        "name": "latency_downstream",
        "stream": "downstream",
        "latency": "9ms",
        "probability": "50%",
    }


def test_an_injection_of_v1_is_a_toxic_where_there_are_words_for_it(running: Running) -> None:
    made(running)
    running.ask("POST", "/v1/proxies/p/injections", '"latency:300ms"')
    running.ask("POST", "/v1/proxies/p/injections", '{"fault": "hang", "name": "h"}')

    assert toxics(running) == [
        {
            "attributes": {"latency": 300, "jitter": 0},
            "name": "latency",
            "type": "latency",
            "stream": "downstream",
            "toxicity": 1,
        }
    ]
    assert ask(running, "GET", "/proxies/p/toxics/h") == (404, {"error": "toxic not found", "status": 404})
    assert ask(running, "DELETE", "/proxies/p/toxics/h")[0] == 404
    assert ask(running, "POST", "/proxies/p/toxics", {"type": "noop", "name": "h"}) == (
        409,
        {"error": "toxic already exists", "status": 409},
    )
    assert ask(running, "POST", "/reset") == (204, None)
    assert running.ask("GET", "/v1/proxies/p/injections")[1] == []


def test_what_v1_changed_is_what_toxiproxy_shows(running: Running) -> None:
    made(running)
    ask(running, "POST", "/proxies/p/toxics", {"type": "latency", "name": "t", "attributes": {"latency": -5}})
    assert toxics(running)[0]["attributes"] == {"latency": -5, "jitter": 0}

    running.ask("PATCH", "/v1/proxies/p/injections/t", '{"jitter": "7ms"}')
    assert toxics(running)[0]["attributes"] == {"latency": 0, "jitter": 7}

    running.ask("PATCH", "/v1/proxies/p/injections/t", '{"distribution": "normal"}')
    assert toxics(running) == []


def test_a_refused_update_changes_nothing_at_all(running: Running) -> None:
    made(running)
    ask(running, "POST", "/proxies/p/toxics", {"type": "latency", "name": "t", "attributes": {"latency": 100}})

    for body in ({"attributes": {"jitter": 5, "latency": "x"}, "toxicity": 0}, {"toxicity": 1e39}, {"toxicity": "1"}):
        assert ask(running, "PATCH", "/proxies/p/toxics/t", body)[0] == 400
    assert (toxics(running)[0]["attributes"], toxics(running)[0]["toxicity"]) == ({"latency": 100, "jitter": 0}, 1)


def test_passwords_are_not_shown_and_what_is_shown_may_be_sent_back(running: Running) -> None:
    assert made(running, upstream="redis://u:secret@127.0.0.1:1")["upstream"] == "redis://u:***@127.0.0.1:1"

    ask(running, "POST", "/proxies/p", {"upstream": "redis://u:***@127.0.0.1:1"})
    assert running.fleet.proxies["p"].upstream.url == "redis://u:secret@127.0.0.1:1"
    assert made(running, "q", upstream="u:secret@somewhere")["upstream"] == "u:***@somewhere"


@pytest.mark.parametrize("secret", ["sec/ret", "sec#ret", "sec?ret", "sec@re/t"])
def test_nor_is_one_that_is_not_encoded(running: Running, secret: str) -> None:
    upstream = f"postgres://app:{secret}@127.0.0.1:5432/shop"
    assert made(running, upstream=upstream)["upstream"] == "postgres://app:***@127.0.0.1:5432/shop"
    body = {"name": "l", "listen": upstream, "upstream": "127.0.0.1:1", "enabled": False}
    assert ask(running, "POST", "/proxies", body)[1]["listen"] == "postgres://app:***@127.0.0.1:5432/shop"
    told = ask(running, "POST", "/proxies/l", {"enabled": True})
    assert told[0] == 500
    both = [running.ask("GET", path) for path in ("/proxies", "/v1/proxies", "/v1/journal")]
    assert secret not in repr([told, both])


@pytest.mark.parametrize(
    "upstream", ["nowhere", "a b", "http://", "ftp://host", "127.0.0.1:99999", ":::", "a\0b:1", "x" * 70 + ":1"]
)
def test_an_upstream_that_is_no_address_fails_when_a_client_connects(running: Running, upstream: str) -> None:
    proxy = made(running, upstream=upstream)
    assert proxy["upstream"] == upstream

    host, _, port = proxy["listen"].rpartition(":")
    with pytest.raises(ConnectionResetError), socket.create_connection((host, int(port)), timeout=60) as client:
        client.recv(1)
    [recorded] = running.fleet.journal.events(kind="dial_failed")
    assert recorded.event.error


def test_all_interfaces_are_one_place_however_they_are_spelled(running: Running) -> None:
    listen = made(running, listen="", upstream=running.echo)["listen"]
    assert listen.startswith("[::]:")
    port = listen.rpartition(":")[2]
    socket.create_connection(("127.0.0.1", int(port)), timeout=60).close()
    ask(running, "POST", "/proxies/p/toxics", {"type": "noop"})

    for spelled in (f"0.0.0.0:{port}", f":{port}", f"[::]:{port}"):
        status, answer = ask(running, "POST", "/populate", [{"name": "p", "upstream": running.echo, "listen": spelled}])
        assert (status, answer["proxies"][0]["listen"], len(answer["proxies"][0]["toxics"])) == (201, listen, 1)
        assert ask(running, "POST", "/proxies/p", {"listen": spelled})[1]["listen"] == listen


def test_a_port_that_was_given_survives_a_second_populate(running: Running) -> None:
    entry = {"name": "p", **OK}
    first = ask(running, "POST", "/populate", [entry])[1]["proxies"][0]["listen"]
    assert ask(running, "POST", "/populate", [entry])[1]["proxies"][0]["listen"] == first


def test_populate_takes_toxics_where_it_is_asked_to(running: Running) -> None:
    slow = {"type": "latency", "attributes": {"latency": 5}}
    status, answer = ask(
        running, "POST", "/populate?toxics=1", [{"name": "p", **OK, "toxics": [slow, {"type": "noop"}]}]
    )

    assert status == 201
    assert [toxic["name"] for toxic in answer["proxies"][0]["toxics"]] == ["latency_downstream", "noop_downstream"]
    before_it_listens = [event.kind for event in running.fleet.journal.events()]
    assert before_it_listens == ["injected", "injected", "proxy_enabled", "proxy_added"]


@pytest.mark.parametrize(
    ("toxics", "made", "left_out"),
    [
        ([{"type": "nope"}, {"type": "noop"}], ["noop_downstream"], [("nope", "invalid toxic type")]),
        ([{"type": "noop"}, {"type": "noop"}], ["noop_downstream"], [("noop", "toxic already exists")]),
        ([{"type": "latency", "name": "slow", "attributes": {"latency": "5"}}], [],
         [("slow", "bad request body: json: cannot unmarshal string into latency of type int64")]),
        ([{"type": "noop", "stream": "down"}], [],
         [("noop", "stream was invalid, can be either upstream or downstream")]),
        (["x"], [], [("", "bad request body: json: cannot unmarshal string into the body of type object")]),
        ({}, [], [("", "toxics is not a list")]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("enabled", [True, False])
def test_a_toxic_that_is_wrong_is_left_out_and_told_of(
    running: Running, toxics: object, made: list[str], left_out: list[tuple[str, str]], enabled: bool
) -> None:
    entries = [{"name": "o", **OK}, {"name": "p", **OK, "toxics": toxics, "enabled": enabled}]
    status, answer = ask(running, "POST", "/populate?toxics=1", entries)

    assert (status, [proxy["name"] for proxy in answer["proxies"]]) == (201, ["o", "p"])
    assert [toxic["name"] for toxic in answer["proxies"][1]["toxics"]] == made
    assert told(running) == [("p", *each) for each in left_out]


def told(running: Running) -> list[tuple[str, str, str]]:
    """Which toxics were left out of which proxies, and why."""
    events = [recorded.event for recorded in running.fleet.journal.events()]
    return [(each.proxy, each.toxic, each.reason) for each in events if isinstance(each, ToxicLeftOut)]


def test_more_toxics_than_a_proxy_may_have_are_left_out(running: Running) -> None:
    toxics = [{"type": "noop", "name": f"t{number}"} for number in range(1002)]
    status, answer = ask(running, "POST", "/populate?toxics=1", [{"name": "p", **OK, "toxics": toxics}])
    assert (status, len(answer["proxies"][0]["toxics"])) == (201, 1000)
    assert [toxic for _, toxic, _ in told(running)] == ["t1000", "t1001"]


def test_what_was_listed_may_be_populated_again_without_its_toxics(running: Running) -> None:
    made(running)
    ask(running, "POST", "/proxies/p/toxics", {"type": "latency", "attributes": {"latency": 5}})
    body = list(ask(running, "GET", "/proxies")[1].values())
    ask(running, "DELETE", "/proxies/p")

    status, answer = ask(running, "POST", "/populate", body)
    assert (status, [proxy["toxics"] for proxy in answer["proxies"]]) == (201, [[]])
    reason = "a list adds toxics only where it is asked to: POST /populate?toxics=1"
    assert told(running) == [("p", "latency_downstream", reason)]
    ask(running, "DELETE", "/proxies/p")
    assert ask(running, "POST", "/populate?toxics=1", body)[1]["proxies"] == body


def test_populate_tells_what_it_made_before_the_error(running: Running) -> None:
    with pytest.raises(ToxiproxyError) as raised:
        running.call(
            Toxiproxy(running.fleet).populate([{"name": "o", **OK}, {"name": "p", **OK, "listen": "x"}], toxics=True)
        )

    assert (raised.value.status, raised.value.message) == (500, "listen tcp: address x: missing port in address")
    assert [proxy["name"] for proxy in raised.value.proxies or ()] == ["o"]


def test_a_failed_rebind_is_rolled_back(running: Running) -> None:
    before = made(running, upstream=running.echo)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        assert ask(running, "POST", "/proxies/p", {"listen": taken, "upstream": "127.0.0.1:2"}) == (
            500,
            {"error": f"listen tcp {taken}: bind: address already in use", "status": 500},
        )
    assert ask(running, "GET", "/proxies/p") == (200, before)


def test_reset_goes_on_behind_a_proxy_that_cannot_listen(running: Running) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        made(running, "busy", listen=f"127.0.0.1:{other.getsockname()[1]}", enabled=False)
        made(running)
        ask(running, "POST", "/proxies/p/toxics", {"type": "noop"})
        assert ask(running, "POST", "/reset")[0] == 500
    assert toxics(running) == []


@pytest.mark.parametrize("name", ["a/b", "..", "a%2Fb", "日本", "<b>&"])
def test_every_name_that_can_be_made_can_be_taken_away(running: Running, name: str) -> None:
    made(running, name)
    path = f"/proxies/{quote(name, safe='')}"
    assert ask(running, "GET", path)[1]["name"] == name
    assert ask(running, "DELETE", path) == (204, None)


@pytest.mark.parametrize("name", ["a\nb", " a", "x" * 101, "\x1b[31m"])
def test_names_that_would_write_on_terminals_are_refused(running: Running, name: str) -> None:
    assert ask(running, "POST", "/proxies", {"name": name, **OK})[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "status", "location"),
    [
        ("HEAD", "/proxies", 405, None),
        ("OPTIONS", "/version", 405, None),
        ("PUT", "/proxies/p/toxics/t", 405, None),
        ("GET", "/populate", 405, None),
        ("GET", "//proxies", 301, "/proxies"),
        ("GET", "/proxies/", 404, None),
    ],
)
def test_routes_that_are_none(running: Running, method: str, path: str, status: int, location: str | None) -> None:
    connection = running.connect()
    connection.request(method, path)
    response = connection.getresponse()
    body = response.read()
    connection.close()

    assert (response.status, response.headers["Location"]) == (status, location)
    assert response.headers["Allow"] is None
    assert response.headers["X-Toxiproxy-Request-Id"] is None
    assert body == (b"404 page not found\n" if status == 404 else b"")


def test_a_body_that_is_too_large_is_an_error_of_toxiproxys_kind(running: Running) -> None:
    status, answer = ask(running, "POST", "/proxies", {"name": "x" * (2 << 20)})
    assert (status, answer) == (413, {"error": "request body too large", "status": 413})


def test_a_bug_is_an_answer_too(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*args: object, **more: object) -> None:
        raise LookupError("oops")

    monkeypatch.setattr(running.fleet, "add", broken)
    status, answer = ask(running, "POST", "/proxies", {"name": "p", **OK})
    assert (status, answer["error"]) == (500, "a bug in Brownout: LookupError('oops')")


def test_a_proxy_that_is_replaced_gives_its_port_to_the_new_one(running: Running) -> None:
    listen = made(running)["listen"]
    status, answer = ask(running, "POST", "/populate", [{"name": "p", "listen": listen, "upstream": running.echo}])
    assert (status, answer["proxies"][0]["upstream"]) == (201, running.echo)

    async def echoed() -> bytes:
        reader, writer = await asyncio.open_connection(*listen.split(":"))
        writer.write(b"hello")
        try:
            return await reader.readexactly(5)
        finally:
            writer.close()

    assert running.call(echoed()) == b"hello"


def test_a_populate_that_is_refused_leaves_the_old_proxy_listening(running: Running) -> None:
    before = made(running, upstream=running.echo)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        entry = {
            "name": "p",
            "upstream": running.echo,
            "listen": f"127.0.0.1:{taken.getsockname()[1]}",
            "enabled": True,
        }
        assert ask(running, "POST", "/populate", [entry])[0] == 500
    after = ask(running, "GET", "/proxies/p")[1]
    assert (after["enabled"], after["listen"]) == (True, before["listen"])
    host, port = before["listen"].rsplit(":", 1)
    socket.create_connection((host, int(port)), timeout=10).close()
