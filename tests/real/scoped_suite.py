"""A hundred tests on one Postgres and one Redis, each with a fault of its own; test_scoped.py runs it with workers.

A worker keeps its connections from test to test, as pools do. What each test met goes to a file of its own.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from brownout.testing import Chaos

LATENCY = 0.03
ROUNDS = 6


@pytest.fixture(scope="session")
def table() -> Iterator[psycopg.Connection]:
    with psycopg.connect(os.environ["POSTGRES"], autocommit=True, prepare_threshold=None) as connection:
        yield connection


@pytest.fixture(scope="session")
def cache() -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(os.environ["REDIS"], retry=Retry(NoBackoff(), 0))
    client.ping()
    yield client
    client.close()


def met(call: Callable[[], object]) -> str:
    """How a call went: what it raised, or whether it was late."""
    began = time.monotonic()
    try:
        call()
    except redis.ConnectionError:
        return "reset"
    return "late" if time.monotonic() - began >= LATENCY else "well"


@pytest.mark.parametrize("number", range(100))
def test_it(chaos: Chaos, table: psycopg.Connection, cache: redis.Redis, worker_id: str, number: int) -> None:
    cache.ping()  # connects again, where a test before was reset
    name, fault = (("postgres", "latency"), ("redis", "latency"), ("redis", "reset"), ("", ""))[number % 4]
    settings = {"latency": f"{LATENCY}s"} if fault == "latency" else {}
    if name:
        chance = f"{30 + number // 4}%"
        placed = chaos[name].inject(fault, per="turn", probability=chance, name=f"of-{number}", **settings)
    queries = [met(lambda: table.execute("SELECT 1")) for _ in range(ROUNDS)]
    gets = [met(lambda: cache.get("tea")) for _ in range(ROUNDS)]
    assert ("reset" in queries, "reset" in gets and fault != "reset") == (False, False)
    for there in ("postgres", "redis"):
        seen = chaos[there].connections
        assert {name for connection in seen for name in connection.faults} <= (
            {f"of-{number}"} if there == name else set()
        )
        assert {connection.worker for connection in seen} <= {worker_id}
    told: list[object] = []
    if name:
        receipt = placed.receipt
        hits = (queries if name == "postgres" else gets).count("reset" if fault == "reset" else "late")
        assert hits >= receipt.fired
        told = [receipt.matched, receipt.chosen, receipt.fired]
    Path(os.environ["MET"], str(number)).write_text(
        json.dumps({"counts": told, "resets": [each == "reset" for each in gets]})
    )
