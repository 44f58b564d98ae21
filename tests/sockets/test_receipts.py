"""What an injection says of itself: what it could hit, what it chose, what a peer could notice, and else why not.

The expected values are written by hand. A row is an injection, a column what a client does; the cell is how often it
fired, and the cause where it did not. `-` stands for a column that makes no sense for a fault.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from brownout.proxy import Proxy
from brownout.proxy.record.event import BodyUnread, Fired
from brownout.proxy.shaping.injection import Injection

from .conftest import World, spec
from .shop import ask, dial, open_shop, pair

QUIET = 0.03
"""Seconds after which nothing more is expected to happen. Where a fault wrongly fires later, it is not seen."""
SPARED = {"probability": "0.000001%"}

NO_CONNECTION, NO_TRAFFIC, MOMENT = "no_connection", "no_traffic", "moment_never_came"
NOTHING, SPARED_BY_CHANCE, ENDED = "nothing_to_change", "spared_by_chance", "ended_before"
UNUSED, OLDER, FIRED = "cut_and_unused", "older_connections", ""

Client = Callable[[World, Proxy], Awaitable[None]]


async def silent(world: World, proxy: Proxy) -> None:
    """A client connects and says nothing."""
    await connect(world, proxy)
    await arrived(world, proxy)
    await asyncio.sleep(QUIET)


async def closed(world: World, proxy: Proxy) -> None:
    """A client connects and closes, as a health check does."""
    pair = await connect(world, proxy)
    await arrived(world, proxy)
    if pair is not None:
        pair[1].close()
    await world.until(lambda: not proxy.links or proxy.gate.waiting or proxy.injections)
    await asyncio.sleep(QUIET)


async def small(world: World, proxy: Proxy) -> None:
    """A client sends four bytes and waits for an answer."""
    if (pair := await connect(world, proxy)) is not None:
        await say(*pair)
    await asyncio.sleep(QUIET)


async def connect(world: World, proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    """Connect; None where the reset that is meant for the connection hits connect() itself."""
    with contextlib.suppress(ConnectionError):
        return await world.connect(proxy)
    return None


async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes = b"ping") -> None:
    with contextlib.suppress(ConnectionError, TimeoutError, asyncio.IncompleteReadError):
        writer.write(data)
        async with asyncio.timeout(0.1):
            await reader.readexactly(len(data))


async def arrived(world: World, proxy: Proxy) -> None:
    await world.until(lambda: proxy.gate.waiting or not proxy.links or all(link.open for link in proxy.links.values()))


def found(proxy: Proxy, injection: Injection) -> tuple[int, str]:
    """How often it fired, and why not."""
    finding = injection.finding if injection.healed_at else proxy.findings()[injection][0]
    return injection.fired, "" if finding is None else finding.cause


# Faults of streams and connections: the injection, then what it says of each client.
#
#                                                                    silent          closed          small
STREAMS = {
    "bandwidth: fast": ("bandwidth:1GB/s", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (0, MOMENT)]),
    "bandwidth: slow": ("bandwidth:10B/s", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (1, FIRED)]),
    "bandwidth: stalled": ("bandwidth:0", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (1, FIRED)]),
    "connect_delay": ("connect_delay:20ms", [(1, FIRED), (1, FIRED), (1, FIRED)]),
    "connect_delay: over": ("connect_delay:1us", [(1, FIRED), (1, FIRED), (1, FIRED)]),
    "connect_delay: none": ("connect_delay:0", [(0, NOTHING), (0, NOTHING), (0, NOTHING)]),
    "connection_limit: room": ("connection_limit:5", [(0, MOMENT), (0, MOMENT), (0, MOMENT)]),
    "connection_limit: full": ("connection_limit:0", [(1, FIRED), (1, FIRED), (1, FIRED)]),
    "connection_limit: queue": (
        {"fault": "connection_limit", "connections": 0, "when_full": "queue"}, [(1, FIRED), (1, FIRED), (1, FIRED)],
    ),
    "corrupt: all": ("corrupt:100%", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (1, FIRED)]),
    "corrupt: few": ("corrupt:0.0000001%", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (0, SPARED_BY_CHANCE)]),
    "corrupt: none": ("corrupt:0%", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (0, NOTHING)]),
    "disconnect: now": ("disconnect", [(1, FIRED), None, (1, FIRED)]),
    "disconnect: far": ({"fault": "disconnect", "bytes": "1GB"}, [(0, MOMENT), (0, MOMENT), (0, MOMENT)]),
    "disconnect: near": ({"fault": "disconnect", "bytes": "2B"}, [(0, MOMENT), (0, MOMENT), (1, FIRED)]),
    "drip: larger": ({"fault": "drip", "bytes": "1KB", "interval": "1s"}, [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (0, MOMENT)]),
    "drip": ({"fault": "drip", "bytes": "2B", "interval": "5ms"}, [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (1, FIRED)]),
    "half_open": ("half_open", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (1, FIRED)]),
    "hang": ("hang", [(1, FIRED), (1, FIRED), (1, FIRED)]),
    "idle_cut: far": ("idle_cut:1h", [(0, MOMENT), (0, MOMENT), (0, MOMENT)]),
    "idle_cut: near": ("idle_cut:10ms", [(0, UNUSED), None, None]),
    "idle_cut: told": ({"fault": "idle_cut", "idle": "10ms", "how": "close"}, [(1, FIRED), None, (1, FIRED)]),
    "latency": ("latency:20ms", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (1, FIRED)]),
    "latency: long": ("latency:1h", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (1, FIRED)]),
    "latency: none": ("latency:0", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (0, NOTHING)]),
    "latency: upstream": (
        {"fault": "latency", "latency": "20ms", "stream": "upstream"}, [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (1, FIRED)],
    ),
    "limit_data: far": ("limit_data:1GB", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (0, MOMENT)]),
    "limit_data: near": ("limit_data:2B", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (1, FIRED)]),
    "limit_data: exactly": ("limit_data:4B", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (1, FIRED)]),
    "loss: all": ({"fault": "loss", "share": "100%", "rto": "5ms"}, [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (1, FIRED)]),
    "loss: few": ("loss:0.0000001%", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (0, SPARED_BY_CHANCE)]),
    "loss: none": ("loss:0%", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (0, NOTHING)]),
    "max_lifetime: far": ("max_lifetime:1h", [(0, MOMENT), (0, MOMENT), (0, MOMENT)]),
    "max_lifetime: near": ("max_lifetime:10ms", [(1, FIRED), None, (1, FIRED)]),
    "max_lifetime: silent": (
        {"fault": "max_lifetime", "lifetime": "10ms", "how": "silent"}, [(0, UNUSED), None, None],
    ),
    "noop": ("noop", [(0, ""), (0, ""), (0, "")]),
    "path_mtu: far": ("path_mtu:1400B", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (0, MOMENT)]),
    "path_mtu: near": ("path_mtu:2B", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (1, FIRED)]),
    "reset: now": ("reset", [(1, FIRED), None, (1, FIRED)]),
    "reset: far": ({"fault": "reset", "bytes": "1GB"}, [(0, MOMENT), (0, MOMENT), (0, MOMENT)]),
    "reset: late": ({"fault": "reset", "delay": "1h"}, [(0, MOMENT), (0, MOMENT), (0, MOMENT)]),
    "reset: near": ({"fault": "reset", "bytes": "2B"}, [(0, MOMENT), (0, MOMENT), (1, FIRED)]),
    "slicer: larger": ("slicer:1KB", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (0, MOMENT)]),
    "slicer": ("slicer:2B", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (1, FIRED)]),
    "slicer: none": ("slicer:0", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (0, NOTHING)]),
    "slow_close": ("slow_close:10ms", [(0, MOMENT), (1, FIRED), (0, MOMENT)]),
    "timeout": ("timeout", [(0, NO_TRAFFIC), (0, NO_TRAFFIC), (1, FIRED)]),
    "timeout: near": ("timeout:10ms", [(1, FIRED), None, (1, FIRED)]),
    "timeout: later": ("timeout:100ms", [None, (0, NO_TRAFFIC), (1, FIRED)]),
}  # fmt: skip
AT_THE_GATE = ("connect_delay", "connect_delay: over", "connection_limit: full", "connection_limit: queue", "hang")
CELLS = [
    pytest.param(source, client, cell, id=f"{name}, {client.__name__}")
    for name, (source, cells) in STREAMS.items()
    for client, cell in zip((silent, closed, small), cells, strict=True)
    if cell is not None
]


@pytest.mark.parametrize(("source", "client", "cell"), CELLS)
async def test_a_fault_says_what_a_client_could_notice(world, source, client: Client, cell) -> None:
    proxy = await world.proxy()
    injection = proxy.inject(spec(source))
    await client(world, proxy)
    if cell[0]:
        await world.until(lambda: injection.fired)
    assert found(proxy, injection) == cell


@pytest.mark.parametrize("source", [source for source, _ in STREAMS.values()], ids=STREAMS)
async def test_chance_spares_all(world, source) -> None:
    given = spec(source).to_mapping() | SPARED
    proxy = await world.proxy()
    injection = proxy.inject(spec({key: value for key, value in given.items() if key != "name"}))
    await small(world, proxy)
    spared = (
        (0, SPARED_BY_CHANCE)
        if injection.matched and injection.spec.fault.name != "noop"
        else (0, unmatched_cause(source))
    )
    assert (injection.chosen, found(proxy, injection)) == (0, spared)


def unmatched_cause(source) -> str:
    """What is said of those that cannot even match."""
    return {"noop": "", "connect_delay:0": NOTHING, "connection_limit:5": MOMENT}[source]


@pytest.mark.parametrize("name", [name for name in STREAMS if name != "noop"])
async def test_a_connection_that_is_refused_upstream_ended_before(world, name) -> None:
    proxy = await world.proxy(upstream=world.reserve())
    injection = proxy.inject(spec(STREAMS[name][0]))
    await connect(world, proxy)
    if name in AT_THE_GATE:
        await world.until(lambda: injection.fired)
        assert found(proxy, injection) == (1, FIRED)
        return
    await world.until(lambda: proxy.links_total == 1 and not proxy.links)
    expected = {"connect_delay: none": NOTHING, "connection_limit: room": MOMENT}.get(name, ENDED)
    assert found(proxy, injection) == (0, expected)


@pytest.mark.parametrize("name", [name for name in STREAMS if name != "noop"])
async def test_healed_before_anybody_came(world, name) -> None:
    proxy = await world.proxy()
    injection = proxy.inject(spec(STREAMS[name][0]))
    proxy.heal()
    await small(world, proxy)
    assert found(proxy, injection) == (0, NO_CONNECTION)


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ({"fault": "reset", "delay": "1h"}, MOMENT),
        ({"fault": "disconnect", "delay": "1h"}, MOMENT),
        ("idle_cut:1h", MOMENT),
        ("max_lifetime:1h", MOMENT),
        ("timeout:1h", NO_TRAFFIC),
        ("latency:1h", NO_TRAFFIC),
        ("hang", NO_TRAFFIC),
        ("half_open", NO_TRAFFIC),
        ("limit_data:4B", NO_TRAFFIC),
        ("slow_close:1h", MOMENT),
    ],
    ids=str,
)
async def test_healed_before_its_moment_on_an_open_connection(world, source, cause) -> None:
    proxy = await world.proxy()
    reader, writer = await world.connect(proxy)
    await arrived(world, proxy)
    injection = proxy.inject(spec(source))
    await asyncio.sleep(QUIET)
    proxy.heal()
    await say(reader, writer)
    assert (injection.chosen, found(proxy, injection)) == (1, (0, cause))


@pytest.mark.parametrize("source", ["latency:1h", "hang", "half_open", "timeout", "bandwidth:0", "path_mtu:2B"])
async def test_what_is_held_has_been_noticed_before_it_is_healed(world, source) -> None:
    proxy, reader, writer, up_reader, up_writer = await world.pair()
    await arrived(world, proxy)
    injection = proxy.inject(spec(source))
    up_writer.write(b"pong")
    await world.until(lambda: injection.fired)
    proxy.heal()
    assert found(proxy, injection) == (1, FIRED)


async def test_a_connection_that_was_open_before_is_told(world) -> None:
    proxy = await world.proxy()
    reader, writer = await world.connect(proxy)
    await arrived(world, proxy)
    for source in ("connect_delay:1s", "connection_limit:0"):
        injection = proxy.inject(spec(source))
        await say(reader, writer)
        assert found(proxy, injection) == (0, OLDER)


async def test_a_silent_cut_fires_when_somebody_uses_the_connection(world) -> None:
    proxy = await world.proxy()
    reader, writer = await world.connect(proxy)
    await arrived(world, proxy)
    injection = proxy.inject(spec("idle_cut:10ms"))
    await world.until(lambda: found(proxy, injection) == (0, UNUSED))
    await say(reader, writer)
    assert found(proxy, injection) == (1, FIRED)


@pytest.mark.parametrize("source", ["half_open", "timeout", "latency:10ms", "hang"])
async def test_a_server_that_ends_first_is_missed_by_a_client_that_waits(world, source) -> None:
    proxy, reader, writer, up_reader, up_writer = await world.pair()
    await arrived(world, proxy)
    injection = proxy.inject(spec(source))
    up_writer.write_eof()
    await world.until(lambda: injection.fired)
    assert found(proxy, injection) == (1, FIRED)


async def test_an_end_counts_for_the_fault_that_made_it_up(world) -> None:
    proxy = await world.proxy()
    reader, writer = await world.connect(proxy)
    await arrived(world, proxy)
    never = proxy.inject(spec({"fault": "disconnect", "delay": "1h"}))
    reset = proxy.inject(spec({"fault": "reset"}))
    with contextlib.suppress(ConnectionError):
        await reader.read()
    await world.until(lambda: not proxy.links)
    assert (found(proxy, reset), found(proxy, never)) == ((1, FIRED), (0, MOMENT))


async def test_an_end_that_another_fault_holds_has_not_come(world) -> None:
    proxy = await world.proxy()
    reader, writer = await world.connect(proxy)
    await arrived(world, proxy)
    reset = proxy.inject(spec({"fault": "reset", "delay": "10ms"}))
    held = proxy.inject(spec({"fault": "hang"}))
    await world.until(lambda: held.fired)
    assert (reset.fired, held.fired) == (0, 1)
    proxy.heal("hang")
    await world.until(lambda: not proxy.links)
    assert (reset.fired, held.fired) == (1, 1)


async def test_nothing_happens_while_a_proxy_is_disabled(world) -> None:
    proxy = await world.proxy()
    injection = proxy.inject(spec("latency:1s"))
    await proxy.disable()
    assert found(proxy, injection) == (0, "disabled")
    await proxy.enable()
    assert found(proxy, injection) == (0, NO_CONNECTION)


async def test_the_wrong_stream_is_told_from_silence(world) -> None:
    proxy, reader, writer, up_reader, up_writer = await world.pair()
    injection = proxy.inject(spec({"fault": "limit_data", "bytes": "1B", "stream": "upstream"}))
    await arrived(world, proxy)
    up_writer.write(b"all of it comes from the server")
    await reader.readexactly(31)
    assert found(proxy, injection) == (0, "wrong_stream")
    assert proxy.findings()[injection][0].text == "no byte passed upstream, and 31 bytes did downstream"


@pytest.mark.parametrize(
    ("trigger", "said"),
    [
        ({"after": 3}, (0, "trigger_not_reached", "after: 3 was not reached, with 2 matches")),
        ({"every": 5}, (0, "trigger_not_reached", "every: 5 was not reached, with 2 matches")),
        ({"probability": "0.00001%"}, (0, SPARED_BY_CHANCE, "spared by chance: probability 0.00001%, with 2 matches")),
        ({"quota": "1 of 1000"}, (0, SPARED_BY_CHANCE, "spared by chance: quota 1 of 1000, with 2 matches")),
        ({"probability": "0%"}, (0, "trigger_not_reached", "its trigger chooses nothing")),
    ],
)
async def test_a_trigger_that_chose_none_says_which_part_of_it(world, trigger, said) -> None:
    proxy = await world.proxy()
    injection = proxy.inject(spec({"fault": "latency", "latency": "20ms", **trigger}))
    for _ in range(2):
        await small(world, proxy)
    fired, cause = found(proxy, injection)
    assert (fired, cause, proxy.findings()[injection][0].text) == said


async def test_times_counts_what_was_chosen_and_not_what_fired(world) -> None:
    proxy = await world.proxy()
    injection = proxy.inject(spec({"fault": "reset", "bytes": "1GB", "times": 1}))
    for _ in range(3):
        await small(world, proxy)
    assert (injection.matched, injection.chosen, injection.fired) == (3, 1, 0)


async def test_a_start_that_did_not_come_is_told(world) -> None:
    proxy = await world.proxy()
    injection = proxy.inject(spec({"fault": "reset", "start": "1h"}))
    await small(world, proxy)
    assert found(proxy, injection) == (0, "not_begun")
    proxy.heal()
    assert found(proxy, injection) == (0, "not_begun")


# Faults of requests

HTTP = {
    "http.delay": ({"fault": "http.delay", "delay": "20ms"}, (1, FIRED)),
    "http.delay: request": ({"fault": "http.delay", "delay": "20ms", "delays": "request"}, (1, FIRED)),
    "http.delay: none": ({"fault": "http.delay", "delay": "0"}, (0, NOTHING)),
    "http.drip": ({"fault": "http.drip", "bytes": "1B", "interval": "5ms"}, (1, FIRED)),
    "http.drip: larger": ({"fault": "http.drip", "bytes": "1KB", "interval": "5ms"}, (0, NOTHING)),
    "http.duplicate": ({"fault": "http.duplicate"}, (1, FIRED)),
    "http.header: set": ({"fault": "http.header", "set": {"x-a": "1"}}, (1, FIRED)),
    "http.header: not there": ({"fault": "http.header", "remove": ["x-none"]}, (0, NOTHING)),
    "http.header: request": ({"fault": "http.header", "set": {"x-a": "1"}, "message": "request"}, (1, FIRED)),
    "http.header: same": ({"fault": "http.header", "remove": ["x-none"], "message": "request"}, (0, NOTHING)),
    "http.lost_reply": ({"fault": "http.lost_reply"}, (1, FIRED)),
    "http.lost_reply: hang": ({"fault": "http.lost_reply", "client_sees": "hang"}, (1, FIRED)),
    "http.lost_reply: 504": ({"fault": "http.lost_reply", "client_sees": "504"}, (1, FIRED)),
    "http.lost_request": ({"fault": "http.lost_request"}, (1, FIRED)),
    "http.status": ({"fault": "http.status", "status": 503}, (1, FIRED)),
    "http.truncate": ({"fault": "http.truncate", "bytes": "1B"}, (1, FIRED)),
    "http.truncate: right length": (
        {"fault": "http.truncate", "bytes": "1B", "how": "right_length"}, (1, FIRED),
    ),
    "http.truncate: shorter": ({"fault": "http.truncate", "bytes": "1GB"}, (0, NOTHING)),
}  # fmt: skip
AT_ONCE = ("http.delay: request", "http.header: request", "http.header: same", "http.lost_request", "http.status")
"""They have acted, or found nothing to do, before the upstream can answer."""


@pytest.mark.parametrize("name", HTTP)
async def test_a_fault_of_requests_says_what_a_client_could_notice(world, name) -> None:
    source, cell = HTTP[name]
    shop, proxy = await open_shop(world)
    injection = proxy.inject(spec(source))
    assert found(proxy, injection) == (0, NO_CONNECTION)
    phone = await dial(world, proxy)
    await arrived(world, proxy)
    assert found(proxy, injection) == (0, NO_TRAFFIC)
    await phone.say(ask("/a"))
    await world.until(lambda: injection.fired if cell[0] else shop.got and not proxy.links[1].conversation._open)
    assert (injection.matched, injection.chosen, found(proxy, injection)) == (1, 1, cell)


@pytest.mark.parametrize("name", HTTP)
async def test_chance_spares_a_request(world, name) -> None:
    shop, proxy = await open_shop(world)
    injection = proxy.inject(spec({**HTTP[name][0], **SPARED}))
    phone = await dial(world, proxy)
    await phone.say(ask("/a"))
    assert await phone.reply() == (200, "1 /a")
    assert (injection.matched, injection.chosen, found(proxy, injection)) == (1, 0, (0, SPARED_BY_CHANCE))


@pytest.mark.parametrize("name", [name for name in HTTP if name not in AT_ONCE])
async def test_a_request_whose_reply_has_not_come(world, name) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    injection = proxy.inject(spec(HTTP[name][0]))
    await phone.say(ask("/a"))
    await world.until(lambda: injection.chosen)
    proxy.heal()
    assert found(proxy, injection) == (0, MOMENT)


@pytest.mark.parametrize("name", [name for name in HTTP if name not in AT_ONCE and "duplicate" not in name])
async def test_a_request_whose_reply_never_comes(world, name) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    injection = proxy.inject(spec(HTTP[name][0]))
    await phone.say(ask("/a"))
    await up_reader.readexactly(len(ask("/a")))
    up_writer.transport.abort()
    phone.finish()
    await world.until(lambda: injection.fired or not proxy.links)
    lost = "lost_reply" in name  # what the client sees of that differs from what the upstream did
    assert found(proxy, injection) == ((1, FIRED) if lost else (0, ENDED))


@pytest.mark.parametrize("client_sees", ["reset", "hang", "504"])
@pytest.mark.parametrize("head", [b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"X-A : 1\r\n"], ids=str)
async def test_a_reply_that_cannot_be_parsed_is_not_lost_and_it_is_said(world, client_sees, head) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    injection = proxy.inject(spec({"fault": "http.lost_reply", "client_sees": client_sees}))
    await phone.say(ask("/a"))
    await up_reader.readexactly(len(ask("/a")))
    reply = b"HTTP/1.1 200 OK\r\n" + head + b"\r\nok"
    up_writer.write(reply)
    assert await phone.hear(len(reply)) == reply
    assert (injection.chosen, found(proxy, injection)) == (1, (0, "not_parsed"))
    assert (injection.untouched, world.events(Fired)) == ([1], [])


async def test_a_body_that_cannot_be_read_is_said_with_its_reason(world) -> None:
    shop, proxy = await open_shop(world)
    injection = proxy.inject(spec({"fault": "http.status", "status": 503, "match": {"json.a": "*"}}))
    phone = await dial(world, proxy)
    head = b"POST /a HTTP/1.1\r\nHost: shop\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n"
    for _ in range(2):
        await phone.say(head + b"zip")
        await phone.reply()
    assert found(proxy, injection) == (0, "not_parsed")
    assert proxy.findings()[injection][0].text == (
        "1 connection had a request whose body cannot be read: it is compressed (gzip)"
    )
    assert [(event.name, event.reason) for event in world.events(BodyUnread)] == [
        ("http.status", "it is compressed (gzip)")
    ]


async def test_requests_that_do_not_match_are_named_the_nearest_first(world) -> None:
    shop, proxy = await open_shop(world)
    injection = proxy.inject(spec({"fault": "http.status", "status": 503, "match": {"path": "/order"}}))
    phone = await dial(world, proxy)
    for path in ("/health", "/pay", "/orders", "/login", "/z"):
        await phone.say(ask(path))
        await phone.reply()
    finding = proxy.findings()[injection][0]
    assert (finding.cause, finding.text) == ("nothing_matched", "none of 5 requests matched")
    assert finding.hint.startswith("seen: GET /orders, ")


async def test_a_copy_that_nobody_answered_has_not_fired(world) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    injection = proxy.inject(spec({"fault": "http.duplicate"}))
    await phone.say(ask("/a"))
    _, copy_writer = await world.accepted()
    copy_writer.transport.abort()
    await up_reader.readexactly(len(ask("/a")))
    assert (injection.chosen, injection.fired) == (1, 0)


async def test_an_end_that_is_made_up_when_both_have_left_is_noticed_by_nobody(world) -> None:
    proxy = await world.proxy()
    injection = proxy.inject(spec("timeout:1s"))  # a busy machine may need a while until the client has left
    _, writer = await world.connect(proxy)
    await arrived(world, proxy)
    writer.close()
    await world.until(lambda: not proxy.links)
    assert found(proxy, injection) == (0, NO_TRAFFIC)


async def test_a_reset_of_a_client_that_only_half_closed_and_waits_has_fired(world) -> None:
    proxy, reader, writer, up_reader, _ = await world.pair()
    await arrived(world, proxy)
    injection = proxy.inject(spec({"fault": "reset", "delay": "30ms"}))
    writer.write_eof()
    await up_reader.read()
    await world.until(lambda: not proxy.links)
    assert found(proxy, injection) == (1, FIRED)


@pytest.mark.parametrize("first", ["http.header", "http.lost_request"])
async def test_a_request_that_is_lost_is_not_changed(world, first) -> None:
    shop, proxy = await open_shop(world)
    sources = {
        "http.header": {"fault": "http.header", "set": {"x-a": "1"}, "message": "request"},
        "http.lost_request": {"fault": "http.lost_request", "client_sees": "reset"},
    }
    injected = {name: proxy.inject(spec(sources[name])) for name in (first, *(set(sources) - {first}))}
    phone = await dial(world, proxy)
    await phone.say(ask("/a"))
    assert (await phone.rest())[1] == "RST"
    assert {name: each.fired for name, each in injected.items()} == {"http.header": 0, "http.lost_request": 1}


@pytest.mark.parametrize("other", ["timeout", "latency:1h", "hang"])
async def test_a_fault_that_gets_nothing_since_another_one_keeps_it_says_so(world, other) -> None:
    proxy, reader, writer, up_reader, up_writer = await world.pair()
    await arrived(world, proxy)
    keeps, gets_nothing = proxy.inject(spec(other)), proxy.inject(spec("corrupt:100%"))
    writer.write(b"ask")
    up_writer.write(b"answer")
    await world.until(lambda: keeps.fired and proxy.bytes("downstream") == 6)
    assert found(proxy, gets_nothing) == (0, "held_by_another")


async def test_a_fault_that_is_over_before_the_traffic_says_how_long_it_lasted(world) -> None:
    proxy, reader, writer, up_reader, up_writer = await world.pair()
    await arrived(world, proxy)
    injection = proxy.inject(spec({"fault": "latency", "latency": "1s", "for": "20ms"}))
    await world.until(lambda: injection.healed_at)
    assert injection.finding is not None
    assert injection.finding.text == "1 connection and not a byte in the 20ms that it lasted"


async def test_a_fault_that_is_over_while_the_upstream_is_dialled_has_not_come(world) -> None:
    proxy = await world.proxy()
    injection = proxy.inject(spec("latency:1s"))
    await world.connect(proxy)
    await world.until(lambda: proxy.links_total)
    opened = proxy.links[1].open
    proxy.heal()
    assert found(proxy, injection) == (0, NO_TRAFFIC if opened else MOMENT)


async def test_an_upstream_that_is_down_is_not_told_as_the_clients_doing(world) -> None:
    proxy = await world.proxy(upstream=world.reserve())
    injection = proxy.inject(spec("half_open"))
    await world.connect(proxy)
    await world.until(lambda: proxy.links_total == 1 and not proxy.links)
    assert proxy.findings()[injection][0].text == "the upstream could not be reached"


async def test_a_request_that_is_never_whole_has_not_failed_to_match(world) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    injection = proxy.inject(spec("http.duplicate"))
    await phone.say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhello")
    phone.finish()
    up_writer.write_eof()
    await world.until(lambda: not proxy.links)
    assert found(proxy, injection) == (0, ENDED)
