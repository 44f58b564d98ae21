"""Bytes both ways at once, equal at both ends, with faults and without.

BROWNOUT_TRANSFER_MIB says how many each way (64); the full run is 1024, and 200 with faults.
"""

from __future__ import annotations

import hashlib
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from conftest import Gate, Town

MIB = 2**20
TEST_DEADLINE = 900.0
"""A full transfer on a slow machine."""
SILENCE = 60.0
"""Seconds without a byte after which a transfer is given up."""
STEPS = 200
SEED = 11
WINDOW = MIB
"""How far the senders may be ahead of the step that is next."""


def size() -> int:
    return int(os.environ.get("BROWNOUT_TRANSFER_MIB", "64")) * MIB


class Sender(threading.Thread):
    """Sends `total` bytes and a FIN; never more than what is allowed."""

    def __init__(self, sock: socket.socket, total: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._sock, self._total, self._seed = sock, total, seed
        self._allowed, self._more = total, threading.Condition()
        self._hash = hashlib.sha256()
        self.error: BaseException | None = None
        self.sent = 0

    def allow(self, amount: int) -> None:
        with self._more:
            self._allowed = min(amount, self._total)
            self._more.notify()

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def run(self) -> None:
        try:
            for chunk in chunks(self._seed, self._total):
                with self._more:
                    assert self._more.wait_for(lambda: self.sent < self._allowed, SILENCE), "nobody let us send"
                self._hash.update(chunk)
                self._sock.sendall(chunk)
                self.sent += len(chunk)
            self._sock.shutdown(socket.SHUT_WR)
        except BaseException as error:
            self.error = error


class Receiver(threading.Thread):
    """Reads to the end of the stream."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(daemon=True)
        self._sock = sock
        self._hash = hashlib.sha256()
        self.error: BaseException | None = None
        self.got = 0

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def run(self) -> None:
        buffer = bytearray(256 * 1024)
        view = memoryview(buffer)
        try:
            while count := self._sock.recv_into(buffer):
                self._hash.update(view[:count])
                self.got += count
        except BaseException as error:
            self.error = error


def chunks(seed: int, total: int) -> Iterator[memoryview]:
    """Pieces of all sizes, out of 4 MiB of noise, never twice in the same order."""
    rng = random.Random(seed)
    noise = memoryview(rng.randbytes(4 * MIB))
    while total:
        length = min(total, rng.choice((1, 100, 1448, 10_000, 65_536, 200_000, 400_000)))
        start = rng.randrange(len(noise) - length)
        yield noise[start : start + length]
        total -= length


class Both(NamedTuple):
    """A link, and what goes both ways over it."""

    senders: tuple[Sender, Sender]
    receivers: tuple[Receiver, Receiver]

    def join(self) -> None:
        """Wait for the ends of both streams, as long as bytes arrive."""
        before, since = -1, time.monotonic()
        while any(thread.is_alive() for thread in (*self.senders, *self.receivers)):
            if (got := sum(receiver.got for receiver in self.receivers)) > before:
                before, since = got, time.monotonic()
            assert time.monotonic() < since + SILENCE, f"nothing comes any more; there came {got} bytes"
            time.sleep(0.001)

    def check(self, gate: Gate, total: int) -> None:
        assert [thread.error for thread in (*self.senders, *self.receivers)] == [None] * 4
        assert [receiver.got for receiver in self.receivers] == [total, total]
        assert [receiver.digest for receiver in self.receivers] == [sender.digest for sender in self.senders]
        assert self.senders[0].digest != self.senders[1].digest
        gate.settle()
        assert (gate.bytes("upstream"), gate.bytes("downstream")) == (total, total)
        assert gate.ends() == ["closed"]


@contextmanager
def both(town: Town, total: int) -> Iterator[tuple[Gate, Both]]:
    """A link through a proxy whose both ends are ours."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SILENCE)
        gate = town.add(f"127.0.0.1:{listener.getsockname()[1]}")
        with gate.connect() as client, listener.accept()[0] as server:
            for sock in (client, server):
                sock.settimeout(SILENCE)
            senders = Sender(client, total, 1), Sender(server, total, 2)
            receivers = Receiver(server), Receiver(client)
            yield gate, Both(senders, receivers)


def test_bytes_are_untouched_both_ways_at_once(town: Town) -> None:
    total = size()
    with both(town, total) as (gate, link):
        start = time.monotonic()
        for thread in (*link.receivers, *link.senders):
            thread.start()
        link.join()
        report("nothing injected", total, start)
        link.check(gate, total)


@pytest.mark.parametrize("injected", [False, True], ids=["nothing injected", "noop"])
def test_what_a_client_says_before_the_upstream_is_connected_is_not_lost(town: Town, injected: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SILENCE)
        gate = town.add(f"127.0.0.1:{listener.getsockname()[1]}")
        if injected:
            gate.inject("noop", stream="both")

        def hurry() -> socket.socket:
            sock = gate.dial()
            sock.sendall(b"early")
            sock.shutdown(socket.SHUT_WR)
            return sock

        # The loop stands still meanwhile: all of this is there before it has even accepted.
        with town.call(hurry) as client, listener.accept()[0] as server:
            server.settimeout(SILENCE)
            assert [server.recv(100), server.recv(100)] == [b"early", b""]
            server.sendall(b"answer")
            server.close()
            assert [client.recv(100), client.recv(100)] == [b"answer", b""]
        gate.settle()
        assert gate.ends() == ["closed"]


def test_neither_socket_waits_for_more_before_it_sends(town: Town) -> None:
    with both(town, 0) as (gate, _):
        [link] = gate.links()
        sockets = [side.transport.get_extra_info("socket") for side in (link.client, link.server)]
        assert town.call(lambda: [sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for sock in sockets]) == [
            1,
            1,
        ]


def fault(rng: random.Random) -> dict[str, str]:
    """A fault that neither discards nor cuts, and settings for it that slow a transfer but do not stop it."""
    return rng.choice((
        {"fault": "latency", "latency": f"{rng.randrange(1, 30)}ms", "jitter": f"{rng.randrange(30)}ms"},
        {"fault": "latency", "latency": "20ms", "jitter": "5ms", "distribution": "pareto", "correlation": "50%"},
        {"fault": "bandwidth", "rate": f"{rng.randrange(50, 500)}MB/s", "buffer": rng.choice(("64KB", "1MB", "8MB"))},
        {"fault": "bandwidth", "rate": "100MB/s", "burst": "1MB", "shared": "true"},
        {"fault": "slicer", "average_size": f"{rng.randrange(8, 64)}KB", "size_variation": "7KB", "delay": "100us"},
        {"fault": "noop"},
        {"fault": "slow_close", "delay": "200ms"},
    ))  # fmt: skip


def step(gate: Gate, rng: random.Random, armed: dict[str, str], did: list[str]) -> None:
    """Inject, change or heal something, whatever comes."""
    verbs = (
        ["inject"] * 3 * (len(armed) < 5) + ["change", "change", "heal"] * bool(armed) + ["heal all"] * (len(armed) > 2)
    )
    verb = rng.choice(verbs)
    if verb == "inject":
        given = fault(rng)
        injection = gate.inject(**given, stream=rng.choice(("upstream", "downstream", "both")))
        armed[injection.name] = given["fault"]
    elif verb == "change":
        name = rng.choice(sorted(armed))
        settings = fault(rng)
        while settings["fault"] != armed[name]:
            settings = fault(rng)
        gate.change(name, **{key: value for key, value in settings.items() if key != "fault"})
    elif verb == "heal":
        name = rng.choice(sorted(armed))
        del armed[name]
        assert gate.heal(name) == 1
    else:
        assert gate.heal() == len(armed)
        armed.clear()
    did.append(verb)


def test_bytes_are_untouched_while_faults_come_change_and_go(town: Town) -> None:
    total, rng = size(), random.Random(SEED)
    armed: dict[str, str] = {}
    did: list[str] = []
    busy = 0
    with both(town, total) as (gate, link):
        start = time.monotonic()
        for sender in link.senders:
            sender.allow(0)
        for thread in (*link.receivers, *link.senders):
            thread.start()
        for number in range(STEPS):
            # The senders wait for us, so that bytes are on the way at every step.
            reached = total * number // STEPS
            for sender in link.senders:
                sender.allow(reached + WINDOW if number < STEPS - 1 else total)
            end = time.monotonic() + SILENCE
            while sum(receiver.got for receiver in link.receivers) < 2 * reached:
                assert all(thread.error is None for thread in (*link.senders, *link.receivers))
                assert time.monotonic() < end, f"stuck at step {number}, with {armed}, after {did}"
                time.sleep(0.0005)
            step(gate, rng, armed, did)
            busy += town.call(lambda: any(held(each) for each in gate.proxy.links.values()))
        link.join()
        report(f"{STEPS} steps, bytes waiting in a pipe after {busy}", total, start)
        link.check(gate, total)
    counts = {verb: did.count(verb) for verb in ("inject", "change", "heal", "heal all")}
    assert sum(counts.values()) == STEPS
    assert min(counts.values()) >= 5, counts
    assert busy >= STEPS // 4, "the steps met few bytes that waited"


def held(link: object) -> int:
    """How many bytes wait in the two pipes of a link."""
    pipes = [side.pipe for side in (link.client, link.server)]
    return sum(pipe.waiting for pipe in pipes if pipe is not None)


def report(what: str, total: int, start: float) -> None:
    """What `pytest -s` shows."""
    seconds = time.monotonic() - start
    print(f"\n{what}: {total // MIB} MiB each way in {seconds:.2f} s, {2 * total / seconds / 1e6:.0f} MB/s in all")
