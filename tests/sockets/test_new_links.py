"""Faults that meet links before a byte is carried: refused, kept waiting, too many; and those that end by age."""

import asyncio
import contextlib
import socket
import struct

import pytest

from brownout.faults import Spec
from brownout.faults.settings import SettingsError
from brownout.proxy import Proxy
from brownout.proxy.record.event import ConnectionClosed, ListenFailed
from brownout.wire.errors import ConflictError

from .conftest import World, echo, spec

RST = struct.pack("ii", 1, 0)


async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes = b"ping") -> bytes:
    writer.write(text)
    return await reader.readexactly(len(text))


async def silent(reader: asyncio.StreamReader, seconds: float = 0.05) -> bool:
    """Whether nothing comes for a while, which is taken for silence."""
    try:
        async with asyncio.timeout(seconds):
            return not await reader.read(1) and False
    except TimeoutError:
        return True


async def turned_away(world: World, proxy: Proxy) -> None:
    with pytest.raises(
        ConnectionResetError
    ):  # a RST that comes at once fails even the connect() of a socket that polls
        await (await world.connect(proxy))[0].read()


# refuse


async def test_refused_connections_are_refused_open_links_live_on_and_healing_opens_the_same_port(world: World) -> None:
    proxy = await world.proxy()
    address = proxy.address
    client = await world.connect(proxy)
    assert await said(*client) == b"ping"
    injection = proxy.inject(spec("refuse"))
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            await world.connect(proxy)
    assert await said(*client) == b"ping"
    assert (proxy.enabled, proxy.address, proxy.port.trouble) == (True, address, "")
    assert (injection.matched, injection.fired, injection.untouched) == (0, 0, [1])
    proxy.heal("refuse")
    assert await said(*await world.connect(proxy)) == b"ping"
    assert proxy.address == address


@pytest.mark.parametrize("fault", ["refuse", "unreachable", "connect_delay:1h"])
async def test_who_has_connected_when_a_fault_comes_was_there_before(world: World, fault: str) -> None:
    proxy = await world.proxy()
    clients = [socket.create_connection(proxy.address[:2]) for _ in range(3)]  # the loop has had no time to accept
    injection = proxy.inject(spec(fault))
    for sock in clients:
        sock.setblocking(False)
        client = await asyncio.open_connection(sock=sock)
        world.writers.append(client[1])
        assert await said(*client) == b"ping"
    assert injection.matched == 0


async def test_who_has_connected_when_a_fault_goes_is_still_its_own(world: World) -> None:
    proxy = await world.proxy()
    injection = proxy.inject(spec("connection_limit:0"))
    with socket.create_connection(proxy.address[:2]) as sock:
        proxy.heal("connection_limit")
        assert (injection.matched, injection.fired) == (1, 1)
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


async def test_two_that_refuse_are_healed_one_by_one(world: World) -> None:
    proxy = await world.proxy()
    proxy.inject(spec("refuse"))
    proxy.inject(spec("drain:1h"))
    proxy.heal("refuse")
    with pytest.raises(ConnectionRefusedError):
        await world.connect(proxy)
    proxy.heal("drain")
    assert await said(*await world.connect(proxy)) == b"ping"


async def test_a_unix_socket_refuses_and_is_there_again(world: World, tmp_path) -> None:
    proxy = await world.proxy(listen=f"unix://{tmp_path}/p.sock")
    proxy.inject(spec("refuse"))
    with pytest.raises(ConnectionRefusedError):
        await world.connect(proxy)
    proxy.heal()
    assert await said(*await world.connect(proxy)) == b"ping"
    await proxy.disable()
    assert not (tmp_path / "p.sock").exists()


async def test_while_it_refuses_nobody_else_gets_the_port(world: World) -> None:
    proxy = await world.proxy()
    proxy.inject(spec("refuse"))
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((proxy.address.host, proxy.address.port))


async def test_a_port_that_was_taken_meanwhile_is_said_and_had_again_when_it_is_free(world: World) -> None:
    proxy = await world.proxy()
    proxy.inject(spec("refuse"))
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((proxy.address.host, proxy.address.port))
        other.listen()
        proxy.heal()
        assert proxy.port.trouble == f"{proxy.address.endpoint} is in use"
        assert [event.error for event in world.events(ListenFailed)] == [proxy.port.trouble]
        with pytest.raises(ConflictError, match="is in use"):
            await proxy.enable()
    await proxy.enable()
    assert proxy.port.trouble == ""
    assert await said(*await world.connect(proxy)) == b"ping"


async def test_a_proxy_enabled_while_it_refuses_refuses(world: World) -> None:
    proxy = await world.proxy()
    kept = proxy.address
    await proxy.disable()
    proxy.inject(spec("refuse"))
    await proxy.enable()
    assert proxy.address == kept
    with pytest.raises(ConnectionRefusedError):
        await world.connect(proxy)
    await proxy.disable()
    proxy.heal()
    assert not proxy.enabled


async def test_a_proxy_that_refuses_can_move_and_be_removed(world: World) -> None:
    proxy = await world.proxy()
    proxy.inject(spec("refuse"))
    await proxy.update(listen=world.reserve())
    with pytest.raises(ConnectionRefusedError):
        await world.connect(proxy)
    await world.fleet.remove("p")


async def test_it_refuses_for_as_long_as_was_said(world: World) -> None:
    proxy = await world.proxy()
    proxy.inject(spec({"fault": "refuse", "start": "20ms", "for": "50ms"}))
    assert await said(*await world.connect(proxy)) == b"ping"
    await world.until(lambda: proxy.injections and proxy.injections["refuse"].active)
    with pytest.raises(ConnectionRefusedError):
        await world.connect(proxy)
    await world.until(lambda: not proxy.injections)
    assert await said(*await world.connect(proxy)) == b"ping"


@pytest.mark.parametrize("key", ["probability", "quota", "after", "every", "times"])
async def test_nothing_can_be_picked_where_nothing_is_seen(world: World, key: str) -> None:
    value = {"probability": "10%", "quota": "1 of 2"}.get(key, 1)
    for fault in ({"fault": "refuse"}, {"fault": "unreachable"}, {"fault": "drain", "idle": "1s"}):
        with pytest.raises(SettingsError, match=f"closes the port, so {key} has nothing to count"):
            Spec.parse({**fault, key: value})


# hang


async def test_a_new_link_hangs_undialled_and_goes_on_with_all_it_said_when_healed(world: World) -> None:
    proxy = await world.proxy(upstream=await world.serve())
    injection = proxy.inject(spec("hang"))
    reader, writer = await world.connect(proxy)
    writer.write(b"are you there?")
    assert await silent(reader)
    assert world.seen.empty()
    assert proxy.gate.waiting.keys() == {proxy.links[1]}
    proxy.heal()
    up_reader, up_writer = await world.accepted()
    assert await up_reader.readexactly(14) == b"are you there?"
    up_writer.write(b"yes")
    assert await reader.readexactly(3) == b"yes"
    assert (injection.matched, injection.fired) == (1, 1)
    assert not proxy.gate.waiting


async def test_an_open_link_hangs_in_both_directions_and_loses_nothing(world: World) -> None:
    proxy, reader, writer, up_reader, up_writer = await world.pair()
    await asyncio.sleep(0)
    proxy.inject(spec("hang"))
    writer.write(b"ask")
    up_writer.write(b"tell")
    up_writer.write_eof()
    assert await silent(reader)
    assert await silent(up_reader)
    proxy.heal()
    assert await up_reader.readexactly(3) == b"ask"
    assert await reader.read() == b"tell"


async def test_a_hanging_server_makes_a_sender_wait_and_holds_little(world: World) -> None:
    proxy, _, writer, up_reader, _ = await world.pair()
    proxy.inject(spec("hang"))
    writer.write(bytes(8_000_000))
    await world.until(lambda: proxy.links[1].client.pauses)
    held = proxy.bytes("upstream")
    assert held < 1_000_000
    proxy.heal()
    assert len(await up_reader.readexactly(8_000_000)) == 8_000_000


async def test_a_client_that_resets_while_it_hangs_is_let_go(world: World) -> None:
    proxy = await world.proxy(upstream=await world.serve())
    proxy.inject(spec("hang"))
    with socket.create_connection((proxy.address.host, proxy.address.port)) as client:
        await world.until(lambda: proxy.gate.waiting)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
    await world.until(lambda: not proxy.links)
    assert not proxy.gate.waiting
    assert world.events(ConnectionClosed)[0].reason == "client left"
    assert world.seen.empty()


async def test_a_client_that_half_closed_and_then_resets_while_it_hangs_is_let_go(world: World) -> None:
    proxy = await world.proxy(upstream=await world.serve())
    proxy.inject(spec("hang"))
    with socket.create_connection((proxy.address.host, proxy.address.port)) as client:
        client.shutdown(socket.SHUT_WR)
        await world.until(lambda: proxy.gate.waiting)
        await asyncio.sleep(0.05)  # its end is read by then; if not, the test is easier, not wrong
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
    await world.until(lambda: not proxy.links)


async def test_a_proxy_that_is_removed_while_links_hang_leaves_nothing(world: World) -> None:
    proxy = await world.proxy(upstream=await world.serve())
    proxy.inject(spec("hang"))
    clients = [await world.connect(proxy) for _ in range(20)]
    await world.until(lambda: len(proxy.gate.waiting) == 20)
    await world.fleet.remove("p")
    for reader, _ in clients:
        with pytest.raises(ConnectionResetError):
            await reader.read()
    await world.until(lambda: not proxy.links)


async def test_only_the_links_that_it_fired_on_hang(world: World) -> None:
    proxy = await world.proxy()
    proxy.inject(spec({"fault": "hang", "every": 2}))
    one, two = await world.connect(proxy), await world.connect(proxy)
    assert await said(*one) == b"ping"
    assert await silent(two[0])


# connect_delay


async def test_a_new_link_is_dialled_late_and_open_ones_are_not_touched(world: World) -> None:
    proxy = await world.proxy()
    await said(*await world.connect(proxy))
    injection = proxy.inject(spec({"fault": "connect_delay", "delay": "200ms", "times": 1}))
    began = asyncio.get_running_loop().time()
    assert await said(*await world.connect(proxy)) == b"ping"
    assert asyncio.get_running_loop().time() - began >= 0.199
    assert (injection.matched, injection.fired, injection.untouched) == (1, 1, [1])
    delays = injection.tally.delays
    assert (sum(delays.counts), delays.sum >= 0.199) == (1, True)


async def test_two_delays_add_up_and_a_change_or_healing_is_felt_by_who_waits(world: World) -> None:
    proxy = await world.proxy()
    proxy.inject(spec("connect_delay:1h"))
    proxy.inject(spec("connect_delay:100ms"))
    began = asyncio.get_running_loop().time()
    client = await world.connect(proxy)
    await world.until(lambda: proxy.gate.waiting)
    proxy.change("connect_delay", {"delay": "100ms"})
    assert await said(*client) == b"ping"
    assert asyncio.get_running_loop().time() - began >= 0.199
    proxy.change("connect_delay", {"delay": "1h"})
    client = await world.connect(proxy)
    await world.until(lambda: proxy.gate.waiting)
    proxy.heal()
    assert await said(*client) == b"ping"


async def test_a_delay_that_was_made_longer_is_waited_for(world: World) -> None:
    proxy = await world.proxy()
    proxy.inject(spec("connect_delay:100ms"))
    began = asyncio.get_running_loop().time()
    client = await world.connect(proxy)
    await world.until(lambda: proxy.gate.waiting)
    proxy.change("connect_delay", {"delay": "300ms"})
    assert await said(*client) == b"ping"
    assert asyncio.get_running_loop().time() - began >= 0.299


# connection_limit


async def test_one_more_than_the_limit_is_reset_and_there_is_room_when_one_has_gone(world: World) -> None:
    proxy = await world.proxy()
    injection = proxy.inject(spec("connection_limit:2"))
    one, two = await world.connect(proxy), await world.connect(proxy)
    assert await said(*one) == await said(*two) == b"ping"
    for _ in range(3):
        await turned_away(world, proxy)
    assert (injection.matched, injection.fired, len(proxy.links), proxy.links_total) == (3, 3, 2, 5)
    assert [event.reason for event in world.events(ConnectionClosed)] == ["refused"] * 3
    one[1].close()
    await world.until(lambda: len(proxy.links) == 1)
    assert await said(*await world.connect(proxy)) == b"ping"


async def test_who_is_too_many_waits_in_order_of_coming(world: World) -> None:
    proxy = await world.proxy()
    injection = proxy.inject(spec({"fault": "connection_limit", "connections": 1, "when_full": "queue"}))
    clients = []
    for _ in range(4):
        clients.append(await world.connect(proxy))
        await world.until(lambda: proxy.links_total == len(clients))
    for _, writer in clients:
        writer.write(b"ping")
    for index in range(4):
        assert await clients[index][0].readexactly(4) == b"ping"
        for reader, _ in clients[index + 1 :]:
            assert await silent(reader, 0.01)
        clients[index][1].close()
    assert (injection.matched, injection.fired) == (3, 3)
    await world.until(lambda: not proxy.links)


async def test_links_that_were_open_before_count_and_are_not_touched(world: World) -> None:
    proxy = await world.proxy()
    client = await world.connect(proxy)
    await said(*client)
    injection = proxy.inject(spec("connection_limit:1"))
    await turned_away(world, proxy)
    assert await said(*client) == b"ping"
    assert (injection.fired, injection.untouched) == (1, [1])


async def test_a_raised_limit_lets_in_who_waits_and_one_that_refuses_sends_them_away(world: World) -> None:
    proxy = await world.proxy()
    proxy.inject(spec({"fault": "connection_limit", "connections": 0, "when_full": "queue"}))
    clients = []
    for _ in range(3):
        clients.append(await world.connect(proxy))
        await world.until(lambda: len(proxy.gate.waiting) == len(clients))
    proxy.change("connection_limit", {"connections": 1})
    assert await said(*clients[0]) == b"ping"
    assert len(proxy.gate.waiting) == 2
    proxy.change("connection_limit", {"when_full": "refuse"})
    for reader, _ in clients[1:]:
        with pytest.raises(ConnectionResetError):
            await reader.read()
    assert await said(*clients[0]) == b"ping"


async def test_a_burst_of_a_thousand_finds_exactly_so_many_open(world: World) -> None:
    proxy = await world.proxy()
    injection = proxy.inject(spec({"fault": "connection_limit", "connections": 10, "when_full": "queue"}))
    clients = await asyncio.gather(*(world.connect(proxy) for _ in range(1000)))
    await world.until(lambda: proxy.links_total == 1000 and sum(link.open for link in proxy.links.values()) == 10)
    assert (injection.fired, len(proxy.gate.waiting)) == (990, 990)
    proxy.heal()
    assert await asyncio.gather(*(said(*client) for client in clients)) == [b"ping"] * 1000


# drain


async def test_a_drained_server_refuses_lets_finish_and_closes_who_is_idle(world: World) -> None:
    proxy = await world.proxy()
    busy, idle = await world.connect(proxy), await world.connect(proxy)
    assert await said(*busy) == await said(*idle) == b"ping"
    proxy.inject(spec("drain:1500ms"))  # longer than a busy machine keeps us from speaking
    with pytest.raises(ConnectionRefusedError):
        await world.connect(proxy)
    reading = asyncio.create_task(idle[0].read())
    while not reading.done():
        assert await said(*busy) == b"ping"
        await asyncio.sleep(0.01)
    assert reading.result() == b""
    assert await busy[0].read() == b""


# idle_cut, max_lifetime


async def test_an_idle_link_is_reset_and_a_busy_one_is_not(world: World) -> None:
    proxy = await world.proxy()
    busy, idle = await world.connect(proxy), await world.connect(proxy)
    assert await said(*busy) == await said(*idle) == b"ping"
    proxy.inject(spec({"fault": "idle_cut", "idle": "1500ms", "how": "reset"}))  # as above
    reading = asyncio.create_task(idle[0].read())
    while not reading.done():
        assert await said(*busy) == b"ping"
        await asyncio.sleep(0.01)
    with pytest.raises(ConnectionResetError):
        await reading


async def test_a_silent_cut_is_noticed_by_nobody_until_it_is_healed(world: World) -> None:
    proxy, reader, writer, up_reader, up_writer = await world.pair()
    proxy.inject(spec("idle_cut:30ms"))
    await asyncio.sleep(0.1)
    await asyncio.sleep(0.01)  # a loop that was late for both may wake us first
    writer.write(b"lost")
    up_writer.write(b"lost")
    assert await silent(reader)
    assert await silent(up_reader)
    proxy.heal()
    assert await reader.read() == b""
    assert await up_reader.read() == b""


async def test_a_link_lives_no_longer_than_it_may(world: World) -> None:
    proxy = await world.proxy()
    proxy.inject(spec("max_lifetime:200ms"))
    began, count = asyncio.get_running_loop().time(), 0
    reader, writer = await world.connect(proxy)
    with contextlib.suppress(ConnectionError):  # a write meets what is closed
        while not reader.at_eof():
            writer.write(b"x")
            count += len(await reader.read(1))
    assert asyncio.get_running_loop().time() - began >= 0.199
    assert count > 1


async def test_bytes_are_hurt_and_nothing_else(world: World) -> None:
    proxy = await world.proxy(upstream=await world.serve(echo))
    reader, writer = await world.connect(proxy)
    proxy.inject(spec("corrupt:50%"))
    writer.write(bytes(100_000))
    got = await reader.readexactly(100_000)
    assert 49_000 < sum(byte != 0 for byte in got) < 51_000
    proxy.heal()
    assert await said(reader, writer) == b"ping"


async def test_a_client_that_has_connected_before_a_change_is_judged_by_the_settings_before(world: World) -> None:
    proxy = await world.proxy()
    proxy.inject(spec({"fault": "connection_limit", "connections": 1, "name": "limit"}))
    client = socket.create_connection((proxy.address.host, proxy.address.port))  # the loop has not accepted it yet
    world.sockets.append(client)
    proxy.change("limit", {"connections": 0})
    await world.until(lambda: [link.open for link in proxy.links.values()] == [True])
    assert proxy.injections["limit"].fired == 0
