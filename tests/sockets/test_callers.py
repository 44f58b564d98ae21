"""Faults for the connections of some callers alone: of links, turns and requests, new and open, and what is counted."""

import asyncio
import os
import subprocess
import sys

import pytest

from brownout.proxy import Proxy
from brownout.proxy.record.caller import Caller
from brownout.supervisor.process import Process
from brownout.wire.errors import BrownoutError

from .conftest import World, spec
from .shop import ELSEWHERE, ask, dial, open_shop

ORDERS, PAYMENTS = Caller(Process(1, "python orders.py")), Caller(Process(2, "payments"))
HELD = {"fault": "latency", "latency": "1h", "caller": "orders"}


def coming(world: World, *callers: Caller | None) -> None:
    """Say who opens the connections that come, in their order."""
    left = list(callers)
    world.fleet.caller_at = lambda descriptor: left.pop(0)


async def pings(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"ping")
    assert await reader.readexactly(4) == b"ping"


def found(proxy: Proxy, name: str) -> tuple[str, str, str]:
    finding = proxy.findings()[proxy.injections[name]][0]
    assert finding is not None
    return finding


async def test_a_fault_of_streams_hits_its_callers_and_counts_no_others(world: World) -> None:
    proxy = await world.proxy()
    coming(world, PAYMENTS, ORDERS, None)
    held = proxy.inject(spec(HELD | {"quota": "1 of 1"}))
    payments, orders, nobody = [await world.connect(proxy) for _ in range(3)]
    await pings(*payments)
    await pings(*nobody)
    orders[1].write(b"ping")
    await world.until(lambda: held.fired)
    assert (held.matched, held.chosen, held.fired, held.met) == (1, 1, 1, 1)
    proxy.heal()
    assert await orders[0].readexactly(4) == b"ping"


async def test_open_connections_are_asked_for_their_callers_when_a_fault_needs_that(world: World) -> None:
    proxy = await world.proxy()
    payments, orders = await world.connect(proxy), await world.connect(proxy)
    await pings(*payments)
    await pings(*orders)
    coming(world, PAYMENTS, ORDERS)
    held = proxy.inject(spec(HELD))
    await pings(*payments)
    orders[1].write(b"ping")
    await world.until(lambda: held.fired)
    assert [each.entry("p").caller for each in proxy.links.values()] == [PAYMENTS, ORDERS]


async def test_turns_are_counted_by_caller(world: World) -> None:
    proxy = await world.proxy()
    coming(world, PAYMENTS, ORDERS)
    late = proxy.inject(spec({"fault": "latency", "latency": "1ms", "per": "turn", "caller": "orders", "every": 2}))
    payments, orders = await world.connect(proxy), await world.connect(proxy)
    for pair in (payments, payments, orders, payments, orders):
        await pings(*pair)
    assert (late.matched, late.chosen, late.fired) == (2, 1, 1)


async def test_requests_are_judged_by_caller_and_links_alike_share_their_rules(world: World) -> None:
    _, proxy = await open_shop(world)
    coming(world, PAYMENTS, ORDERS, ORDERS)
    proxy.inject(spec(ELSEWHERE))
    busy = proxy.inject(spec({"fault": "http.status", "status": 503, "caller": "orders", "name": "busy"}))
    phones = [await dial(world, proxy) for _ in range(3)]
    for phone, status in zip(phones, (200, 503, 503), strict=True):
        await phone.say(ask("/a"))
        assert (await phone.reply())[0] == status
    assert (busy.matched, busy.fired) == (2, 2)
    first, second, third = proxy.links.values()
    assert proxy.rules_for(second) is proxy.rules_for(third) is proxy.rules
    assert [each.name for each in proxy.rules_for(first).injections] == ["http.status"]
    assert [entry.caller for entry in world.fleet.requests()] == [PAYMENTS, ORDERS, ORDERS]
    proxy.heal("busy")
    await phones[1].say(ask("/a"))
    assert (await phones[1].reply())[0] == 200


async def test_a_limit_of_connections_counts_those_of_its_callers(world: World) -> None:
    proxy = await world.proxy()
    coming(world, PAYMENTS, ORDERS, PAYMENTS, ORDERS)
    limit = proxy.inject(
        spec({"fault": "connection_limit", "connections": 1, "when_full": "queue", "caller": "orders"})
    )
    payments, orders, more, waits = [await world.connect(proxy) for _ in range(4)]
    for pair in (payments, orders, more):
        await pings(*pair)
    await world.until(lambda: limit.fired)
    assert (limit.matched, len(proxy.gate.waiting)) == (1, 1)
    orders[1].close()
    await pings(*waits)


async def test_one_that_met_nobody_says_who_came(world: World) -> None:
    proxy = await world.proxy()
    coming(world, PAYMENTS, None, PAYMENTS)
    proxy.inject(spec({"fault": "latency", "latency": "1s", "caller": {"program": "nobody*"}}))
    for _ in range(3):
        await pings(*await world.connect(proxy))
    assert found(proxy, "latency") == ("other_callers", "none of 3 connections was by nobody*", "seen: payments")


async def test_one_whose_callers_asked_for_nothing_is_not_told_of_the_requests_of_others(world: World) -> None:
    _, proxy = await open_shop(world)
    coming(world, PAYMENTS, ORDERS)
    match = {"fault": "http.status", "status": 503, "caller": "orders", "match": {"path": "/b"}, "name": "b"}
    proxy.inject(spec(match))
    proxy.inject(spec({"fault": "http.status", "status": 503, "caller": "orders", "name": "all"}))
    payments, _ = await dial(world, proxy), await dial(world, proxy)
    await payments.say(ask("/a"))
    assert (await payments.reply())[0] == 200
    await world.until(lambda: all(link.open for link in proxy.links.values()))
    assert found(proxy, "b")[:2] == ("nothing_matched", "no request by orders matched")
    assert found(proxy, "all")[:2] == ("no_traffic", "1 connection and no request")


async def test_a_closed_port_is_closed_for_everybody(world: World) -> None:
    proxy = await world.proxy()
    with pytest.raises(BrownoutError, match="refuse closes the port, for every caller"):
        proxy.inject(spec({"fault": "refuse", "caller": "orders"}))
    assert not proxy.injections


CLIENT = """
import socket, sys
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30)
sock.sendall(b"ping")
print(sock.recv(4))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="who calls is known on Linux")
async def test_the_system_says_who_calls(world: World) -> None:
    proxy = await world.proxy()
    ours = proxy.inject(spec({"fault": "latency", "latency": "1ms", "caller": {"process": os.getpid()}}))
    theirs = proxy.inject(spec({"fault": "latency", "latency": "1ms", "caller": {"command": "*-c*sock*"}, "name": "b"}))
    await pings(*await world.connect(proxy))
    assert (ours.fired, theirs.fired) == (1, 0)
    words = [sys.executable, "-c", CLIENT, str(proxy.address.port)]
    child = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE)
    assert (await child.communicate())[0] == b"b'ping'\n"
    assert (ours.fired, theirs.fired) == (2, 1)
    callers = [entry.caller for entry in world.fleet.connections()]
    assert sorted(caller.process for caller in callers) == sorted([os.getpid(), child.pid])


@pytest.mark.skipif(sys.platform != "linux", reason="who calls is known on Linux")
async def test_the_system_says_who_calls_by_a_unix_socket(world: World, tmp_path) -> None:
    proxy = await world.proxy(listen=f"unix://{tmp_path}/p")
    ours = proxy.inject(spec({"fault": "latency", "latency": "1ms", "caller": {"process": os.getpid()}}))
    await pings(*await world.connect(proxy))
    assert ours.fired == 1


async def test_nobody_is_looked_for_where_no_fault_has_a_caller(world: World) -> None:
    def never(descriptor: int) -> None:
        raise AssertionError

    world.fleet.caller_at = never
    proxy = await world.proxy()
    proxy.inject(spec("latency:1ms"))
    await pings(*await world.connect(proxy))
