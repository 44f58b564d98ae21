"""Clients that take failures well, each as the users of its library write it, with pauses scaled down."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import Iterator

import aiohttp
import backoff
import circuitbreaker
import httpx
import psycopg
import pybreaker
import redis
import requests
import sqlalchemy
import stamina
import tenacity
from aiohttp_retry import JitterRetry, RetryClient
from psycopg_pool import ConnectionPool
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry as RedisRetry
from requests.adapters import HTTPAdapter
from sqlalchemy.pool import QueuePool
from urllib3.util import Retry

from .site import PATIENCE, Site, together

TRANSIENT = [429, 502, 503]


def urllib3_retry(site: Site) -> None:
    """requests with urllib3's Retry, as its docs have it, with jitter."""
    retry = Retry(3, backoff_factor=0.1, backoff_jitter=0.3, status_forcelist=TRANSIENT, raise_on_status=False)

    def get(number: int) -> None:
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=retry))
            session.get(f"{site.url}/items/{number}", timeout=PATIENCE)

    together(4, get)


def urllib3_retry_after(site: Site) -> None:
    """urllib3 honours Retry-After by itself."""
    retry = Retry(3, backoff_factor=0.1, status_forcelist=TRANSIENT, allowed_methods=None)
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=retry))
        assert session.post(f"{site.url}/orders", json={"book": 1}, timeout=PATIENCE).ok


def httpx_transport(site: Site) -> None:
    """httpx tries again to connect, never to send: what may have been done stays with its user."""
    with (
        httpx.Client(transport=httpx.HTTPTransport(retries=3), timeout=PATIENCE) as client,
        contextlib.suppress(httpx.TransportError),
    ):
        client.post(f"{site.url}/orders", json={"book": 1})


def tenacity_exponential(site: Site) -> None:
    """tenacity with full jitter over httpx, and an end."""

    @tenacity.retry(
        retry=tenacity.retry_if_exception(
            lambda error: isinstance(error, httpx.HTTPStatusError) and error.response.status_code in TRANSIENT
        ),
        wait=tenacity.wait_exponential(multiplier=0.1, max=1) + tenacity.wait_random(0, 0.2),
        stop=tenacity.stop_after_attempt(4),
    )
    def get(number: int) -> None:
        client.get(f"{site.url}/items/{number}").raise_for_status()

    with httpx.Client(timeout=PATIENCE) as client:
        together(4, get, tenacity.RetryError)


def stamina_time_outs(site: Site) -> None:
    """stamina over httpx, whose GET times out."""
    with httpx.Client(timeout=0.2) as client:
        for attempt in stamina.retry_context(
            on=httpx.TransportError, attempts=3, timeout=None, wait_initial=0.1, wait_jitter=0.1
        ):
            with attempt:
                client.get(f"{site.url}/items")


def backoff_giveup(site: Site) -> None:
    """backoff gives up at once on what the client itself did wrong."""

    @backoff.on_exception(
        backoff.expo,
        requests.HTTPError,
        max_tries=4,
        factor=0.1,
        giveup=lambda error: 400 <= error.response.status_code < 500,
    )
    def post() -> None:
        requests.post(f"{site.url}/orders", json={"book": None}, timeout=PATIENCE).raise_for_status()

    with contextlib.suppress(requests.HTTPError):
        post()


def aiohttp_jitter(site: Site) -> None:
    """aiohttp-retry with its jitter, several at once."""

    async def run() -> None:
        options = JitterRetry(attempts=4, start_timeout=0.1, random_interval_size=0.5, statuses=set(TRANSIENT))
        async with RetryClient(retry_options=options, timeout=aiohttp.ClientTimeout(PATIENCE)) as client:
            await asyncio.gather(*(ask(client, number) for number in range(4)))

    async def ask(client: RetryClient, number: int) -> None:
        async with client.get(f"{site.url}/items/{number}") as reply:
            await reply.read()

    asyncio.run(run())


def redis_exponential(site: Site) -> None:
    """redis-py with jitter and an end, whose connection is reset while it is in use."""
    retry = RedisRetry(ExponentialWithJitterBackoff(cap=1, base=0.2), 3)
    with redis.Redis.from_url(site.url, retry=retry, socket_timeout=PATIENCE) as client:
        client.ping()
        site.fail()
        assert client.get("nothing") is None


def psycopg_pool(site: Site) -> None:
    """psycopg's pool finds that a connection is broken before it gives it away, and connects again with back-off."""
    with ConnectionPool(
        site.url, min_size=2, max_size=4, check=ConnectionPool.check_connection, timeout=PATIENCE
    ) as pool:
        pool.wait(PATIENCE)
        site.fail()
        with pool.connection(timeout=PATIENCE) as connection:
            connection.execute("SELECT 1")


def sqlalchemy_pre_ping(site: Site) -> None:
    """SQLAlchemy looks whether a connection is alive before it uses it."""
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(site.url), pool_pre_ping=True, poolclass=QueuePool
    )
    for begin in (lambda: None, site.fail):
        begin()
        with engine.connect() as connection:
            assert connection.scalar(sqlalchemy.text("SELECT 1")) == 1
    engine.dispose()


def pybreaker_opens(site: Site) -> None:
    """pybreaker counts statuses as failures, opens, and closes when one probe succeeds."""
    breaker = pybreaker.CircuitBreaker(fail_max=3, reset_timeout=0.5)

    @breaker
    def get(number: int) -> None:
        client.get(f"{site.url}/items/{number}").raise_for_status()

    with httpx.Client(timeout=PATIENCE) as client:
        for number in range(25):
            with contextlib.suppress(httpx.HTTPStatusError, pybreaker.CircuitBreakerError):
                get(number)
            time.sleep(0.06)


def boto_standard(site: Site) -> None:
    """What boto's mode `standard` does: three attempts with full jitter, a token for each retry, a key for the work."""
    tokens = [object()] * 12

    def post(number: int) -> None:
        key = str(uuid.uuid4())
        for attempt in range(3):
            try:
                if client.post(f"{site.url}/orders", headers={"Idempotency-Key": key}).status_code < 500:
                    return
            except httpx.TransportError:
                pass
            if attempt == 2 or not tokens:
                return
            tokens.pop()
            time.sleep(random.uniform(0, 0.3 * 2**attempt))

    with httpx.Client(timeout=PATIENCE) as client:
        together(10, post)


def same_get_from_many(site: Site) -> None:
    """tenacity with full jitter, and eight threads that ask for the same."""

    @tenacity.retry(wait=tenacity.wait_random_exponential(multiplier=0.4, max=1), stop=tenacity.stop_after_attempt(3))
    def get(number: int) -> None:
        client.get(f"{site.url}/items").raise_for_status()

    with httpx.Client(timeout=PATIENCE) as client:
        together(8, get, tenacity.RetryError)


def breaker_same_url(site: Site) -> None:
    """circuitbreaker around one address, called as fast as users come."""

    @circuitbreaker.circuit(failure_threshold=5, recovery_timeout=0.5)
    def get() -> None:
        client.get(f"{site.url}/items").raise_for_status()

    until = time.monotonic() + 1.3
    with httpx.Client(timeout=PATIENCE) as client:
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPStatusError, circuitbreaker.CircuitBreakerError):
                get()
            time.sleep(0.005)


class Token(httpx.Auth):
    """A token that has run out, and is renewed once."""

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:
        request.headers["Authorization"] = "Bearer old"
        reply = yield request
        if reply.status_code == 401:
            request.headers["Authorization"] = "Bearer new"
            yield request


def fresh_token(site: Site) -> None:
    """httpx renews its token after 401, once."""
    with httpx.Client(timeout=PATIENCE, auth=Token()) as client:
        assert client.post(f"{site.url}/orders", json={"book": 1}).status_code == 200


def hedged_with_key(site: Site) -> None:
    """A second request where the first is slow, with the same key."""

    async def run() -> None:
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            first = asyncio.ensure_future(client.post(f"{site.url}/orders", headers=headers))
            await asyncio.wait([first], timeout=0.1)
            second = asyncio.ensure_future(client.post(f"{site.url}/orders", headers=headers))
            _, late = await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)
            for each in late:
                each.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    asyncio.run(run())


def google_style(site: Site) -> None:
    """What google-api-core's Retry does: full jitter under a delay that grows slowly, until a deadline."""

    def get(number: int) -> None:
        drawn, delay, until = random.Random(number), 0.1, time.monotonic() + 0.7
        while client.get(f"{site.url}/items/{number}").status_code in TRANSIENT:
            pause = drawn.uniform(0, delay)
            if time.monotonic() + pause > until:
                return
            time.sleep(pause)
            delay *= 1.3

    with httpx.Client(timeout=PATIENCE) as client:
        together(4, get)


def yesterdays_rates(site: Site) -> None:
    """Twelve pages that show the same rates: each asks, once more at once, and shows those of yesterday."""
    with httpx.Client(timeout=PATIENCE) as client:
        for _ in range(12):
            if client.get(f"{site.url}/rates").is_error:
                client.get(f"{site.url}/rates")


def searches_by_post(site: Site) -> None:
    """urllib3's Retry of a search, which is a POST since its question is long."""
    retry = Retry(3, backoff_factor=0.2, backoff_jitter=0.2, allowed_methods=None)
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=retry))
        assert session.post(f"{site.url}/search", json={"words": ["book"]}, timeout=PATIENCE).ok
