"""A fault that keeps silence keeps no connection whose two peers have left."""

import asyncio
import socket

import pytest

from brownout.faults import Spec
from brownout.proxy import shared
from brownout.proxy.record.event import ConnectionClosed


@pytest.fixture(autouse=True)
def _swept_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "_SWEEP_SECONDS", 0.02)


async def sweeps(count: int) -> None:
    await asyncio.sleep(0.02 * count + 0.03)


@pytest.mark.parametrize("upstream", ["", "http://"])
@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "timeout"},
        {"fault": "timeout", "stream": "both"},
        {"fault": "timeout", "timeout": "1h"},
        {"fault": "half_open"},
        {"fault": "idle_cut", "idle": "10ms"},
        {"fault": "max_lifetime", "lifetime": "1ms", "how": "silent"},
    ],
    ids=lambda fault: " ".join(fault.values()),
)
async def test_both_have_left(world, fault: dict[str, str], upstream: str) -> None:
    proxy = await world.proxy("p", upstream + await world.serve())
    proxy.inject(Spec.parse(fault))
    _, writer = await world.connect(proxy)
    await world.until(lambda: proxy.links and proxy.links[1].open)
    await sweeps(2)  # those that cut have cut
    _, answer = await world.accepted()
    writer.close()
    answer.close()
    await world.until(lambda: not proxy.links)
    (closed,) = world.events(ConnectionClosed)
    assert closed.reason in ("both sides left", "closed")


@pytest.mark.parametrize("stream", ["upstream", "downstream", "both"])
@pytest.mark.parametrize("how", ["FIN", "RST"])
async def test_the_server_learns_that_the_client_of_a_timeout_has_left(world, stream: str, how: str) -> None:
    proxy, _, writer, reader, answer = await world.pair()
    proxy.inject(Spec.parse({"fault": "timeout", "stream": stream}))
    if how == "FIN":
        writer.close()
        assert await reader.read() == b""
        answer.close()
    else:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()
        with pytest.raises(ConnectionResetError):
            await reader.read()
    await world.until(lambda: not proxy.links)


@pytest.mark.parametrize("fault", ["timeout", "half_open"])
async def test_a_client_that_still_waits_hears_nothing(world, fault: str) -> None:
    proxy, reader, _, _, answer = await world.pair()
    proxy.inject(Spec.parse(fault))
    answer.write(b"hello")
    answer.close()
    await world.until(lambda: proxy.links[1].server.eof_seen)
    await sweeps(3)
    assert proxy.links[1].open
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.02)


async def test_an_end_that_is_only_late_is_waited_for(world) -> None:
    proxy, reader, writer, _, answer = await world.pair()
    proxy.inject(Spec.parse({"fault": "slow_close", "delay": "300ms", "stream": "both"}))
    answer.write(b"hello")
    answer.close()
    writer.write_eof()
    await world.until(lambda: proxy.links[1].client.eof_seen and proxy.links[1].server.eof_seen)
    await sweeps(3)
    assert proxy.links
    assert await reader.read() == b"hello"
    await world.until(lambda: not proxy.links)
    assert [event.reason for event in world.events(ConnectionClosed)] == ["closed"]


def leave(writer: asyncio.StreamWriter, how: str) -> None:
    if how == "RST":
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()
    else:
        writer.close()


@pytest.mark.parametrize("how", ["FIN", "RST"])
async def test_a_hang_keeps_nothing_for_peers_that_have_both_left(world, how: str) -> None:
    proxy, _, writer, _, answer = await world.pair()
    proxy.inject(Spec.parse("hang"))
    leave(writer, how)
    await world.until(lambda: proxy.links[1].client.eof_seen or proxy.links[1].client.disconnected)
    await sweeps(3)
    assert proxy.links  # the server is still there
    answer.close()
    await world.until(lambda: not proxy.links)


async def test_a_client_that_resets_before_a_hang_has_dialled_is_let_go(world) -> None:
    proxy = await world.proxy("p", await world.serve())
    proxy.inject(Spec.parse("hang"))
    _, writer = await world.connect(proxy)
    await world.until(lambda: proxy.links)
    leave(writer, "RST")
    await world.until(lambda: not proxy.links)


async def test_the_request_of_a_client_that_closed_during_a_hang_is_done_when_healed(world) -> None:
    proxy = await world.proxy("p", await world.serve())
    hang = proxy.inject(Spec.parse("hang"))
    _, writer = await world.connect(proxy)
    await world.until(lambda: proxy.links)
    writer.write(b"hello")
    writer.close()
    await writer.wait_closed()
    await sweeps(3)
    proxy.heal(hang.name)
    reader, answer = await world.accepted()
    assert await reader.read() == b"hello"
    answer.close()
    await world.until(lambda: not proxy.links)


@pytest.mark.parametrize(
    "fault",
    [{"fault": "half_open"}, {"fault": "timeout"}, {"fault": "hang"}, {"fault": "idle_cut", "idle": "10ms"}],
    ids=lambda fault: fault["fault"],
)
async def test_a_half_closed_client_hears_nothing_while_its_server_is_there(world, fault: dict[str, str]) -> None:
    proxy, reader, writer, _, answer = await world.pair()
    proxy.inject(Spec.parse({"how": "silent", **fault} if fault["fault"] == "idle_cut" else fault))
    await sweeps(2)
    writer.write_eof()
    await world.until(lambda: proxy.links[1].client.eof_seen)
    answer.write(b"hello")
    await sweeps(3)
    assert proxy.links[1].open
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.02)
    answer.close()  # a client that has closed looks the same from here: neither is kept any longer
    assert await reader.read() == b""
    await world.until(lambda: not proxy.links)
