"""What clients feel of toxics, measured at a Toxiproxy of May 2026, on both event loops.

A fault that a client does not feel makes its test pass, and nobody is told.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import uvloop

from brownout.faults.segment import Kind

from .conftest import DEADLINE, Proxied, Serve, Toxiproxy, Upstream, echo, read, said, served, wait_until

LOOPS = {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}
STREAMS = ["upstream", "downstream"]
SHORT = 0.1
"""How long one listens to hear nothing."""

Start = Callable[[Serve], Upstream]


@pytest.fixture(params=LOOPS)
def toxiproxy(request: pytest.FixtureRequest) -> Iterator[Toxiproxy]:
    """A server as `brownout toxiproxy` has it."""
    with served(loop=LOOPS[request.param], undialled=Kind.CLOSE) as toxiproxy:
        yield toxiproxy


@pytest.fixture
def echoed(toxiproxy: Toxiproxy, upstream: Start) -> Iterator[Proxied]:
    with Proxied(toxiproxy, upstream(echo).address) as proxied:
        yield proxied


def end(sock: socket.socket) -> object:
    """How a connection ends on which nothing is said: b"" is EOF, else the error, or what was said all the same."""
    try:
        return sock.recv(65536)
    except OSError as error:
        return type(error)


def felt(proxied: Proxied) -> object:
    """How a new connection ends. A busy client may learn of it from connect(), but has heard nothing then either."""
    try:
        return end(proxied.connect())
    except OSError as error:
        return type(error)


def is_silent(sock: socket.socket) -> bool:
    sock.settimeout(SHORT)
    try:
        sock.recv(1)
    except TimeoutError:
        return True
    finally:
        sock.settimeout(DEADLINE)
    return False


def wait_until_all_have_ended(proxied: Proxied, connections: int) -> None:
    proxy = proxied.api.fleet.proxies["p"]
    wait_until(lambda: proxy.links_total == connections and not proxy.links)


# reset_peer


@pytest.mark.parametrize("stream", STREAMS)
def test_reset_peer_answers_nothing_and_resets_after_its_timeout(echoed: Proxied, stream: str) -> None:
    address = echoed.api.done("GET", "/proxies/p")["upstream"]
    asked: list[tuple[float, float, socket.socket]] = []
    with contextlib.ExitStack() as stack:
        for ms in (1, 120, 500, 1000, 2000):
            made = echoed.api.done("POST", "/proxies", {"name": f"p{ms}", "upstream": address, "listen": "127.0.0.1:0"})
            toxic = {"type": "reset_peer", "stream": stream, "attributes": {"timeout": ms}}
            echoed.api.done("POST", f"/proxies/p{ms}/toxics", toxic)
            host, port = made["listen"].split(":")
            began = time.monotonic()
            client = stack.enter_context(socket.create_connection((host, int(port)), timeout=DEADLINE))
            with contextlib.suppress(ConnectionError):  # 1 ms is soon over
                client.sendall(b"question")
            asked.append((ms / 1000, began, client))
        for seconds, began, client in asked:
            assert end(client) in (ConnectionResetError, BrokenPipeError)
            assert time.monotonic() - began >= seconds


def test_reset_peer_without_a_timeout_lets_no_greeting_slip_out(toxiproxy: Toxiproxy, upstream: Start) -> None:
    def greet(sock: socket.socket) -> None:
        sock.sendall(b"220 welcome\r\n")
        sock.recv(1)

    with Proxied(toxiproxy, upstream(greet).address) as proxied:
        proxied.add("reset_peer", timeout=0)
        assert {felt(proxied) for _ in range(20)} == {ConnectionResetError}


def test_reset_peer_upstream_without_a_timeout_lets_no_request_reach_the_server(
    toxiproxy: Toxiproxy, upstream: Start
) -> None:
    heard: list[bytes] = []

    def hear(sock: socket.socket) -> None:
        heard.append(sock.recv(1))

    with Proxied(toxiproxy, upstream(hear).address) as proxied:
        proxied.add("reset_peer", stream="upstream", timeout=0)
        for _ in range(500):
            with contextlib.suppress(ConnectionError), proxied.connect() as client:
                client.sendall(b"GET /")
                assert client.recv(1) == b""
        wait_until_all_have_ended(proxied, 500)
        assert b"G" not in heard


@pytest.mark.parametrize("stream", STREAMS)
def test_reset_peer_resets_pooled_connections_that_are_idle_or_speak(echoed: Proxied, stream: str) -> None:
    idle, busy = echoed.connect(), echoed.connect()
    assert (said(idle, b"a"), said(busy, b"a")) == (b"a", b"a")
    echoed.add("reset_peer", stream=stream, timeout=1000)
    busy.sendall(b"lost")
    assert (end(busy), end(idle)) == (ConnectionResetError, ConnectionResetError)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_reset_peer_that_is_removed_before_its_time_closes_whom_it_starved(echoed: Proxied, stream: str) -> None:
    starved, idle = echoed.connect(), echoed.connect()
    assert (said(starved, b"a"), said(idle, b"a")) == (b"a", b"a")
    echoed.add("reset_peer", stream=stream, timeout=3_600_000)
    starved.sendall(b"lost")
    assert is_silent(starved)
    echoed.remove()
    assert end(starved) == b""
    assert said(idle, b"b") == b"b"


def test_a_changed_timeout_of_reset_peer_holds_at_once_and_its_receipt_says_that_it_fired(echoed: Proxied) -> None:
    client = echoed.connect()
    echoed.add("reset_peer", timeout=3_600_000)
    client.sendall(b"lost")
    assert is_silent(client)
    [injection] = echoed.api.fleet.proxies["p"].injections.values()
    assert (injection.matched, injection.chosen, injection.fired) == (1, 1, 1)
    echoed.change(timeout=10)
    assert end(client) is ConnectionResetError


# Toxicity


def test_a_toxicity_of_0_lets_go_of_open_connections_at_once(echoed: Proxied) -> None:
    echoed.add("latency", latency=3_600_000)
    client = echoed.connect()
    client.sendall(b"held")
    assert is_silent(client)
    echoed.change(toxicity=0)
    assert read(client, 4) == b"held"
    assert said(client, b"next") == b"next"


@pytest.mark.parametrize("stream", STREAMS)
def test_a_toxicity_of_1_takes_pooled_connections_at_once(echoed: Proxied, stream: str) -> None:
    echoed.add("latency", stream=stream, latency=300, toxicity=0)
    pool = [echoed.connect() for _ in range(10)]
    assert [said(client, b"a") for client in pool] == [b"a"] * 10
    echoed.change(toxicity=1)
    began = time.monotonic()
    for client in pool:
        client.sendall(b"b")
    assert [read(client, 1) for client in pool] == [b"b"] * 10
    assert time.monotonic() - began >= 0.3
    [injection] = echoed.api.fleet.proxies["p"].injections.values()
    assert (injection.matched, injection.chosen, injection.fired) == (10, 10, 10)


def test_toxicity_may_go_to_and_fro_and_nothing_is_counted_twice(echoed: Proxied) -> None:
    echoed.add("latency", latency=20, toxicity=0.5)
    pool = [echoed.connect() for _ in range(10)]
    assert [said(client, b"a") for client in pool] == [b"a"] * 10
    [injection] = echoed.api.fleet.proxies["p"].injections.values()
    drawn = len(injection.hits)
    for toxicity, taken in ((1, 10), (0.5, 10), (0, 0), (0.5, 0), (1, 10)):
        echoed.change(toxicity=toxicity)
        assert len(injection.hits) == taken
        assert [said(client, b"b") for client in pool] == [b"b"] * 10
    assert 0 < drawn < 10
    assert (injection.matched, injection.chosen, injection.fired) == (10, 10, 10)


def test_a_toxicity_of_0_closes_connections_that_lost_bytes(echoed: Proxied) -> None:
    starved, idle = echoed.connect(), echoed.connect()
    assert (said(starved, b"a"), said(idle, b"a")) == (b"a", b"a")
    echoed.add("timeout")
    starved.sendall(b"lost")
    assert is_silent(starved)
    echoed.change(toxicity=0)
    assert end(starved) == b""
    assert said(idle, b"b") == b"b"
    echoed.change(toxicity=1)
    idle.sendall(b"lost")
    assert is_silent(idle)


# timeout


@pytest.mark.parametrize("stream", STREAMS)
def test_a_timeout_lets_the_close_of_a_client_pass(toxiproxy: Toxiproxy, upstream: Start, stream: str) -> None:
    heard: list[bytes] = []

    def hear(sock: socket.socket) -> None:
        heard.append(b"".join(iter(lambda: sock.recv(65536), b"")))

    with Proxied(toxiproxy, upstream(hear).address) as proxied:
        proxied.add("timeout", stream=stream)
        with proxied.connect() as client:
            client.sendall(b"question")
            assert is_silent(client)
        wait_until(lambda: heard != [])
        assert heard == [b"" if stream == "upstream" else b"question"]
        wait_until_all_have_ended(proxied, 1)


def test_a_timeout_lets_the_close_of_a_server_pass(toxiproxy: Toxiproxy, upstream: Start) -> None:
    with Proxied(toxiproxy, upstream(lambda sock: sock.sendall(b"lost")).address) as proxied:
        proxied.add("timeout")
        assert end(proxied.connect()) == b""


def test_a_timeout_keeps_no_place_at_a_server_that_has_few(toxiproxy: Toxiproxy, upstream: Start) -> None:
    lock, held = threading.Lock(), 0
    refused: list[int] = []
    ends: list[object] = []

    def take_a_place(sock: socket.socket) -> None:
        nonlocal held
        with lock:
            held += 1
            if held > 100:
                refused.append(held)
        try:
            ends.append(end(sock))
        finally:
            with lock:
                held -= 1

    with Proxied(toxiproxy, upstream(take_a_place).address) as proxied:
        proxied.add("timeout", stream="upstream")
        for number in range(1, 601):
            with proxied.connect() as client:
                client.sendall(b"question")
            if number % 50 == 0:
                wait_until_all_have_ended(proxied, number)
        assert (refused, set(ends)) == ([], {b""})


# Upstreams that are not there


def test_an_upstream_that_refuses_is_an_end_of_file_after_the_accept(
    toxiproxy: Toxiproxy, reserve: Callable[[], str]
) -> None:
    with Proxied(toxiproxy, reserve()) as proxied:
        for _ in range(100):
            assert end(proxied.connect()) == b""


def test_an_upstream_that_is_no_address_is_an_end_of_file_too(toxiproxy: Toxiproxy) -> None:
    with Proxied(toxiproxy, "nowhere") as proxied:
        assert end(proxied.connect()) == b""


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"enabled": False}), ("DELETE", None)])
def test_who_has_connected_when_a_proxy_goes_sees_an_end_of_file(
    toxiproxy: Toxiproxy, upstream: Start, method: str, body: object
) -> None:
    ends: list[object] = []
    server = upstream(lambda sock: ends.append(end(sock)))
    for _ in range(25):
        with Proxied(toxiproxy, server.address) as proxied:
            client = proxied.connect()
            toxiproxy.done(method, "/proxies/p", body)
            assert end(client) == b""
            if method == "PATCH":
                toxiproxy.done("DELETE", "/proxies/p")
    wait_until(lambda: len(ends) == len(server.accepted))
    assert set(ends) <= {b""}


# Latency


def test_bytes_that_are_held_follow_a_changed_latency(echoed: Proxied) -> None:
    """Toxiproxy sends what it holds at once; here it is sent as if it had come under the new latency."""
    echoed.add("latency", latency=3_600_000)
    client = echoed.connect()
    began = time.monotonic()
    client.sendall(b"held")
    assert is_silent(client)
    echoed.change(latency=500)
    assert read(client, 4) == b"held"
    assert time.monotonic() - began >= 0.5


def test_a_close_without_data_is_delayed_like_data(toxiproxy: Toxiproxy, upstream: Start) -> None:
    """Toxiproxy lets it pass at once."""
    with Proxied(toxiproxy, upstream(lambda sock: None).address) as proxied:
        proxied.add("latency", latency=500)
        began = time.monotonic()
        assert end(proxied.connect()) == b""
        assert time.monotonic() - began >= 0.5


# The API


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("host.docker.internal:8474", 200),
        ("host.testcontainers.internal:49153", 200),
        ("toxiproxy.default.svc", 200),
        ("toxiproxy.default.svc.cluster.local:8474", 200),
        ("localtest.me:8474", 403),  # leads to 127.0.0.1
    ],
)
def test_the_hosts_of_containers_and_clusters_may_be_called(toxiproxy: Toxiproxy, host: str, status: int) -> None:
    assert toxiproxy.ask("GET", "/version", headers={"Host": host}).status == status


def test_toxics_may_come_and_go_500_times_over_100_idle_connections(echoed: Proxied) -> None:
    """`python -m bench --only 'toxic|start'` has the time."""
    pool = [echoed.connect() for _ in range(100)]
    wait_until(lambda: sum(link.open for link in echoed.api.fleet.proxies["p"].links.values()) == 100)
    for _ in range(500):
        echoed.add("latency", latency=10)
        echoed.remove()
    assert [said(client, b"a") for client in pool] == [b"a"] * 100
    assert echoed.api.fleet.budget.held == 0


def test_a_start_imports_nothing_that_it_does_not_need() -> None:
    """`python -m bench --only 'toxic|start'` has the time."""
    code = (
        "import sys, brownout.cli.main, brownout.cli.toxiproxy_server; "
        "print([name for name in ('prometheus_client', 'yaml', 'requests', 'rich') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# Proxies


def test_a_name_may_be_one_space(echoed: Proxied) -> None:
    address = echoed.api.done("GET", "/proxies/p")["upstream"]
    answer = echoed.api.ask("POST", "/proxies", {"name": " ", "upstream": address, "listen": "127.0.0.1:0"})
    assert (answer.status, answer.json["name"]) == (201, " ")
    assert echoed.api.done("GET", "/proxies/%20")["name"] == " "


def test_populate_takes_the_proxies_and_leaves_out_what_is_wrong_with_their_toxics(echoed: Proxied) -> None:
    ok = {"upstream": echoed.api.done("GET", "/proxies/p")["upstream"], "listen": "127.0.0.1:0"}
    entries = [
        {"name": "a", **ok, "toxics": [{"type": "nope"}]},
        {"name": "b", **ok, "toxics": {}},
        {"name": "c", **ok},
    ]
    for path in ("/populate", "/populate?toxics=1"):
        answer = echoed.api.ask("POST", path, entries)
        assert (answer.status, [proxy["name"] for proxy in answer.json["proxies"]]) == (201, ["a", "b", "c"])
        for name in "abc":
            echoed.api.done("DELETE", f"/proxies/{name}")


def test_populate_with_what_was_listed_brings_no_toxic_back(echoed: Proxied) -> None:
    echoed.add("latency", latency=1000)
    listed = list(echoed.api.done("GET", "/proxies").values())
    echoed.api.done("DELETE", "/proxies/p")
    [proxy] = echoed.api.done("POST", "/populate", listed)["proxies"]
    assert proxy["toxics"] == []
