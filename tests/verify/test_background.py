"""What an application asks in the background, and at its start, is not what a test asks."""

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from brownout.proxy import Fleet, Proxy
from brownout.testing.verified.channel import Renewed
from brownout.verify import tests as sessions
from brownout.verify.lane import Lane
from brownout.verify.traffic import Traffic
from brownout.verify.watch import CallSeen, Phase, Seen, Watch

TEST = "tests/test_shop.py::test_pay"
PHASE = {
    "outcome": "passed",
    "at": 0.0,
    "seconds": 0.1,
    "failure": None,
    "log": "",
    "reason": "",
    "ended": (),
    "hands": (),
}
Ask = Callable[[], Awaitable[object]]


def said(kind: str, **values: object) -> dict[str, Any]:
    return {"kind": kind, "test": TEST, **values}


async def call(watch: Watch, ask: Ask | None = None, renewed: Renewed = "function") -> None:
    """A call of a test with one request, in which something is asked or nothing."""
    await watch.follow(said("phase", when="setup", renewed=renewed, **PHASE))
    await watch.follow(said("calls"))
    await watch.follow(said("enter", what="GET /"))
    if ask is not None:
        await ask()
    await watch.follow(said("leave", status=200, at=0.0, seconds=0.0, failure=None, logged=None, body=""))
    await watch.follow(said("phase", when="call", **PHASE))


@contextlib.asynccontextmanager
async def asking(proxy: Proxy) -> AsyncIterator[Ask]:
    """Connect, and give what asks and waits for the answer."""
    assert proxy.address is not None
    reader, writer = await asyncio.open_connection(proxy.address.host, proxy.address.port)

    async def ask() -> None:
        writer.write(b"?")
        await reader.readexactly(1)

    yield ask
    writer.close()


@contextlib.asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def again_and_again(ask: Ask) -> None:
    while True:
        await asyncio.sleep(0.02)
        await ask()


def seen(echo: str, test: Callable[[Watch, Ask], Awaitable[None]], *, polls: bool = False) -> Seen:
    """What is seen of a test; with a poller, or without."""

    async def run() -> Seen:
        async with Fleet(seed=1) as fleet:
            proxy = await fleet.add("p", f"tcp://{echo}")
            async with asking(proxy) as ask, asking(proxy) as other:
                await ask()
                watch = Watch(fleet, None, usual={"p"})
                await watch.follow(said("test"))
                async with beside(again_and_again(other)) if polls else contextlib.nullcontext():
                    await test(watch, ask)
                return watch.seen[0]

    return asyncio.run(run())


@pytest.mark.parametrize("polls", [False, True])
def test_what_is_not_asked_in_each_call_is_looked_for_in_the_background(echo: str, polls: bool) -> None:
    async def asks_once(watch: Watch, ask: Ask) -> None:
        await call(watch, ask)
        await call(watch)

    found = seen(echo, asks_once, polls=polls)
    assert set(found.calls[0].inside) == {"p"}
    assert found.background == ({"p"} if polls else set())


def test_what_is_asked_in_each_call_is_not(echo: str) -> None:
    async def asks(watch: Watch, ask: Ask) -> None:
        await call(watch, ask)
        await call(watch, ask)

    assert seen(echo, asks, polls=True).background == set()


def test_a_call_on_the_same_fixtures_shows_nothing_of_the_background(echo: str) -> None:
    async def asks_once(watch: Watch, ask: Ask) -> None:
        await call(watch, ask)
        await call(watch, renewed="nothing")

    assert seen(echo, asks_once, polls=True).background == set()


def test_what_is_asked_at_the_start_is_waited_for(echo: str) -> None:
    async def starts(watch: Watch, ask: Ask) -> None:
        async def warm_up() -> None:
            for _ in range(5):
                await ask()
                await asyncio.sleep(0.01)

        async with beside(warm_up()):
            await call(watch, lambda: asyncio.sleep(0.1))

    assert seen(echo, starts).inside == {}


BUSY = """
import socket, sys, time
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as link:
    link.sendall(b"?")
    link.recv(1)
    print("connected", flush=True)
    sys.stdin.readline()
    until = time.process_time() + float(sys.argv[2])
    while time.process_time() < until:
        pass
    link.sendall(b"?")
    link.recv(1)
    print("asked", flush=True)
    sys.stdin.readline()
"""
WORKS = 0.1
"""Seconds of a processor that the application needs for its start."""


def test_what_an_application_asks_late_at_its_start_since_it_works_is_waited_for(echo: str) -> None:
    async def run() -> Seen:
        async with Fleet(seed=1) as fleet:
            proxy = await fleet.add("p", f"tcp://{echo}")
            assert proxy.address is not None
            words = [sys.executable, "-c", BUSY, str(proxy.address.port), str(WORKS)]
            application = await asyncio.create_subprocess_exec(*words, stdin=PIPE, stdout=PIPE)
            assert application.stdin is not None
            assert application.stdout is not None
            assert await application.stdout.readline() == b"connected\n"
            watch = Watch(fleet, None)
            await watch.follow(said("test", pid=application.pid))
            application.stdin.write(b"\n")
            await call(watch, application.stdout.readline)
            await application.communicate(b"\n")
            return watch.seen[0]

    assert asyncio.run(run()).inside == {}


def counted(test: str, *calls: set[str], background: frozenset[str] = frozenset()) -> Seen:
    """A test whose calls were green and asked something of these dependencies."""
    found = Seen(test)
    for names in calls:
        found.calls.append(CallSeen())
        found.calls[-1].setup = found.calls[-1].call = Phase("passed", 0.01, None, "", (), "")
        found.calls[-1].inside = {name: Traffic(1, 1) for name in names}
    found.background = background
    return found


def test_what_a_test_met_by_chance_in_all_its_calls_shows_when_it_is_called_more_often() -> None:
    known_to_poll = counted("a", {"redis"}, set(), background=frozenset({"redis"}))
    by_chance, uses_it = counted("b", {"redis", "db"}, {"redis"}), counted("c", {"redis"}, {"redis"})
    more = {"b": counted("b", {"redis"}, set(), {"redis"}), "c": counted("c", {"redis"}, {"redis"}, {"redis"})}
    asked = []

    class Told(sessions.Tests):
        async def _healthy(self, lane: Lane, tests: Sequence[str], *given: Any) -> Any:
            asked.append(tests[0])
            return SimpleNamespace(seen=[more.get(tests[0], known_to_poll)]), None

    alone = {each.test: each for each in (known_to_poll, by_chance, uses_it)}
    nobody: Any = None
    asyncio.run(Told(nobody, nobody, nobody)._look_for_chance(nobody, list(alone.values()), alone))
    assert asked == ["a", "b", "c"]
    assert {test: seen.chance for test, seen in alone.items()} == {"a": {"redis"}, "b": {"redis"}, "c": set()}


def test_what_came_up_only_among_others_is_not_what_a_test_asks() -> None:
    known: Any = SimpleNamespace(journeys={}, healthy={}, usual={}, note_used=lambda *_: None)
    together, alone = counted("a", {"redis", "db"}), counted("a", {"redis"}, {"redis", "rates"})
    together.calls[0].inside["rates"] = Traffic(1, 1)
    alone.calls[0].open, alone.kept = {"redis": 1}, CallSeen()
    alone.kept.open = {"redis": 2}
    nobody: Any = None
    sessions.Tests(known, nobody, nobody)._know(together, alone, nobody, 0.1, [])
    assert set(known.usual["a"].inside) == {"redis", "rates"}
    assert known.healthy["a"].open == {"redis": 2}, "the call on the same fixtures is a healthy one too"
