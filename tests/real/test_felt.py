"""What redis-py, psycopg and a plain socket see of every fault: docs/clients.md is what was seen.

`BROWNOUT_WRITE_DOCS=1` rewrites the table. Times are rounded down to a unit of the row's own. A row that differs from
the page is measured again, at most twice: a busy machine makes an answer late now and then, a fault each time. Of a
message the words are kept that are the same each time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from brownout.faults import CATALOGUE
from brownout.faults.exchange import ExchangeFault
from brownout.proxy import Limits
from brownout.proxy.shaping.budget import LIMITS
from brownout.testing.servers import Server

from .page import write_or_compare

if TYPE_CHECKING:
    from conftest import Gate, Town

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
TEXT = b"x" * 8000
REPLY = b"$8000\r\n" + TEXT + b"\r\n+OK\r\n"
PATIENCE = 2.0
"""The timeouts of the clients, in seconds; psycopg's `connect_timeout` is never less."""
AT_EASE = 60.0
"""Those of a client with no fault in its way: a busy machine may need longer."""
TRIES = 3


class Row(NamedTuple):
    """A fault, as `brownout inject` takes it."""

    fault: str
    unit: float = 0.0
    """An answer that comes late is told in multiples of it; 0: it does not come late."""
    pause: float = 0.0
    """How long a connection is left alone before it is used, in seconds."""


FELT_LATER = {"noop", "slow_close"}
"""Faults that no client notices while it asks: one does nothing, one acts when the connection ends."""

ROWS = [
    Row("latency latency=300ms", unit=0.3),
    Row("bandwidth rate=8KB/s", unit=1.0),
    Row("loss share=10% rto=300ms", unit=0.3),
    Row("drip bytes=100B interval=14ms", unit=1.1),
    Row("slicer average_size=1KB delay=100ms", unit=0.8),
    Row("corrupt share=0.05%"),
    Row("corrupt share=100%"),
    Row("limit_data bytes=4KB"),
    Row("path_mtu"),
    Row("timeout"),
    Row("timeout timeout=300ms", unit=0.3),
    Row("slow_close delay=500ms"),
    Row("reset"),
    Row("reset bytes=4KB"),
    Row("disconnect"),
    Row("disconnect bytes=4KB"),
    Row("half_open"),
    Row("idle_cut idle=300ms", pause=0.7),
    Row("idle_cut idle=300ms how=reset", pause=0.7),
    Row("max_lifetime lifetime=300ms", pause=0.7),
    Row("max_lifetime lifetime=300ms how=silent", pause=0.7),
    Row("refuse"),
    Row("unreachable"),
    Row("hang"),
    Row("connect_delay delay=300ms", unit=0.3),
    Row("connection_limit connections=1"),
    Row("connection_limit connections=1 when_full=queue"),
    Row("drain idle=300ms", pause=0.7),
    Row("noop"),
]


class Client(Protocol):
    """A client with one connection; `ask()` says what was seen, or raises what the client raised."""

    def __init__(self, gate: Gate, patience: float = PATIENCE) -> None: ...
    def hello(self) -> None: ...
    def ask(self) -> str: ...
    def close(self) -> None: ...


class RedisPy:
    """redis-py with its pool, timeouts, and no retries."""

    def __init__(self, gate: Gate, patience: float = PATIENCE) -> None:
        self._client = redis.Redis(
            host=gate.host,
            port=gate.port,
            socket_timeout=patience,
            socket_connect_timeout=patience,
            retry=Retry(NoBackoff(), 0),
        )

    def hello(self) -> None:
        assert self._client.ping()

    def ask(self) -> str:
        return judged(self._client.get("page"))

    def close(self) -> None:
        self._client.close()


class Psycopg:
    """A connection of psycopg, which has no timeout for an answer: after two seconds it is cut off from outside."""

    def __init__(self, gate: Gate, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._address = {"host": gate.host, "port": gate.port, "user": "postgres", "dbname": "postgres"}
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None

    def hello(self) -> None:
        options = {"connect_timeout": self._patience, "autocommit": True}
        self._connection = psycopg.connect(**self._address, **options)

    def ask(self) -> str:
        if self._connection is None:
            self.hello()
        assert self._connection is not None
        with cut_off(self._connection.fileno(), self._patience) as late:
            try:
                row = self._connection.execute("SELECT repeat('x', 8000)").fetchone()
            except psycopg.OperationalError:
                if late.is_set():
                    return "silence, no error"
                raise
        assert row is not None
        return judged(str(row[0]).encode())

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


class Plain:
    """A socket that asks Redis for the text and to hang up, and reads until that has come about."""

    def __init__(self, gate: Gate, patience: float = PATIENCE) -> None:
        self._gate, self._patience = gate, patience
        self._socket: socket.socket | None = None

    def hello(self) -> None:
        self._socket = socket.create_connection((self._gate.host, self._gate.port), timeout=self._patience)

    def ask(self) -> str:
        data, reads, last, end = b"", 0, 0.0, "EOF"
        try:
            if self._socket is None:
                self.hello()
            assert self._socket is not None
            self._socket.sendall(b"GET page\r\nQUIT\r\n")
            while part := self._socket.recv(65_536):
                data, reads, last = data + part, reads + 1, time.monotonic()
        except OSError as error:
            end = f"`{errno.errorcode[error.errno]}`" if error.errno else "silence"
        if len(data) < len(REPLY) or end != "EOF":
            return f"{len(data)} bytes, then {end}"
        if data != REPLY:
            return "**a wrong text**"
        if time.monotonic() - last >= 0.3:
            return "answers, EOF late"
        return "answers, in pieces" if reads >= 4 else "answers"

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()


CLIENTS: dict[str, type[Client]] = {"redis-py": RedisPy, "psycopg": Psycopg, "plain socket": Plain}


@contextlib.contextmanager
def cut_off(fileno: int, patience: float) -> Iterator[threading.Event]:
    """End a connection when its time is up; the event says that it was."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    with socket.socket(fileno=os.dup(fileno)) as sock:
        timer = threading.Timer(patience, cut)
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()
            timer.join()


def judged(value: object) -> str:
    return "answers" if value == TEXT else "**a wrong text**"


WORDS = re.compile(
    r"connection refused|connection reset by peer|connection closed by server|server closed the connection unexpectedly"
    r"|timeout reading from socket|timeout connecting to server|invalid start byte|invalid response to SSL negotiation",
    re.IGNORECASE,
)
"""What of a message is the same each time, and neither a port nor how far the client had come."""


def told(error: Exception) -> str:
    """The class of an error and the words that matter."""
    found = WORDS.search(str(error))
    words = found[0] if found else str(error).splitlines()[0]
    if isinstance(error, psycopg.Error) and words == "Connection reset by peer":
        words = "server closed the connection unexpectedly"  # libpq says the one or the other, as the moment has it
    return f"`{type(error).__name__}`: {words}"


def seen(client: Client, row: Row) -> str:
    began = time.monotonic()
    try:
        saw = client.ask()
    except Exception as error:
        return told(error)
    units = int((time.monotonic() - began) / row.unit) if row.unit else 0
    return f"{saw}, {round(units * row.unit, 2):g} s late" if units and saw.startswith("answers") else saw


MISSED = "the fault hit nothing"


def connect(client: Client) -> None:
    """Connect where no fault is in the way: a busy machine may need longer than the client's patience, not for ever."""
    for _ in range(9):
        with contextlib.suppress(TimeoutError, redis.TimeoutError, psycopg.errors.ConnectionTimeout):
            return client.hello()
    return client.hello()


def felt(town: Town, server: Server, row: Row, name: str) -> tuple[str, str]:
    """What a new connection sees of a fault, and one that was open before."""
    gate = town.add(server.url, re.sub(r"\W+", "-", f"{row.fault} {name}"))
    fault, *settings = row.fault.split()
    with contextlib.ExitStack() as stack:
        fresh, opened = (stack.enter_context(contextlib.closing(CLIENTS[name](gate))) for _ in range(2))
        connect(opened)
        injection = gate.inject(fault, **dict(setting.split("=") for setting in settings))
        if row.pause:
            with contextlib.suppress(redis.RedisError, psycopg.Error, OSError):  # seen again by what is asked below
                fresh.hello()
            time.sleep(row.pause)
        saw = seen(fresh, row)
        before = seen(opened, row)
        if CATALOGUE[fault].port == "open" and not (injection.chosen if fault in FELT_LATER else injection.fired):
            saw = before = MISSED  # who was late and connected again has other chances
        gate.heal()
        healed = stack.enter_context(contextlib.closing(CLIENTS[name](gate, AT_EASE)))
        assert healed.ask() == "answers"
    return saw, before


def table(results: dict[Row, dict[str, tuple[str, str]]]) -> Iterator[str]:
    """The lines of the table: one for a fault that new and open connections see alike, else two."""
    yield f"| fault | connection | {' | '.join(CLIENTS)} |"
    yield "| --- " * (2 + len(CLIENTS)) + "|"
    for row, cells in results.items():
        new, opened = ([cell[which] for cell in cells.values()] for which in (0, 1))
        if new == opened:
            yield f"| `{row.fault}` | any | {' | '.join(new)} |"
        else:
            yield f"| `{row.fault}` | new | {' | '.join(new)} |"
            yield f"| | open | {' | '.join(opened)} |"


def test_every_fault_has_its_row() -> None:
    assert list(dict.fromkeys(row.fault.split()[0] for row in ROWS)) == [
        name for name, fault in CATALOGUE.items() if not issubclass(fault, ExchangeFault)
    ]


@pytest.mark.slow
def test_clients_see_of_every_fault_what_the_page_says(
    make_town: Callable[[Limits], Town], redis_server: Server, postgres_server: Server
) -> None:
    servers = {"redis-py": redis_server, "psycopg": postgres_server, "plain socket": redis_server}
    with socket.create_connection((redis_server.host, redis_server.port), timeout=PATIENCE) as sock:
        sock.sendall(b"SET page %b\r\n" % TEXT)
        assert sock.recv(5) == b"+OK\r\n"

    def measured(rows: list[Row]) -> dict[Row, dict[str, tuple[str, str]]]:
        town = make_town(LIMITS)  # chances depend on a proxy's name, which is the same when it is measured again
        with ThreadPoolExecutor(len(ROWS)) as threads:
            cells = {
                (row, name): threads.submit(felt, town, server, row, name)
                for name, server in servers.items()
                for row in rows
            }
            return {row: {name: cells[row, name].result() for name in CLIENTS} for row in rows}

    results, page = measured(ROWS), PAGE.read_text().splitlines()
    for _ in range(TRIES - 1):
        late = [row for row in ROWS if not set(table({row: results[row]})) <= set(page)]
        results |= measured(late)
    assert [row for row, cells in results.items() if any(MISSED in cell for cell in cells.values())] == []
    write_or_compare(PAGE, "tests/real/test_felt.py", table(results))
