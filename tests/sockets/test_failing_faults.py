"""A fault that raises ends the connection that it was asked about, and nothing else."""

import asyncio
import math
from collections.abc import Iterator

import pytest

from brownout.faults import Fault, Spec
from brownout.faults.action import Rewrite
from brownout.faults.http.fault import HttpFault
from brownout.faults.segment import Kind, Segment, Stage, StageContext
from brownout.faults.settings.units import Duration
from brownout.faults.tcp.latency import Latency
from brownout.proxy.record.event import ConnectionClosed, ConnectionFailed

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class BrokenError(ArithmeticError):
    """What they raise."""


class AtStart(Fault, frozen=True):
    """Raises when it joins."""

    name = "at_start"

    def start(self, context: StageContext) -> Stage:
        raise BrokenError


class AtData(Fault, frozen=True):
    """Raises when bytes come."""

    name = "at_data"

    def start(self, context: StageContext) -> Stage:
        def stage(segment: Segment) -> list[Segment]:
            if segment.kind is Kind.DATA:
                raise BrokenError
            return [segment]

        return stage


class AtAlarm(Fault, frozen=True):
    """Raises when it is called without data."""

    name = "at_alarm"

    def start(self, context: StageContext) -> Stage:
        def stage(segment: Segment) -> list[Segment]:
            if segment.kind is Kind.ALARM:
                raise BrokenError
            return [segment, Segment(segment.at + 0.01, kind=Kind.ALARM)]

        return stage


class AtCutting(Fault, frozen=True):
    """Raises when it is asked for a piece."""

    name = "at_cutting"

    def start(self, context: StageContext) -> Stage:
        def stage(segment: Segment) -> Iterator[Segment]:
            if segment.kind is Kind.DATA:
                yield segment._replace(data=segment.data[:1], at=segment.at + 0.01)
                raise BrokenError
            yield segment

        return stage


class AtEnd(Fault, frozen=True):
    """Raises when the stream ends."""

    name = "at_end"

    def start(self, context: StageContext) -> Stage:
        def stage(segment: Segment) -> list[Segment]:
            if segment.kind is Kind.EOF:
                raise BrokenError
            return [segment]

        return stage


class AtAccept(Fault, frozen=True):
    """Raises when a client comes."""

    name = "at_accept"
    streams = ()

    def admit(self, ahead: int) -> float | None:
        raise BrokenError


class AtRequest(HttpFault, frozen=True):
    """Raises when a request comes."""

    name = "at_request"

    def on_request(self, request, rng):
        raise BrokenError


class AtReply(HttpFault, frozen=True):
    """Raises when a reply comes."""

    name = "at_reply"
    acts_on = "reply"

    def on_reply(self, request, reply, rng):
        raise BrokenError


class AtRewriting(HttpFault, frozen=True):
    """Raises when the whole reply is there."""

    name = "at_rewriting"
    acts_on = "reply"

    def on_reply(self, request, reply, rng):
        def rewrite(data: bytes) -> bytes:
            raise BrokenError

        return (Rewrite(rewrite, whole=True),)


@pytest.fixture
def told() -> list[dict[str, object]]:
    """What the loop was told of."""
    return []


def listen_to(told: list[dict[str, object]]) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))


async def how_it_ends(reader: asyncio.StreamReader) -> str:
    try:
        return f"FIN behind {await reader.read()!r}"
    except ConnectionResetError:
        return "RST"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(OK)


def check_it_ended(world, told, proxy) -> None:
    """Check that the journal and the loop know why, and that nothing is left."""
    assert {event.error for event in world.events(ConnectionFailed)} == {"BrokenError: "}
    assert {event.reason for event in world.events(ConnectionClosed) if event.proxy == proxy.name} == {"error"}
    assert {type(context["exception"]) for context in told} == {BrokenError}
    assert not proxy.links


@pytest.mark.parametrize("fault", [AtStart(), AtData(), AtAlarm(), AtCutting(), AtEnd()], ids=lambda fault: fault.name)
async def test_one_of_streams(world, told, fault) -> None:
    listen_to(told)
    proxy, other = await world.proxy("p"), await world.proxy("other")
    proxy.inject(Spec(fault, stream="upstream"))
    reader, writer = await world.connect(proxy)
    writer.write(b"hello")
    if fault.name == "at_end":
        writer.write_eof()
    assert await how_it_ends(reader) == "RST"
    await world.until(lambda: not proxy.links)
    check_it_ended(world, told, proxy)
    reader, writer = await world.connect(other)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"


async def test_one_that_is_placed_on_open_connections(world, told) -> None:
    listen_to(told)
    proxy, reader, _, _, _ = await world.pair()
    assert proxy.inject(Spec(AtStart())).chosen == 1
    assert await how_it_ends(reader) == "RST"
    await world.until(lambda: not proxy.links)
    check_it_ended(world, told, proxy)


async def test_one_that_gets_what_another_one_held_when_that_is_healed(world, told) -> None:
    listen_to(told)
    proxy = await world.proxy()
    proxy.inject(Spec(Latency(latency=Duration(100)), stream="upstream", name="slow"))
    proxy.inject(Spec(AtData(), stream="upstream"))
    reader, writer = await world.connect(proxy)
    writer.write(b"hello")
    await world.until(lambda: proxy.bytes("upstream") == 5)
    proxy.heal("slow")
    assert await how_it_ends(reader) == "RST"
    await world.until(lambda: not proxy.links)
    check_it_ended(world, told, proxy)
    assert list(proxy.injections) == ["at_data"]


async def test_one_that_is_asked_when_a_client_comes(world, told) -> None:
    listen_to(told)
    proxy = await world.proxy()
    proxy.inject(Spec(AtAccept()))

    async def speak() -> None:
        reader, _ = await world.connect(proxy)  # which may be reset already
        await reader.readexactly(1)

    with pytest.raises(ConnectionResetError):
        await speak()
    await world.until(lambda: not proxy.links)
    check_it_ended(world, told, proxy)
    proxy.heal()
    reader, writer = await world.connect(proxy)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"


async def test_one_that_is_asked_again_about_clients_that_wait(world, told) -> None:
    listen_to(told)
    proxy = await world.proxy()
    waits = [math.inf]

    class Later(Fault, frozen=True):
        """Lets clients wait, and raises when it is asked again."""

        name = "later"
        streams = ()

        def admit(self, ahead: int) -> float | None:
            if waits:
                return waits[-1]
            raise BrokenError

    proxy.inject(Spec(Later()))
    reader, _ = await world.connect(proxy)
    await world.until(lambda: proxy.gate.waiting)
    waits.clear()
    proxy.gate.ask_soon()
    assert await how_it_ends(reader) == "RST"
    await world.until(lambda: not proxy.links)
    check_it_ended(world, told, proxy)


@pytest.mark.parametrize("fault", [AtRequest(), AtReply(), AtRewriting()], ids=lambda fault: fault.name)
async def test_one_of_requests(world, told, fault) -> None:
    listen_to(told)
    proxy = await world.proxy("p", f"http://{await world.serve(answer)}")
    proxy.inject(Spec(fault))
    reader, writer = await world.connect(proxy)
    writer.write(GET)
    assert await how_it_ends(reader) == "RST"
    await world.until(lambda: not proxy.links)
    check_it_ended(world, told, proxy)
    proxy.heal()
    reader, writer = await world.connect(proxy)
    writer.write(GET)
    assert await reader.readexactly(len(OK)) == OK
