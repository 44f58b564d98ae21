"""The metrics beside the books of a real Redis: in this process on both loops, and of a `brownout run`."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator

import redis
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from redis.backoff import NoBackoff
from redis.retry import Retry

from brownout.control import metrics
from brownout.control.client import Client
from brownout.testing.servers import Server

from .conftest import DEADLINE, Gate, Town

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def read(text: str, *, openmetrics: bool = False) -> dict[str, float]:
    """The samples of a scrape, each by its name with the values of its labels in the order of their names."""
    parse = parse_openmetrics if openmetrics else parse_text
    found: dict[str, float] = {}
    for sample in (sample for family in parse(text) for sample in family.samples):
        name = " ".join([sample.name.removeprefix("brownout_"), *(sample.labels[key] for key in sorted(sample.labels))])
        assert name not in found
        found[name] = sample.value
    return found


class Books:
    """What a Redis says that it took and gave, asked on a connection of its own."""

    def __init__(self, server: Server) -> None:
        self._sock = socket.create_connection((server.host, server.port), timeout=DEADLINE)
        self._replies = 0
        self._asked = 0

    def __enter__(self) -> "Books":
        return self

    def __exit__(self, *exc: object) -> None:
        self._sock.close()

    def read(self) -> tuple[int, int, int]:
        """Return connections, bytes in and bytes out; what this connection asked and got is taken off."""
        self._sock.sendall(b"INFO stats\r\n")
        self._asked += 12
        reply = b""
        while not (head := re.match(rb"\$(\d+)\r\n", reply)) or len(reply) < head.end() + int(head[1]) + 2:
            reply += self._sock.recv(65536)
        found = {key: int(value) for key, value in re.findall(r"^(total_\w+):(\d+)\r$", reply.decode(), re.MULTILINE)}
        gave = found["total_net_output_bytes"] - self._replies
        self._replies += len(reply)  # Redis counts a reply when it is written, after it has said this
        return found["total_connections_received"], found["total_net_input_bytes"] - self._asked, gave


def test_links_and_bytes_are_those_that_redis_counted(town: Town, redis_gate: Gate, redis_server: Server) -> None:
    with Books(redis_server) as books:
        before = books.read()
        for n in range(1, 6):
            with redis.Redis(port=redis_gate.port, socket_timeout=DEADLINE) as client:
                client.set("key", b"x" * 10_000 * n)
                assert len(client.get("key")) == 10_000 * n
                client.ping()
        redis_gate.settle()
        connections, taken, given = (now - then for now, then in zip(books.read(), before, strict=True))
    text, _ = town.wait(lambda: metrics.expose(town.fleet))
    found = read(text.decode())
    assert connections == 5
    assert taken > 150_000
    assert given > 150_000
    assert found["connections_total redis"] == connections
    assert found["bytes_total redis upstream"] == taken
    assert found["bytes_total redis downstream"] == given
    assert found["dial_seconds_count redis"] == 5


@contextlib.contextmanager
def running(*args: str) -> Iterator[dict[str, str]]:
    """A `brownout run`, and where its API and its proxies are."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("BROWNOUT_")}
    argv = [sys.executable, "-m", "brownout.cli", "run", "--api", "127.0.0.1:0", *args]
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as process:
        late = threading.Timer(DEADLINE, process.kill)
        late.start()
        try:
            assert process.stdout
            found: dict[str, str] = {}
            while "api" not in found:
                kind, name, *rest = process.stdout.readline().split()
                found[name if kind == "proxy" else kind] = rest[0] if kind == "proxy" else name
            yield found
        finally:
            late.cancel()
            process.terminate()


def get(api: str, accept: str = "") -> str:
    request = urllib.request.Request(f"http://{api}/metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=DEADLINE) as response:
        assert response.status == 200
        text: str = response.read().decode()
        return text


def test_a_run_tells_what_a_client_of_redis_felt(redis_server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = f"127.0.0.1:{listener.getsockname()[1]}"
    with running("-p", f"cache={redis_server.url}", "-p", f"gone={nobody}", "--seed", "7") as at:
        api = Client(at["api"])
        host, port = at["cache"].split(":")
        with redis.Redis(host, int(port), socket_timeout=DEADLINE, single_connection_client=True) as client:
            client.ping()
            before = read(get(at["api"]))
            api.inject("cache", {"fault": "latency", "latency": "50ms"})
            begun = time.monotonic()
            for _ in range(10):
                client.ping()
            took = time.monotonic() - begun
            slow = read(get(at["api"]))
            api.heal_one("cache", "latency")
            client.ping()
            api.inject("cache", {"fault": "reset"})
            for _ in range(3):
                with contextlib.suppress(redis.ConnectionError):
                    redis.Redis(host, int(port), socket_timeout=DEADLINE, retry=Retry(NoBackoff(), 0)).ping()
        for _ in range(2):
            with contextlib.suppress(ConnectionResetError), socket.create_connection(at["gone"].split(":")) as sock:
                sock.recv(1)
        text = get(at["api"], OPENMETRICS)
    after = read(text, openmetrics=True)
    ping = [before["bytes_total cache upstream"], slow["bytes_total cache upstream"]]
    assert ping[1] - ping[0] == 10 * len(b"*1\r\n$4\r\nPING\r\n")
    assert slow["bytes_total cache downstream"] - before["bytes_total cache downstream"] == 10 * len(b"+PONG\r\n")
    assert slow["connections_open cache"] == 1
    assert slow["fault_active latency latency cache"] == 1
    assert slow["fault_delay_seconds_count latency latency cache"] == 10
    assert 0.499 <= slow["fault_delay_seconds_sum latency latency cache"] <= took
    assert after["fault_active latency latency cache"] == 0
    assert after["fault_delay_seconds_count latency latency cache"] == 10
    assert after["fault_active reset reset cache"] == 1
    assert after["faults_fired_total reset reset cache"] == after["faults_matched_total reset reset cache"] == 4
    assert after["connection_errors_total gone dial_refused"] == 2
    assert after["connections_total gone"] == 2
    assert after["dial_seconds_count gone"] == 0
    assert after["run_info 7"] == 1
    assert all(after[name] >= value for name, value in slow.items() if re.search("_(total|bucket|count|sum) ", name))
