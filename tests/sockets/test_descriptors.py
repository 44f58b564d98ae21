"""Out of descriptors: what could not be had is in the journal, and everything else goes on."""

import contextlib
import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

PATIENCE = 60.0

LIMITED = """
import asyncio, json, os, resource, sys
from brownout.proxy import Fleet

if sys.argv[1] == "uvloop":
    import uvloop as runs
else:
    runs = asyncio

async def main():
    async with Fleet(seed=1) as fleet:
        for name in ("one", "two"):
            proxy = await fleet.add(name, sys.argv[2])
            print(proxy.address.port, flush=True)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        said, taken = asyncio.Queue(), []
        asyncio.get_running_loop().add_reader(0, lambda: said.put_nowait(os.read(0, 100)))
        while words := (await said.get()).decode().split():
            match words:
                case ["leave", count]:
                    try:
                        while True:
                            taken.append(os.open(os.devnull, os.O_RDONLY))
                    except OSError:
                        pass
                    for _ in range(int(count)):
                        os.close(taken.pop())
                case ["free"]:
                    while taken:
                        os.close(taken.pop())
                case ["await", kind, name]:
                    while not fleet.journal.events(kind=kind, proxy=name):
                        await asyncio.sleep(0.002)
                case ["closed", count]:
                    while len(fleet.journal.events(kind="connection_closed")) < int(count):
                        await asyncio.sleep(0.002)
            print(json.dumps({
                "events": [[e.kind, e.proxy, e.connection, getattr(e.event, "reason", None), e.event.error]
                           for e in fleet.journal.events() if e.kind.endswith("failed")],
                "closed": len(fleet.journal.events(kind="connection_closed")),
                "errors": {name: dict(proxy.errors) for name, proxy in fleet.proxies.items()},
                "links": {name: list(proxy.links) for name, proxy in fleet.proxies.items()},
            }), flush=True)

runs.run(main())
"""


class Limited:
    """A process that may have 64 descriptors, with the proxies one and two; its peers are the test's own sockets."""

    def __init__(self, loop: str) -> None:
        self.upstream = socket.create_server(("127.0.0.1", 0))
        self.upstream.settimeout(PATIENCE)
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", LIMITED, loop, f"127.0.0.1:{self.upstream.getsockname()[1]}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        self.ports = [int(self.line()) for _ in range(2)]
        self.sockets: list[socket.socket] = []

    def line(self) -> str:
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], PATIENCE)[0], "no answer"
        return self.process.stdout.readline().decode().strip()

    def tell(self, words: str) -> dict:
        assert self.process.stdin is not None
        self.process.stdin.write(words.encode())
        return json.loads(self.line())

    def connect(self, number: int) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.ports[number]), timeout=PATIENCE)
        self.sockets.append(client)
        return client

    def accepted(self) -> socket.socket:
        server, _ = self.upstream.accept()
        server.settimeout(PATIENCE)
        self.sockets.append(server)
        return server

    def end(self) -> None:
        """End the process, which must not have complained."""
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0
        assert self.process.stderr.read() == b""

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for each in (*self.sockets, self.upstream, self.process.stdin, self.process.stdout, self.process.stderr):
            each.close()


LOOPS = ["asyncio"] if sys.platform == "win32" else ["asyncio", "uvloop"]


@pytest.fixture(params=LOOPS)
def limited(request: pytest.FixtureRequest) -> Iterator[Limited]:
    process = Limited(request.param)
    yield process
    process.close()


def carries(client: socket.socket, server: socket.socket) -> bool:
    client.sendall(b"ping")
    assert server.recv(4) == b"ping"
    server.sendall(b"pong")
    return client.recv(4) == b"pong"


def test_no_descriptor_to_accept_with_is_told_and_the_client_waits(limited: Limited) -> None:
    open_link = limited.connect(1), limited.accepted()
    assert carries(*open_link)
    limited.tell("leave 0")
    waiting = limited.connect(0)  # into the backlog
    waiting.sendall(b"ping")
    state = limited.tell("await accept_failed one")
    assert state["events"][0] == ["accept_failed", "one", None, "no_descriptor", "Too many open files"]
    assert set(state["errors"]["one"]) == {"no_descriptor"}
    assert state["errors"]["two"] == {}
    assert state["links"] == {"one": [], "two": [1]}
    assert carries(*open_link)
    limited.tell("free")
    server = limited.accepted()
    assert server.recv(4) == b"ping"
    server.sendall(b"pong")
    assert waiting.recv(4) == b"pong"
    assert carries(limited.connect(0), limited.accepted())
    assert carries(limited.connect(1), limited.accepted())
    assert carries(*open_link)
    limited.end()


def test_no_descriptor_to_dial_with_is_told_and_the_client_is_reset(limited: Limited) -> None:
    open_link = limited.connect(1), limited.accepted()
    assert carries(*open_link)
    limited.tell("leave 1")
    with pytest.raises(ConnectionResetError):  # it may come before connect() has returned
        limited.connect(0).recv(1)
    state = limited.tell("closed 1")
    told = [event for event in state["events"] if event[0] == "dial_failed"]
    assert told == [["dial_failed", "one", 1, "no_descriptor", "Too many open files"]]
    assert state["errors"]["two"] == {}
    assert state["links"] == {"one": [], "two": [1]}
    assert carries(*open_link)
    limited.tell("free")
    assert carries(limited.connect(0), limited.accepted())
    assert carries(limited.connect(1), limited.accepted())
    assert carries(*open_link)
    limited.end()


def test_a_flood_of_clients_takes_all_descriptors_and_gives_them_back(limited: Limited) -> None:
    open_link = limited.connect(1), limited.accepted()
    assert carries(*open_link)
    flood = []
    for _ in range(100):
        with contextlib.suppress(ConnectionResetError):  # accepted, and reset before connect() came back
            flood.append(limited.connect(0))
    state = limited.tell("await accept_failed one")
    assert {event[3] for event in state["events"]} == {"no_descriptor"}
    assert carries(*open_link)
    for client in flood:
        client.close()
    deadline = time.monotonic() + PATIENCE
    while limited.tell("state")["closed"] < 100:
        assert time.monotonic() < deadline
        if select.select([limited.upstream], [], [], 0.02)[0]:
            limited.accepted().close()  # what the flood reached
    assert carries(*open_link)
    assert carries(limited.connect(1), limited.accepted())
    limited.end()
