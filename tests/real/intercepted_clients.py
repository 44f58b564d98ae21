"""Clients as everybody writes them, for test_intercepted.py: what each said, and how long that took, as JSON.

    python intercepted_clients.py '{"psycopg": "postgres://127.0.0.5:5432/postgres", "curl": ["curl", "http://..."]}'

A list is a command to run, a text the address that the client of this name calls. All run side by side, each on a thread,
and know nothing of Brownout. The script is also the command that is intercepted.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import httpx
import psycopg
import redis
import redis.asyncio
import requests
import uvloop

PATIENCE = 60.0
HERE = Path(__file__).parent
BULK = 64 * 2**20


def by_psycopg(address: str) -> str:
    with psycopg.connect(address) as connection:
        row = connection.execute("SELECT 'pong'").fetchone()
        assert row is not None
        return str(row[0])


async def by_psycopg_async(address: str) -> str:
    async with await psycopg.AsyncConnection.connect(address) as connection:
        row = await (await connection.execute("SELECT 'pong'")).fetchone()
        assert row is not None
        return str(row[0])


async def by_asyncpg(address: str) -> str:
    connection = await asyncpg.connect(address, timeout=PATIENCE)
    try:
        return str(await connection.fetchval("SELECT 'pong'"))
    finally:
        await connection.close()


def by_redis(address: str) -> str:
    with redis.Redis.from_url(address, decode_responses=True) as client:
        return str(client.echo("pong"))


async def by_redis_async(address: str) -> str:
    async with redis.asyncio.Redis.from_url(address, decode_responses=True) as client:
        return str(await client.echo("pong"))


def by_requests(address: str) -> str:
    return requests.get(address, timeout=PATIENCE).text


def by_httpx(address: str) -> str:
    with httpx.Client(timeout=PATIENCE) as client:
        return client.get(address).text


async def by_httpx_async(address: str) -> str:
    async with httpx.AsyncClient(timeout=PATIENCE) as client:
        return (await client.get(address)).text


async def by_aiohttp(address: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(address) as reply:
        return await reply.text()


def by_http_client(address: str) -> str:
    at = urlsplit(address)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", "/")
        return connection.getresponse().read().decode()


def by_threads(address: str) -> str:
    """40 threads, each with a connection; all must say the same."""
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        return _all_alike(pool, by_http_client, address, 40)


def by_fork_server(address: str) -> str:
    """Processes forked by a server that was started for it, 4 calls."""
    context = multiprocessing.get_context("forkserver")
    with concurrent.futures.ProcessPoolExecutor(2, context) as pool:
        return _all_alike(pool, by_http_client, address, 4)


def _all_alike(pool: concurrent.futures.Executor, call: Callable[[str], str], address: str, times: int) -> str:
    waiting = [pool.submit(call, address) for _ in range(times)]
    said = Counter(type(wrong).__name__ if (wrong := each.exception()) else each.result() for each in waiting)
    return ", ".join(f"{count} {what}" for what, count in sorted(said.items()))


def by_gunicorn(address: str) -> str:
    """Two workers that were forked before, and 4 requests at once, each of which asks Postgres."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        words = [sys.executable, "-m", "gunicorn", "-w2", "-b", f"fd://{number}", "--log-level", "critical"]
        environment = {**os.environ, "DATABASE_URL": address, "PYTHONPATH": str(HERE)}
        words += ["--no-control-socket", "intercepted_app:application"]
        with subprocess.Popen(words, env=environment, pass_fds=[number]) as server:
            try:
                at = f"http://127.0.0.1:{listener.getsockname()[1]}/"
                with concurrent.futures.ThreadPoolExecutor(4) as pool:
                    return _all_alike(pool, _ask, at, 4)
            finally:
                server.terminate()


def _ask(address: str) -> str:
    with urllib.request.urlopen(address, timeout=PATIENCE) as reply:
        return str(reply.read().decode())


def by_bulk(address: str) -> str:
    """64 MiB to Redis, which hashes them, and back."""
    sent = os.urandom(BULK)
    with redis.Redis.from_url(address) as client:
        client.set("bulk", sent)
        there = client.eval("return redis.sha1hex(redis.call('GET', KEYS[1]))", 1, "bulk")
        back = client.get("bulk")
    assert isinstance(there, bytes)
    assert isinstance(back, bytes)
    ours = hashlib.sha1(sent).hexdigest()
    return f"there: {there.decode() == ours}, back: {hashlib.sha1(back).hexdigest() == ours}"


def on(
    run: Callable[[Coroutine[object, object, str]], str], call: Callable[[str], Coroutine[object, object, str]]
) -> Callable[[str], str]:
    return lambda address: run(call(address))


CLIENTS: dict[str, Callable[[str], str]] = {
    "psycopg": by_psycopg,
    "psycopg-asyncio": on(asyncio.run, by_psycopg_async),
    "asyncpg-asyncio": on(asyncio.run, by_asyncpg),
    "asyncpg-uvloop": on(uvloop.run, by_asyncpg),
    "redis-py": by_redis,
    "redis-py-asyncio": on(asyncio.run, by_redis_async),
    "redis-py-unix": by_redis,
    "requests": by_requests,
    "httpx": by_httpx,
    "httpx-asyncio": on(asyncio.run, by_httpx_async),
    "aiohttp-asyncio": on(asyncio.run, by_aiohttp),
    "aiohttp-uvloop": on(uvloop.run, by_aiohttp),
    "threads": by_threads,
    "fork-server": by_fork_server,
    "gunicorn": by_gunicorn,
    "bulk": by_bulk,
}


def call(name: str, target: str | list[str]) -> tuple[str, float]:
    """Return what a client said, or the error or exit code that it ended with, and the seconds it took."""
    began = time.monotonic()
    try:
        if isinstance(target, list):
            done = subprocess.run(target, capture_output=True, text=True, timeout=PATIENCE)
            said = done.stdout.strip() if done.returncode == 0 else f"exit {done.returncode}"
        else:
            said = CLIENTS[name](target)
    except Exception as error:
        said = type(error).__name__
    return said, time.monotonic() - began


def main() -> None:
    targets: dict[str, str | list[str]] = json.loads(sys.argv[1])
    with concurrent.futures.ThreadPoolExecutor(len(targets)) as pool:
        said = pool.map(call, targets, targets.values())
        print(json.dumps(dict(zip(targets, said, strict=True))))


if __name__ == "__main__":
    main()
