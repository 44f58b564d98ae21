"""Faults for the connections of some callers alone: of links, turns and requests, new and open, and what is counted."""

import asyncio
import contextlib
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


# Workers, and the tests that they run


@pytest.fixture(autouse=True)
def living(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every process be there: the numbers of these are made up."""
    exists = os.path.exists
    monkeypatch.setattr("os.path.exists", lambda path: str(path).startswith("/proc/") or exists(path))


def kin(process: int, *family: int, mark: str = "") -> Process:
    """A process whose family is known."""
    made = Process(process, "pytest")
    made._family, made._mark = (process, *family), mark
    return made


LATE = {"fault": "latency", "latency": "1ms"}


async def test_what_a_worker_injects_is_for_what_it_started(world: World) -> None:
    proxy, fleet = await world.proxy(), world.fleet
    gw0, gw1 = fleet.workers.add("gw0", 10, "gw0 of r"), fleet.workers.add("gw1", 11, "gw1 of r")
    ours, theirs = [proxy.inject(spec(LATE | {"name": "late"}), worker=each) for each in (gw0, gw1)]
    processes = [kin(10, 1), kin(20, 15, 10, 1), kin(30, 2, mark="gw0 of r"), kin(11, 1), kin(40, 1), kin(9, mark="gw")]
    coming(world, *(fleet.caller(each) for each in processes), None)
    for _ in range(7):
        await pings(*await world.connect(proxy))
    assert [entry.caller and entry.caller.worker for entry in fleet.connections()] == [
        gw0, gw0, gw0, gw1, None, None, None,
    ]  # fmt: skip
    assert (ours.name, ours.fired, theirs.name, theirs.fired) == ("late@gw0", 3, "late@gw1", 1)


async def test_the_chances_of_a_worker_are_those_of_anybody_alone(world: World) -> None:
    proxy, fleet = await world.proxy(), world.fleet
    gw0, gw1 = fleet.workers.add("gw0", 10, ""), fleet.workers.add("gw1", 11, "")
    half = {**LATE, "probability": "50%"}
    alone = proxy.inject(spec(half))
    for _ in range(20):
        await pings(*await world.connect(proxy))
    proxy.heal()
    drawn = {each: proxy.inject(spec(half), worker=each) for each in (gw0, gw1)}
    order = [gw0, gw1, gw1, *[gw0] * 10, *[gw1] * 10, *[gw0] * 9, *[gw1] * 8]
    coming(world, *(fleet.caller(kin(each.process)) for each in order))
    for _ in order:
        await pings(*await world.connect(proxy))
    fired = [entry for entry in fleet.connections() if entry.faults]
    alike = {alone.fired, *(each.fired for each in drawn.values())}
    assert (len(alike), [each.matched for each in drawn.values()]) == (1, [20, 20])
    first, *others = [
        [bool(entry.faults) for entry in part]
        for part in (
            fleet.connections()[:20],
            *([e for e in fleet.connections()[20:] if e.caller.worker is each] for each in (gw0, gw1)),
        )
    ]
    assert others == [first, first]
    assert 0 < len(fired) < 60


async def test_a_fault_for_a_test_acts_while_it_runs_also_on_an_open_connection(world: World) -> None:
    proxy, fleet = await world.proxy(), world.fleet
    gw0 = fleet.workers.add("gw0", 10, "")
    held = proxy.inject(spec({"fault": "latency", "latency": "1h", "caller": {"test": "test_b"}}))
    coming(world, fleet.caller(kin(10)))
    pooled = await world.connect(proxy)
    await pings(*pooled)
    fleet.turn_to(gw0, "a.py::test_a")
    await pings(*pooled)
    fleet.turn_to(gw0, "a.py::test_b[1]")
    pooled[1].write(b"ping")
    await world.until(lambda: held.fired)
    fleet.turn_to(gw0, "a.py::test_c")
    assert await pooled[0].readexactly(4) == b"ping"
    await pings(*pooled)
    assert (held.matched, held.fired, len(held.meant), proxy.injections.scoped) == (1, 1, 0, 1)


async def test_requests_of_a_test_are_its_own_on_a_connection_that_others_had(world: World) -> None:
    _, proxy = await open_shop(world)
    gw0 = world.fleet.workers.add("gw0", 10, "")
    for name, status in (("a", 501), ("b", 502)):
        match = {"fault": "http.status", "status": status, "caller": {"test": f"*::test_{name}"}, "name": name}
        proxy.inject(spec(match))
    coming(world, world.fleet.caller(kin(10)))
    pooled = await dial(world, proxy)
    met = []
    for test in ("", "x::test_a", "x::test_b", "x::test_a", "x::test_c"):
        world.fleet.turn_to(gw0, test)
        await pooled.say(ask("/a"))
        met.append((await pooled.reply())[0])
    assert met == [200, 501, 502, 501, 200]
    assert [(each.matched, each.fired) for each in proxy.injections.values()] == [(2, 2), (1, 1)]
    entries = world.fleet.requests()
    assert [entry.caller.test_at(entry.began) for entry in entries] == [
        "",
        "x::test_a",
        "x::test_b",
        "x::test_a",
        "x::test_c",
    ]
    assert [entry.faults for entry in entries] == [(), ("a",), ("b",), ("a",), ()]


async def test_a_reply_that_is_held_for_a_test_goes_on_when_that_ends(world: World) -> None:
    _, proxy = await open_shop(world)
    gw0 = world.fleet.workers.add("gw0", 10, "")
    world.fleet.turn_to(gw0, "test_a")
    late = proxy.inject(spec({"fault": "http.delay", "delay": "1h", "caller": {"test": "test_a", "worker": "gw*"}}))
    coming(world, world.fleet.caller(kin(10)))
    phone = await dial(world, proxy)
    await phone.say(ask("/a"))
    await world.until(lambda: late.chosen)
    world.fleet.turn_to(gw0, "")
    assert (await phone.reply())[0] == 200


async def test_a_worker_that_comes_is_found_in_connections_that_are_open(world: World) -> None:
    proxy = await world.proxy()
    coming(world, world.fleet.caller(kin(10)))
    held = proxy.inject(spec({"fault": "latency", "latency": "1h", "caller": {"worker": "gw0"}}))
    pair = await world.connect(proxy)
    await pings(*pair)
    gw0 = world.fleet.workers.add("gw0", 10, "")
    pair[1].write(b"ping")
    await world.until(lambda: held.fired)
    assert next(iter(proxy.links.values())).caller.worker is gw0


async def test_where_connections_are_intercepted_who_comes_to_the_port_itself_is_reset(world: World) -> None:
    world.fleet.meets = True
    proxy = await world.proxy()
    refuse = proxy.inject(spec({"fault": "refuse", "caller": "orders"}))
    coming(world, PAYMENTS, ORDERS)
    await pings(*await world.connect(proxy))
    with contextlib.suppress(ConnectionResetError):  # connect() may hear of it already
        assert await (await dial(world, proxy)).rest() == (b"", "RST")
    assert (refuse.matched, refuse.fired, refuse.met, len(refuse.meant)) == (1, 1, 1, 0)


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
