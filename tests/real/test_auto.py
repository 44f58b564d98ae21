"""`auto://` before real servers, with their own clients: the protocol is learnt, and faults hit the first request."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import aiohttp
import psycopg
import pytest
import redis
from aiohttp import web

from brownout.faults import Spec
from brownout.faults.profile import Profile, Target
from brownout.proxy.record.event import Fired, ProtocolLearnt

if TYPE_CHECKING:
    from conftest import Town

    from brownout.testing.servers import Server


@contextlib.contextmanager
def site() -> Iterator[str]:
    """An aiohttp server on a loop in a thread of its own; its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def hello(request: web.Request) -> web.Response:
        return web.Response(text=f"hello {request.path}")

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/{name}", hello)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    runner = asyncio.run_coroutine_threadsafe(start(), loop).result(60)
    host, port = runner.addresses[0][:2]
    try:
        yield f"{host}:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


def fetch(host: str, port: int, *paths: str) -> list[tuple[int, str]]:
    """Ask for paths on one connection."""

    async def run() -> list[tuple[int, str]]:
        found = []
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
            for path in paths:
                async with session.get(f"http://{host}:{port}{path}") as reply:
                    found.append((reply.status, await reply.text()))
        return found

    return asyncio.run(run())


def test_a_fault_placed_before_http_is_known_hits_the_very_first_request(town: Town) -> None:
    with site() as address:
        gate = town.add(f"auto://{address}")
        status = gate.inject("http.status", status="503", body="busy", times="1")
        assert fetch(gate.host, gate.port, "/a", "/b") == [(503, "busy"), (200, "hello /b")]
        assert (status.matched, status.fired, status.untouched) == (2, 1, [])
        assert gate.events(ProtocolLearnt) == [ProtocolLearnt("p", "http")]
        assert gate.events(Fired) == [Fired("p", 1, "http.status", 1, "GET /a")]
        gate.settle()


def test_redis_is_learnt_and_its_key_in_a_profile_meets_it(town: Town, redis_server: Server) -> None:
    gate = town.add(f"auto://{redis_server.host}:{redis_server.port}")
    town.call(lambda: town.fleet.apply(Profile("p", (Target("redis:", (Spec.parse("latency:1ms"),)),))))
    with redis.Redis(gate.host, gate.port, socket_timeout=60) as client:
        client.set("a", "b" * 100_000)
        assert client.get("a") == b"b" * 100_000
    assert town.call(lambda: (gate.proxy.protocol, gate.proxy.injections["latency"].fired)) == ("redis", 1)
    gate.settle()


@pytest.mark.parametrize("mode", ["disable", "prefer"])
def test_postgres_is_learnt_with_and_without_a_request_for_tls(town: Town, postgres_server: Server, mode: str) -> None:
    gate = town.add(f"auto://{postgres_server.host}:{postgres_server.port}")
    with psycopg.connect(
        host=gate.host, port=gate.port, user="postgres", dbname="postgres", sslmode=mode, connect_timeout=60
    ) as connection:
        assert connection.execute("SELECT 6 * 7").fetchone() == (42,)
    assert town.call(lambda: gate.proxy.protocol) == "postgres"
    gate.settle()
