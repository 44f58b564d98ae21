"""What Toxiproxy does wrong and Brownout, behind the same API, does not. TOXIPROXY's own figures stand beside."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from .conftest import DEADLINE, Proxied, Serve, Toxiproxy, Upstream, echo, read, said, served, wait_until

ENORMOUS = 2**62
QUICK = 10.0  # Toxiproxy takes 25 s
"""A call that waits for nobody takes some milliseconds; a busy machine has some more."""


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.fixture
def echoed(toxiproxy: Toxiproxy, upstream: Callable[[Serve], Upstream]) -> Iterator[Proxied]:
    with Proxied(toxiproxy, upstream(echo).address) as proxied:
        yield proxied


# Closing


def test_half_close_keeps_the_answer(toxiproxy: Toxiproxy, upstream: Callable[[Serve], Upstream]) -> None:
    def answer_at_the_end(sock: socket.socket) -> None:
        asked = b"".join(iter(lambda: sock.recv(65536), b""))
        sock.sendall(b"answer to " + asked)

    with Proxied(toxiproxy, upstream(answer_at_the_end).address) as proxied:
        proxied.add("latency", latency=20)
        client = proxied.connect()
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert read(client, 100) == b"answer to question"


def test_a_reset_by_the_server_reaches_the_client(toxiproxy: Toxiproxy, upstream: Callable[[Serve], Upstream]) -> None:
    def reset_when_asked(sock: socket.socket) -> None:
        sock.recv(1)
        reset(sock)

    with Proxied(toxiproxy, upstream(reset_when_asked).address) as proxied:
        client = proxied.connect()
        client.sendall(b"?")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_reset_by_the_client_reaches_the_server(toxiproxy: Toxiproxy, upstream: Callable[[Serve], Upstream]) -> None:
    seen: list[object] = []
    over = threading.Event()

    def listen(sock: socket.socket) -> None:
        try:
            sock.sendall(sock.recv(1))
            seen.append(sock.recv(1))
        except OSError as error:
            seen.append(type(error))
        over.set()

    with Proxied(toxiproxy, upstream(listen).address) as proxied:
        client = proxied.connect()
        assert said(client, b"x") == b"x"
        reset(client)
        assert over.wait(DEADLINE)
    assert seen == [ConnectionResetError]


@pytest.mark.parametrize("stream", ["downstream", "upstream"])
def test_reset_peer_resets_connections_that_were_open_before_and_are_idle(echoed: Proxied, stream: str) -> None:
    client = echoed.connect()
    assert said(client, b"hello") == b"hello"

    echoed.add("reset_peer", stream=stream, timeout=20)
    with pytest.raises(ConnectionResetError):
        client.recv(1)


# Toxicity


@pytest.mark.parametrize("kind", ["reset_peer", "timeout", "limit_data", "bandwidth"])
def test_a_toxicity_of_0_does_nothing_also_when_it_is_removed(echoed: Proxied, kind: str) -> None:
    before = echoed.connect()
    assert said(before, b"a") == b"a"
    echoed.add(kind, toxicity=0)
    after = echoed.connect()
    assert (said(before, b"b"), said(after, b"b")) == (b"b", b"b")

    echoed.remove()
    assert (said(before, b"c"), said(after, b"c")) == (b"c", b"c")
    before.shutdown(socket.SHUT_WR)
    assert before.recv(1) == b""


def hit(proxied: Proxied, clients: list[socket.socket]) -> list[bool]:
    """Which of the connections a limit of 0 bytes closed."""
    answers = []
    for client in clients:
        try:
            answers.append(said(client, b"x") == b"")
        except ConnectionError:
            answers.append(True)
    return answers


def pattern(seed: int, upstream: Callable[[Serve], Upstream]) -> list[bool]:
    with served(seed) as toxiproxy, Proxied(toxiproxy, upstream(echo).address) as proxied:
        proxied.add("limit_data", toxicity=0.5)
        return [hit(proxied, [proxied.connect()])[0] for _ in range(40)]


def test_the_seed_decides(upstream: Callable[[Serve], Upstream]) -> None:
    first, again, other = pattern(7, upstream), pattern(7, upstream), pattern(8, upstream)

    assert first == again
    assert first != other
    assert 8 < sum(first) < 32


def test_an_update_does_not_draw_again(echoed: Proxied) -> None:
    echoed.add("latency", toxicity=0.5, latency=0)
    clients = [echoed.connect() for _ in range(40)]
    for client in clients:
        assert said(client, b"x") == b"x"
    [injection] = echoed.api.fleet.proxies["p"].injections.values()
    drawn = {link.number for link in injection.hits}

    for _ in range(5):
        echoed.change(toxicity=0.5, jitter=1)
        echoed.add("noop", "behind")
        echoed.remove("behind")
    assert {link.number for link in injection.hits} == drawn
    assert 8 < len(drawn) < 32


# Updates


def test_limit_data_goes_on_counting_behind_an_update(echoed: Proxied) -> None:
    echoed.add("limit_data", bytes=10)
    client = echoed.connect()
    assert said(client, b"123456") == b"123456"

    echoed.change(bytes=20)
    client.sendall(b"x" * 100)
    assert read(client, 100) == b"x" * 14


def test_a_lowered_limit_closes_on_the_next_byte(echoed: Proxied) -> None:
    echoed.add("limit_data", bytes=10)
    client = echoed.connect()
    assert said(client, b"123456") == b"123456"

    echoed.change(bytes=0)
    client.sendall(b"x")
    assert read(client, 1) == b""


def test_a_stalled_rate_that_is_raised_lets_everything_come(echoed: Proxied) -> None:
    echoed.add("bandwidth", rate=0)
    client, text = echoed.connect(), bytes(range(256)) * 80
    client.sendall(text)
    client.settimeout(0.1)
    with pytest.raises(TimeoutError):
        client.recv(1)
    client.settimeout(DEADLINE)

    echoed.change(rate=-1)
    began = time.monotonic()
    echoed.change(rate=100)
    assert read(client, len(text)) == text
    assert time.monotonic() - began > 0.15  # 20 480 bytes at 100 kB/s take 0.2 s
    [toxic] = echoed.api.done("GET", "/proxies/p/toxics")
    assert toxic["attributes"] == {"rate": 100}


def test_removing_a_timeout_closes_the_links_that_it_starved_and_no_others(echoed: Proxied) -> None:
    starved, idle = echoed.connect(), echoed.connect()
    assert (said(starved, b"a"), said(idle, b"a")) == (b"a", b"a")
    echoed.add("timeout")
    starved.sendall(b"lost")
    starved.settimeout(0.1)
    with pytest.raises(TimeoutError):
        starved.recv(1)
    starved.settimeout(DEADLINE)

    echoed.remove()
    assert starved.recv(1) == b""
    assert said(idle, b"b") == b"b"


def test_two_latencies_add_up_under_load(echoed: Proxied) -> None:
    """Toxiproxy decays to 110 ms when messages come each 10 ms."""
    echoed.add("latency", "one", latency=100)
    echoed.add("latency", "two", latency=100)
    client = echoed.connect()
    sent: list[float] = []

    def send() -> None:
        for _ in range(60):
            sent.append(time.monotonic())
            client.sendall(b"x")
            time.sleep(0.01)

    sender = threading.Thread(target=send)
    sender.start()
    arrived = []
    while len(arrived) < 60:
        came = client.recv(100)
        arrived += [time.monotonic()] * len(came)
    sender.join()
    assert min(came - went for came, went in zip(arrived, sent, strict=True)) > 0.195


# Proxies


def test_wildcards_survive_a_second_populate_with_their_toxics_and_links(echoed: Proxied) -> None:
    entry = {"name": "w", "upstream": echoed.api.done("GET", "/proxies/p")["upstream"], "listen": "0.0.0.0:0"}
    listen = echoed.api.done("POST", "/populate", [entry])["proxies"][0]["listen"]
    echoed.listen = f"127.0.0.1:{listen.rpartition(':')[2]}"
    client = echoed.connect()
    assert said(client, b"a") == b"a"
    echoed.api.done("POST", "/proxies/w/toxics", {"type": "latency"})

    entry["listen"] = f"0.0.0.0:{listen.rpartition(':')[2]}"
    [again] = echoed.api.done("POST", "/populate", [entry])["proxies"]
    assert (again["listen"], len(again["toxics"])) == (listen, 1)
    assert said(client, b"b") == b"b"


def test_a_failed_rebind_leaves_the_proxy_and_its_links_as_they_were(echoed: Proxied) -> None:
    client = echoed.connect()
    assert said(client, b"a") == b"a"
    before = echoed.api.done("GET", "/proxies/p")
    with socket.create_server(("127.0.0.1", 0)) as other:
        answer = echoed.api.ask("PATCH", "/proxies/p", {"listen": f"127.0.0.1:{other.getsockname()[1]}"})

    assert answer.status == 500
    assert echoed.api.done("GET", "/proxies/p") == before
    assert (said(client, b"b"), said(echoed.connect(), b"b")) == (b"b", b"b")


def test_a_proxy_may_widen_to_all_interfaces_on_its_port(echoed: Proxied) -> None:
    port = echoed.listen.rpartition(":")[2]
    assert echoed.api.done("PATCH", "/proxies/p", {"listen": f"0.0.0.0:{port}"})["listen"] == f"[::]:{port}"
    assert said(echoed.connect(), b"a") == b"a"


def test_a_proxy_that_cannot_widen_listens_as_before(echoed: Proxied) -> None:
    port = int(echoed.listen.rpartition(":")[2])
    with socket.create_server(("127.0.0.2", port)):
        assert echoed.api.ask("PATCH", "/proxies/p", {"listen": f"0.0.0.0:{port}"}).status == 500
        assert said(echoed.connect(), b"a") == b"a"
    assert echoed.api.done("GET", "/proxies/p")["listen"] == f"127.0.0.1:{port}"


def test_metrics_move_while_connections_are_open(echoed: Proxied) -> None:
    client = echoed.connect()
    assert said(client, b"12345") == b"12345"

    text = echoed.api.ask("GET", "/metrics").body.decode()
    assert 'brownout_bytes_total{proxy="p",stream="downstream"} 5' in text


# Peers that do not read, and attributes without sense


def test_no_call_waits_for_peers_that_do_not_read(toxiproxy: Toxiproxy, upstream: Callable[[Serve], Upstream]) -> None:
    """Toxiproxy answers 503 after 25 s, and needs a restart if such a peer closes."""
    flood = upstream(lambda sock: sock.sendall(bytes(16 * 2**20)))
    with Proxied(toxiproxy, flood.address) as proxied:
        proxied.add("latency", "slow", latency=1)
        stalled = [proxied.connect() for _ in range(50)]
        proxy = toxiproxy.fleet.proxies["p"]
        wait_until(lambda: len(proxy.links) == 50)
        wait_until_still(lambda: proxy.bytes("downstream"))

        slowest = 0.0
        for method, path, body in (
            ("POST", "/proxies/p/toxics", {"type": "latency", "name": "a", "attributes": {"latency": 10}}),
            ("POST", "/proxies/p/toxics", {"type": "timeout", "name": "b", "stream": "upstream"}),
            ("PATCH", "/proxies/p/toxics/a", {"attributes": {"latency": 20}}),
            ("PATCH", "/proxies/p/toxics/slow", {"attributes": {"latency": 2}}),
            ("GET", "/proxies", None),
            ("GET", "/proxies/p/toxics", None),
            ("DELETE", "/proxies/p/toxics/a", None),
            ("DELETE", "/proxies/p/toxics/slow", None),
            ("POST", "/reset", None),
        ):
            began = time.monotonic()
            toxiproxy.done(method, path, body)
            took = time.monotonic() - began
            slowest = max(slowest, took)
            assert took < QUICK, (method, path)
        print(f"the slowest call beside 50 stalled readers took {1000 * slowest:.1f} ms")
        for client in stalled[:25]:
            client.close()
        wait_until(lambda: len(proxy.links) <= 25)  # the others are still there, or were starved by the timeout
        began = time.monotonic()
        toxiproxy.done("DELETE", "/proxies/p")
        assert time.monotonic() - began < QUICK

    with Proxied(toxiproxy, upstream(echo).address) as proxied:
        assert said(proxied.connect(), b"well") == b"well"


def wait_until_still(count: Callable[[], int]) -> None:
    """Wait until a count has stood still for a while."""
    deadline, last, since = time.monotonic() + DEADLINE, -1, time.monotonic()
    while time.monotonic() - since < 0.5:
        assert time.monotonic() < deadline
        if (now := count()) != last:
            last, since = now, time.monotonic()
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("latency", {"latency": -1, "jitter": -1}),
        ("latency", {"latency": 0, "jitter": -ENORMOUS}),
        ("latency", {"latency": ENORMOUS, "jitter": ENORMOUS}),
        ("bandwidth", {"rate": -1}),
        ("bandwidth", {"rate": ENORMOUS}),
        ("slow_close", {"delay": ENORMOUS}),
        ("timeout", {"timeout": -1}),
        ("timeout", {"timeout": ENORMOUS}),
        ("reset_peer", {"timeout": ENORMOUS}),
        ("slicer", {"average_size": 0}),
        ("slicer", {"average_size": -1, "size_variation": 5, "delay": 1000}),
        ("slicer", {"average_size": 1, "size_variation": 400}),
        ("slicer", {"average_size": ENORMOUS, "size_variation": ENORMOUS, "delay": ENORMOUS}),
        ("limit_data", {"bytes": ENORMOUS}),
        ("limit_data", {"bytes": -1}),
    ],
)
def test_attributes_without_sense_crash_nothing_while_data_flows(
    echoed: Proxied, kind: str, attributes: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    client = echoed.connect()
    assert said(client, b"before") == b"before"
    toxic = echoed.add(kind, **attributes)
    assert toxic["attributes"] == dict.fromkeys(toxic["attributes"], 0) | attributes
    for each in (client, echoed.connect()):
        with contextlib.suppress(ConnectionError):
            each.sendall(bytes(5000))
    echoed.change(**{name: value // 2 for name, value in attributes.items()})

    assert said_by_another(echoed)
    echoed.remove()
    assert said(echoed.connect(), b"after") == b"after"
    assert caplog.records == []


def said_by_another(proxied: Proxied) -> bool:
    """Whether the server is alive: another proxy of it passes data."""
    address = proxied.api.done("GET", "/proxies/p")["upstream"]
    made = proxied.api.done("POST", "/proxies", {"name": "q", "upstream": address, "listen": "127.0.0.1:0"})
    host, port = made["listen"].split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as sock:
        return said(sock, b"alive") == b"alive"
