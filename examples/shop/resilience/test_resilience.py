"""What the graceful build promises. The fragile one fails here: SHOP_BUILD=fragile."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pytest

from brownout.testing import Chaos

Ask = Callable[..., tuple[int, Any]]
Behind = Callable[[str, str], Any]
ANN = {"mail": "ann@example.com", "password": "correct horse"}
ORDER = {"product": "green tea"}
PATIENCE = 4.0
"""Seconds after which a customer is gone."""


@pytest.fixture
def token(ask: Ask) -> str:
    """The token of a customer who has signed in."""
    _, found = ask("POST", "/sign-in", ANN)
    return str(found["token"])


def test_a_customer_pays_once_when_the_reply_is_lost(chaos: Chaos, ask: Ask, behind: Behind, token: str) -> None:
    gateway = chaos["gateway"]
    with gateway.inject("http.lost_reply", times=1, match={"path": "/charges"}):
        status, found = ask("POST", "/checkout", ORDER, token)
    assert status == 201
    assert len(behind("gateway", f"/charges?order={found['order']}")) == 1
    chaos.verdict(gateway).assert_graceful(max_attempts=2)


def test_an_order_is_kept_while_the_gateway_is_down(chaos: Chaos, ask: Ask, token: str) -> None:
    with chaos["gateway"].inject("http.status:503"):
        status, found = ask("POST", "/checkout", ORDER, token)
    assert (status, found["state"]) == (202, "pending")
    chaos.verdict(chaos["gateway"]).assert_graceful(max_attempts=2, deadline="3s")


def test_a_service_that_is_down_is_left_alone(chaos: Chaos, ask: Ask) -> None:
    tokens = chaos["tokens"]
    with tokens.inject("http.status:503") as down:
        assert [ask("POST", "/sign-in", ANN)[0] for _ in range(8)] == [503] * 8
        assert down.receipt.fired == 10, "5 requests with 2 attempts each, then the breaker opens"
    time.sleep(1.1)  # it closes again
    assert ask("POST", "/sign-in", ANN)[0] == 200


def test_a_session_outlives_the_cache(chaos: Chaos, ask: Ask, token: str) -> None:
    with chaos["redis"].inject("refuse"), chaos["redis"].inject("reset", per="turn"):
        assert ask("POST", "/checkout", ORDER, token)[0] == 201
        assert ask("GET", "/search?q=cup")[0] == 200


def test_an_event_is_late_rather_than_lost_or_doubled(chaos: Chaos, ask: Ask, behind: Behind) -> None:
    mail = "eve@example.com"
    with chaos["notifications"].inject("http.lost_reply"):
        assert ask("POST", "/register", {"mail": mail, "password": "apple"})[0] == 201
    assert ask("POST", "/sign-in", ANN)[0] == 200  # the next event takes along what waits
    until = time.monotonic() + PATIENCE
    while not (found := behind("notifications", f"/events?mail={mail}")) and time.monotonic() < until:
        time.sleep(0.05)
    assert [each["kind"] for each in found] == ["registered"]


@pytest.fixture
def read_only() -> Iterator[None]:
    """A database that takes no writes, as a replica or a full disk; open connections are ended."""
    asyncio.run(_set_read_only("on"))
    yield
    asyncio.run(_set_read_only("off"))


async def _set_read_only(value: str) -> None:
    connection = await asyncpg.connect(os.environ["POSTGRES_URL"], ssl=False)
    try:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}')
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()")
    finally:
        await connection.close()


@pytest.mark.usefixtures("read_only")
def test_a_database_that_takes_no_writes_is_no_error_of_the_customer(ask: Ask) -> None:
    assert ask("POST", "/sign-in", ANN)[0] == 200
    assert ask("GET", "/search?q=tea")[0] == 200
    assert ask("POST", "/register", {"mail": "mia@example.com", "password": "pear"})[0] == 503


PROFILES = (
    "contract-drift",
    "schema-drift",
    "auth-outage",
    "upstream-timeouts",
    "lost-events",
    "broken-third-party",
    "redis-restart",
    "postgres-restart",
)


@pytest.mark.parametrize("name", PROFILES)
def test_no_customer_waits_long_or_sees_an_error_of_ours(name: str, chaos: Chaos, ask: Ask, token: str) -> None:
    with chaos.profile(name):
        for _ in range(2):
            for asked in (
                ("POST", "/register", {"mail": "leo@example.com", "password": "plum"}),
                ("POST", "/sign-in", ANN),
                ("GET", "/search?q=tea"),
                ("POST", "/checkout", ORDER, token),
            ):
                began = time.monotonic()
                status, found = ask(*asked)
                assert status in (200, 201, 202, 503), (asked, found)
                assert time.monotonic() - began < PATIENCE, asked
