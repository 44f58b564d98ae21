"""Proxies listen, move, are disabled and removed; a fleet leaves nothing behind, nor does a forked child keep anything."""

import asyncio
import contextlib
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from brownout.proxy import Fleet, ListenError, Proxy
from brownout.proxy.record.event import ConnectionClosed, Fired, ProxyDisabled, ProxyEnabled
from brownout.wire.errors import ConflictError, NotFoundError

from .conftest import spec

PATIENCE = 60.0


def endpoint(proxy: Proxy) -> tuple[str, int]:
    assert proxy.address is not None
    return proxy.address.host, proxy.address.port


def refused(where: tuple[str, int]) -> bool:
    with socket.socket() as client:
        try:
            client.connect(where)
        except ConnectionRefusedError:
            return True
    return False


@contextlib.contextmanager
def busy(address: str = "127.0.0.1:0") -> Iterator[str]:
    """Yield an address on which somebody else listens."""
    host, port = address.split(":")
    with socket.create_server((host, int(port))) as taken:
        yield f"127.0.0.1:{taken.getsockname()[1]}"


async def round_trip(reader, writer, data: bytes = b"ping") -> None:
    writer.write(data)
    assert await reader.readexactly(len(data)) == data


async def works(world, proxy: Proxy) -> None:
    """Prove that a new link of a proxy before an echo carries."""
    await round_trip(*await world.connect(proxy))


async def opened_pair(world):
    """Like `world.pair()`, once the proxy knows too that the upstream is connected: before that, an end is a RST."""
    proxy, *ends = await world.pair()
    await world.until(lambda: proxy.links[1].open)
    return proxy, *ends


async def pour(reader, writer) -> None:
    while True:
        writer.write(b"x" * 100_000)
        await writer.drain()


async def stuck(world, proxy: Proxy, clients: int) -> None:
    """Connect clients that never read, and wait until the upstream is held back on each of their links."""
    for _ in range(clients):
        _, writer = await world.connect(proxy)
        writer.transport.pause_reading()
    await world.until(lambda: sum(1 for link in proxy.links.values() if link.server.pauses) == clients)


def gate_dials(monkeypatch) -> asyncio.Event:
    """Hold every dial until the returned event is set."""
    from brownout.proxy.links import link

    gate, dial = asyncio.Event(), link.dial

    async def gated(address, seconds):
        await gate.wait()
        return await dial(address, seconds)

    monkeypatch.setattr(link, "dial", gated)
    return gate


# Listening


async def test_port_0_reports_the_real_port(world) -> None:
    proxy, other = await world.proxy("one"), await world.proxy("two")
    assert proxy.address.port > 0
    assert proxy.address.endpoint == f"127.0.0.1:{proxy.address.port}"
    assert proxy.address != other.address
    await works(world, proxy)
    assert [event.address for event in world.events(ProxyEnabled)] == [
        proxy.address.endpoint,
        other.address.endpoint,
    ]


async def test_disable_refuses_at_once_and_ends_open_links_cleanly(world) -> None:
    proxy, reader, writer, up_reader, _ = await opened_pair(world)
    where = endpoint(proxy)
    writer.write(b"the last words")
    assert await up_reader.readexactly(14) == b"the last words"
    await proxy.disable()
    assert refused(where)
    assert (proxy.enabled, proxy.address) == (False, None)
    assert await reader.read() == b""
    assert await up_reader.read() == b""
    await world.until(lambda: not proxy.links)
    assert world.events(ConnectionClosed)[0].reason == "proxy disabled"


async def test_disabling_sends_what_was_read_before(world) -> None:
    proxy, reader, _, _, up_writer = await opened_pair(world)
    up_writer.write(b"x" * 100_000)
    await world.until(lambda: proxy.bytes("downstream") == 100_000)
    await proxy.disable()
    assert len(await reader.read()) == 100_000


async def test_disable_resets_who_still_waits_for_the_upstream(world, monkeypatch) -> None:
    gate_dials(monkeypatch)
    proxy = await world.proxy()
    reader, _ = await world.connect(proxy)
    await world.until(lambda: proxy.links)
    await proxy.disable()
    with pytest.raises(ConnectionResetError):
        await reader.read()
    await world.until(lambda: not proxy.links)


async def test_enabling_again_keeps_the_port_that_was_given(world) -> None:
    proxy = await world.proxy()
    where = endpoint(proxy)
    for _ in range(3):
        await proxy.disable()
        await proxy.disable()  # nothing to do
        assert refused(where)
        await proxy.enable()
        await proxy.enable()  # nothing to do
        assert endpoint(proxy) == where
        await works(world, proxy)
    assert len(world.events(ProxyDisabled)) == 3


async def test_a_proxy_may_be_added_disabled(world) -> None:
    proxy = await world.proxy(enabled=False)
    assert (proxy.enabled, proxy.address, world.events(ProxyEnabled)) == (False, None, [])
    await proxy.enable()
    await works(world, proxy)


async def test_a_busy_port_is_an_error_and_leaves_nothing(world) -> None:
    with busy(world.reserve()) as taken:
        with pytest.raises(ListenError) as caught:
            await world.proxy(listen=taken)
        assert caught.value.message == f"{taken} is in use"
        assert caught.value.hint == "choose another listen address, or port 0 for a free one"
        assert caught.value.status == 409
    assert world.fleet.proxies == {}
    assert world.fleet.journal.events() == []
    await works(world, await world.proxy(listen=taken))  # the name is free, and by now the port


async def test_enabling_on_a_port_taken_meanwhile_is_an_error_and_may_be_tried_again(world) -> None:
    proxy = await world.proxy()
    where = endpoint(proxy)
    await proxy.disable()
    with socket.create_server(where), pytest.raises(ListenError, match=f"127.0.0.1:{where[1]} is in use"):
        await proxy.enable()
    assert not proxy.enabled
    await proxy.enable()
    assert endpoint(proxy) == where


async def test_a_name_that_is_taken_is_an_error_and_harms_no_one(world) -> None:
    proxy = await world.proxy("p")
    with pytest.raises(ConflictError, match="there is a proxy named p") as caught:
        await world.proxy("p")
    assert caught.value.hint == "remove it first: brownout proxy rm p"
    assert world.fleet.proxies == {"p": proxy}
    await works(world, proxy)


async def test_ipv6_wildcard(world) -> None:
    proxy = await world.proxy(listen="[::]:0")
    assert proxy.address.endpoint == f"[::]:{proxy.address.port}"
    reader, writer = await asyncio.open_connection("::1", proxy.address.port)
    world.writers.append(writer)
    await round_trip(reader, writer)


@pytest.mark.parametrize("listen", ["192.0.2.1:0", "[2001:db8::1]:0"])  # RFC 5737 and 3849: nobody's
async def test_an_address_of_another_machine_is_an_error(world, listen) -> None:
    with pytest.raises(ListenError) as caught:
        await world.proxy(listen=listen)
    assert caught.value.message == f"{listen} is not an address of this machine"
    assert caught.value.hint == "listen on 127.0.0.1 or [::1]"
    assert world.fleet.proxies == {}


async def test_a_name_to_listen_on_that_is_not_known_is_an_error(world, monkeypatch) -> None:
    upstream = await world.serve()

    async def resolve(*args: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", resolve, raising=False)
    with pytest.raises(ListenError) as caught:
        await world.proxy(upstream=upstream, listen="no.such.host:0")
    assert caught.value.message == "no.such.host:0 is not an address of this machine"
    assert caught.value.hint == "listen on 127.0.0.1 or [::1]"
    assert world.fleet.proxies == {}


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".test"])
async def test_what_can_be_no_name_is_an_error(world, host) -> None:
    with pytest.raises(ListenError, match=host):
        await world.proxy(listen=f"{host}:0")
    assert world.fleet.proxies == {}


# Updating


async def test_another_upstream_closes_open_links_and_gets_the_new_ones(world) -> None:
    proxy, reader, _, up_reader, _ = await opened_pair(world)
    where = endpoint(proxy)

    async def greet(_, writer) -> None:
        writer.write(b"new")

    await proxy.update(upstream=await world.serve(greet))
    assert await reader.read() == b""
    assert await up_reader.read() == b""
    assert endpoint(proxy) == where
    reader, _ = await world.connect(proxy)
    assert await reader.readexactly(3) == b"new"
    await world.until(lambda: 1 not in proxy.links)
    assert world.events(ConnectionClosed)[0].reason == "upstream changed"


async def test_the_same_upstream_and_listen_change_nothing(world) -> None:
    upstream = await world.serve(lambda reader, writer: pong(reader, writer))
    proxy = await world.proxy(upstream=upstream)
    client = await world.connect(proxy)
    await round_trip(*client)
    await proxy.update(upstream=upstream, listen="127.0.0.1:0", enabled=True)
    await proxy.update(listen=proxy.address.endpoint)
    await proxy.update()
    await round_trip(*client)
    assert proxy.links_total == len(proxy.links) == 1


async def pong(reader, writer) -> None:
    while data := await reader.read(100):
        writer.write(data)


async def test_moving_to_a_busy_port_changes_nothing(world) -> None:
    proxy = await world.proxy()
    where, client = endpoint(proxy), await world.connect(proxy)
    await round_trip(*client)
    elsewhere, upstream = await world.serve(), proxy.upstream
    with busy() as taken, pytest.raises(ListenError, match="in use"):
        await proxy.update(listen=taken, upstream=elsewhere)
    assert (endpoint(proxy), proxy.upstream, proxy.enabled) == (where, upstream, True)
    await round_trip(*client)
    await works(world, proxy)
    await proxy.disable()
    await proxy.enable()
    assert endpoint(proxy) == where


async def test_an_update_that_cannot_enable_changes_nothing(world) -> None:
    proxy = await world.proxy()
    upstream, where = proxy.upstream, endpoint(proxy)
    await proxy.disable()
    with socket.create_server(where), pytest.raises(ListenError, match="in use"):
        await proxy.update(upstream=await world.serve(), enabled=True)
    assert (proxy.upstream, proxy.enabled) == (upstream, False)


async def test_moving_closes_links_and_releases_the_old_port(world) -> None:
    proxy, reader, _, up_reader, _ = await opened_pair(world)
    old = endpoint(proxy)
    free = world.reserve()
    await proxy.update(listen=free)
    assert refused(old)
    assert proxy.address.endpoint == free
    assert await reader.read() == b""
    assert await up_reader.read() == b""
    reader, writer = await world.connect(proxy)
    up_reader, _ = await world.accepted()
    writer.write(b"moved")
    assert await up_reader.readexactly(5) == b"moved"
    await world.until(lambda: 1 not in proxy.links)
    assert world.events(ConnectionClosed)[0].reason == "listen changed"


async def test_moving_while_disabled_takes_no_port_before_enabling(world) -> None:
    proxy = await world.proxy()
    await proxy.disable()
    with busy(world.reserve()) as taken:
        await proxy.update(listen=taken)
        assert (proxy.enabled, proxy.address) == (False, None)
    await proxy.enable()
    assert proxy.address.endpoint == taken


async def test_moving_and_disabling_in_one_update(world) -> None:
    proxy = await world.proxy()
    old = endpoint(proxy)
    with busy() as taken:  # not listened on, so being busy is no matter
        await proxy.update(listen=taken, enabled=False)
    assert refused(old)
    assert (proxy.enabled, proxy.address) == (False, None)


# Calls that meet


async def test_enabling_twice_at_once_listens_once(world) -> None:
    proxy = await world.proxy(enabled=False)
    await asyncio.gather(proxy.enable(), proxy.enable())
    assert len(world.events(ProxyEnabled)) == 1
    await works(world, proxy)


async def test_a_proxy_removed_while_it_is_enabled_does_not_listen(world) -> None:
    proxy = await world.proxy()
    where = endpoint(proxy)
    await proxy.disable()
    enabling = asyncio.create_task(proxy.enable())
    await asyncio.sleep(0)
    await world.fleet.remove("p")
    await asyncio.wait([enabling])
    enabling.exception()
    assert refused(where)
    assert not proxy.enabled


async def test_a_fleet_closed_while_a_proxy_is_added_leaves_nothing(world) -> None:
    fleet = Fleet(seed=1)
    adding = asyncio.create_task(fleet.add("p", await world.serve()))
    await asyncio.sleep(0)
    await fleet.close()
    await asyncio.wait([adding])
    adding.exception()
    assert [proxy.filenos() for proxy in fleet.proxies.values() if proxy.enabled] == []


# Unix sockets


async def test_a_stale_socket_file_is_replaced(world, tmp_path) -> None:
    path = tmp_path / "p"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    proxy = await world.proxy(listen=f"unix://{path}")
    await works(world, proxy)
    await proxy.disable()
    assert not path.exists()
    await proxy.enable()
    await works(world, proxy)
    await world.fleet.remove("p")
    assert not path.exists()


async def test_a_socket_file_with_a_living_listener_is_an_error(world, tmp_path) -> None:
    path = tmp_path / "p"
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen()
        with pytest.raises(ListenError) as caught:
            await world.proxy(listen=f"unix://{path}")
        assert caught.value.message == f"unix://{path} is in use"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))  # it is still there
    assert world.fleet.proxies == {}


async def test_a_listener_that_accepts_nobody_is_an_error_at_once(world, tmp_path) -> None:
    path = tmp_path / "p"
    with contextlib.ExitStack() as stack:
        hung = stack.enter_context(socket.socket(socket.AF_UNIX))
        hung.bind(str(path))
        hung.listen(0)
        for _ in range(3):  # fill the backlog
            waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            waiting.connect_ex(str(path))
        rescue = threading.Timer(PATIENCE / 4, lambda: hung.accept()[0].close())  # or a call that waits never ends
        rescue.start()
        try:
            with pytest.raises(ListenError, match="in use"):
                await world.proxy(listen=f"unix://{path}")
            assert rescue.is_alive(), "the loop stood still"
        finally:
            rescue.cancel()
            rescue.join()


async def test_a_file_that_is_no_socket_is_an_error_and_is_not_deleted(world, tmp_path) -> None:
    path = tmp_path / "letters"
    path.write_text("precious")
    with pytest.raises(ListenError) as caught:
        await world.proxy(listen=f"unix://{path}")
    assert caught.value.message == f"cannot listen on unix://{path}: there is a file that is not a socket"
    assert path.read_text() == "precious"
    assert world.fleet.proxies == {}


async def test_a_folder_that_is_not_there_is_an_error(world, tmp_path) -> None:
    with pytest.raises(ListenError, match="No such file or directory"):
        await world.proxy(listen=f"unix://{tmp_path}/missing/p")


async def test_a_socket_that_has_taken_the_place_is_not_removed(world, tmp_path) -> None:
    path = tmp_path / "p"
    proxy = await world.proxy(listen=f"unix://{path}")
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        await proxy.disable()
        assert path.exists()


async def test_moving_between_a_port_and_a_path(world, tmp_path) -> None:
    path = tmp_path / "p"
    proxy = await world.proxy()
    old = endpoint(proxy)
    await proxy.update(listen=f"unix://{path}")
    assert refused(old)
    await works(world, proxy)
    await proxy.update(listen="127.0.0.1:0")
    assert not path.exists()
    await works(world, proxy)


# Injections


async def test_injections_survive_being_disabled_and_act_on_links_opened_after(world) -> None:
    proxy = await world.proxy()
    await works(world, proxy)
    injection = proxy.inject(spec({"fault": "limit_data", "bytes": "3B"}))
    assert (injection.matched, injection.chosen, injection.fired) == (1, 1, 0)
    await proxy.disable()
    await world.until(lambda: not proxy.links)
    await proxy.enable()
    assert proxy.injections == {"limit_data": injection}
    reader, writer = await world.connect(proxy)
    writer.write(b"12345")
    assert await reader.read() == b"123"
    assert (injection.matched, injection.chosen, injection.fired) == (2, 2, 1)
    proxy.heal()
    await works(world, proxy)


async def test_a_link_accepted_before_the_start_is_hit_when_it_comes(world) -> None:
    proxy, reader, writer, up_reader, up_writer = await opened_pair(world)
    injection = proxy.inject(spec({"fault": "limit_data", "bytes": "3B", "start": "300ms"}))
    late_reader, _ = await world.connect(proxy)
    _, late_writer = await world.accepted()
    up_writer.write(b"before")
    assert await reader.readexactly(6) == b"before"
    assert (injection.active, injection.matched) == (False, 0)
    await world.until(lambda: injection.active)
    assert (injection.matched, injection.chosen, injection.fired) == (2, 2, 0)
    up_writer.write(b"12345")
    late_writer.write(b"12345")
    assert await reader.read() == b"123"
    assert await late_reader.read() == b"123"
    assert [(event.connection, event.n) for event in world.events(Fired)] == [(1, 1), (2, 2)]


async def test_a_link_still_dialled_when_the_start_comes_is_hit_from_its_first_byte(world, monkeypatch) -> None:
    gate = gate_dials(monkeypatch)
    proxy = await world.proxy()
    injection = proxy.inject(spec({"fault": "limit_data", "bytes": "3B", "start": "100ms"}))
    reader, writer = await world.connect(proxy)
    writer.write(b"12345")
    await world.until(lambda: injection.active)
    assert (injection.matched, injection.fired, proxy.links[1].open) == (1, 0, False)
    gate.set()
    assert await reader.read() == b"123"
    assert (injection.matched, injection.fired) == (1, 1)


async def test_an_injection_healed_while_a_link_is_dialled_does_not_touch_it(world, monkeypatch) -> None:
    gate = gate_dials(monkeypatch)
    proxy = await world.proxy()
    proxy.inject(spec({"fault": "limit_data", "bytes": "3B"}))
    reader, writer = await world.connect(proxy)
    await world.until(lambda: proxy.links)
    proxy.heal()
    gate.set()
    await round_trip(reader, writer, b"12345")


# Ending


async def test_remove_answers_at_once_and_all_is_gone_soon(world) -> None:
    proxy = await world.proxy(upstream=await world.serve(pour))
    proxy.inject(spec("latency:10ms"))
    await stuck(world, proxy, 20)
    where = endpoint(proxy)
    await world.fleet.remove("p")
    assert len(proxy.links) == 20  # it did not wait: each has a second for what was sent
    assert refused(where)
    assert (world.fleet.proxies, proxy.injections) == ({}, {})
    with pytest.raises(NotFoundError):
        await world.fleet.remove("p")
    await world.until(lambda: not proxy.links)
    assert world.fleet.budget.held == 0
    assert {event.reason for event in world.events(ConnectionClosed)} == {"proxy closed"}
    await works(world, await world.proxy("p"))  # the name is free


async def test_a_removed_proxy_sends_what_its_clients_still_read(world) -> None:
    proxy, reader, _, _, up_writer = await opened_pair(world)
    up_writer.write(b"x" * 100_000)
    await world.until(lambda: proxy.bytes("downstream") == 100_000)
    await world.fleet.remove("p")
    assert len(await reader.read()) == 100_000


async def test_closing_a_fleet_with_links_in_every_state_leaves_nothing(world, monkeypatch) -> None:
    names = ("opening", "open", "shaped", "ending", "removed", "disabled")
    upstream = await world.serve(pour)
    async with Fleet(seed=1) as fleet:
        proxies = {name: await fleet.add(name, upstream) for name in names}
        where = [endpoint(proxy) for proxy in proxies.values()]
        for name in names[1:]:
            await stuck(world, proxies[name], 3)
        gate_dials(monkeypatch)
        for _ in range(3):
            await world.connect(proxies["opening"])
        await world.until(lambda: len(proxies["opening"].links) == 3)
        await world.connect(proxies["opening"])  # and one that is not accepted yet
        proxies["shaped"].inject(spec({"fault": "bandwidth", "rate": "1KB/s", "stream": "both"}))
        proxies["shaped"].inject(spec({"fault": "latency", "latency": "1h", "start": "1h"}))
        proxies["ending"].inject(spec("disconnect"))
        await fleet.remove("removed")
        await proxies["disabled"].disable()
        assert [len(proxies[name].links) for name in names[1:]] == [3] * 5
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 10
    assert [proxy.links for proxy in proxies.values()] == [{}] * 6
    assert all(refused(each) for each in where)
    assert fleet.budget.held == 0
    assert fleet.unread == {}
    # the fixture looks for descriptors and tasks


# The journal of a fleet


async def test_the_journal_tells_a_proxy_s_life_and_finds_it_again(world) -> None:
    one, two = await world.proxy("one"), await world.proxy("two")
    mark = world.fleet.journal.events()[-1].seq
    await works(world, two)
    two.inject(spec("limit_data:4B"))
    await works(world, two)
    await world.until(lambda: len(two.links) == 1)
    await world.fleet.remove("two")
    await world.until(lambda: not two.links)
    journal = world.fleet.journal
    assert [recorded.kind for recorded in journal.events(mark, proxy="two")] == [
        "connection_opened",
        "injected",
        "connection_opened",
        "fired",
        "connection_closed",
        "healed",
        "proxy_removed",
        "connection_closed",
    ]
    assert journal.events(mark, proxy="one") == []
    assert [recorded.proxy for recorded in journal.events(kind="proxy_added")] == ["one", "two"]
    closed = world.events(ConnectionClosed)[-1]
    assert (closed.connection, closed.upstream_bytes, closed.downstream_bytes) == (1, 4, 4)
    assert one.enabled


# Forked children

FORKING = """
import asyncio, gc, os, random, signal, sys
from brownout.faults import Spec
from brownout.proxy import Fleet

children = []

def fork(closes):
    child = os.fork()
    if child:
        children.append(child)
        return
    signal.alarm(60)
    fleet.proxies.clear()
    gc.collect()
    if closes:
        filenos = list(range(3, 200))
        random.Random(5).shuffle(filenos)
        for fileno in filenos:
            try:
                os.close(fileno)
            except OSError:
                pass
    os.write(1, b"child\\n")
    while True:
        signal.pause()

async def main():
    global fleet
    async with Fleet(seed=1) as fleet:
        for name, upstream in (("one", sys.argv[2]), ("two", sys.argv[2])):
            proxy = await fleet.add(name, upstream)
            print(proxy.address.port, flush=True)
        said = asyncio.Queue()
        asyncio.get_running_loop().add_reader(0, lambda: said.put_nowait(os.read(0, 100)))
        while words := (await said.get()).decode().split():
            match words:
                case ["fork"]:
                    fork(False)
                case ["fork", "closes"]:
                    fork(True)
                case ["remove", "fork"]:
                    await fleet.remove("one")
                    fork(False)
                case ["disable"]:
                    await fleet.proxies["one"].disable()
                case ["inject", fault]:
                    fleet.proxies["one"].inject(Spec.parse(fault))
                case ["closed"]:
                    while not fleet.journal.events(kind="connection_closed"):
                        await asyncio.sleep(0.002)
                case ["links", count]:
                    while sum(link.open for link in fleet.proxies["one"].links.values()) != int(count):
                        await asyncio.sleep(0.002)
            if words[-1] != "fork" and words[-1] != "closes":
                print("done", flush=True)
        print([os.waitpid(child, os.WNOHANG)[0] for child in children], flush=True)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

if sys.argv[1] == "uvloop":
    import uvloop as runs
else:
    runs = asyncio
runs.run(main())
"""


class Forking:
    """A process with the proxies one and two that forks on command; its peers are the test's own sockets."""

    def __init__(self, loop: str) -> None:
        self.upstream = socket.create_server(("127.0.0.1", 0))
        self.upstream.settimeout(PATIENCE)
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", FORKING, loop, f"127.0.0.1:{self.upstream.getsockname()[1]}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self.ports = [int(self.line()) for _ in range(2)]
        self.sockets: list[socket.socket] = []

    def line(self) -> str:
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], PATIENCE)[0], "no answer"
        return self.process.stdout.readline().decode().strip()

    def tell(self, words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(words.encode())
        assert self.line() in ("done", "child")

    def link(self, number: int = 0) -> tuple[socket.socket, socket.socket]:
        client = socket.create_connection(("127.0.0.1", self.ports[number]), timeout=PATIENCE)
        server, _ = self.upstream.accept()
        server.settimeout(PATIENCE)
        self.sockets += client, server
        return client, server

    def end(self) -> str:
        """End the process; return what waitpid said of each child before: 0 is one that lives."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        said = self.line()
        assert self.process.wait(PATIENCE) == 0
        return said

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for each in (*self.sockets, self.upstream, self.process.stdin, self.process.stdout):
            each.close()


@pytest.fixture(params=["asyncio", "uvloop"])
def forking(request: pytest.FixtureRequest) -> Iterator[Forking]:
    process = Forking(request.param)
    yield process
    process.close()


def carries(link: tuple[socket.socket, socket.socket]) -> bool:
    client, server = link
    client.sendall(b"ping")
    assert server.recv(4) == b"ping"
    server.sendall(b"pong")
    return client.recv(4) == b"pong"


def test_a_forked_child_keeps_no_listener_and_no_open_link(forking: Forking) -> None:
    client, server = forking.link()
    forking.tell("links 1")
    forking.tell("fork")
    forking.tell("disable")
    assert client.recv(1) == b""
    assert server.recv(1) == b""
    assert refused(("127.0.0.1", forking.ports[0]))
    assert forking.end() == "[0]"


def test_a_link_is_reset_although_a_forked_child_lives(forking: Forking) -> None:
    client, server = forking.link()
    forking.tell("links 1")
    forking.tell("fork")
    forking.tell("inject reset")
    for end in (client, server):
        with pytest.raises(ConnectionResetError):
            end.recv(1)
    assert forking.end() == "[0]"


@pytest.mark.slow
def test_a_forked_child_keeps_no_link_of_a_removed_proxy(forking: Forking) -> None:
    client, server = forking.link()
    forking.tell("links 1")
    server.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:  # until all buffers are full, for the client does not read
            server.send(b"x" * 65536)
            select.select([], [server], [], 0.2)
    server.settimeout(PATIENCE)
    forking.tell("remove fork")
    forking.tell("closed")  # the parent gave up after a second, although not all was read
    with contextlib.suppress(ConnectionError):
        while client.recv(65536):
            pass
    with contextlib.suppress(ConnectionError):
        assert server.recv(1) == b""
    assert forking.end() == "[0]"


def test_a_child_that_closes_descriptors_in_any_order_does_not_hurt_the_parent(forking: Forking) -> None:
    links = [forking.link(), forking.link(1)]
    forking.tell("links 1")
    assert all(carries(each) for each in links)
    forking.tell("fork closes")
    assert all(carries(each) for each in links)
    assert carries(forking.link())
    forking.tell("inject latency:20ms")  # the clock runs
    assert carries(links[0])
    assert forking.end() == "[0]"


def test_a_fleet_is_forked_many_times(forking: Forking) -> None:
    link = forking.link()
    forking.tell("links 1")
    for _ in range(5):
        forking.tell("fork")
        forking.tell("fork closes")
    assert carries(link)
    forking.tell("disable")
    assert [end.recv(1) for end in link] == [b"", b""]
    assert forking.end() == str([0] * 10)
