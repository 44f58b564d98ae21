"""psycopg and pgbench, unchanged, through a proxy before a real Postgres."""

from __future__ import annotations

import contextlib
import hashlib
import re
import select
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from brownout.testing.servers import Server

if TYPE_CHECKING:
    from conftest import Gate, Town

MB = 1_000_000
PATIENCE = 60.0
"""A bound for what should take no time at all: a noisy machine is slow now and then."""

Connection = psycopg.Connection[tuple[object, ...]]


@contextlib.contextmanager
def session(gate: Gate | Server, **options: object) -> Iterator[Connection]:
    given = {"host": gate.host, "port": gate.port, "user": "postgres", "dbname": "postgres", **options}
    connection = psycopg.connect(autocommit=True, connect_timeout=60, **given)
    try:
        yield connection
    finally:
        connection.close()


@pytest.fixture
def table(postgres_server: Server) -> Iterator[str]:
    """An empty table of numbered lines of text."""
    with session(postgres_server) as connection:
        connection.execute("DROP TABLE IF EXISTS lines")
        connection.execute("CREATE UNLOGGED TABLE lines (number int, line text)")
        yield "lines"
        connection.execute("DROP TABLE lines")


def one(connection: Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def took(function: Callable[[], object]) -> float:
    start = time.monotonic()
    function()
    return time.monotonic() - start


def readable(connection: Connection) -> bool:
    return bool(select.select([connection.fileno()], [], [], PATIENCE)[0])


def test_a_transaction_is_committed_or_rolled_back(postgres_gate: Gate, table: str) -> None:
    with session(postgres_gate) as connection:
        with connection.transaction():
            connection.execute("INSERT INTO lines SELECT n, 'kept' FROM generate_series(1, 1000) n")

        def fail() -> None:
            with connection.transaction():
                connection.execute("INSERT INTO lines VALUES (0, 'lost')")
                connection.execute("SELECT 1 / 0")

        with pytest.raises(psycopg.errors.DivisionByZero):
            fail()
        assert one(connection, "SELECT count(*) FROM lines") == 1000
    postgres_gate.settle()
    assert postgres_gate.ends() == ["closed"]


def test_copy_of_50_mb_in_and_out(postgres_gate: Gate, table: str) -> None:
    line = "x" * 990
    rows = [f"{number}\t{line}\n".encode() for number in range(50_000)]
    size, digest = sum(map(len, rows)), hashlib.sha256(b"".join(rows)).hexdigest()
    got = hashlib.sha256()
    with session(postgres_gate) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY lines FROM STDIN") as copy:
            for start in range(0, len(rows), 64):
                copy.write(b"".join(rows[start : start + 64]))
        assert one(connection, "SELECT count(*) FROM lines") == 50_000
        with cursor.copy("COPY (SELECT * FROM lines ORDER BY number) TO STDOUT") as copy:
            for data in copy:
                got.update(data)
    postgres_gate.settle()
    assert size > 49.5 * MB
    assert got.hexdigest() == digest
    # CopyData adds 5 bytes to what it carries: to every row on the way out, to what we wrote at once on the way in.
    assert size + 5 * 50_000 / 64 < postgres_gate.bytes("upstream") < size + 5 * 50_000 / 64 + 10_000
    assert size + 5 * 50_000 < postgres_gate.bytes("downstream") < size + 5 * 50_000 + 10_000
    assert postgres_gate.ends() == ["closed"]


def test_listen_and_notify(postgres_gate: Gate) -> None:
    with session(postgres_gate) as listener, session(postgres_gate) as speaker:
        listener.execute("LISTEN news")
        for number in range(10):
            speaker.execute("SELECT pg_notify('news', %s)", [str(number)])
        heard = list(listener.notifies(timeout=PATIENCE, stop_after=10))
    assert [notify.payload for notify in heard] == [str(number) for number in range(10)]


def test_a_reset_of_idle_connections_is_an_operational_error_on_each(postgres_gate: Gate) -> None:
    with contextlib.ExitStack() as stack:
        pool = [stack.enter_context(session(postgres_gate)) for _ in range(5)]
        for connection in pool:
            assert one(connection, "SELECT 1") == 1
        injection = postgres_gate.inject("reset", times="5")
        postgres_gate.settle()
        for connection in pool:
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
            assert connection.broken
        assert (injection.matched, injection.fired) == (5, 5)
        with session(postgres_gate) as connection:
            assert one(connection, "SELECT 1") == 1
    postgres_gate.settle()
    assert postgres_gate.ends() == ["reset"] * 5 + ["closed"]


def test_a_reset_in_a_transaction_rolls_it_back(postgres_gate: Gate, postgres_server: Server, table: str) -> None:
    with session(postgres_server) as direct, session(postgres_gate) as connection:

        def insert() -> None:
            with connection.transaction():
                connection.execute("INSERT INTO lines VALUES (1, 'lost')")
                postgres_gate.inject("reset")
                connection.execute("INSERT INTO lines VALUES (2, 'lost')")

        with pytest.raises(psycopg.OperationalError):
            insert()
        postgres_gate.settle()
        end = time.monotonic() + PATIENCE
        locked = "SELECT count(*) FROM pg_locks WHERE relation = 'lines'::regclass AND pid <> pg_backend_pid()"
        while one(direct, locked):
            assert time.monotonic() < end, "the server still holds the transaction"
        assert one(direct, "SELECT count(*) FROM lines") == 0


def test_latency_is_felt_on_an_open_connection_and_gone_after_healing(postgres_gate: Gate) -> None:
    with session(postgres_gate) as connection:
        connection.execute("SELECT 1")
        postgres_gate.inject("latency", latency="300ms")
        slow = [took(lambda: connection.execute("SELECT 1")) for _ in range(3)]
        postgres_gate.heal()
        fast = [took(lambda: connection.execute("SELECT 1")) for _ in range(20)]
        assert len(postgres_gate.links()) == 1
    assert min(slow) >= 0.3
    assert max(slow) < 0.3 + PATIENCE
    assert sorted(fast)[10] * 10 < min(slow)


def test_latency_is_felt_when_connecting(postgres_gate: Gate) -> None:
    postgres_gate.inject("latency", latency="100ms", stream="both")

    def connect() -> None:
        with session(postgres_gate, sslmode="disable", gssencmode="disable") as connection:
            assert connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE

    assert 0.2 <= took(connect) < PATIENCE


def test_a_cancel_request_goes_through_a_connection_of_its_own(postgres_gate: Gate) -> None:
    with session(postgres_gate) as connection:
        raised: list[BaseException] = []

        def sleep() -> None:
            try:
                connection.execute("SELECT pg_sleep(60)")
            except psycopg.Error as error:
                raised.append(error)

        with session(postgres_gate) as watcher:
            thread = threading.Thread(target=sleep)
            thread.start()
            end = time.monotonic() + PATIENCE
            while one(watcher, "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'") != 1:
                assert time.monotonic() < end, "the query does not run"
        before = postgres_gate.proxy.links_total
        connection.cancel_safe(timeout=PATIENCE)
        thread.join(PATIENCE)
        assert [type(error) for error in raised] == [psycopg.errors.QueryCanceled]
        assert one(connection, "SELECT 1") == 1
    assert postgres_gate.proxy.links_total == before + 1


def test_a_black_hole_is_silence_until_it_is_healed(postgres_gate: Gate, town: Town) -> None:
    with session(postgres_gate) as connection:
        connection.execute("SELECT 1")
        injection = postgres_gate.inject("timeout")
        raised: list[BaseException] = []

        def ask() -> None:
            try:
                connection.execute("SELECT 2")
            except psycopg.Error as error:
                raised.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        town.until(lambda: injection.bytes, "the answer is swallowed")
        assert not raised
        postgres_gate.heal()
        thread.join(PATIENCE)
        assert [type(error) for error in raised] == [psycopg.OperationalError]
    with session(postgres_gate) as connection:
        assert one(connection, "SELECT 1") == 1


def test_a_disabled_proxy_refuses_connections(postgres_gate: Gate) -> None:
    with session(postgres_gate) as connection:
        postgres_gate.disable()
        assert readable(connection)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="refused"), session(postgres_gate):
            pass
    postgres_gate.enable()
    with session(postgres_gate) as connection:
        assert one(connection, "SELECT 1") == 1


def test_unix_sockets_on_both_sides(town: Town, postgres_server: Server, folder: Path) -> None:
    upstream = f"postgres+unix://{postgres_server.socket}"
    gate = town.add(upstream, "postgres", listen=f"unix://{folder}/.s.PGSQL.5432")
    with session(gate, host=str(folder), port=5432) as connection:
        assert one(connection, "SELECT inet_server_addr()") is None, "Postgres says that this is a unix socket"
        assert one(connection, "SELECT length(repeat('x', 5000000))") == 5_000_000
        assert one(connection, "SELECT repeat('x', 5000000)") == "x" * 5_000_000
    gate.settle()
    assert gate.ends() == ["closed"]
    assert 5 * MB < gate.bytes("downstream") < 5 * MB + 10_000


@pytest.mark.parametrize("how", ["simple", "prepared"])
def test_pgbench(postgres_gate: Gate, tool: Callable[..., str], how: str) -> None:
    where = ["-h", postgres_gate.host, "-p", str(postgres_gate.port), "-U", "postgres"]
    tool(["pgbench", *where, "-i", "-s", "1", "postgres"])
    printed = tool(["pgbench", *where, "-c", "8", "-j", "2", "-t", "200", "-M", how, "postgres"])
    assert "number of transactions actually processed: 1600/1600" in printed
    failed = re.search(r"number of failed transactions: (\d+)", printed)
    assert failed is None or failed[1] == "0", printed  # Postgres counts them from version 15 on
    assert not re.search(r"error|aborted", printed, re.IGNORECASE), printed
    postgres_gate.settle()
    assert postgres_gate.proxy.links_total >= 9
    assert set(postgres_gate.ends()) == {"closed"}
