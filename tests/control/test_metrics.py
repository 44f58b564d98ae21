"""`/metrics` as Prometheus meets it: parsed by prometheus_client's own parsers, and equal to what a workload did."""

import asyncio
import http.client
import itertools
import platform
import re
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from brownout.control import metrics
from brownout.faults import Spec
from brownout.proxy import Fleet, Limits, Proxy

from .conftest import DEADLINE, Running, carried, entry

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
"""What Prometheus 3 sends as Accept."""

Key = tuple[str, frozenset[tuple[str, str]]]


class Scraped:
    """The samples of a scrape by name and labels, and the types of its metrics."""

    def __init__(self, text: str, parse: Callable[[str], Iterator[object]] = parse_text) -> None:
        self.samples: dict[Key, float] = {}
        self.types: dict[str, str] = {}
        for family in parse(text):
            assert family.documentation
            assert family.name not in self.types
            self.types[family.name] = family.type
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in self.samples, f"{key} is there twice"
                self.samples[key] = sample.value

    def __call__(self, name: str, /, **labels: str) -> float:
        return self.samples[f"brownout_{name}", frozenset(labels.items())]

    def counters(self) -> dict[Key, float]:
        """What must never run back."""
        return {key: value for key, value in self.samples.items() if re.search("_(total|bucket|count|sum)$", key[0])}

    def of(self, proxy: str) -> set[Key]:
        return {key for key in self.samples if ("proxy", proxy) in key[1]}


def answer(running: Running, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, str]:
    connection = running.connect()
    try:
        connection.request(method, "/metrics", headers=headers)
        response = connection.getresponse()
        return response, response.read().decode()
    finally:
        connection.close()


def scrape(running: Running, only: str = "") -> Scraped:
    """What is scraped; of the samples, those with a text in their line, since the parser is slow."""
    lines = answer(running)[1].splitlines(keepends=True)
    return Scraped("".join(line for line in lines if line.startswith("#") or only in line))


def until(running: Running, is_so: Callable[[Scraped], bool]) -> Scraped:
    end = time.monotonic() + DEADLINE
    while not is_so(found := scrape(running)):
        assert time.monotonic() < end, found.samples
        time.sleep(0.002)
    return found


def add(running: Running, upstream: str = "", name: str = "echo") -> Proxy:
    return running.call(running.fleet.add(name, upstream or running.echo))


def do(running: Running, function: Callable[[], object]) -> None:
    async def run() -> None:
        function()

    running.call(run())


def inject(running: Running, proxy: Proxy, **settings: object) -> None:
    mapping = {key.rstrip("_"): value for key, value in settings.items()}
    do(running, lambda: proxy.inject(Spec.parse(mapping)))


def connect(proxy: Proxy) -> socket.socket:
    assert proxy.address is not None
    return socket.create_connection((proxy.address.host, proxy.address.port), timeout=DEADLINE)


def talk(sock: socket.socket, data: bytes) -> None:
    sock.sendall(data)
    got = 0
    while got < len(data):
        got += len(sock.recv(65536)) or pytest.fail("the link ended")


# What is exposed


@pytest.mark.parametrize(
    ("accept", "content_type", "parse"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8", parse_text),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8", parse_text),
        (PROMETHEUS, "application/openmetrics-text; version=1.0.0; charset=utf-8", parse_openmetrics),
    ],
)
def test_both_formats_of_prometheus_are_spoken(
    running: Running, accept: str, content_type: str, parse: Callable[[str], Iterator[object]]
) -> None:
    proxy = add(running)
    inject(running, proxy, fault="latency", latency="1ms")
    response, text = answer(running, Accept=accept)
    assert response.status == 200
    assert response.headers["Content-Type"].startswith(content_type)
    assert Scraped(text, parse).samples == scrape(running).samples


def test_the_metrics_are_these(running: Running) -> None:
    assert scrape(running).types == {
        "brownout_build_info": "gauge",
        "brownout_run_info": "gauge",
        "brownout_proxy_enabled": "gauge",
        "brownout_connections": "counter",
        "brownout_connections_open": "gauge",
        "brownout_bytes": "counter",
        "brownout_turns": "counter",
        "brownout_connection_errors": "counter",
        "brownout_caller_connections": "counter",
        "brownout_dial_seconds": "histogram",
        "brownout_requests": "counter",
        "brownout_request_seconds": "histogram",
        "brownout_fault_active": "gauge",
        "brownout_faults_matched": "counter",
        "brownout_faults_chosen": "counter",
        "brownout_faults_fired": "counter",
        "brownout_faults_vacuous": "counter",
        "brownout_fault_delay_seconds": "histogram",
    }


def test_names_keep_to_the_conventions(running: Running) -> None:
    proxy = add(running)
    inject(running, proxy, fault="latency", latency="1ms")
    do(running, lambda: carried(proxy, entry(1)))
    do(running, lambda: proxy.callers.update({("psql", "", "gw0"): Counter(connections=3)}))
    text = answer(running)[1]
    assert 'brownout_caller_connections_total{container="",program="psql",proxy="echo",worker="gw0"} 3.0' in text
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    assert types.keys() == dict(re.findall(r"^# HELP (\S+) (.+\.)$", text, re.MULTILINE)).keys()
    assert (
        len(types) == len(re.findall("^# TYPE", text, re.MULTILINE)) == len(re.findall("^# HELP", text, re.MULTILINE))
    )
    for name, kind in types.items():
        assert re.fullmatch("brownout(_[a-z]+)+", name)
        assert name.endswith("_total") == (kind == "counter")
        assert name.endswith("_seconds") == (kind == "histogram")
    for label in set(re.findall(r'(\w+)="', text)):
        assert re.fullmatch("[a-z]+", label)
    position = [re.sub("_(bucket|count|sum)$", "", line.split("{")[0]) for line in text.splitlines() if line[0] != "#"]
    assert [name for name, _ in itertools.groupby(position)] == list(types), "the samples of a metric are not together"


def test_who_and_which_seed(running: Running) -> None:
    found = scrape(running)
    assert found("build_info", version=running.client.health()["version"], python=platform.python_version()) == 1
    assert found("run_info", seed="7") == 1


def test_any_name_is_a_label(running: Running) -> None:
    odd = 'a "quoted" \\back\\n slash {é} 名'
    proxy = add(running, name=odd)
    inject(running, proxy, fault="latency", latency="1ms", name='"\\')
    do(running, lambda: proxy.errors.update(['two\nlines\\n"']))
    for text, parse in (
        (answer(running)[1], parse_text),
        (answer(running, Accept="application/openmetrics-text; version=1.0.0")[1], parse_openmetrics),
    ):
        found = Scraped(text, parse)
        assert found("connections_total", proxy=odd) == 0
        assert found("fault_active", proxy=odd, fault="latency", name='"\\') == 1
        assert found("connection_errors_total", proxy=odd, reason='two\nlines\\n"') == 1


def test_who_may_ask_and_how(running: Running) -> None:
    response, body = answer(running, "HEAD")
    assert (response.status, body, int(response.headers["Content-Length"]) > 500) == (200, "", True)
    assert answer(running, **{"User-Agent": "Mozilla/5.0"})[0].status == 200
    assert answer(running, "POST")[0].status == 405
    assert answer(running, Origin="https://example.com")[0].status == 403
    assert answer(running, Accept="application/openmetrics-text; version=one, text/plain; version=x")[0].status == 200


def test_every_reason_is_there_from_the_start(running: Running) -> None:
    add(running)
    assert {key[1] for key in scrape(running).samples if key[0] == "brownout_connection_errors_total"} == {
        frozenset({("proxy", "echo"), ("reason", reason)})
        for reason in (
            "dial_refused", "dial_timeout", "dial_unresolved", "dial_failed", "no_descriptor", "accept_failed",
        )
    }  # fmt: skip


# What a workload did


def test_links_and_bytes_are_those_that_were_carried(running: Running) -> None:
    proxy = add(running)
    for size in (1, 1000, 300_000):
        with connect(proxy) as sock:
            talk(sock, bytes(size))
    found = until(running, lambda found: found("connections_open", proxy="echo") == 0)
    assert found("connections_total", proxy="echo") == 3
    assert found("bytes_total", proxy="echo", stream="upstream") == 301_001
    assert found("bytes_total", proxy="echo", stream="downstream") == 301_001
    assert found("dial_seconds_count", proxy="echo") == 3
    assert 0 < found("dial_seconds_sum", proxy="echo") < DEADLINE
    assert {value for key, value in found.samples.items() if key[0] == "brownout_connection_errors_total"} == {0}


def test_the_bytes_of_an_open_link_are_seen_as_they_move(running: Running) -> None:
    proxy = add(running)
    with connect(proxy) as one, connect(proxy) as two:
        for step in (1, 2, 3):
            talk(one, bytes(100))
            talk(two, bytes(10))
            found = scrape(running)
            assert found("connections_open", proxy="echo") == 2
            assert found("bytes_total", proxy="echo", stream="upstream") == 110 * step
            assert found("bytes_total", proxy="echo", stream="downstream") == 110 * step
            assert found("turns_total", proxy="echo") == 2 * step
        one.close()
        found = until(running, lambda found: found("connections_open", proxy="echo") == 1)
        assert found("bytes_total", proxy="echo", stream="upstream") == 330


def test_the_streams_are_told_apart(running: Running) -> None:
    proxy = add(running)
    inject(running, proxy, fault="limit_data", bytes="4B", stream="upstream")
    with connect(proxy) as sock:
        sock.sendall(b"ten bytes!")
        while sock.recv(100):
            pass
    found = until(running, lambda found: found("connections_open", proxy="echo") == 0)
    assert found("bytes_total", proxy="echo", stream="upstream") == 10
    assert found("bytes_total", proxy="echo", stream="downstream") <= 4


def test_a_refused_dial_is_an_error_and_no_dial(running: Running, reserve: Callable[[], str]) -> None:
    proxy = add(running, reserve())
    for _ in range(4):
        with pytest.raises(ConnectionResetError), connect(proxy) as sock:  # or within connect()
            sock.recv(1)
    found = scrape(running)
    assert found("connections_total", proxy="echo") == 4
    assert found("connection_errors_total", proxy="echo", reason="dial_refused") == 4
    assert found("connection_errors_total", proxy="echo", reason="dial_timeout") == 0
    assert found("dial_seconds_count", proxy="echo") == 0


def test_a_dial_that_takes_too_long_is_an_error(running: Running) -> None:
    do(running, lambda: setattr(running.fleet, "limits", Limits(dial=0.05)))
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = []
        for _ in range(8):  # the system shakes hands for one or two, and lets the others wait
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(full.getsockname())
        try:
            host, port = full.getsockname()
            with pytest.raises(ConnectionResetError), connect(add(running, f"{host}:{port}")) as sock:
                sock.recv(1)
        finally:
            for each in waiting:
                each.close()
    assert scrape(running)("connection_errors_total", proxy="echo", reason="dial_timeout") == 1


def test_the_delays_of_a_latency_are_counted_one_by_one(running: Running) -> None:
    proxy = add(running)
    inject(running, proxy, fault="latency", latency="50ms", name="slow")
    labels = {"proxy": "echo", "fault": "latency", "name": "slow"}
    assert scrape(running)("fault_delay_seconds_count", **labels) == 0
    with connect(proxy) as sock:
        begun = time.monotonic()
        for _ in range(20):
            talk(sock, b"ping")
        took = time.monotonic() - begun
    found = scrape(running)
    assert found("fault_delay_seconds_count", **labels) == 20
    assert 0.99 <= found("fault_delay_seconds_sum", **labels) <= took  # each delay is a part of its round trip
    buckets = [found("fault_delay_seconds_bucket", **labels, le=le) for le in ("0.001", "0.027", "9.0", "+Inf")]
    assert buckets == [0, 0, 20, 20]


def test_a_connect_delay_is_counted_when_the_link_goes_on(running: Running) -> None:
    proxy = add(running)
    inject(running, proxy, fault="connect_delay", delay="50ms")
    labels = {"proxy": "echo", "fault": "connect_delay", "name": "connect_delay"}
    for _ in range(3):
        with connect(proxy) as sock:
            talk(sock, b"ping")
    found = scrape(running)
    assert found("fault_delay_seconds_count", **labels) == 3
    assert found("fault_delay_seconds_bucket", **labels, le="0.027") == 0
    assert found("fault_delay_seconds_sum", **labels) >= 0.149
    assert (found("faults_matched_total", **labels), found("faults_fired_total", **labels)) == (3, 3)


def test_chances_are_counted_as_the_seed_throws_them(running: Running) -> None:
    proxy = add(running)
    inject(running, proxy, fault="reset", probability="30%")
    resets = 0
    for _ in range(40):
        try:
            with connect(proxy) as sock:
                talk(sock, b"ping")
        except ConnectionError:  # a broken pipe where the reset is quicker than what we send
            resets += 1
    found, labels = scrape(running), {"proxy": "echo", "fault": "reset", "name": "reset"}
    assert found("faults_matched_total", **labels) == 40
    assert found("faults_fired_total", **labels) == resets == 15  # what seed 7, proxy echo and injection reset throw


def test_counters_never_run_back(running: Running) -> None:
    proxy = add(running)
    labels = {"proxy": "echo", "fault": "latency", "name": "latency"}
    before = scrape(running)

    def step(active: int, matched: int, fired: int, delays: int, vacuous: int = 0) -> None:
        nonlocal before
        after = scrape(running)
        for key, value in before.counters().items():
            assert after.samples[key] >= value, key
        assert after("fault_active", **labels) == active
        assert after("faults_matched_total", **labels) == matched
        assert after("faults_chosen_total", **labels) == matched
        assert after("faults_fired_total", **labels) == fired
        assert after("faults_vacuous_total", **labels) == vacuous
        assert after("fault_delay_seconds_count", **labels) == delays
        before = after

    with connect(proxy) as sock:
        talk(sock, b"ping")
        inject(running, proxy, fault="latency", latency="2ms")
        step(1, 1, 0, 0)
        talk(sock, b"ping")
        step(1, 1, 1, 1)
        do(running, proxy.heal)
        step(0, 1, 1, 1)
        talk(sock, b"ping")
        step(0, 1, 1, 1)
        inject(running, proxy, fault="latency", latency="3ms")  # again, on the same link
        step(1, 2, 1, 1)
        do(running, lambda: proxy.change("latency", {"latency": "1ms"}))
        talk(sock, b"ping")
        step(1, 2, 2, 2)
        with connect(proxy) as another:
            talk(another, b"ping")
            step(1, 3, 3, 3)
        until(running, lambda found: found("connections_open", proxy="echo") == 1)
        step(1, 3, 3, 3)
        do(running, proxy.heal)
        step(0, 3, 3, 3)
        inject(running, proxy, fault="latency", latency="3ms")  # and nothing is said meanwhile
        step(1, 4, 3, 3)
        do(running, proxy.heal)
        step(0, 4, 3, 3, 1)


def test_a_fault_that_waits_for_its_start_is_not_active(running: Running) -> None:
    proxy = add(running)
    inject(running, proxy, fault="latency", latency="1ms", start="1h")
    assert scrape(running)("fault_active", proxy="echo", fault="latency", name="latency") == 0


def test_one_fault_under_two_names_is_two_series(running: Running) -> None:
    proxy = add(running)
    inject(running, proxy, fault="latency", latency="1ms")
    inject(running, proxy, fault="latency", latency="1ms", name="latency-2", times=1)
    for _ in range(2):
        with connect(proxy) as sock:
            talk(sock, b"ping")
    found = scrape(running)
    assert found("faults_fired_total", proxy="echo", fault="latency", name="latency") == 2
    assert found("faults_fired_total", proxy="echo", fault="latency", name="latency-2") == 1
    assert found("faults_matched_total", proxy="echo", fault="latency", name="latency-2") == 2


@pytest.mark.slow
def test_beyond_a_thousand_names_the_others_are_one(running: Running) -> None:
    proxy = add(running)

    def flood() -> None:
        for n in range(1005):
            proxy.inject(Spec.parse({"fault": "latency", "latency": "1ms", "name": f"n{n}"}))
            if n < 1000:
                proxy.heal()

    do(running, flood)
    others = {"proxy": "echo", "fault": "latency", "name": "others"}
    assert scrape(running, "others")("fault_active", **others) == 5
    do(running, lambda: proxy.heal("n1004"))
    with connect(proxy) as sock:
        talk(sock, b"ping")
        assert scrape(running, "others")("faults_matched_total", **others) == 4
    do(running, proxy.heal)
    found = scrape(running, "others")
    assert (found("faults_matched_total", **others), found("fault_active", **others)) == (4, 0)


def test_a_proxy_that_is_disabled_is_seen_and_one_that_is_removed_is_not(running: Running) -> None:
    proxy = add(running)
    add(running, name="other")
    with connect(proxy) as sock:
        talk(sock, b"ping")
        running.call(proxy.disable())
        found = until(running, lambda found: found("connections_open", proxy="echo") == 0)
        assert (found("proxy_enabled", proxy="echo"), found("proxy_enabled", proxy="other")) == (0, 1)
        assert found("bytes_total", proxy="echo", stream="upstream") == 4
    running.call(running.fleet.remove("echo"))
    found = scrape(running)
    assert not found.of("echo")
    assert found.of("other")
    add(running)
    assert scrape(running)("connections_total", proxy="echo") == 0


def test_a_reset_by_the_client_leaves_the_count_right(running: Running) -> None:
    proxy = add(running)
    with connect(proxy) as sock:
        talk(sock, b"ping")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    found = until(running, lambda found: found("connections_open", proxy="echo") == 0)
    assert found("bytes_total", proxy="echo", stream="upstream") == 4
    assert found("connections_total", proxy="echo") == 1


def test_what_is_dropped_with_its_link_is_no_delay_but_a_link_that_gave_up_waiting_is(running: Running) -> None:
    proxy = add(running)
    for fault, setting, delays in (("latency", "latency", 0), ("connect_delay", "delay", 1)):
        inject(running, proxy, fault=fault, **{setting: "1h"})
        with connect(proxy) as sock:
            sock.sendall(b"ping")
            until(running, lambda found: found("connections_open", proxy="echo") == 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        found = until(running, lambda found: found("connections_open", proxy="echo") == 0)
        assert found("fault_delay_seconds_count", proxy="echo", fault=fault, name=fault) == delays
        do(running, proxy.heal)


def test_a_link_that_a_limit_resets_has_been_fired_on_and_is_no_error(running: Running) -> None:
    proxy = add(running)
    inject(running, proxy, fault="connection_limit", connections=1)
    with connect(proxy) as sock:
        talk(sock, b"ping")
        with pytest.raises(ConnectionResetError), connect(proxy) as another:
            another.recv(1)
    found, labels = scrape(running), {"proxy": "echo", "fault": "connection_limit", "name": "connection_limit"}
    assert (found("faults_matched_total", **labels), found("faults_fired_total", **labels)) == (1, 1)
    assert found("connections_total", proxy="echo") == 2
    assert not any(value for key, value in found.samples.items() if key[0] == "brownout_connection_errors_total")


def test_what_the_system_refuses_is_in_no_counter(running: Running) -> None:
    proxy = add(running)
    inject(running, proxy, fault="refuse")
    before = scrape(running)
    with pytest.raises(ConnectionRefusedError), connect(proxy):
        pass
    assert scrape(running).counters() == before.counters()


def test_requests_are_counted_by_operation_and_by_outcome_or_end(running: Running) -> None:
    proxy = add(running)

    def carry() -> None:
        for operation, outcome, end, seconds in (
            ("GET /", "2xx", "", 0.004), ("GET /", "2xx", "cut", 0.04), ("GET /", "", "reset", 0.4),
            ("POST /", "5xx", "", 61.0),
        ):  # fmt: skip
            carried(proxy, entry(1, operation=operation, outcome=outcome, end=end, seconds=seconds))

    do(running, carry)
    found = scrape(running)
    counts = {key[1]: value for key, value in found.samples.items() if key[0] == "brownout_requests_total"}
    assert counts == {
        frozenset({("proxy", "echo"), ("operation", operation), ("outcome", outcome)}): count
        for operation, outcome, count in (
            ("GET /", "2xx", 1),
            ("GET /", "cut", 1),
            ("GET /", "reset", 1),
            ("POST /", "5xx", 1),
        )
    }
    assert found("request_seconds_count", proxy="echo", operation="GET /") == 3
    assert found("request_seconds_sum", proxy="echo", operation="GET /") == pytest.approx(0.444)
    for bound, count in (("0.0025", 0), ("0.005", 1), ("0.05", 2), ("0.5", 3), ("+Inf", 3)):
        assert found("request_seconds_bucket", proxy="echo", operation="GET /", le=bound) == count
    assert found("request_seconds_bucket", proxy="echo", operation="POST /", le="60.0") == 0
    do(running, carry)
    assert scrape(running)("requests_total", proxy="echo", operation="GET /", outcome="2xx") == 2


def test_operations_after_the_first_hundred_are_one(running: Running) -> None:
    proxy = add(running)
    do(running, lambda: [carried(proxy, entry(n, operation=f"GET /{n}")) for n in range(103)])
    found = scrape(running)
    assert found("requests_total", proxy="echo", operation="GET /99", outcome="5xx") == 1
    assert found("requests_total", proxy="echo", operation="others", outcome="5xx") == 3
    assert found("request_seconds_count", proxy="echo", operation="others") == 3
    assert len([key for key in found.samples if key[0] == "brownout_requests_total"]) == 101


# How it is written


async def large(fleet: Fleet) -> None:
    for p in range(4):
        proxy = await fleet.add(f"p{p}", "127.0.0.1:9")
        for n in range(25):
            proxy.inject(Spec.parse({"fault": "latency", "latency": "1ms", "name": f"n{n}"}))


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_in_pieces_it_is_the_same(accept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def both() -> None:
        async with Fleet(seed=7) as fleet:
            await large(fleet)
            text, _ = await metrics.expose(fleet, accept)
            monkeypatch.setattr(metrics, "ROWS", 10**9)
            monkeypatch.setattr(metrics, "HISTOGRAMS", 10**9)
            assert text == (await metrics.expose(fleet, accept))[0]
            assert text.count(b"brownout_fault_delay_seconds_bucket") == 4000

    asyncio.run(both())


def test_the_proxies_run_while_it_is_written() -> None:
    async def count() -> int:
        rounds = 0
        async with Fleet(seed=7) as fleet:
            await large(fleet)
            task = asyncio.create_task(metrics.expose(fleet))
            while not task.done():
                rounds += 1
                await asyncio.sleep(0)
        return rounds

    assert asyncio.run(count()) > 40  # four metrics with a hundred rows, ten at a time


def test_all_is_read_at_one_moment() -> None:
    async def meanwhile() -> Scraped:
        async with Fleet(seed=7) as fleet:
            await large(fleet)
            task = asyncio.create_task(metrics.expose(fleet))
            await asyncio.sleep(0)
            assert not task.done()
            await fleet.remove("p0")
            await fleet.add("new", "127.0.0.1:9")
            fleet.proxies["p1"].errors["new_reason"] += 1
            fleet.heal()
            return Scraped((await task)[0].decode())

    found = asyncio.run(meanwhile())
    assert {dict(labels)["proxy"] for name, labels in found.samples if name == "brownout_fault_active"} == {
        "p0", "p1", "p2", "p3",
    }  # fmt: skip
    assert {value for (name, _), value in found.samples.items() if name == "brownout_fault_active"} == {1}
    assert not found.of("new")
