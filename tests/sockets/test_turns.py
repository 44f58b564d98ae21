"""Turns on real sockets: where they begin, what a fault does to a single one, and what its receipt says."""

import asyncio
from typing import ClassVar

import pytest

from brownout.faults import Fault, Spec
from brownout.faults.segment import Kind, Segment, Stage, StageContext
from brownout.faults.trigger import Trigger
from brownout.proxy import Proxy
from brownout.proxy.record.event import ConnectionFailed, Fired

from .conftest import World, spec
from .shop import ask, dial, open_shop

LATE = {"fault": "latency", "latency": "300ms", "per": "turn"}
HELD = {"fault": "latency", "latency": "1h", "per": "turn"}
RESET = {"fault": "reset", "per": "turn"}


async def ping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes = b"ping") -> bytes:
    writer.write(data)
    return await reader.readexactly(len(data))


async def took(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await ping(reader, writer)
    return loop.time() - began


def cause(proxy: Proxy, name: str) -> tuple[str, str]:
    finding = proxy.findings()[proxy.injections[name]][0]
    assert finding is not None
    return finding.cause, finding.text


# Where they begin


async def test_a_round_trip_is_a_turn_and_ended_connections_count_on(world: World) -> None:
    proxy = await world.proxy()
    first, second = await world.connect(proxy), await world.connect(proxy)
    assert proxy.turns == 0
    for pair in (first, first, second):
        await ping(*pair)
    assert proxy.turns == 3
    first[1].close()
    await world.until(lambda: len(proxy.links) == 1)
    assert proxy.turns == 3


async def test_what_is_sent_before_the_reply_is_one_turn_and_a_greeting_none(world: World) -> None:
    proxy, reader, writer, from_client, to_client = await world.pair()
    to_client.write(b"220 ready")
    assert await reader.readexactly(9) == b"220 ready"
    assert proxy.turns == 0
    for _ in range(3):
        writer.write(b"request")
        assert await from_client.readexactly(7) == b"request"
    assert proxy.turns == 1
    for _ in range(2):
        to_client.write(b"reply")
        assert await reader.readexactly(5) == b"reply"
    assert proxy.turns == 1
    writer.write(b"next")
    assert await from_client.readexactly(4) == b"next"
    assert proxy.turns == 2


@pytest.mark.parametrize("stream", ["upstream", "downstream", "both"])
async def test_faults_of_streams_change_nothing_about_where_turns_begin(world: World, stream: str) -> None:
    proxy = await world.proxy()
    pair = await world.connect(proxy)
    await ping(*pair)
    proxy.inject(spec({"fault": "slicer", "average_size": "1B", "stream": stream}))
    await ping(*pair)
    proxy.heal()
    await ping(*pair)
    assert proxy.turns == 3


# What a fault does to one


async def test_the_chosen_turn_alone_is_late(world: World) -> None:
    proxy = await world.proxy()
    pair = await world.connect(proxy)
    injection = proxy.inject(spec({**HELD, "after": 1, "times": 1}))
    await ping(*pair)
    pair[1].write(b"held")
    await world.until(lambda: injection.fired)
    proxy.change("latency", {"latency": "0"})
    assert await pair[0].readexactly(4) == b"held"
    await ping(*pair)
    assert (injection.matched, injection.chosen, injection.fired) == (3, 1, 1)
    assert [(event.connection, event.n) for event in world.events(Fired)] == [(1, 2)]
    assert proxy.links[1].server.sent == 12


async def test_a_turn_that_is_under_way_when_the_fault_begins_does_not_count(world: World) -> None:
    proxy, reader, writer, from_client, to_client = await world.pair()
    writer.write(b"request")
    await from_client.readexactly(7)
    injection = proxy.inject(spec(HELD))
    to_client.write(b"reply")
    assert await reader.readexactly(5) == b"reply"
    assert injection.matched == 0
    writer.write(b"request")
    await from_client.readexactly(7)
    assert injection.matched == 1
    to_client.write(b"reply")
    await world.until(lambda: injection.fired)


async def test_a_reset_comes_in_place_of_the_reply_when_the_request_has_arrived(world: World) -> None:
    proxy, reader, writer, from_client, to_client = await world.pair()
    injection = proxy.inject(spec(RESET))
    writer.write(b"request")
    assert await from_client.readexactly(7) == b"request"
    assert injection.fired == 0
    to_client.write(b"reply")
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    with pytest.raises(ConnectionResetError):
        await from_client.readexactly(1)
    assert injection.fired == 1


async def test_a_disconnect_comes_in_the_middle_of_the_chosen_reply(world: World) -> None:
    proxy = await world.proxy()
    pair = await world.connect(proxy)
    proxy.inject(spec({"fault": "disconnect", "bytes": "6B", "per": "turn", "after": 1}))
    assert await ping(*pair, b"first reply") == b"first reply"
    pair[1].write(b"second reply")
    assert await pair[0].read() == b"second"


async def test_the_request_of_a_turn_can_be_late_and_both_are_drawn_for_once(world: World) -> None:
    proxy = await world.proxy()
    pair = await world.connect(proxy)
    injection = proxy.inject(spec({**LATE, "stream": "both", "every": 2}))
    await ping(*pair)
    assert injection.fired == 0
    assert await took(*pair) >= 0.599
    assert (injection.matched, injection.chosen, injection.fired) == (2, 1, 1)
    proxy.heal()
    injection = proxy.inject(spec({**HELD, "stream": "upstream"}))
    pair[1].write(b"held")
    await world.until(lambda: injection.fired)
    assert injection.bytes == 4


async def test_a_client_that_half_closed_gets_the_reply_of_its_turn(world: World) -> None:
    proxy = await world.proxy()
    reader, writer = await world.connect(proxy)
    injection = proxy.inject(spec(LATE))
    writer.write(b"last words")
    writer.write_eof()
    assert await reader.read() == b"last words"
    assert (injection.matched, injection.fired) == (1, 1)


async def test_healing_in_the_middle_of_a_turn_loses_nothing(world: World) -> None:
    proxy = await world.proxy()
    pair = await world.connect(proxy)
    injection = proxy.inject(spec(HELD))
    pair[1].write(b"held")
    await world.until(lambda: injection.fired)
    proxy.heal()
    assert await pair[0].readexactly(4) == b"held"
    assert proxy.links[1].server.pipe is None
    await ping(*pair)


async def test_turns_of_all_connections_are_drawn_in_the_order_in_which_they_begin(world: World) -> None:
    proxy = await world.proxy()
    pairs = [await world.connect(proxy) for _ in range(3)]
    injection = proxy.inject(spec({**LATE, "quota": "3 of 10", "latency": "1ms"}))
    for number in range(30):
        await ping(*pairs[number * 7 % 3])
    assert (injection.matched, injection.chosen, injection.fired) == (30, 9, 9)
    assert [event.n for event in world.events(Fired)] == [2, 7, 8, 11, 17, 20, 21, 26, 27]


# On a connection whose requests are parsed


async def test_turns_of_a_parsed_connection_are_those_of_its_bytes(world: World) -> None:
    _, proxy = await open_shop(world)
    phone = await dial(world, proxy)
    injection = proxy.inject(spec({**LATE, "every": 2}))
    for number in range(4):
        await phone.say(ask(f"/{number}"))
        assert (await phone.reply())[0] == 200
    assert proxy.turns == 4
    assert (injection.matched, injection.chosen, injection.fired) == (4, 2, 2)


async def test_a_reply_of_our_own_ends_a_request_as_the_servers_does(world: World) -> None:
    _, proxy = await open_shop(world)
    phone = await dial(world, proxy)
    proxy.inject(spec({"fault": "http.status", "status": 503}))
    injection = proxy.inject(spec({**LATE, "after": 1, "times": 1}))
    for number in range(3):
        await phone.say(ask(f"/{number}"))
        assert (await phone.reply())[0] == 503
    assert proxy.turns == 3
    assert (injection.matched, injection.chosen, injection.fired) == (3, 1, 1)


async def test_a_reply_that_a_fault_of_requests_holds_has_not_been_given(world: World) -> None:
    _, proxy = await open_shop(world)
    phone = await dial(world, proxy)
    proxy.inject(spec({"fault": "http.delay", "delay": "1h"}))
    await phone.say(ask("/1"))
    await world.until(lambda: proxy.bytes("downstream"))
    await phone.say(ask("/2"))
    await world.until(lambda: proxy.bytes("upstream") == 2 * len(ask("/1")))
    assert proxy.turns == 1
    proxy.heal()
    assert [(await phone.reply())[1] for _ in range(2)] == ["1 /1", "2 /2"]
    await phone.say(ask("/3"))
    assert await phone.reply() == (200, "3 /3")
    assert proxy.turns == 2


async def test_a_request_that_a_fault_lets_go_begins_no_turn(world: World) -> None:
    _, proxy = await open_shop(world)
    phone = await dial(world, proxy)
    proxy.inject(spec({"fault": "http.delay", "delay": "1h", "delays": "request", "match": {"path": "/2"}}))
    await phone.say(ask("/1") + ask("/2"))
    assert await phone.reply() == (200, "1 /1")
    proxy.heal()
    assert await phone.reply() == (200, "2 /2")
    assert proxy.turns == 1


# What its receipt says


async def test_no_turn_began(world: World) -> None:
    proxy, reader, writer, from_client, to_client = await world.pair()
    await world.until(lambda: proxy.links[1].open)
    proxy.inject(spec(LATE))
    assert cause(proxy, "latency") == ("no_traffic", "1 connection and not a byte")
    to_client.write(b"220 ready")
    await reader.readexactly(9)
    assert cause(proxy, "latency") == ("no_turn", "no turn began on 1 connection")
    writer.write(b"request")
    await from_client.readexactly(7)
    assert cause(proxy, "latency") == ("moment_never_came", "no reply came in 1 turn")


async def test_the_upstream_of_turns_is_down(world: World) -> None:
    proxy = await world.proxy("p", world.reserve())
    proxy.inject(spec(RESET))
    reader, _ = await world.connect(proxy)
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    assert cause(proxy, "reset") == ("ended_before", "the upstream could not be reached")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"after": 2}, ("trigger_not_reached", "after: 2 was not reached, with 2 turns")),
        ({"probability": "0.000001%"}, ("spared_by_chance", "spared by chance: probability 0.000001%, with 2 turns")),
        ({"bytes": "1KB"}, ("moment_never_came", "its moment never came: 1KB of the reply (8 bytes in 2 turns)")),
        (
            {"fault": "corrupt", "share": "0.000001%"},
            ("spared_by_chance", "spared by chance: 0.000001% of the bytes, of 8 bytes"),
        ),
        ({"fault": "latency", "latency": "0"}, ("nothing_to_change", "it changed nothing of 8 bytes")),
    ],
)
async def test_why_none_of_the_turns_was_hit(
    world: World, settings: dict[str, object], expected: tuple[str, str]
) -> None:
    proxy = await world.proxy()
    pair = await world.connect(proxy)
    proxy.inject(spec({**RESET, "name": "x", **settings}))
    await ping(*pair)
    await ping(*pair)
    assert cause(proxy, "x") == expected


# When a fault of another package fails, or ends the connection as soon as a turn begins


class AtTurn(Fault, frozen=True):
    """Raises, or closes the connection, as soon as a turn begins (a fault of these tests)."""

    name = "at_turn"
    acts_on_turns: ClassVar[bool] = True

    raises: bool

    def start(self, context: StageContext) -> Stage:
        def stage(segment: Segment) -> tuple[Segment, ...]:
            if self.raises:
                raise ArithmeticError
            return (Segment(segment.at, kind=Kind.CLOSE),)

        return stage


async def test_a_connection_that_is_closed_when_a_turn_begins_sends_the_turn_nowhere(world: World) -> None:
    proxy, reader, writer, from_client, _ = await world.pair()
    injection = proxy.inject(Spec(AtTurn(raises=False), Trigger(per="turn")))
    writer.write(b"request")
    assert await reader.read() == b""
    assert await from_client.read() == b""
    await world.until(lambda: not proxy.links)
    assert (proxy.turns, proxy.bytes("upstream"), proxy.sent("upstream")) == (1, 7, 0)
    assert injection.fired == 1


async def test_a_fault_that_raises_when_a_turn_begins_resets_that_connection(world: World) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    proxy = await world.proxy()
    one, two = await world.connect(proxy), await world.connect(proxy)
    await ping(*two)
    proxy.inject(Spec(AtTurn(raises=True), Trigger(per="turn", times=1)))
    one[1].write(b"request")
    with pytest.raises(ConnectionResetError):
        await one[0].readexactly(1)
    assert [event.connection for event in world.events(ConnectionFailed)] == [1]
    await ping(*two)
