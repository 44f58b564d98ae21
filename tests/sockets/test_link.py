"""Links carry anything untouched, and pass on how the other side ends."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator

import pytest

from brownout.proxy.links.side import Pause
from brownout.proxy.record.event import ConnectionClosed, DialFailed
from brownout.proxy.system import sockets
from brownout.wire.errors import BrownoutError

from .conftest import spec


def rst(writer: asyncio.StreamWriter) -> None:
    """Close with a RST."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


async def test_bytes_pass_both_ways_and_are_counted(world) -> None:
    proxy, reader, writer, up_reader, up_writer = await world.pair()
    writer.write(b"question")
    assert await up_reader.readexactly(8) == b"question"
    up_writer.write(b"answer")
    assert await reader.readexactly(6) == b"answer"
    assert (proxy.bytes("upstream"), proxy.bytes("downstream")) == (8, 6)
    assert (len(proxy.links), proxy.links_total) == (1, 1)


async def test_what_a_client_sends_before_the_upstream_is_connected_arrives_first(world) -> None:
    proxy = await world.proxy(upstream=await world.serve())
    sock = socket.create_connection((proxy.address.host, proxy.address.port))
    sock.sendall(b"early" * 40_000)
    sock.shutdown(socket.SHUT_WR)
    reader, writer = await world.accepted()
    assert await reader.read() == b"early" * 40_000
    writer.write(b"late answer")
    writer.write_eof()
    await world.until(lambda: not proxy.links)
    assert sock.recv(100) == b"late answer"
    assert sock.recv(100) == b""
    sock.close()


async def test_a_server_that_speaks_first_is_heard(world) -> None:
    async def greet(reader, writer) -> None:
        writer.write(b"220 hello")
        await reader.read()

    proxy = await world.proxy(upstream=await world.serve(greet))
    reader, _ = await world.connect(proxy)
    assert await reader.readexactly(9) == b"220 hello"


async def test_a_half_closing_client_gets_its_answer(world) -> None:
    proxy, reader, writer, up_reader, up_writer = await world.pair()
    writer.write(b"all of it")
    writer.write_eof()
    assert await up_reader.read() == b"all of it"
    up_writer.write(b"answer")
    up_writer.write_eof()
    assert await reader.read() == b"answer"
    await world.until(lambda: not proxy.links)
    assert world.events(ConnectionClosed)[0].reason == "closed"


async def test_a_half_closing_server_still_hears_the_client(world) -> None:
    _, reader, writer, up_reader, up_writer = await world.pair()
    up_writer.write_eof()
    assert await reader.read() == b""
    writer.write(b"still here")
    assert await up_reader.readexactly(10) == b"still here"


async def test_a_slow_reader_gets_everything_although_both_sides_have_closed(world) -> None:
    proxy, reader, writer, _, up_writer = await world.pair()
    writer.write_eof()
    up_writer.write(b"x" * 20_000_000)
    up_writer.write_eof()
    await asyncio.sleep(1.5)  # longer than the second that a link gets that is being ended
    assert len(await reader.read()) == 20_000_000
    await world.until(lambda: not proxy.links)


async def test_a_reset_by_the_client_is_passed_on(world) -> None:
    proxy, _, writer, up_reader, _ = await world.pair()
    rst(writer)
    with pytest.raises(ConnectionResetError):
        await up_reader.read()
    await world.until(lambda: not proxy.links)
    assert world.events(ConnectionClosed)[0].reason == "reset by client"


async def test_a_reset_by_the_server_is_passed_on(world) -> None:
    proxy, reader, _, _, up_writer = await world.pair()
    rst(up_writer)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    await world.until(lambda: not proxy.links)
    assert world.events(ConnectionClosed)[0].reason == "reset by server"


async def test_a_reset_is_noticed_on_a_side_that_is_not_read(world) -> None:
    proxy, _, writer, up_reader, up_writer = await world.pair()
    writer.write_eof()
    assert await up_reader.read() == b""  # the client's socket is not read any more
    up_writer.write(b"x" * 30_000_000)
    await world.until(lambda: proxy.links[1].server.pauses)  # and the server's neither
    rst(writer)
    await world.until(lambda: not proxy.links)
    assert world.events(ConnectionClosed)[0].reason == "reset by client"


@pytest.mark.parametrize("noticed", ["by a write", "by the sweep"])
@pytest.mark.parametrize("who", ["client", "server"])
async def test_what_came_before_a_reset_arrives(world, who: str, noticed: str) -> None:
    proxy, reader, writer, up_reader, up_writer = await world.pair()
    if who == "server":
        reader, writer, up_reader, up_writer = up_reader, up_writer, reader, writer
    getattr(proxy.links[1], who).pause(Pause.QUEUE)
    writer.write(b"last words")
    rst(writer)
    await asyncio.sleep(0)
    if noticed == "by a write":
        up_writer.write(b"too late")
    assert await up_reader.readexactly(10) == b"last words"
    with pytest.raises(ConnectionResetError):
        await up_reader.read()
    await world.until(lambda: not proxy.links)
    assert proxy.bytes("upstream" if who == "client" else "downstream") == 10


@pytest.mark.parametrize("noticed", ["by a write", "by the sweep"])
async def test_an_end_before_a_reset_arrives(world, noticed: str) -> None:
    proxy = await world.proxy(upstream=await world.serve())
    client = socket.create_connection((proxy.address.host, proxy.address.port))
    world.sockets.append(client)
    _, up_writer = await world.accepted()
    await world.until(lambda: proxy.links[1].open)
    proxy.links[1].server.pause(Pause.QUEUE)
    up_writer.write(b"last words")
    up_writer.write_eof()
    await asyncio.sleep(0)
    rst(up_writer)
    await asyncio.sleep(0)
    if noticed == "by a write":
        client.sendall(b"too late")
    heard = await asyncio.to_thread(lambda: [client.recv(100), client.recv(100)])
    assert heard == [b"last words", b""]
    await world.until(lambda: not proxy.links)


REPLY = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig"


@contextlib.asynccontextmanager
async def refusing(how: str) -> AsyncIterator[int]:
    """Have a server, on a thread of its own, that replies to uploads before it reads them; yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        serving = asyncio.create_task(asyncio.to_thread(refuse, server, how))
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            await serving


def refuse(server: socket.socket, how: str) -> None:
    with contextlib.suppress(OSError):  # shut down
        while True:
            connection, _ = server.accept()
            with connection, contextlib.suppress(ConnectionError):
                connection.recv(1000)
                connection.sendall(REPLY)
                if how == "FIN and then RST":
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(1000)


def upload(port: int) -> bytes:
    """Return what a client hears that uploads 5 MB and then reads."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 5000000\r\n\r\n" + bytes(5_000_000))
        with contextlib.suppress(ConnectionError):
            while data := client.recv(1000):
                heard += data
    return heard


EARLY = {
    "tcp": ("tcp", None),
    "tcp, shaped": ("tcp", "noop"),
    "tcp, late": ("tcp", "latency:5ms"),
    "http": ("http", None),
    "http, a fault for others": ("http", {"fault": "http.status", "status": 503, "match": {"path": "/never"}}),
    "http, late": ("http", {"fault": "http.delay", "delay": "5ms"}),
}


@pytest.mark.parametrize("how", ["RST", "FIN and then RST"])
@pytest.mark.parametrize("carried", EARLY)
async def test_a_reply_before_the_end_of_an_upload_arrives(world, carried: str, how: str) -> None:
    scheme, fault = EARLY[carried]
    async with refusing(how) as port:
        proxy = await world.proxy(upstream=f"{scheme}://127.0.0.1:{port}")
        if fault is not None:
            proxy.inject(spec(fault))
        heard = [await asyncio.to_thread(upload, proxy.address.port) for _ in range(40)]
        assert heard == [REPLY] * 40
        await world.until(lambda: not proxy.links)


async def test_a_client_that_never_reads_holds_the_server_back(world) -> None:
    proxy, _, _, _, up_writer = await world.pair()
    up_writer.write(b"x" * 50_000_000)
    await world.until(lambda: proxy.links[1].server.pauses)
    await asyncio.sleep(0.1)
    assert proxy.bytes("downstream") < 20_000_000  # the kernel's buffers and ours


async def test_a_refused_dial_resets_the_client_and_says_why(world) -> None:
    upstream = world.reserve()
    proxy = await world.proxy(upstream=upstream)
    reader, _ = await world.connect(proxy)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    await world.until(lambda: not proxy.links)
    assert world.events(DialFailed) == [
        DialFailed(proxy.name, 1, reason="dial_refused", error="Connection refused", upstream=upstream)
    ]
    assert proxy.errors == {"dial_refused": 1}
    assert world.events(ConnectionClosed)[0].reason == "dial_refused"


async def test_a_name_that_is_not_known_resets_the_client_and_says_why(world, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _not_a_number)
    proxy = await world.proxy(upstream="no.such.host:80", listen=f"unix://{tmp_path}/p")
    reader, _ = await world.connect(proxy)
    assert await reader.read() == b""  # a unix socket has no RST
    await world.until(lambda: not proxy.links)
    assert world.events(DialFailed)[0].error == "Name or service not known"
    assert proxy.errors == {"dial_unresolved": 1}


async def test_a_dial_that_gets_no_answer_resets_the_client(world) -> None:
    world.limit(dial=0.3)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:  # fill the backlog
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        proxy = await world.proxy(upstream=f"127.0.0.1:{full.getsockname()[1]}")
        reader, _ = await world.connect(proxy)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        await world.until(lambda: not proxy.links)
        assert world.events(DialFailed)[0].error == "no answer within 0.3s"
        for sock in waiting:
            sock.close()


async def test_a_client_that_leaves_during_the_dial_is_forgotten(world) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        proxy = await world.proxy(upstream=f"127.0.0.1:{full.getsockname()[1]}")
        _, writer = await world.connect(proxy)
        await world.until(lambda: proxy.links and not proxy.links[1].client.disconnected)
        rst(writer)
        await world.until(lambda: not proxy.links)
        assert world.events(ConnectionClosed)[0].reason == "client left"
        for sock in waiting:
            sock.close()


async def test_names_are_resolved_for_each_link_and_each_address_is_tried(world, monkeypatch) -> None:
    asked = []
    port = int((await world.serve()).rpartition(":")[2])

    async def resolve(loop: object, host: str, port: int, **options: object):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", each)) for each in (1, port)]

    proxy = await world.proxy(upstream=f"db.test:{port}")
    monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", resolve, raising=False)
    for _ in range(2):
        await world.connect(proxy)
        await world.accepted()
    assert asked == ["db.test", "db.test"]


def _not_a_number(*args: object, **options: object) -> list[object]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def test_the_system_finds_out_that_a_peer_has_vanished_on_both_sides(world) -> None:
    proxy, *_ = await world.pair()
    link = proxy.links[1]
    for side in (link.client, link.server):
        sock = sockets.of(side.transport)
        options = ("TCP_KEEPALIVE" if sys.platform == "darwin" else "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert [sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in options] == [30, 10, 3]


async def test_localhost_is_dialled_whatever_family_it_has(world) -> None:
    port = (await world.serve()).rpartition(":")[2]
    proxy = await world.proxy(upstream=f"localhost:{port}")
    await world.connect(proxy)
    await world.accepted()


async def test_ipv6_on_both_sides(world) -> None:
    proxy = await world.proxy(upstream=await world.serve(host="::1"), listen="[::1]:0")
    assert proxy.address.endpoint.startswith("[::1]:")
    _, writer = await world.connect(proxy)
    reader, _ = await world.accepted()
    writer.write(b"six")
    assert await reader.readexactly(3) == b"six"


async def test_unix_sockets_on_both_sides(world, tmp_path) -> None:
    upstream = await world.serve(path=str(tmp_path / "up"))
    proxy = await world.proxy(upstream=upstream, listen=f"unix://{tmp_path}/down")
    assert (tmp_path / "down").stat().st_mode & 0o777 == 0o600
    reader, writer = await world.connect(proxy)
    up_reader, up_writer = await world.accepted()
    writer.write(b"question")
    writer.write_eof()
    assert await up_reader.read() == b"question"
    up_writer.write(b"answer")
    up_writer.write_eof()
    assert await reader.read() == b"answer"
    await proxy.disable()
    assert not (tmp_path / "down").exists()


async def test_a_lost_upstream_does_not_disturb_another_proxy(world) -> None:
    proxy, reader, _, _, up_writer = await world.pair("one")
    other, other_reader, other_writer, other_up, _ = await world.pair("two")
    up_writer.write(b"half an ans")
    assert await reader.readexactly(11) == b"half an ans"
    rst(up_writer)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    other_writer.write(b"fine")
    assert await other_up.readexactly(4) == b"fine"
    assert len(other.links) == 1
    await world.until(lambda: not proxy.links)


async def test_many_links_at_once(world) -> None:
    proxy = await world.proxy()

    async def talk(n: int) -> None:
        reader, writer = await world.connect(proxy)
        writer.write(b"%d" % n)
        writer.write_eof()
        assert await reader.read() == b"%d" % n

    await asyncio.gather(*(talk(n) for n in range(300)))
    await world.until(lambda: not proxy.links)
    assert proxy.links_total == 300
    assert len(world.events(ConnectionClosed)) == 300


async def test_a_name_for_a_proxy_is_checked(world) -> None:
    with pytest.raises(BrownoutError, match="is not a name"):
        await world.fleet.add("a\nb", "127.0.0.1:1")
