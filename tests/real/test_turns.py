"""Chances on a client that keeps one connection: they hit single round trips of redis-py and psycopg, exactly so many."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
import pytest
import redis
from psycopg_pool import ConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry

from brownout.proxy.record.event import Fired

if TYPE_CHECKING:
    from conftest import Gate

PATIENCE = 60.0
"""A bound for what should take no time at all: a noisy machine is slow now and then."""
OF_100 = 30
"""How many of 100 a quota of '3 of 10' hits."""

SILENT: dict[str, object] = (
    {"driver_info": None}
    if "driver_info" in inspect.signature(redis.connection.AbstractConnection.__init__).parameters
    else {"lib_name": None, "lib_version": None}
)
"""Settings of redis-py with which a new connection says nothing: newer versions have one word for it."""

Connection = psycopg.Connection[tuple[object, ...]]


@contextlib.contextmanager
def silent_redis(gate: Gate) -> Iterator[redis.Redis]:
    """A client whose pool has one connection, on which it says nothing of its own: each command is a turn."""
    pool = redis.ConnectionPool(
        host=gate.host, port=gate.port, max_connections=1, protocol=2, **SILENT, socket_timeout=PATIENCE, retry=Retry(NoBackoff(), 0),
    )  # fmt: skip
    client = redis.Redis(connection_pool=pool)
    try:
        yield client
    finally:
        client.close()
        pool.disconnect()


def where(gate: Gate) -> dict[str, object]:
    """What makes a login one turn: neither TLS nor Kerberos is asked for, and no password."""
    return {"host": gate.host, "port": gate.port, "user": "postgres", "dbname": "postgres", "connect_timeout": 60,
            "sslmode": "disable", "gssencmode": "disable", "autocommit": True, "prepare_threshold": None}  # fmt: skip


def lost_pings(client: redis.Redis, count: int) -> list[int]:
    """Send so many pings, and return the numbers of those whose reply was a reset."""
    lost = []
    for number in range(1, count + 1):
        try:
            assert client.ping()
        except redis.ConnectionError:
            lost.append(number)
    return lost


def test_a_quota_of_resets_hits_exactly_so_many_commands_of_a_pooled_redis_py(redis_gate: Gate) -> None:
    runs = []
    for _ in range(2):
        with silent_redis(redis_gate) as client:
            injection = redis_gate.inject("reset", per="turn", quota="3 of 10")
            runs.append(lost_pings(client, 100))
            redis_gate.heal()
            assert (injection.matched, injection.chosen, injection.fired) == (100, OF_100, OF_100)
    assert len(runs[0]) == OF_100
    assert runs[1] == runs[0]  # the same with the same seed
    assert [len([number for number in runs[0] if start < number <= start + 10]) for start in range(0, 100, 10)] == [
        3
    ] * 10


def test_a_chance_picks_commands_on_one_connection_not_all_or_none(redis_gate: Gate) -> None:
    with silent_redis(redis_gate) as client:
        client.ping()
        injection = redis_gate.inject("latency", latency="5ms", per="turn", probability="30%")
        for _ in range(200):
            assert client.ping()
        assert injection.matched == 200
        assert 30 < injection.fired == injection.chosen < 90
        assert redis_gate.proxy.links_total == 1
        assert redis_gate.proxy.turns == 201


def test_the_reply_is_lost_and_the_work_is_done(redis_gate: Gate) -> None:
    with silent_redis(redis_gate) as client:
        client.set("n", 0)
        redis_gate.inject("reset", per="turn", after="1", times="1")
        assert client.incr("n") == 1
        with pytest.raises(redis.ConnectionError):
            client.incr("n")
        assert client.get("n") == b"2"


def test_a_quota_of_late_replies_hits_exactly_so_many_statements_of_a_pooled_psycopg(postgres_gate: Gate) -> None:
    runs = []
    for _ in range(2):
        with ConnectionPool[Connection](
            min_size=1, max_size=1, kwargs=where(postgres_gate), open=True, timeout=PATIENCE
        ) as pool:
            pool.wait(PATIENCE)
            seen = len(postgres_gate.events(Fired))
            injection = postgres_gate.inject("latency", latency="5ms", per="turn", quota="3 of 10")
            for _ in range(100):
                with pool.connection() as connection:
                    assert connection.execute("SELECT 1").fetchone() == (1,)
            assert (injection.matched, injection.chosen, injection.fired) == (100, OF_100, OF_100)
            postgres_gate.heal()
            runs.append([event.n for event in postgres_gate.events(Fired)[seen:]])
    assert len(runs[0]) == OF_100
    assert runs[1] == runs[0]


def test_a_quota_of_resets_hits_exactly_so_many_turns_of_psycopg_log_ins_included(postgres_gate: Gate) -> None:
    runs = []
    for _ in range(2):
        injection = postgres_gate.inject("reset", per="turn", quota="3 of 10")
        connection: Connection | None = None
        failed = []
        for turn in range(1, 101):  # a login is one, a statement is one
            try:
                if connection is None or connection.closed:
                    connection = psycopg.connect(**where(postgres_gate))
                else:
                    assert connection.execute("SELECT 1").fetchone() == (1,)
            except psycopg.OperationalError:
                failed.append(turn)
        assert (injection.matched, injection.chosen, injection.fired) == (100, OF_100, OF_100)
        postgres_gate.heal()
        if connection is not None:
            connection.close()
        runs.append(failed)
    assert len(runs[0]) == OF_100
    assert runs[1] == runs[0]
