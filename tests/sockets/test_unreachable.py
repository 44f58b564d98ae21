"""unreachable: connect() hangs, and nobody but the clients is counted."""

import asyncio
import errno
import itertools
import os
import socket
import sys

import pytest

from brownout.faults import Spec
from brownout.faults.profile import Profile, Target
from brownout.proxy import Proxy
from brownout.proxy.record.event import AcceptFailed, ConnectionOpened
from brownout.proxy.system import filler, listener
from brownout.wire.errors import BrownoutError, ConflictError

from .conftest import World, spec


@pytest.fixture(autouse=True)
def linux() -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux drops SYNs on demand")


class Client:
    """A socket that connects to a proxy without waiting for it."""

    def __init__(self, world: World, proxy: Proxy, host: str = "") -> None:
        host = host or proxy.address.host
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.socket.setblocking(False)
        world.sockets.append(self.socket)
        self.code = self.socket.connect_ex((host, proxy.address.port))

    @property
    def connected(self) -> bool:
        try:
            self.socket.getpeername()
        except OSError:
            return False
        return True

    async def says(self, text: bytes = b"ping") -> bytes:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self.socket, text)
        return await loop.sock_recv(self.socket, 100)


async def hangs(world: World, proxy: Proxy, host: str = "") -> Client:
    """A client whose SYN was dropped."""
    before = proxy.port.dropped
    client = Client(world, proxy, host)
    await world.until(lambda: proxy.port.dropped > before)
    assert (client.code, client.connected) == (errno.EINPROGRESS, False)
    return client


async def connects(world: World, proxy: Proxy, host: str = "") -> Client:
    client = Client(world, proxy, host)
    await world.until(lambda: client.connected)
    assert await client.says() == b"ping"
    return client


@pytest.mark.parametrize(
    ("listen", "host"),
    [
        ("127.0.0.1:0", "127.0.0.1"),
        ("0.0.0.0:0", "127.0.0.1"),
        ("[::1]:0", "::1"),
        ("[::]:0", "::1"),
        ("[::]:0", "127.0.0.1"),
    ],
)
async def test_connect_hangs_and_returns_with_the_next_syn_after_healing(world: World, listen: str, host: str) -> None:
    proxy = await world.proxy(listen=listen)
    opened = await connects(world, proxy, host)
    injection = proxy.inject(spec("unreachable"))
    waiting = [await hangs(world, proxy, host) for _ in range(3)]
    assert await opened.says() == b"ping"
    assert (injection.matched, injection.fired, injection.untouched) == (0, 0, [1])
    proxy.heal()
    for client in waiting:
        await world.until(lambda client=client: client.connected)
        assert await client.says() == b"ping"
    await connects(world, proxy, host)
    assert (proxy.links_total, len(world.events(ConnectionOpened))) == (5, 5)


async def test_while_it_hangs_no_client_is_accepted(world: World) -> None:
    proxy = await world.proxy()
    proxy.inject(spec("unreachable"))
    client = await hangs(world, proxy)
    before = proxy.port.dropped
    await world.until(lambda: proxy.port.dropped > before)  # its second SYN
    assert (client.connected, proxy.links_total, proxy.port.trouble) == (False, 0, "")


async def test_a_client_gets_no_answer_but_its_own_time_out(world: World) -> None:
    proxy = await world.proxy()
    proxy.inject(spec("unreachable"))
    with pytest.raises(TimeoutError):
        await asyncio.to_thread(socket.create_connection, proxy.address[:2], 0.2)


@pytest.mark.parametrize("order", list(itertools.permutations(["unreachable", "refuse", "drain:1h"])), ids=str)
async def test_what_refuses_wins_in_any_order(world: World, order: tuple[str, ...]) -> None:
    proxy = await world.proxy()

    async def behaves() -> None:
        placed = {each.spec.fault.name for each in proxy.injections.values()}
        if placed & {"refuse", "drain"}:
            with pytest.raises(ConnectionRefusedError):
                await world.connect(proxy)
        elif placed:
            await hangs(world, proxy)
        else:
            await connects(world, proxy)

    for fault in order:
        proxy.inject(spec(fault))
        await behaves()
    for fault in order:
        proxy.heal(spec(fault).fault.name)
        await behaves()


async def test_two_are_healed_one_by_one(world: World) -> None:
    proxy = await world.proxy()
    for name in ("one", "two"):
        proxy.inject(Spec.parse({"fault": "unreachable", "name": name}))
    proxy.heal("one")
    await hangs(world, proxy)
    proxy.heal("two")
    await connects(world, proxy)


async def test_it_lasts_from_its_start_for_as_long_as_was_said(world: World) -> None:
    proxy = await world.proxy()
    proxy.inject(spec({"fault": "unreachable", "start": "20ms", "for": "300ms"}))
    await world.until(lambda: proxy.injections["unreachable"].active)
    client = await hangs(world, proxy)
    await world.until(lambda: not proxy.injections)
    await world.until(lambda: client.connected)
    assert await client.says() == b"ping"


async def test_a_proxy_that_moves_hangs_where_it_has_moved_to(world: World) -> None:
    proxy = await world.proxy()
    injection = proxy.inject(spec("unreachable"))
    await hangs(world, proxy)
    await proxy.update(listen=world.reserve())
    await hangs(world, proxy)
    await proxy.update(listen=f"0.0.0.0:{proxy.address.port}")
    await hangs(world, proxy, "127.0.0.1")
    assert proxy.findings(injection)[injection] == (None, proxy.port.dropped)
    assert proxy.port.dropped >= 3
    await world.fleet.remove("p")


async def test_a_move_that_fails_leaves_it_hanging(world: World) -> None:
    proxy = await world.proxy()
    proxy.inject(spec("unreachable"))
    with socket.create_server(("127.0.0.2", proxy.address.port)), pytest.raises(ConflictError, match="in use"):
        await proxy.update(listen=f"0.0.0.0:{proxy.address.port}")
    await hangs(world, proxy)
    assert proxy.port.trouble == ""


async def test_disabled_it_releases_the_port_and_enabled_it_hangs_again(world: World) -> None:
    proxy = await world.proxy()
    where = proxy.address[:2]
    proxy.inject(spec("unreachable"))
    await hangs(world, proxy)
    await proxy.disable()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*where)
    with socket.socket() as other:
        other.bind(where)  # without SO_REUSEADDR: nothing of the port is left
    await proxy.enable()
    await hangs(world, proxy)
    await proxy.disable()
    proxy.heal()
    await proxy.enable()
    await connects(world, proxy)


async def test_a_unix_socket_cannot_be_unreachable(world: World, tmp_path) -> None:
    listen = f"unix://{tmp_path}/p.sock"
    proxy = await world.proxy(listen=listen)
    with pytest.raises(BrownoutError, match="unreachable acts on TCP, and p listens on a unix socket"):
        proxy.inject(spec("unreachable"))
    assert not proxy.injections
    other = await world.proxy("tcp")
    profile = Profile("gone", (Target("*", (spec("reset"), spec("unreachable"))),))
    with pytest.raises(BrownoutError, match="acts on TCP"):
        world.fleet.apply(profile)
    assert not proxy.injections
    assert not other.injections
    other.inject(spec("unreachable"))
    with pytest.raises(ConflictError, match="acts on TCP") as error:
        await other.update(listen=f"unix://{tmp_path}/other.sock")
    assert error.value.hint == "heal unreachable first"
    await hangs(world, other)


async def test_other_systems_than_linux_are_told_of(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = await world.proxy()
    monkeypatch.setattr(filler.sys, "platform", "darwin")
    with pytest.raises(BrownoutError, match="unreachable needs Linux"):
        proxy.inject(spec("unreachable"))
    monkeypatch.undo()
    await connects(world, proxy)


async def test_a_client_that_connects_before_the_filler_is_a_client(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = await world.proxy()
    clients: list[Client] = []

    class Late(filler.Filler):
        def __init__(self, listening: socket.socket) -> None:
            if not clients:
                clients.append(Client(world, proxy))
            super().__init__(listening)

    monkeypatch.setattr(listener, "Filler", Late)
    injection = proxy.inject(spec("unreachable"))
    assert await clients[0].says() == b"ping"
    later = await hangs(world, proxy)
    proxy.heal()
    await world.until(lambda: later.connected)
    assert await later.says() == b"ping"
    assert (proxy.links_total, injection.matched) == (2, 0)


async def test_without_descriptors_it_tries_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = await world.proxy()
    lacking = [True]

    class Lacking(filler.Filler):
        def __init__(self, listening: socket.socket) -> None:
            if lacking:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            super().__init__(listening)

    monkeypatch.setattr(listener, "Filler", Lacking)
    proxy.inject(spec("unreachable"))
    assert [event.reason for event in world.events(AcceptFailed)] == ["no_descriptor"]
    lacking.clear()
    await world.until(lambda: len(proxy.filenos()) == 2)
    await hangs(world, proxy)
    proxy.heal()
    await connects(world, proxy)


async def test_its_descriptors_are_known_to_who_forks(world: World) -> None:
    proxy = await world.proxy()
    assert len(proxy.filenos()) == 1
    proxy.inject(spec("unreachable"))
    assert len(proxy.filenos()) == 2
    proxy.heal()
    assert len(proxy.filenos()) == 1


async def test_it_is_vacuous_where_no_syn_was_dropped(world: World) -> None:
    proxy = await world.proxy()
    injection = proxy.inject(spec("unreachable"))
    proxy.heal()
    assert injection.finding is not None
    assert (injection.finding.cause, injection.refused) == ("nobody_refused", 0)
    injection = proxy.inject(spec("unreachable"))
    await hangs(world, proxy)
    proxy.heal()
    assert (injection.finding, injection.refused) == (None, 1)
