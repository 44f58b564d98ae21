"""What connection pools do under faults: each test's docstring is a row of docs/pools.md.

`BROWNOUT_WRITE_DOCS=1` rewrites the rows. Times in the docstrings are injected or set ones; the tests' bounds are wide.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import psycopg
import pytest
import redis
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from conftest import Gate

PAGE = Path(__file__).parents[2] / "docs" / "pools.md"
TIMEOUT = 0.3
"""The socket_timeout of redis-py and the timeout of psycopg's pool, in seconds."""
SLACK = 4.0
"""So much later is still the same, for the machine may be busy; what redis-py waits unless it is told to is 5 s."""
CUT = 1.0
"""Seconds after which a connection that may be idle for 200 ms has been cut, on a busy machine too: nothing tells when."""
DEADLINE = 10.0

pytestmark = pytest.mark.parametrize("loop", ["uvloop"])  # what pools do is no matter of the proxy's loop

Function = TypeVar("Function", bound=Callable[..., None])
Connection = psycopg.Connection[tuple[object, ...]]
Pool = ConnectionPool[Connection]


class Scenario(NamedTuple):
    """A row of the page; what was seen is the test's docstring."""

    pool: str
    fault: str
    settings: str
    seen: str


SCENARIOS: list[Scenario] = []


def scenario(pool: str, fault: str, settings: str) -> Callable[[Function], Function]:
    """Make a test a row of the page."""

    def add(test: Function) -> Function:
        SCENARIOS.append(Scenario(pool, fault, settings, " ".join((inspect.getdoc(test) or "").split())))
        return test

    return add


def outcome(function: Callable[[], object]) -> tuple[str, float]:
    """The name of what a function raised, or nothing, and how long it took."""
    began, error = time.monotonic(), ""
    try:
        function()
    except Exception as raised:
        error = type(raised).__name__
    return error, time.monotonic() - began


# redis-py


@contextlib.contextmanager
def redis_pool(gate: Gate, size: int, **options: object) -> Iterator[redis.Redis]:
    """A client with `size` idle connections in its pool, and no retries unless they are asked for."""
    given = {"socket_timeout": TIMEOUT, "retry": Retry(NoBackoff(), 0), **options}
    client = redis.Redis(host=gate.host, port=gate.port, **given)
    try:
        connections = [client.connection_pool.get_connection() for _ in range(size)]
        for connection in connections:
            client.connection_pool.release(connection)
        yield client
    finally:
        client.close()


@contextlib.contextmanager
def borrowed(client: redis.Redis) -> Iterator[None]:
    """One connection is in use meanwhile."""
    connection = client.connection_pool.get_connection()
    try:
        yield
    finally:
        client.connection_pool.release(connection)


def links(gate: Gate) -> int:
    return gate.town.call(lambda: gate.proxy.links_total)


@scenario("redis-py", "refuse", "no retries")
def test_redis_refuse(redis_gate: Gate) -> None:
    """Open connections work on. A command that needs one more fails at once: `ConnectionError`, connection refused.
    Healed, the next one connects."""
    with redis_pool(redis_gate, 1) as client:
        redis_gate.inject("refuse")
        assert client.ping()
        with borrowed(client):
            error, seconds = outcome(client.ping)
            assert error == "ConnectionError"
            assert seconds < SLACK
            redis_gate.heal()
            assert client.ping()


@scenario("redis-py", "refuse for=500ms", "`retry=Retry(ExponentialBackoff(cap=0.2, base=0.05), 10)`")
def test_redis_refuse_with_retries(redis_gate: Gate) -> None:
    """No error: a command that needs one more connection answers when the outage is over, 0.5 s late."""
    with (
        redis_pool(redis_gate, 1, retry=Retry(ExponentialBackoff(cap=0.2, base=0.05), 10)) as client,
        borrowed(client),
    ):
        redis_gate.inject("refuse", for_="500ms")
        error, seconds = outcome(client.ping)
        assert error == ""
        assert 0.4 < seconds < 5


@scenario("redis-py", "refuse", "`BlockingConnectionPool(max_connections=2, timeout=0.3)`")
def test_redis_blocking_pool(redis_gate: Gate) -> None:
    """A connect that is refused gives its place in the pool back: ten failures later both places are free. With both in use, a
    command waits 0.3 s for a place: `ConnectionError`, no connection available."""
    pool = redis.BlockingConnectionPool(
        host=redis_gate.host, port=redis_gate.port, max_connections=2, timeout=TIMEOUT, retry=Retry(NoBackoff(), 0)
    )
    with contextlib.closing(redis.Redis(connection_pool=pool)) as client, contextlib.closing(pool):
        redis_gate.inject("refuse")
        assert {outcome(client.ping)[0] for _ in range(10)} == {"ConnectionError"}
        redis_gate.heal()
        with borrowed(client), borrowed(client):
            error, seconds = outcome(client.ping)
            assert error == "ConnectionError"
            assert TIMEOUT <= seconds < 5
        assert client.ping()


@scenario("redis-py", "hang", "`socket_timeout=0.3`, no retries")
def test_redis_hang(redis_gate: Gate) -> None:
    """Each command fails after 0.3 s: `TimeoutError`. Its connection is closed, and the next command reconnects, which is accepted, and
    waits 0.3 s for the handshake. Healed, the next one answers."""
    with redis_pool(redis_gate, 1) as client:
        redis_gate.inject("hang")
        for opened in (1, 2, 3):
            error, seconds = outcome(client.ping)
            assert error == "TimeoutError"
            assert TIMEOUT <= seconds < TIMEOUT + SLACK
            assert links(redis_gate) == opened
        redis_gate.heal()
        assert client.ping()


@scenario("redis-py", "hang", "`socket_timeout=0.3`, `retry=Retry(NoBackoff(), 2)`")
def test_redis_hang_with_retries(redis_gate: Gate) -> None:
    """Each command fails after 0.9 s: it is tried three times, on a new connection each time, and each waits for 0.3 s. Unless set, redis-py
    8 tries 11 times and waits 5 s for each."""
    with redis_pool(redis_gate, 1, retry=Retry(NoBackoff(), 2)) as client:
        redis_gate.inject("hang")
        for opened in (3, 6):
            error, seconds = outcome(client.ping)
            assert error == "TimeoutError"
            assert 3 * TIMEOUT <= seconds < 3 * TIMEOUT + SLACK
            assert links(redis_gate) == opened
        redis_gate.heal()
        assert client.ping()
    with contextlib.closing(redis.Redis()) as client:
        retry, timeout = client.get_retry(), client.get_connection_kwargs()["socket_timeout"]
        assert retry is not None
        assert (retry.get_retries(), timeout) == (10, 5)


@scenario("redis-py", "path_mtu", "`health_check_interval=0.1`")
def test_redis_path_mtu(redis_gate: Gate) -> None:
    """Connecting, the check (a `PING`) and small commands work; each large reply fails after 0.3 s: `TimeoutError`. The check finds
    nothing, and a new connection is no better. Healed, the next one answers."""
    with redis_pool(redis_gate, 1, health_check_interval=0.1) as client:
        client.set("page", b"x" * 8000)
        redis_gate.inject("path_mtu")
        for opened in (1, 2):
            time.sleep(0.15)  # the check is due
            assert client.ping()
            error, seconds = outcome(lambda: client.get("page"))
            assert error == "TimeoutError"
            assert TIMEOUT <= seconds < TIMEOUT + SLACK
            assert links(redis_gate) == opened
        redis_gate.heal()
        assert client.get("page") == b"x" * 8000


@scenario("redis-py", "idle_cut idle=200ms", "no retries")
def test_redis_idle_cut(redis_gate: Gate) -> None:
    """The pool hands out a dead connection: `TimeoutError` after 0.3 s. That place is reconnected with the next command; the other dead
    connections stay in the pool, and each costs another timeout when it is needed."""
    with redis_pool(redis_gate, 2) as client:
        redis_gate.inject("idle_cut", idle="200ms")
        time.sleep(CUT)
        error, seconds = outcome(client.ping)
        assert error == "TimeoutError"
        assert TIMEOUT <= seconds < TIMEOUT + SLACK
        assert outcome(client.ping)[0] == ""
        with borrowed(client):
            assert outcome(client.ping)[0] == "TimeoutError"
            assert outcome(client.ping)[0] == ""
        assert links(redis_gate) == 4


@scenario("redis-py", "idle_cut idle=200ms", "`health_check_interval=0.2`, `retry=Retry(NoBackoff(), 1)`")
def test_redis_idle_cut_with_a_check(redis_gate: Gate) -> None:
    """No error: the check finds out, after 0.3 s, and the command is sent once, over a new connection."""
    with redis_pool(redis_gate, 1, health_check_interval=0.2, retry=Retry(NoBackoff(), 1)) as client:
        redis_gate.inject("idle_cut", idle="200ms")
        time.sleep(CUT)
        error, seconds = outcome(lambda: client.incr("count"))
        assert error == ""
        assert TIMEOUT <= seconds < TIMEOUT + SLACK
        assert client.get("count") == b"1"


@scenario("redis-py", "idle_cut idle=200ms", "`health_check_interval=0.2`, no retries")
def test_redis_idle_cut_with_a_check_and_no_retry(redis_gate: Gate) -> None:
    """The check finds out, after 0.3 s, and its `TimeoutError` is the command's. The check is worth nothing without a retry."""
    with redis_pool(redis_gate, 1, health_check_interval=0.2) as client:
        redis_gate.inject("idle_cut", idle="200ms")
        time.sleep(CUT)
        error, seconds = outcome(client.ping)
        assert error == "TimeoutError"
        assert TIMEOUT <= seconds < TIMEOUT + SLACK
        assert client.ping()


@scenario("redis-py", "idle_cut idle=200ms how=reset", "no retries")
def test_redis_idle_cut_by_reset(redis_gate: Gate) -> None:
    """No error: the pool sees the end of a connection when it hands it out, and reconnects."""
    with redis_pool(redis_gate, 2) as client:
        redis_gate.inject("idle_cut", idle="200ms", how="reset")
        redis_gate.settle()
        assert client.ping()
        with borrowed(client):
            assert client.ping()
        assert links(redis_gate) == 4


@scenario("redis-py", "drain idle=1s", "no retries")
def test_redis_drain(redis_gate: Gate) -> None:
    """While connections are in use they work. An idle one is closed; the pool sees it when it hands it out, reconnects, and that
    is refused: `ConnectionError`. Healed, the next command answers."""
    with redis_pool(redis_gate, 1) as client:
        redis_gate.inject("drain", idle="1s")
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            assert client.ping()
        redis_gate.settle()
        assert outcome(client.ping)[0] == "ConnectionError"
        redis_gate.heal()
        assert client.ping()


@scenario("redis-py", "timeout times=1", "`retry=Retry(NoBackoff(), 1)`")
def test_redis_retries_what_was_done(redis_gate: Gate) -> None:
    """No error, and a wrong result: Redis did the `INCR`, its reply was lost, the retry did it again. One `incr()` returns 2."""
    with redis_pool(redis_gate, 1, retry=Retry(NoBackoff(), 1)) as client:
        redis_gate.inject("timeout", times="1")
        assert client.incr("count") == 2


# psycopg


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """Threads for calls that may wait; and no thread of a pool may be left."""
    with ThreadPoolExecutor(4) as executor:
        yield executor
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("pool-")]
    assert not left, left


@contextlib.contextmanager
def psycopg_pool(gate: Gate, size: int, **options: object) -> Iterator[Pool]:
    """A pool with `size` idle connections. The faults are healed before it is closed."""
    address = f"host={gate.host} port={gate.port} user=postgres dbname=postgres connect_timeout=2"
    given = {"min_size": size, "max_size": size + 1, "timeout": TIMEOUT, "kwargs": {"autocommit": True}, **options}
    with (
        ConnectionPool(address, open=False, **given) as pool,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(gate.heal)
        pool.wait(DEADLINE)
        yield pool


def ask(pool: Pool, length: int = 1) -> None:
    """Borrow a connection, ask for a text, and give it back."""
    with pool.connection() as connection:
        row = connection.execute(b"SELECT repeat('x', %d)" % length).fetchone()
    assert row == ("x" * length,)


class Waiting:
    """A call in a thread that is still waiting after some time."""

    def __init__(self, threads: ThreadPoolExecutor, function: Callable[[], object], seconds: float) -> None:
        self._future: Future[object] = threads.submit(function)
        with pytest.raises(TimeoutError):
            self._future.result(seconds)

    def ends(self) -> str:
        """The name of what it raised in the end, or nothing."""
        error = self._future.exception(DEADLINE)
        return type(error).__name__ if error else ""


def recipe() -> Callable[[Connection, float], contextlib.AbstractContextManager[None]]:
    """The page's own `deadline()`."""
    found = re.search(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found
    names: dict[str, object] = {}
    exec(found[1], names)
    return names["deadline"]


@scenario("psycopg_pool", "refuse", "`timeout=0.3`")
def test_psycopg_refuse(postgres_gate: Gate, threads: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture) -> None:
    """Open connections work on. A request for one more fails after 0.3 s (`timeout` is 30 s unless set): `PoolTimeout`. That it was refused is
    said in the log alone. Healed, the pool connects without help, about 1 s after its first attempt; the longer it has tried, the rarer its
    attempts are."""
    caplog.set_level(logging.WARNING, "psycopg.pool")
    with psycopg_pool(postgres_gate, 1) as pool:
        postgres_gate.inject("refuse")
        ask(pool)
        with pool.connection():
            error, seconds = outcome(lambda: ask(pool))
            assert error == "PoolTimeout"
            assert TIMEOUT <= seconds < TIMEOUT + SLACK
            assert "Connection refused" in caplog.text
            postgres_gate.heal()
            began = time.monotonic()
            with pool.connection(DEADLINE):
                assert time.monotonic() - began < 1.5 + SLACK


@scenario("psycopg_pool", "hang", "none")
def test_psycopg_hang(postgres_gate: Gate, threads: ThreadPoolExecutor) -> None:
    """A query waits for as long as the fault lasts, with no error. Healed, it gets its
    answer."""
    with psycopg_pool(postgres_gate, 1) as pool:
        postgres_gate.inject("hang")
        waiting = Waiting(threads, lambda: ask(pool), 2 * TIMEOUT)
        postgres_gate.heal()
        assert waiting.ends() == ""


@scenario("psycopg_pool", "hang", "`check=ConnectionPool.check_connection`, `timeout=0.3`")
def test_psycopg_hang_with_a_check(postgres_gate: Gate, threads: ThreadPoolExecutor) -> None:
    """`getconn()` itself waits for as long as the fault lasts: the check has no timeout, and `timeout` does not count for it."""
    with psycopg_pool(postgres_gate, 1, check=ConnectionPool.check_connection) as pool:
        postgres_gate.inject("hang")

        def borrow() -> None:
            pool.putconn(pool.getconn())

        waiting = Waiting(threads, borrow, 2 * TIMEOUT)
        postgres_gate.heal()
        assert waiting.ends() == ""


@scenario("psycopg_pool", "hang", "`deadline(connection, 0.3)` around the query, as below")
def test_psycopg_hang_with_a_deadline(postgres_gate: Gate, threads: ThreadPoolExecutor) -> None:
    """`OperationalError` after 0.3 s. The pool throws the connection away and replaces it, which hangs as well, so the next request gets
    `PoolTimeout`. Healed, the pool is whole again without help."""
    deadline = recipe()
    with psycopg_pool(postgres_gate, 1, max_size=1) as pool:
        postgres_gate.inject("hang")

        def guarded() -> None:
            with pool.connection() as connection, deadline(connection, TIMEOUT):
                connection.execute("SELECT 1")

        error, seconds = outcome(guarded)
        assert error == "OperationalError"
        assert TIMEOUT <= seconds < TIMEOUT + SLACK
        assert outcome(lambda: ask(pool))[0] == "PoolTimeout"
        postgres_gate.heal()
        with pool.connection(DEADLINE) as connection:
            connection.execute("SELECT 1")


@scenario("psycopg_pool", "hang", "`statement_timeout=300`, `tcp_user_timeout=300`, keepalives each second")
def test_psycopg_hang_with_time_outs_of_others(postgres_gate: Gate, threads: ThreadPoolExecutor) -> None:
    """A query waits as long as without them: the process that should count has stopped, and its operating system still acknowledges."""
    options = {
        "options": "-c statement_timeout=300",
        "tcp_user_timeout": 300,
        "keepalives_idle": 1,
        "keepalives_interval": 1,
        "keepalives_count": 1,
    }
    with psycopg_pool(postgres_gate, 1, kwargs={"autocommit": True, **options}) as pool:
        postgres_gate.inject("hang")
        waiting = Waiting(threads, lambda: ask(pool), 2.5)
        postgres_gate.heal()
        assert waiting.ends() == ""


@pytest.mark.slow
@scenario("psycopg_pool", "hang", "`AsyncConnectionPool`, `asyncio.timeout(0.3)` around the query")
def test_psycopg_hang_with_a_deadline_of_asyncio(postgres_gate: Gate) -> None:
    """`TimeoutError`, but after 10.3 s: psycopg first asks the server to cancel the query, over a new connection that hangs as well, for 5 s, and
    then gives the query 5 s more."""
    address = f"host={postgres_gate.host} port={postgres_gate.port} user=postgres dbname=postgres connect_timeout=2"

    async def run() -> float:
        async with AsyncConnectionPool(address, min_size=1, max_size=1, open=False) as pool:
            await pool.wait(DEADLINE)
            async with pool.connection() as connection:
                await asyncio.to_thread(postgres_gate.inject, "hang")
                began = time.monotonic()
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(TIMEOUT):
                        await connection.execute("SELECT 1")
                seconds = time.monotonic() - began
                await asyncio.to_thread(postgres_gate.heal)
            return seconds

    assert 10 < asyncio.run(run()) < 15


@scenario("psycopg_pool", "path_mtu", "`check=ConnectionPool.check_connection`")
def test_psycopg_path_mtu(postgres_gate: Gate, threads: ThreadPoolExecutor) -> None:
    """Connecting, the check and small queries work; a large result never comes, and there is no error. Healed, it comes."""
    with psycopg_pool(postgres_gate, 1, check=ConnectionPool.check_connection) as pool:
        postgres_gate.inject("path_mtu")
        ask(pool)
        waiting = Waiting(threads, lambda: ask(pool, 8000), 2 * TIMEOUT)
        ask(pool)  # over a new connection
        postgres_gate.heal()
        assert waiting.ends() == ""


@scenario("psycopg_pool", "idle_cut idle=200ms", "none")
def test_psycopg_idle_cut(postgres_gate: Gate, threads: ThreadPoolExecutor) -> None:
    """The pool hands out a dead connection, and the query waits for as long as the fault lasts; so does the next one, on the next dead
    connection. Healed, the proxy closes those that lost bytes, and a waiting query gets `OperationalError`."""
    with psycopg_pool(postgres_gate, 2) as pool:
        postgres_gate.inject("idle_cut", idle="200ms")
        time.sleep(CUT)
        first = Waiting(threads, lambda: ask(pool), 2 * TIMEOUT)
        second = Waiting(threads, lambda: ask(pool), 2 * TIMEOUT)
        postgres_gate.heal()
        assert [first.ends(), second.ends()] == ["OperationalError", "OperationalError"]
        with pool.connection(DEADLINE) as connection:
            connection.execute("SELECT 1")


@scenario("psycopg_pool", "idle_cut idle=200ms", "`check=ConnectionPool.check_connection`, `timeout=0.3`")
def test_psycopg_idle_cut_with_a_check(postgres_gate: Gate, threads: ThreadPoolExecutor) -> None:
    """`getconn()` waits for as long as the fault lasts: the check asks the dead connection, and has no timeout. Healed, the proxy closes it; a request
    that waited gets `PoolTimeout`, for its time is up, and the next one a new connection."""
    with psycopg_pool(postgres_gate, 1, check=ConnectionPool.check_connection) as pool:
        postgres_gate.inject("idle_cut", idle="200ms")
        time.sleep(CUT)
        waiting = Waiting(threads, lambda: ask(pool), 2 * TIMEOUT)
        postgres_gate.heal()
        assert waiting.ends() == "PoolTimeout"
        with pool.connection(DEADLINE) as connection:
            connection.execute("SELECT 1")


@scenario("psycopg_pool", "idle_cut idle=2s", "a thread that calls `pool.check()` every 0.1 s")
def test_psycopg_idle_cut_with_checks_meanwhile(postgres_gate: Gate, threads: ThreadPoolExecutor) -> None:
    """No error: no connection is idle for long enough to be cut."""
    with psycopg_pool(postgres_gate, 2) as pool:
        injection = postgres_gate.inject("idle_cut", idle="2s")
        end = time.monotonic() + 3
        while time.monotonic() < end:
            pool.check()
            time.sleep(0.1)
        assert outcome(lambda: ask(pool))[0] == ""
        assert (injection.chosen >= 2, injection.fired) == (True, 0)
        assert postgres_gate.ends() == []


@scenario("psycopg_pool", "idle_cut idle=200ms how=reset", "none")
def test_psycopg_idle_cut_by_reset(postgres_gate: Gate, threads: ThreadPoolExecutor) -> None:
    """Each connection that was idle costs one `OperationalError`, at once: it is replaced after that, when it is given back."""
    with psycopg_pool(postgres_gate, 2) as pool:
        postgres_gate.inject("idle_cut", idle="200ms", how="reset")
        postgres_gate.settle()
        assert [outcome(lambda: ask(pool))[0] for _ in range(2)] == ["OperationalError", "OperationalError"]
        with pool.connection(DEADLINE) as connection:
            connection.execute("SELECT 1")


@scenario("psycopg_pool", "idle_cut idle=200ms how=reset, healed", "`check=ConnectionPool.check_connection`")
def test_psycopg_idle_cut_by_reset_with_a_check(postgres_gate: Gate, threads: ThreadPoolExecutor) -> None:
    """No error, but late where several were cut: the check finds out at once, and after the second dead connection in a row the pool waits
    1 s before it takes another one, after the third 2 s. One dead connection costs nothing, three cost 3 s; with a `timeout` below that it is
    `PoolTimeout`."""
    for size, least, most in ((1, 0, 1), (3, 2.5, 2.5 + 3 * SLACK)):
        with psycopg_pool(postgres_gate, size, check=ConnectionPool.check_connection, timeout=DEADLINE) as pool:
            postgres_gate.inject("idle_cut", idle="200ms", how="reset")
            postgres_gate.settle()
            postgres_gate.heal()
            error, seconds = outcome(lambda: ask(pool))
            assert error == ""
            assert least <= seconds < most


@scenario("psycopg_pool", "drain idle=1s", "`check=ConnectionPool.check_connection`, `timeout=0.3`")
def test_psycopg_drain(postgres_gate: Gate, threads: ThreadPoolExecutor) -> None:
    """A connection in use works on. An idle one is closed; the check finds out, and the pool cannot open a new one: `PoolTimeout`. Healed, the pool
    connects without help."""
    with psycopg_pool(postgres_gate, 1, check=ConnectionPool.check_connection) as pool:
        postgres_gate.inject("drain", idle="1s")
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            ask(pool)
        postgres_gate.settle()
        assert outcome(lambda: ask(pool))[0] == "PoolTimeout"
        postgres_gate.heal()
        with pool.connection(DEADLINE) as connection:
            connection.execute("SELECT 1")


@scenario("psycopg_pool", "drain idle=200ms", "a query that takes 5 s")
def test_psycopg_drain_of_a_slow_query(postgres_gate: Gate, threads: ThreadPoolExecutor) -> None:
    """`OperationalError`: nothing moves while the server is at work, which is idle to whoever looks at bytes. Give an `idle` above the longest
    query."""
    with psycopg_pool(postgres_gate, 1) as pool, pool.connection() as connection:
        postgres_gate.inject("drain", idle="200ms")
        error, seconds = outcome(lambda: connection.execute("SELECT pg_sleep(5)"))
        assert error == "OperationalError"
        assert seconds < 5


def table(pool: str) -> Iterator[str]:
    yield "| fault | settings | what the pool did |\n"
    yield "| --- | --- | --- |\n"
    for scenario in SCENARIOS:
        if scenario.pool == pool:
            yield f"| `{scenario.fault}` | {scenario.settings} | {scenario.seen} |\n"


def test_the_page_says_what_these_tests_show(loop: str) -> None:
    page = PAGE.read_text()
    for pool in ("redis-py", "psycopg_pool"):
        made = "".join(table(pool))
        before, begin, rest = page.partition(f"<!-- {pool}: made by tests/real/test_pools.py -->\n\n")
        shown, end, after = rest.partition("\n<!-- until here -->")
        assert begin
        assert end
        if os.environ.get("BROWNOUT_WRITE_DOCS"):
            page = before + begin + made + end + after
            PAGE.write_text(page)
        else:
            assert shown == made, "BROWNOUT_WRITE_DOCS=1 writes what the tests show"
