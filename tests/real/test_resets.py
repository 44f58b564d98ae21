"""How links end, as plain sockets see it: the figures are those of the system's own calls."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import pytest

from brownout.proxy import Limits
from brownout.proxy.record.event import DialFailed

if TYPE_CHECKING:
    from conftest import Gate, Town

PATIENCE = 60.0
LENGTHS = [1, 1000, 65_536, 1_000_000, 4_000_000]
PLENTY = 16 * 2**20
"""More than is on its way at a time, usually."""
BUFFERS = 128 * 2**20
"""More than all buffers on the way take, with tcp_rmem of 32 MB as well: who sends this to nobody is held back."""

Ends = tuple[socket.socket, socket.socket]


class Reading(NamedTuple):
    """What was read until the stream ended, and how it ended."""

    data: bytes
    error: int | None

    @property
    def how(self) -> tuple[int, str]:
        return len(self.data), "EOF" if self.error is None else errno.errorcode[self.error]


def read(sock: socket.socket) -> Reading:
    """Read until the stream ends; a socket's timeout counts as an end, ETIMEDOUT."""
    data = bytearray()
    try:
        while part := sock.recv(65_536):
            data += part
    except OSError as error:
        return Reading(bytes(data), error.errno or errno.ETIMEDOUT)
    return Reading(bytes(data), None)


def end_of(gate: Gate, said: bytes = b"") -> Reading:
    """Connect, say something, and read to the end: a RST may come before `connect()` has returned."""
    try:
        with gate.dial() as sock:
            sock.sendall(said)
            return read(sock)
    except ConnectionError as error:
        return Reading(b"", error.errno)


def exactly(sock: socket.socket, length: int) -> bytes:
    """Read `length` bytes (MSG_WAITALL does not wait on a socket with a timeout)."""
    data = bytearray()
    while part := sock.recv(length - len(data)) if len(data) < length else b"":
        data += part
    return bytes(data)


def reset(sock: socket.socket) -> None:
    """Close with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def fill(sock: socket.socket) -> None:
    """Send to somebody who does not read, until nothing is taken for half a second."""
    sock.settimeout(0.5)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < BUFFERS:
            sent += sock.send(bytes(65_536))
    assert sent < BUFFERS, "the sender was not held back"
    sock.settimeout(PATIENCE)


class Answering(threading.Thread):
    """An upstream that reads a question and sends an answer; `error` is how that failed."""

    def __init__(self, sock: socket.socket, question: bytes, answer: bytes) -> None:
        super().__init__(daemon=True)
        self._sock, self._question, self._answer = sock, question, answer
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            assert exactly(self._sock, len(self._question)) == self._question
            self._sock.sendall(self._answer)
        except BaseException as error:
            self.error = error


class Ports:
    """An upstream whose connections the test answers itself."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._stack = contextlib.ExitStack()

    def link(self, gate: Gate) -> Ends:
        """Open a link and return both its ends: the client's, the upstream's."""
        client = self._stack.enter_context(gate.connect())
        server = self._stack.enter_context(self._listener.accept()[0])
        for sock in (client, server):
            sock.settimeout(PATIENCE)
        return client, server

    def answers(self, server: socket.socket, question: bytes, answer: bytes) -> Answering:
        """Let the upstream answer a question in a thread."""
        answering = Answering(server, question, answer)
        answering.start()
        self._stack.callback(answering.join, PATIENCE)
        return answering

    def close(self) -> None:
        self._listener.close()
        self._stack.close()


@pytest.fixture
def ports() -> Iterator[Ports]:
    ports = Ports()
    yield ports
    ports.close()


@pytest.fixture
def gate(town: Town, ports: Ports) -> Gate:
    return town.add(ports.address)


# Faults


def test_a_reset_of_an_open_idle_link_is_econnreset_at_both_ends(gate: Gate, ports: Ports) -> None:
    client, server = ports.link(gate)
    injection = gate.inject("reset")
    assert read(client) == (b"", errno.ECONNRESET)
    assert read(server) == (b"", errno.ECONNRESET)
    gate.settle()
    assert (injection.matched, injection.fired) == (1, 1)
    assert gate.ends() == ["reset"]


def test_a_reset_of_a_link_that_has_carried_is_econnreset_at_both_ends(gate: Gate, ports: Ports) -> None:
    client, server = ports.link(gate)
    for sender, receiver in ((client, server), (server, client)):
        sender.sendall(b"hello")
        assert exactly(receiver, 5) == b"hello"
    gate.inject("reset")
    assert read(client) == (b"", errno.ECONNRESET)
    assert read(server) == (b"", errno.ECONNRESET)
    gate.settle()
    assert gate.ends() == ["reset"]
    assert (gate.bytes("upstream"), gate.bytes("downstream")) == (5, 5)


def test_a_delayed_reset_comes_when_its_time_has_come(gate: Gate, ports: Ports) -> None:
    client, _ = ports.link(gate)
    start = time.monotonic()
    gate.inject("reset", delay="300ms")
    assert read(client) == (b"", errno.ECONNRESET)
    assert 0.3 <= time.monotonic() - start < PATIENCE


@pytest.mark.parametrize("live", [True, False], ids=["on an open link", "before it opens"])
@pytest.mark.parametrize("length", LENGTHS)
def test_a_reset_after_n_bytes_delivers_exactly_n(gate: Gate, ports: Ports, length: int, live: bool) -> None:
    settings = {"bytes": f"{length}B"}
    if not live:
        gate.inject("reset", **settings)
    client, server = ports.link(gate)
    if live:
        gate.inject("reset", **settings)
    answer = os.urandom(length) + bytes(PLENTY)
    answering = ports.answers(server, b"a question", answer)
    client.sendall(b"a question")
    got = read(client)
    assert got.how == (length, "ECONNRESET")
    assert got.data == answer[:length]
    answering.join(PATIENCE)
    assert isinstance(answering.error, ConnectionResetError)
    gate.settle()
    assert gate.ends() == ["reset"]
    assert gate.bytes("upstream") == len(b"a question")


@pytest.mark.parametrize("length", LENGTHS)
def test_a_disconnect_after_n_bytes_delivers_exactly_n_and_a_clean_end(gate: Gate, ports: Ports, length: int) -> None:
    client, server = ports.link(gate)
    gate.inject("disconnect", bytes=f"{length}B")
    answer = os.urandom(length) + bytes(PLENTY)
    ports.answers(server, b"a question", answer)
    client.sendall(b"a question")
    got = read(client)
    assert got.how == (length, "EOF")
    assert got.data == answer[:length]
    gate.settle()
    assert gate.ends() == ["closed"]


def test_a_disconnect_is_a_clean_end_for_a_client_that_goes_on_talking(gate: Gate, ports: Ports) -> None:
    client, server = ports.link(gate)
    gate.inject("disconnect", bytes="4MB")
    answer = os.urandom(4_000_000) + bytes(PLENTY)
    over = threading.Event()

    def talk() -> None:
        with contextlib.suppress(ConnectionError):
            while not over.wait(0.0005):
                client.sendall(b"and another question")

    thread = threading.Thread(target=talk)
    ports.answers(server, b"a question", answer)
    client.sendall(b"a question")
    thread.start()
    got = read(client)
    over.set()
    thread.join(PATIENCE)
    assert got.how == (4_000_000, "EOF")
    assert got.data == answer[:4_000_000]


@pytest.mark.parametrize("length", [1_000, 4_000_000])
def test_limit_data_delivers_exactly_n_and_a_clean_end(gate: Gate, ports: Ports, length: int) -> None:
    client, server = ports.link(gate)
    gate.inject("limit_data", bytes=f"{length}B")
    answer = os.urandom(length) + bytes(PLENTY)
    ports.answers(server, b"a question", answer)
    client.sendall(b"a question")
    got = read(client)
    assert got.how == (length, "EOF")
    assert got.data == answer[:length]


def test_a_disconnect_is_a_clean_end_at_both_ends(gate: Gate, ports: Ports) -> None:
    client, server = ports.link(gate)
    gate.inject("disconnect")
    assert read(client) == (b"", None)
    assert read(server) == (b"", None)
    gate.settle()
    assert gate.ends() == ["closed"]


@pytest.mark.parametrize("end", ["FIN", "RST"])
@pytest.mark.parametrize("who", ["client", "upstream"])
def test_half_open_hides_that_an_end_has_gone_until_it_is_healed(
    gate: Gate, ports: Ports, town: Town, who: str, end: str
) -> None:
    client, server = ports.link(gate)
    injection = gate.inject("half_open")
    goes, stays = (client, server) if who == "client" else (server, client)
    goes.sendall(b"hello")
    town.until(lambda: injection.bytes == 5, "the proxy has swallowed what was said")
    if end == "FIN":
        goes.close()
    else:
        reset(goes)
    stays.settimeout(0.5)
    assert read(stays) == (b"", errno.ETIMEDOUT)
    stays.sendall(b"are you there?")
    assert len(gate.links()) == 1
    gate.heal()
    stays.settimeout(PATIENCE)
    assert read(stays).data == b""
    gate.settle()


# What the two ends do themselves


@pytest.mark.parametrize(
    ("faults", "length", "least"),
    [
        ([], 40_000_000, 0.0),
        # 1 MB and 5 MB at 20 MB/s, and both streams' latencies.
        ([{"fault": "latency", "latency": "100ms"}, {"fault": "bandwidth", "rate": "20MB/s"}], 5_000_000, 0.5),
        # The upstream has long since closed when the sweep comes and looks after who is not read.
        ([{"fault": "latency", "latency": "1.2s", "jitter": "1ms"}], 100_000, 2.39),
        ([{"fault": "bandwidth", "rate": "1MB/s"}], 1_500_000, 2.49),
    ],
    ids=["nothing injected", "latency and bandwidth", "latency", "bandwidth"],
)
def test_a_half_closing_client_gets_its_whole_answer(
    gate: Gate, ports: Ports, faults: list[dict[str, str]], length: int, least: float
) -> None:
    for fault in faults:
        gate.inject(**fault, stream="both")
    client, server = ports.link(gate)
    question, answer = os.urandom(1_000_000), os.urandom(length)
    heard: list[Reading] = []
    start = time.monotonic()
    thread = threading.Thread(target=lambda: (heard.append(read(server)), server.sendall(answer), server.close()))
    thread.start()
    client.sendall(question)
    client.shutdown(socket.SHUT_WR)
    got = read(client)
    took = time.monotonic() - start
    thread.join(PATIENCE)
    assert heard == [(question, None)]
    assert got.how == (length, "EOF")
    assert got.data == answer
    assert least <= took < least + PATIENCE
    gate.settle()
    assert gate.ends() == ["closed"]
    assert (gate.bytes("upstream"), gate.bytes("downstream")) == (len(question), len(answer))


def test_a_half_closing_upstream_goes_on_hearing(gate: Gate, ports: Ports) -> None:
    client, server = ports.link(gate)
    server.shutdown(socket.SHUT_WR)
    assert read(client) == (b"", None)
    client.sendall(b"still here")
    client.close()
    assert read(server) == (b"still here", None)
    gate.settle()
    assert gate.ends() == ["closed"]


@pytest.mark.parametrize("injected", [False, True], ids=["nothing injected", "latency"])
@pytest.mark.parametrize("who", ["client", "upstream"])
def test_a_reset_from_one_end_reaches_the_other(gate: Gate, ports: Ports, who: str, injected: bool) -> None:
    if injected:
        gate.inject("latency", latency="50ms", stream="both")
    client, server = ports.link(gate)
    breaks, reads = (client, server) if who == "client" else (server, client)
    reset(breaks)
    assert read(reads) == (b"", errno.ECONNRESET)
    gate.settle()
    assert gate.ends() == [f"reset by {'client' if who == 'client' else 'server'}"]


@pytest.mark.parametrize("paused", ["upstream", "downstream"])
@pytest.mark.parametrize("who", ["client", "upstream"])
def test_a_reset_reaches_the_other_end_of_a_link_that_is_held_back(
    gate: Gate, ports: Ports, who: str, paused: str
) -> None:
    client, server = ports.link(gate)
    fill(client if paused == "upstream" else server)
    breaks, reads = (client, server) if who == "client" else (server, client)
    start = time.monotonic()
    reset(breaks)
    gate.settle()
    # The sweep comes once a second; a link that ends has a second for what was written.
    assert time.monotonic() - start < 2 + PATIENCE
    got = read(reads)
    assert got.error == errno.ECONNRESET
    assert len(got.data) < PLENTY
    assert gate.ends() == [f"reset by {'client' if who == 'client' else 'server'}"]


# Upstreams that are not there


def test_a_refused_dial_resets_the_client_and_the_journal_says_why(town: Town, reserve: Callable[[], str]) -> None:
    upstream = reserve()
    gate = town.add(upstream)
    assert end_of(gate) == (b"", errno.ECONNRESET)
    gate.settle()
    [event] = gate.events(DialFailed)
    assert event.detail() == {"reason": "dial_refused", "error": "Connection refused", "upstream": upstream}
    assert gate.ends() == ["dial_refused"]
    assert town.call(lambda: dict(gate.proxy.errors)) == {"dial_refused": 1}


def test_a_dial_without_an_answer_resets_the_client_and_the_journal_says_why(
    make_town: Callable[[Limits], Town],
) -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        where = listener.getsockname()
        for _ in range(100):  # until the backlog is full
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0.3)
            try:
                filler.connect(where)
            except TimeoutError:
                break
        else:
            pytest.fail("the backlog takes every connection")
        town = make_town(Limits(dial=0.3))
        gate = town.add(f"127.0.0.1:{where[1]}")
        start = time.monotonic()
        assert end_of(gate, b"anybody there?") == (b"", errno.ECONNRESET)
        assert 0.3 <= time.monotonic() - start < PATIENCE
        gate.settle()
        [event] = gate.events(DialFailed)
        assert event.reason == "dial_timeout"
        assert event.error == "no answer within 0.3s"
        assert gate.ends() == ["dial_timeout"]


UPSTREAM = """
import socket
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    sock, _ = listener.accept()
    sock.recv(1)
    while True:
        sock.sendall(bytes(65536))
"""


def death(client: Callable[[str], socket.socket], question: bytes) -> str:
    """Kill an upstream in the midst of its answer and return how the client's stream ends."""
    with subprocess.Popen([sys.executable, "-c", UPSTREAM], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            with client(f"127.0.0.1:{process.stdout.readline().strip()}") as sock:
                sock.sendall(question)
                assert len(exactly(sock, 1_000_000)) == 1_000_000
                os.kill(process.pid, signal.SIGKILL)
                got = read(sock)
                assert len(got.data) < PLENTY
                return got.how[1]
        finally:
            process.kill()


@pytest.mark.parametrize(("question", "end"), [(b"?", "EOF"), (b"? and more", "ECONNRESET")], ids=["FIN", "RST"])
def test_an_upstream_that_dies_in_mid_stream_looks_as_it_does_without_a_proxy(
    town: Town, ports: Ports, question: bytes, end: str
) -> None:
    def direct(address: str) -> socket.socket:
        host, _, port = address.rpartition(":")
        return socket.create_connection((host, int(port)), timeout=PATIENCE)

    def proxied(address: str) -> socket.socket:
        return town.add(address, "doomed").dial()

    other = town.add(ports.address, "other")
    client, server = ports.link(other)
    # What the upstream has not read when it dies makes its system answer by RST.
    assert death(direct, question) == end
    assert death(proxied, question) == end
    town.until(lambda: not town.fleet.proxy("doomed").links, "the link is gone")
    [closed] = town.call(lambda: town.fleet.journal.events(proxy="doomed", kind="connection_closed"))
    assert closed.event.reason == ("closed" if end == "EOF" else "reset by server")
    server.sendall(b"still here")
    assert exactly(client, 10) == b"still here"
