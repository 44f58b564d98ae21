"""Clients that make failures worse, each with one mistake that real programs have, with pauses scaled down."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import time

import aiohttp
import backoff
import circuitbreaker
import httpx
import redis
import requests
import stamina
import tenacity
from aiohttp_retry import ExponentialRetry, RetryClient
from redis.backoff import NoBackoff
from redis.retry import Retry as RedisRetry
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from .site import PATIENCE, Site, together

TRANSIENT = [429, 502, 503]


def tenacity_bare(site: Site) -> None:
    """`@tenacity.retry` alone: no end, and no pause."""

    @tenacity.retry
    def get() -> None:
        client.get(f"{site.url}/items").raise_for_status()

    with httpx.Client(timeout=PATIENCE) as client:
        get()


def urllib3_no_pause(site: Site) -> None:
    """urllib3's Retry without backoff_factor: its default is no pause."""
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=Retry(9, status_forcelist=TRANSIENT, raise_on_status=False)))
        session.get(f"{site.url}/items", timeout=PATIENCE)


def backoff_all_errors(site: Site) -> None:
    """backoff on any error of HTTP: it tries again what the server has called wrong."""

    @backoff.on_exception(backoff.expo, requests.RequestException, max_tries=4, factor=0.1)
    def post() -> None:
        requests.post(f"{site.url}/orders", json={"book": None}, timeout=PATIENCE).raise_for_status()

    with contextlib.suppress(requests.HTTPError):
        post()


def unit_slip(site: Site) -> None:
    """A loop that divides by a thousand what is in seconds already."""
    pause, most = 0.1, 2.0
    with httpx.Client(timeout=PATIENCE) as client:
        for _ in range(10):
            if client.get(f"{site.url}/items").status_code != 503:
                return
            time.sleep(pause / 1000)
            pause = min(2 * pause, most)


def repeats_the_work(site: Site) -> None:
    """A retry of a POST whose reply was lost, without a key."""
    retry = Retry(3, backoff_factor=0.2, allowed_methods=None)
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=retry))
        session.post(f"{site.url}/orders", json={"book": 1}, timeout=PATIENCE)


def deaf_to_retry_after(site: Site) -> None:
    """A client that is told when to come back, and comes when it likes."""
    retry = Retry(4, backoff_factor=0.1, status_forcelist=TRANSIENT, respect_retry_after_header=False)
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=retry))
        session.get(f"{site.url}/items", timeout=PATIENCE)


def stamina_no_jitter(site: Site) -> None:
    """stamina without its jitter: what failed together comes back together."""

    def get(number: int) -> None:
        for attempt in stamina.retry_context(
            on=httpx.HTTPStatusError, attempts=3, wait_initial=2, wait_jitter=0, timeout=None
        ):
            with attempt:
                client.get(f"{site.url}/items/{number}").raise_for_status()

    with httpx.Client(timeout=PATIENCE) as client:
        together(6, get, httpx.HTTPStatusError)


def aiohttp_time_outs_add_up(site: Site) -> None:
    """aiohttp-retry with a timeout for each attempt, and none for all of them."""

    async def run() -> None:
        options = ExponentialRetry(attempts=3, start_timeout=0.1, exceptions={TimeoutError})
        async with RetryClient(retry_options=options, timeout=aiohttp.ClientTimeout(0.4)) as client:
            with contextlib.suppress(TimeoutError):
                await client.get(f"{site.url}/items")

    asyncio.run(run())


def retries_of_retries(site: Site) -> None:
    """tenacity around urllib3's Retry: three times four attempts."""
    retry = Retry(3, backoff_factor=0.05, backoff_jitter=0.05, status_forcelist=TRANSIENT)

    @tenacity.retry(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_random_exponential(multiplier=0.1, max=0.4))
    def get(number: int) -> None:
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=retry))
            session.get(f"{site.url}/items/{number}", timeout=PATIENCE).raise_for_status()

    together(10, get, tenacity.RetryError)


def redis_no_pause(site: Site) -> None:
    """redis-py that connects again without a pause."""
    with redis.Redis.from_url(site.url, retry=RedisRetry(NoBackoff(), 9), socket_timeout=PATIENCE) as client:
        site.fail()
        with contextlib.suppress(redis.ConnectionError):
            client.get("nothing")


def breaker_never_opens(site: Site) -> None:
    """A breaker around a client that does not raise for a status: nothing counts as a failure."""

    @circuitbreaker.circuit(failure_threshold=3, recovery_timeout=1)
    def get(number: int) -> int:
        return client.get(f"{site.url}/items/{number}").status_code

    with httpx.Client(timeout=PATIENCE) as client:
        for number in range(12):
            get(number)
            time.sleep(0.05)


def pauses_without_cap(site: Site) -> None:
    """Pauses that grow without a cap: long after healing it still waits."""
    pause = 0.2
    with httpx.Client(timeout=PATIENCE) as client:
        while client.get(f"{site.url}/items").status_code == 503:
            time.sleep(pause)
            pause *= 8


def aiohttp_defaults(site: Site) -> None:
    """aiohttp-retry with its defaults: any method, after any 5xx."""

    async def run() -> None:
        async with (
            RetryClient(timeout=aiohttp.ClientTimeout(PATIENCE)) as client,
            client.post(f"{site.url}/orders", json={"book": 1}) as reply,
        ):
            await reply.read()

    asyncio.run(run())


def leaks_on_failure(site: Site) -> None:
    """A connection for each attempt, which is closed when all went well."""
    for attempt in range(3):
        connection = http.client.HTTPConnection(site.host, site.port, timeout=0.2)
        site.kept.callback(connection.close)
        connection.request("GET", "/items")
        with contextlib.suppress(TimeoutError):
            connection.getresponse().read()
            connection.close()
            return
        time.sleep(0.1 * 2**attempt)


def catch_all_loop(site: Site) -> None:
    """The loop that everybody has written once."""
    with httpx.Client(timeout=PATIENCE) as client:
        while True:
            try:
                client.get(f"{site.url}/items").raise_for_status()
                return
            except Exception:
                time.sleep(0.1)


def connects_in_a_loop(site: Site) -> None:
    """`@tenacity.retry` alone, and no connection lives long enough for a request."""

    @tenacity.retry
    def get() -> None:
        client.get(f"{site.url}/items")

    with httpx.Client(timeout=PATIENCE) as client:
        get()


def all_probe_at_once(site: Site) -> None:
    """A breaker of one's own: once its time is over, everybody may try."""
    opened = 0.0
    numbers = itertools.count()

    def work(_: int) -> None:
        nonlocal opened
        until = time.monotonic() + 1.2
        while time.monotonic() < until:
            if time.monotonic() - opened > 0.5:
                with contextlib.suppress(httpx.ReadTimeout):
                    client.get(f"{site.url}/items/{next(numbers)}")
                opened = time.monotonic()
            time.sleep(0.02)

    with httpx.Client(timeout=0.2) as client:
        together(8, work)
