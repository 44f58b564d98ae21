"""redis-py and redis-benchmark, unchanged, through a proxy before a real Redis."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from brownout.proxy.record.event import DialFailed
from brownout.testing import servers
from brownout.testing.servers import Server

if TYPE_CHECKING:
    from conftest import Gate, Town

MB = 1_000_000
PATIENCE = 60.0
"""A bound for what should take no time at all: a noisy machine is slow now and then."""


@contextlib.contextmanager
def client_of(gate: Gate | Server, **options: object) -> Iterator[redis.Redis]:
    """A client with a pool, without retries, so that every failure is seen."""
    given = {"socket_timeout": PATIENCE, "retry": Retry(NoBackoff(), 0), **options}
    where = {"unix_socket_path": gate.path} if getattr(gate, "path", "") else {"host": gate.host, "port": gate.port}
    client = redis.Redis(**where, **given)
    try:
        yield client
    finally:
        client.close()


def took(function: Callable[[], object]) -> float:
    start = time.monotonic()
    function()
    return time.monotonic() - start


def is_refused(server: Server) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((server.host, server.port)) == errno.ECONNREFUSED


class Account:
    """What the server itself counted of its traffic while the block ran."""

    def __init__(self, server: Server) -> None:
        self._sock = socket.create_connection((server.host, server.port), timeout=PATIENCE)

    def __enter__(self) -> Account:
        self._before, self._own_reply = self._read()
        return self

    def __exit__(self, *exc: object) -> None:
        after, _ = self._read()
        self._sock.close()
        # The server had counted our first question, and not yet the answer to it.
        self.received = after[0] - self._before[0] - len(b"INFO stats\r\n")
        self.sent = after[1] - self._before[1] - self._own_reply

    def _read(self) -> tuple[tuple[int, int], int]:
        self._sock.sendall(b"INFO stats\r\n")
        data = self._sock.recv(65536)
        while len(data) < int(data[1 : data.index(b"\r\n")]) + data.index(b"\r\n") + 4:
            data += self._sock.recv(65536)
        received, sent = (re.search(rb"total_net_%s_bytes:(\d+)" % stream, data) for stream in (b"input", b"output"))
        assert received
        assert sent
        return (int(received[1]), int(sent[1])), len(data)


def test_what_redis_counted_is_what_the_proxy_counted(redis_gate: Gate, redis_server: Server) -> None:
    with Account(redis_server) as account:
        with client_of(redis_gate) as client:
            client.set("greeting", "hello")
            assert client.get("greeting") == b"hello"
            client.set("big", b"x" * 3 * MB)
            assert client.get("big") == b"x" * 3 * MB
        redis_gate.settle()
    assert redis_gate.bytes("upstream") == account.received > 3 * MB
    assert redis_gate.bytes("downstream") == account.sent > 3 * MB
    assert redis_gate.ends() == ["closed"]


def test_a_pipeline_of_10_000_commands(redis_gate: Gate) -> None:
    with client_of(redis_gate) as client, client.pipeline(transaction=False) as pipeline:
        for number in range(10_000):
            pipeline.incrby("sum", number)
        replies = pipeline.execute()
    assert replies[:4] == [0, 1, 3, 6]
    assert replies[-1] == 49_995_000


@pytest.mark.parametrize("sockets", ["tcp", "unix"])
def test_a_value_of_64_mb(town: Town, redis_server: Server, folder: Path, sockets: str) -> None:
    if sockets == "unix":
        gate = town.add(f"redis+unix://{redis_server.socket}", "redis", listen=f"unix://{folder}/proxy.sock")
    else:
        gate = town.add(redis_server.url, "redis")
    value = os.urandom(64_000) * 1000
    with client_of(gate) as client:
        client.set("big", value)
        assert client.get("big") == value
        client.delete("big")
    gate.settle()
    assert 64 * MB < gate.bytes("upstream") < 64 * MB + 1000
    assert 64 * MB < gate.bytes("downstream") < 64 * MB + 10_000
    assert gate.ends() == ["closed"]


def test_publish_and_subscribe(redis_gate: Gate) -> None:
    with client_of(redis_gate) as client, client.pubsub(ignore_subscribe_messages=True) as subscriber:
        subscriber.subscribe("news")
        assert subscriber.get_message(timeout=PATIENCE) is None  # that it is subscribed
        for number in range(100):
            assert client.publish("news", str(number)) == 1
        heard = [subscriber.get_message(timeout=PATIENCE) for _ in range(100)]
    assert [message and message["data"] for message in heard] == [b"%d" % number for number in range(100)]


def test_latency_is_felt_on_a_pooled_connection_and_gone_after_healing(redis_gate: Gate) -> None:
    with client_of(redis_gate) as client:
        client.ping()
        redis_gate.inject("latency", latency="300ms")
        slow = [took(client.ping) for _ in range(3)]
        redis_gate.heal()
        fast = [took(client.ping) for _ in range(20)]
        assert len(redis_gate.links()) == 1, "it was the same connection"
    assert min(slow) >= 0.3
    assert max(slow) < 0.3 + PATIENCE
    assert sorted(fast)[10] * 10 < min(slow)


def test_latency_of_both_streams_adds_up(redis_gate: Gate) -> None:
    with client_of(redis_gate) as client:
        client.ping()
        injection = redis_gate.inject("latency", latency="100ms", stream="both")
        assert took(client.ping) >= 0.2
        assert (injection.matched, injection.fired, injection.bytes) == (1, 1, len(b"*1\r\n$4\r\nPING\r\n+PONG\r\n"))


def test_a_fault_of_one_stream_is_changed_and_healed_without_the_other_stream(redis_gate: Gate) -> None:
    with client_of(redis_gate) as client:
        client.ping()
        redis_gate.inject("latency", name="up", latency="10s", stream="upstream")
        redis_gate.inject("latency", name="down", latency="10s", stream="downstream")
        redis_gate.change("up", latency="1ms")
        assert redis_gate.heal("down") == 1
        assert 0.001 <= took(client.ping) < 5
        assert redis_gate.heal() == 1


def test_changing_a_trigger_leaves_the_links_of_a_shared_bandwidth_alone(redis_gate: Gate) -> None:
    with client_of(redis_gate, single_connection_client=True) as client:
        client.ping()
        redis_gate.inject("bandwidth", rate="10MB/s", shared="true")
        redis_gate.change("bandwidth", probability="50%")
        redis_gate.change("bandwidth", rate="10MB/s")
        client.set("value", b"x" * 1000)
        assert client.get("value") == b"x" * 1000
        assert len(redis_gate.links()) == 1


def test_a_reset_of_the_idle_connection_is_a_connection_error(redis_gate: Gate) -> None:
    with client_of(redis_gate, single_connection_client=True) as client:
        client.ping()
        redis_gate.inject("reset", times="1")
        redis_gate.settle()
        with pytest.raises(redis.ConnectionError, match=r"reset by peer|Broken pipe"):
            client.ping()
        assert client.ping()
    redis_gate.settle()
    assert redis_gate.ends() == ["reset", "closed"]


def test_a_pool_replaces_the_connections_that_were_reset(redis_gate: Gate) -> None:
    with client_of(redis_gate) as client:
        pool = client.connection_pool
        idle = [pool.get_connection() for _ in range(5)]
        for connection in idle:
            pool.release(connection)
        injection = redis_gate.inject("reset", times="5")
        redis_gate.settle()
        assert [client.ping() for _ in range(10)] == [True] * 10
        assert (injection.matched, injection.fired) == (6, 5)
    assert redis_gate.ends()[:5] == ["reset"] * 5


def test_while_a_reset_is_armed_every_new_connection_fails(redis_gate: Gate) -> None:
    with client_of(redis_gate) as client:
        client.ping()
        injection = redis_gate.inject("reset")
        redis_gate.settle()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        assert injection.matched == injection.fired >= 2
        redis_gate.heal()
        assert client.ping()


def test_a_disconnect_is_a_connection_error(redis_gate: Gate) -> None:
    with client_of(redis_gate, single_connection_client=True) as client:
        client.ping()
        redis_gate.inject("disconnect", times="1")
        redis_gate.settle()
        with pytest.raises(redis.ConnectionError, match=r"closed by server|Broken pipe|reset by peer"):
            client.ping()
        assert client.ping()
    redis_gate.settle()
    assert redis_gate.ends() == ["closed", "closed"]


def test_a_black_hole_is_a_timeout_error_and_healing_lets_the_pool_recover(redis_gate: Gate) -> None:
    with client_of(redis_gate, socket_timeout=0.5) as client:
        client.ping()
        redis_gate.inject("timeout")
        start = time.monotonic()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        assert 0.5 <= time.monotonic() - start < PATIENCE
        redis_gate.heal()
        redis_gate.settle()
        assert client.ping()
    redis_gate.settle()
    assert len(redis_gate.ends()) == 2


def test_healing_a_black_hole_closes_the_connection_that_starved_in_it(redis_gate: Gate, town: Town) -> None:
    with client_of(redis_gate) as client:
        client.ping()
        injection = redis_gate.inject("timeout")
        raised: list[BaseException] = []

        def ping() -> None:
            try:
                client.ping()
            except redis.RedisError as error:
                raised.append(error)

        thread = threading.Thread(target=ping)
        thread.start()
        town.until(lambda: injection.bytes, "the answer is swallowed")
        redis_gate.heal()
        thread.join(PATIENCE)
        assert [type(error) for error in raised] == [redis.ConnectionError]
        assert client.ping()


def test_a_timeout_closes_the_connection_when_it_is_over(redis_gate: Gate) -> None:
    with client_of(redis_gate, single_connection_client=True) as client:
        client.ping()
        start = time.monotonic()
        redis_gate.inject("timeout", timeout="300ms", times="1")
        with pytest.raises(redis.ConnectionError):
            client.ping()
        assert 0.3 <= time.monotonic() - start < PATIENCE


def test_half_open_is_silence_that_neither_side_notices(redis_gate: Gate, redis_server: Server) -> None:
    with client_of(redis_server) as direct, client_of(redis_gate, socket_timeout=0.3, client_name="mine") as client:

        def mine() -> int:
            return sum(each["name"] == "mine" for each in direct.client_list())

        client.ping()
        assert mine() == 1
        redis_gate.inject("half_open")
        with pytest.raises(redis.TimeoutError):
            client.ping()
        assert mine() == 1, "the server has heard that the client has left"
        redis_gate.heal()
        redis_gate.settle()
        end = time.monotonic() + PATIENCE
        while mine():  # the server reads the end of the connection when its turn comes
            assert time.monotonic() < end, "the server has not heard that the client has left"
        assert client.ping()


def test_limit_data_cuts_a_value_in_the_middle(redis_gate: Gate, redis_server: Server) -> None:
    with client_of(redis_server) as direct, client_of(redis_gate, single_connection_client=True) as client:
        direct.set("big", b"x" * 10 * MB)
        client.ping()
        injection = redis_gate.inject("limit_data", bytes="5MB", times="1")
        with pytest.raises(redis.ConnectionError):
            client.get("big")
        redis_gate.settle()
        assert 5 * MB <= injection.bytes < 10 * MB + 100
        assert client.get("big") == b"x" * 10 * MB
        assert redis_gate.ends() == ["closed"]


def test_bandwidth_makes_a_big_value_slow(redis_gate: Gate, redis_server: Server) -> None:
    with client_of(redis_server) as direct, client_of(redis_gate) as client:
        direct.set("big", b"x" * MB)
        client.ping()
        redis_gate.inject("bandwidth", rate="2MB/s")
        slow = took(lambda: client.get("big"))
        redis_gate.heal()
        fast = min(took(lambda: client.get("big")) for _ in range(3))
    assert 0.49 <= slow < PATIENCE
    assert fast * 4 < slow


@pytest.mark.parametrize("size", ["1B", "3B", "100B"])
def test_slices_of_a_few_bytes_do_not_break_the_parser(redis_gate: Gate, size: str) -> None:
    value = os.urandom(20_000)
    redis_gate.inject("slicer", average_size=size, stream="both")
    with client_of(redis_gate) as client, client.pipeline(transaction=False) as pipeline:
        client.set("value", value)
        for _ in range(3):
            pipeline.get("value")
            pipeline.hgetall("nothing")
        assert pipeline.execute() == [value, {}] * 3


def test_a_disabled_proxy_refuses_connections(redis_gate: Gate) -> None:
    with client_of(redis_gate) as client:
        client.ping()
        redis_gate.disable()
        redis_gate.settle()
        with pytest.raises(redis.ConnectionError, match="refused"):
            client.ping()
        redis_gate.enable()
        assert client.ping(), "it has the same port as before"
    assert redis_gate.ends()[0] == "proxy disabled"


def test_a_server_that_dies_in_mid_stream_fails_its_clients_alone(town: Town, redis_gate: Gate) -> None:
    with servers.redis() as doomed:
        gate = town.add(doomed.url, "doomed")
        with client_of(redis_gate) as other, client_of(gate, single_connection_client=True) as client:
            other.ping()
            client.set("big", b"x" * 32 * MB)
            injection = gate.inject("bandwidth", rate="1MB/s")
            raised: list[BaseException] = []

            def read() -> None:
                try:
                    client.get("big")
                except redis.RedisError as error:
                    raised.append(error)

            thread = threading.Thread(target=read)
            thread.start()
            town.until(lambda: injection.bytes > 100_000, "the answer is on its way")
            os.kill(doomed.pid, signal.SIGKILL)
            gate.heal()
            thread.join(PATIENCE)
            assert [type(error) for error in raised] == [redis.ConnectionError]
            town.until(lambda: is_refused(doomed), "nobody listens on the port any more")
            with pytest.raises(redis.ConnectionError):
                client.ping()
            assert other.ping()
    gate.settle()
    assert gate.ends()[1:] == ["dial_refused"] * (len(gate.ends()) - 1)
    assert len(gate.ends()) >= 2
    refused = gate.events(DialFailed)[0]
    assert (refused.reason, refused.upstream) == ("dial_refused", f"127.0.0.1:{doomed.port}")


@pytest.mark.slow
@pytest.mark.parametrize("how", [[], ["-c", "50", "-P", "16"]], ids=["plain", "pipelined"])
def test_redis_benchmark(redis_gate: Gate, tool: Callable[..., str], how: list[str]) -> None:
    names = ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "LPUSH", "SADD", "HSET", "MSET"]
    port = str(redis_gate.port)
    printed = tool(["redis-benchmark", "-p", port, "-n", "5000", "-q", "-t", ",".join(names).lower(), *how])
    assert not re.search(r"error|warning|could not", printed, re.IGNORECASE), printed
    for name in names:
        found = re.search(rf"^.*{name}.*: ([\d.]+) requests per second", printed, re.MULTILINE)
        assert found, f"{name} is not among these:\n{printed}"
        assert float(found[1]) > 100
    redis_gate.settle()
    assert redis_gate.bytes("upstream") > 5000 * len(names) * 6
    assert set(redis_gate.ends()) == {"closed"}
