"""What the records tell of connections, and of requests that are still open."""

import contextlib
import socket

import pytest

from brownout.proxy import ConnectionEntry, Entry

from .conftest import spec
from .shop import RST, ask, ok, pair


async def ended(world) -> ConnectionEntry:
    await world.until(lambda: world.fleet.connection_log.entries())
    [entry] = world.fleet.connection_log.entries()
    return entry


async def test_a_connection_is_told_while_it_is_open_and_when_its_client_has_closed_it(world) -> None:
    proxy, reader, writer, up_reader, up_writer = await world.pair()
    told: list[ConnectionEntry] = []
    world.fleet.connection_log.listeners.add(told.append)
    writer.write(b"ask")
    assert await up_reader.read(9) == b"ask"
    up_writer.write(b"reply")
    assert await reader.read(9) == b"reply"
    [entry] = world.fleet.connections(proxy="p")
    assert (entry.seq, entry.link, entry.opened, entry.end, entry.left) == (0, 1, True, "", None)
    assert (entry.sent, entry.received, entry.faults, world.fleet.connections(proxy="q")) == (3, 5, (), [])
    writer.close()
    assert await up_reader.read() == b""
    [entry] = world.fleet.connections()
    assert (entry.seq, entry.end, entry.left is not None) == (0, "closed by client", True)
    up_writer.close()
    entry = await ended(world)
    assert (entry.seq, entry.end, entry.sent, entry.received) == (1, "closed by client", 3, 5)
    assert entry.began <= entry.began + entry.left <= entry.began + entry.seconds
    assert [(each.seq, each.end) for each in told] == [(0, "closed by client"), (1, "closed by client")]
    assert world.fleet.connections(1) == []


async def test_a_server_that_closes_first_is_named(world) -> None:
    _, reader, writer, _, up_writer = await world.pair()
    up_writer.close()
    assert await reader.read() == b""
    writer.close()
    assert (await ended(world)).end == "closed by server"


@pytest.mark.parametrize("side", ["client", "server"])
async def test_who_resets_is_named(world, side: str) -> None:
    _, _, writer, _, up_writer = await world.pair()
    sock = (writer if side == "client" else up_writer).get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
    (writer if side == "client" else up_writer).close()
    assert (await ended(world)).end == f"reset by {side}"


async def test_an_upstream_that_is_not_there_is_told(world) -> None:
    proxy = await world.proxy(upstream=world.reserve())
    await world.connect(proxy)
    entry = await ended(world)
    assert (entry.end, entry.opened, entry.received) == ("dial_refused", False, 0)


async def test_one_that_a_fault_refuses_is_told_with_the_fault(world) -> None:
    proxy = await world.proxy()
    proxy.inject(spec({"fault": "connection_limit", "connections": 0}))
    with contextlib.suppress(ConnectionError):  # uvloop: it is reset before it is told that it is there
        await world.connect(proxy)
    entry = await ended(world)
    assert (entry.end, entry.opened, entry.faults) == ("refused", False, ("connection_limit",))


async def test_a_fault_that_fired_is_told_once(world) -> None:
    proxy, reader, writer, up_reader, up_writer = await world.pair()
    proxy.inject(spec("latency:1ms"))
    for _ in range(2):
        up_writer.write(b"x")
        assert await reader.read(1) == b"x"
    assert [entry.faults for entry in world.fleet.connections()] == [("latency",)]


async def test_what_a_client_did_not_wait_for_was_not_received(world) -> None:
    proxy, _, writer, up_reader, up_writer = await world.pair()
    proxy.inject(spec("latency:1h"))
    up_writer.write(b"late")
    await world.until(lambda: proxy.bytes("downstream"))
    writer.close()
    assert await up_reader.read() == b""
    proxy.heal()
    entry = await ended(world)
    assert (entry.end, entry.received) == ("closed by client", 0)


# Requests


def left(world) -> list[float | None]:
    return [entry.left for entry in world.fleet.requests()]


async def test_a_request_is_told_while_it_is_open_and_when_its_client_leaves(world) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    told: list[Entry] = []
    world.fleet.request_log.listeners.add(told.append)
    await phone.say(ask("/a"))
    await up_reader.readuntil(b"\r\n\r\n")
    [entry] = world.fleet.requests(proxy="shop")
    assert (entry.seq, entry.proxy, entry.link, entry.status, entry.end, entry.left) == (0, "shop", 1, "", "", None)
    assert (entry.began + entry.seconds <= world.fleet.clock.time(), world.fleet.requests(proxy="q")) == (True, [])
    phone.hang_up()
    await world.until(lambda: told)
    assert [(each.seq, each.operation) for each in told] == [(0, "GET /a")]
    assert told[0].left == left(world)[0]
    up_writer.close()
    await world.until(lambda: len(told) == 2)
    assert (told[1].seq, told[1].left, told[1].end) == (1, told[0].left, "closed")
    assert world.fleet.requests(1) == []


async def test_a_reply_that_a_fault_of_streams_holds_has_not_reached_a_client_that_leaves(world) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    proxy.inject(spec("latency:1h"))
    await phone.say(ask("/a"))
    await up_reader.readuntil(b"\r\n\r\n")
    up_writer.write(ok("a"))
    await world.until(lambda: [entry.status for entry in world.fleet.requests()] == ["200"])
    assert left(world) == [None]
    phone.hang_up()
    await world.until(lambda: left(world)[0] is not None)
    assert [entry.end for entry in world.fleet.requests()] == [""]


async def test_a_reply_that_a_reset_overtakes_is_cut(world) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    proxy.inject(spec("latency:1h"))
    await phone.say(ask("/a"))
    await up_reader.readuntil(b"\r\n\r\n")
    up_writer.write(ok("a"))
    await world.until(lambda: [entry.status for entry in world.fleet.requests()] == ["200"])
    await proxy.disable()
    assert (await phone.rest())[0] == b""
    await world.until(lambda: not proxy.links)
    assert [(entry.status, entry.end) for entry in world.fleet.requests()] == [("200", "cut")]


async def test_a_reply_that_was_delivered_is_whole_although_the_client_leaves(world) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    proxy.inject(spec("latency:1ms"))
    await phone.say(ask("/a"))
    await up_reader.readuntil(b"\r\n\r\n")
    up_writer.write(ok("a"))
    assert await phone.reply() == (200, "a")
    phone.hang_up()
    assert await up_reader.read() == b""
    up_writer.close()
    await world.until(lambda: not proxy.links)
    assert [(entry.end, entry.left) for entry in world.fleet.requests()] == [("", None)]
