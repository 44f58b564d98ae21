"""What a connection, a request and a chunk cost where there is no fault: counted, not timed."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import brownout.proxy
from brownout.proxy import Fleet

if sys.platform != "win32":
    import uvloop

LOOPS = ["asyncio"] if sys.platform == "win32" else ["asyncio", "uvloop"]
PACKAGE = str(Path(brownout.proxy.__file__).parents[1])
READS = {"read", "readv", "recvfrom", "recvmsg"}
WRITES = {"write", "writev", "sendto", "sendmsg"}
POLLS = {"epoll_wait", "epoll_pwait"}
MOST_PER_LINK = 110
"""How many calls of ours a connection may take, from accept to the last close, with a request and a reply."""

PROXY_ALONE = """
import asyncio, sys
from brownout.proxy import Fleet

async def main(upstream):
    async with Fleet(seed=1) as fleet:
        proxy = await fleet.add("echo", upstream)
        print(proxy.address.port, flush=True)
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(sys.stdin, ended.set)
        await ended.wait()
        loop.remove_reader(sys.stdin)  # its end stays to be read, and would wake every poll from here on

if sys.argv[1] == "uvloop":
    import uvloop as asyncio_or_uvloop
else:
    asyncio_or_uvloop = asyncio
asyncio_or_uvloop.run(main(sys.argv[2]))
"""


@contextlib.contextmanager
def echo(connections: int = 1) -> Iterator[int]:
    """Answer some connections, one after the other, with what they say, in a thread; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(connections):
                with listener.accept()[0] as connection:
                    while data := connection.recv(65536):
                        connection.sendall(data)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(10)
        assert not thread.is_alive()


def talk(port: int, requests: int, counting: Callable[[bool], None] = lambda on: None) -> None:
    """Send `requests` requests on one connection, each after the reply to the one before; the first ten warm up."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(requests + 10):
            if number == 10:
                counting(True)
            client.sendall(b"ping")
            assert client.recv(4) == b"ping"
        counting(False)


def traced(loop: str, requests: int, log: Path) -> Counter[str]:
    """Return the system calls by name of a process that holds a proxy alone, over a run of `requests` requests."""
    with echo() as upstream:
        process = subprocess.Popen(
            ["strace", "-f", "-qq", "-e", "signal=none", "-o", log,
             sys.executable, "-c", PROXY_ALONE, loop, f"127.0.0.1:{upstream}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                talk(int(process.stdout.readline()), requests)
                process.stdin.close()
                assert process.wait(30) == 0
            except BaseException:
                process.kill()
                raise
    # "PID name(arguments) = result"; one that another thread interrupted is told twice, the second time as resumed
    return Counter(re.findall(r"^\d+ +(\w+)\(", log.read_text(errors="replace"), re.MULTILINE))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="system calls are counted with strace, which is Linux's")
@pytest.mark.parametrize("loop", LOOPS)
def test_a_request_is_two_reads_two_writes_and_the_polls(
    loop: str, tmp_path: Path, program: Callable[..., str]
) -> None:
    program("strace", "apt-get install strace (or dnf, apk, pacman)")
    short, long = traced(loop, 200, tmp_path / "short"), traced(loop, 1200, tmp_path / "long")
    differences = {name: long[name] - short[name] for name in sorted(long | short)}
    per_request = {name: difference / 1000 for name, difference in differences.items() if difference}
    print(loop, per_request)
    reads, writes, polls = (sum(per_request.get(name, 0) for name in group) for group in (READS, WRITES, POLLS))
    assert (reads, writes) == pytest.approx((2, 2), abs=0.01), per_request
    assert polls <= 2.02, per_request  # less on a busy machine, where one wakes for two; the sweep wakes one a second

    others = {name: share for name, share in per_request.items() if name not in READS | WRITES | POLLS}
    # Noise: once a second the sweep of unread links sets its timer; threads of the interpreter's end wait for another.
    assert all(abs(share) <= 0.05 for share in others.values()), others


def counted(loop: str, upstream: int, work: Callable[[int, Callable[[bool], None]], None]) -> Counter[str]:
    """Return the Python calls of ours, by name, while `work` in a thread has turned the counting on."""
    calls: Counter[str] = Counter()
    counting = False

    def profile(frame: object, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and counting and code.co_filename.startswith(PACKAGE):
            calls[code.co_qualname] += 1

    def count(on: bool) -> None:
        nonlocal counting
        counting = on

    async def main() -> None:
        async with Fleet(seed=1) as fleet:
            proxy = await fleet.add("echo", f"127.0.0.1:{upstream}")
            assert proxy.address is not None
            sys.setprofile(profile)  # of this thread alone; the client and the upstream run in others
            try:
                await asyncio.to_thread(work, proxy.address.port, count)
                while proxy.links:
                    await asyncio.sleep(0.001)
            finally:
                sys.setprofile(None)

    (uvloop.run if loop == "uvloop" else asyncio.run)(main())
    print(loop, calls.total(), dict(calls))
    return calls


@pytest.mark.parametrize("loop", LOOPS)
def test_a_chunk_is_one_python_call_of_ours(loop: str) -> None:
    with echo() as upstream:
        calls = counted(loop, upstream, lambda port, count: talk(port, 1000, count))

    chunks = 2 * 1000  # a request and a reply
    assert calls["Side.data_received"] == chunks
    others = {name: count for name, count in calls.items() if name != "Side.data_received"}
    sweeps = 12 * calls["Shared._sweep"]  # of unread links, once a second, however long this takes
    assert sum(others.values()) - sweeps <= 0.01 * chunks, others


@pytest.mark.parametrize("loop", LOOPS)
def test_a_new_connection_is_a_hundred_python_calls_of_ours(loop: str) -> None:
    links = 100

    def connect(port: int, counting: Callable[[bool], None]) -> None:
        counting(True)
        for _ in range(links):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
                client.sendall(b"ping")
                assert client.recv(4) == b"ping"

    with echo(links) as upstream:
        calls = counted(loop, upstream, connect)
    assert calls.total() <= MOST_PER_LINK * links, calls.most_common()
    assert calls["dialled"] < links / 2, (
        "connect() on loopback has ended when it returns, but where the machine is busy"
    )
