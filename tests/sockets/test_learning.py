"""`auto://`: the protocol is learnt from the first bytes of either side, which are not held back for it."""

import asyncio
import random

import pytest

from brownout.control.views import proxy_view
from brownout.faults import Fault, Spec
from brownout.faults.profile import Profile, ProfileError, Target
from brownout.faults.segment import Stage, StageContext
from brownout.proxy import fleet
from brownout.proxy.record.event import (
    ConnectionFailed,
    Fired,
    ParsingStopped,
    ProfileLeftOut,
    ProtocolLearnt,
)
from brownout.proxy.shaping.countdown import Countdown
from brownout.wire.errors import BrownoutError, ConflictError
from brownout.wire.protocol import Protocol

from .conftest import spec
from .shop import Shop, ask, cut, dial, ok

PING = b"*1\r\n$4\r\nPING\r\n"
GREETING = b'INFO {"server_id":"N"} \r\n'


def profile(targets: dict[str, list[object]], name: str = "p") -> Profile:
    return Profile(name, tuple(Target(key, tuple(map(spec, specs))) for key, specs in targets.items()))


async def open_shop(world, name: str = "shop"):
    shop = Shop()
    return shop, await world.proxy(name, f"auto://{await world.serve(shop)}")


async def pair(world):
    """A proxy with one link: the client, then the server's reader and writer."""
    proxy = await world.proxy("db", f"auto://{await world.serve()}")
    return proxy, await dial(world, proxy), *await world.accepted()


def outcome(injection, proxy) -> tuple[str, str]:
    return proxy.findings(injection)[injection][0][:2]


# Learning


async def test_what_the_client_says_first_shows_the_protocol(world) -> None:
    _, proxy = await open_shop(world)
    assert (proxy.protocol, proxy_view(proxy)["protocol"], proxy.learns) == ("auto", "auto", True)
    phone = await dial(world, proxy)
    await phone.say(ask("/a") + ask("/b"))
    assert [await phone.reply(), await phone.reply()] == [(200, "1 /a"), (200, "2 /b")]
    assert (proxy.protocol, proxy_view(proxy)["protocol"], proxy.learns) == ("http", "http", False)
    assert [each.operation for each in world.fleet.request_log.entries()] == ["GET /a", "GET /b"]
    assert world.events(ProtocolLearnt) == [ProtocolLearnt("shop", "http")]


async def test_what_the_server_says_first_shows_the_protocol(world) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    up_writer.write(GREETING)
    assert await phone.hear(len(GREETING)) == GREETING
    assert proxy.protocol == "nats"
    await phone.say(b"CONNECT {}\r\n")
    assert await up_reader.readexactly(12) == b"CONNECT {}\r\n"
    up_writer.close()
    assert await phone.rest() == (b"", "FIN")


async def test_a_protocol_that_is_not_parsed_is_carried(world) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    await phone.say(PING)
    assert await up_reader.readexactly(len(PING)) == PING
    up_writer.write(b"+PONG\r\n")
    assert await phone.hear(7) == b"+PONG\r\n"
    assert (proxy.protocol, proxy.links[1].conversation) == ("redis", None)


async def test_it_is_learnt_over_unix_sockets(world, tmp_path) -> None:
    shop = Shop()
    path = (await world.serve(shop, path=f"{tmp_path}/s")).removeprefix("unix://")
    proxy = await world.proxy("shop", f"auto+unix://{path}")
    phone = await dial(world, proxy)
    await phone.say(ask("/"))
    assert await phone.reply() == (200, "1 /")
    assert proxy.protocol == "http"


async def test_it_is_learnt_once(world) -> None:
    proxy, phone, up_reader, _ = await pair(world)
    await phone.say(PING)
    await up_reader.readexactly(len(PING))
    other = await dial(world, proxy)
    up_reader, _ = await world.accepted()
    await other.say(ask("/"))
    await up_reader.readexactly(len(ask("/")))
    proxy.learn("http")
    assert proxy.protocol == "redis"
    assert len(world.events(ProtocolLearnt)) == 1


async def test_later_connections_are_parsed_from_the_beginning(world) -> None:
    shop, proxy = await open_shop(world)
    early = await dial(world, proxy)  # open before it is learnt, and silent
    await world.until(lambda: proxy.links and proxy.links[1].open)
    phone = await dial(world, proxy)
    await phone.say(ask("/a"))
    assert await phone.reply() == (200, "1 /a")
    proxy.inject(spec("http.status:503"))
    for each in (early, phone, await dial(world, proxy)):
        await each.say(ask("/b"))
        assert (await each.reply())[0] == 503
    assert shop.got == ["GET /a"]
    assert world.events(ParsingStopped) == []


async def test_what_shows_nothing_is_carried_and_later_connections_teach(world) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    status = proxy.inject(spec("http.status:503"))
    await phone.say(b"G")
    assert await up_reader.readexactly(1) == b"G"
    await phone.say(b"ET / HTTP/1.1\r\n\r\n")
    assert await up_reader.readexactly(17) == b"ET / HTTP/1.1\r\n\r\n"
    assert proxy.protocol == "auto"
    assert outcome(status, proxy) == ("protocol_unknown", "no protocol was recognised on 1 connection")
    other = await dial(world, proxy)
    await other.say(ask("/"))
    assert (await other.reply())[0] == 503
    assert (status.fired, status.untouched) == (1, [1])
    assert proxy.inject(spec({"fault": "http.delay", "delay": "1s"})).untouched == [1]
    up_writer.write(ok("raw"))
    assert await phone.hear(len(ok("raw"))) == ok("raw")


async def test_the_second_side_shows_it_where_the_first_one_does_not(world) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    status = proxy.inject(spec("http.status:503"))
    up_writer.write(b"HTTP/1.1 ")  # before it was asked: this connection can no longer be parsed
    await phone.hear(9)
    await phone.say(ask("/"))
    assert await up_reader.readexactly(len(ask("/"))) == ask("/")
    assert (proxy.protocol, proxy.links[1].conversation, status.untouched) == ("http", None, [1])


async def test_a_side_that_contradicts_the_other_shows_nothing(world) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    up_writer.write(b"220 hello\r\n")
    await phone.hear(11)
    await phone.say(ask("/"))
    await up_reader.readexactly(len(ask("/")))
    assert proxy.protocol == "auto"


async def test_another_upstream_is_learnt_again(world) -> None:
    _, proxy = await open_shop(world)
    phone = await dial(world, proxy)
    await phone.say(ask("/"))
    await phone.reply()
    await proxy.update(upstream=f"auto://{await world.serve()}")
    assert proxy.protocol == "auto"
    await phone.rest()
    phone = await dial(world, proxy)
    up_reader, _ = await world.accepted()
    await phone.say(PING)
    await up_reader.readexactly(len(PING))
    assert proxy.protocol == "redis"
    await proxy.update(upstream="tcp://127.0.0.1:1")
    assert proxy.protocol == "tcp"


async def test_it_can_be_told(world) -> None:
    shop, proxy = await open_shop(world)
    proxy.learn("http")
    proxy.inject(spec("http.status:503"))
    phone = await dial(world, proxy)
    await phone.say(ask("/"))
    assert (await phone.reply())[0] == 503
    assert shop.got == []


async def test_a_known_protocol_has_nothing_to_learn(world) -> None:
    proxy = await world.proxy("p", f"tcp://{await world.serve()}")
    proxy.learn("http")
    phone = await dial(world, proxy)
    await world.accepted()
    await phone.say(ask("/"))
    await world.until(lambda: proxy.bytes("upstream"))
    assert (proxy.protocol, proxy.links[1].learning, world.events(ProtocolLearnt)) == ("tcp", None, [])
    assert proxy.links[1].client.transport.get_protocol() is proxy.links[1].client


async def test_once_learnt_a_connection_is_a_splice(world) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    await phone.say(PING)
    await up_reader.readexactly(len(PING))
    link = proxy.links[1]
    assert [side.transport.get_protocol() for side in (link.client, link.server)] == [link.client, link.server]


# Ends


@pytest.mark.parametrize("how", ["FIN", "RST"])
async def test_an_end_without_a_word_is_passed_on(world, how: str) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    if how == "FIN":
        phone.finish()
        assert await up_reader.read() == b""
        up_writer.write(GREETING)  # the client's stream has ended, and the protocol is learnt all the same
        up_writer.write_eof()
        assert await phone.rest() == (GREETING, "FIN")
        assert proxy.protocol == "nats"
    else:
        phone.hang_up("RST")
        with pytest.raises(ConnectionResetError):
            await up_reader.read()
        assert proxy.protocol == "auto"


async def test_a_connection_on_which_a_stream_has_ended_is_not_parsed(world) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    status = proxy.inject(spec("http.status:503"))
    up_writer.write_eof()
    assert await phone.rest() == (b"", "FIN")
    await phone.say(ask("/"))
    assert await up_reader.readexactly(len(ask("/"))) == ask("/")
    assert (proxy.protocol, proxy.links[1].conversation, status.untouched) == ("http", None, [1])


async def test_a_request_with_its_end_behind_it_is_parsed(world) -> None:
    shop, proxy = await open_shop(world)
    phone = await dial(world, proxy)
    await phone.say(ask("/a"))
    phone.finish()
    assert await phone.rest() == (ok("1 /a"), "FIN")
    await world.until(lambda: not proxy.links)
    assert [(each.operation, each.status) for each in world.fleet.request_log.entries()] == [("GET /a", "200")]
    assert shop.got == ["GET /a"]


async def test_a_request_with_a_reset_behind_it_is_parsed(world) -> None:
    proxy, phone, up_reader, _ = await pair(world)
    await phone.say(ask("/a"))
    assert await up_reader.readexactly(len(ask("/a"))) == ask("/a")
    phone.hang_up("RST")
    with pytest.raises(ConnectionResetError):
        await up_reader.read()
    assert [each.operation for each in world.fleet.requests()] == ["GET /a"]


async def test_what_came_before_the_upstream_was_there_is_learnt_from(world) -> None:
    shop, proxy = await open_shop(world)
    proxy.inject(spec("connect_delay:100ms"))
    status = proxy.inject(spec({"fault": "http.status", "status": 503, "match": {"path": "/a"}}))
    phone = await dial(world, proxy)
    await phone.say(ask("/a"))
    assert (await phone.reply())[0] == 503
    await phone.say(ask("/b"))
    assert await phone.reply() == (200, "1 /b")
    assert (shop.got, status.fired) == (["GET /b"], 1)


# Faults


async def test_a_fault_of_requests_waits_for_its_protocol_and_hits_the_first_request(world) -> None:
    shop, proxy = await open_shop(world)
    status = proxy.inject(spec("http.status:503"))
    phone = await dial(world, proxy)
    await phone.say(ask("/a"))
    assert (await phone.reply())[0] == 503
    assert (shop.got, status.matched, status.fired, status.untouched) == ([], 1, 1, [])
    assert world.events(Fired) == [Fired("shop", 1, "http.status", 1, "GET /a")]


async def test_a_fault_that_needs_no_upstream_answers_without_one(world) -> None:
    proxy = await world.proxy("shop", f"auto://{world.reserve()}")
    proxy.inject(spec("http.status:503"))
    phone = await dial(world, proxy)
    await phone.say(ask("/a"))
    assert (await phone.reply())[0] == 503


async def test_a_fault_of_another_protocol_says_what_is_spoken(world) -> None:
    proxy, phone, up_reader, _ = await pair(world)
    before = proxy.inject(spec("http.status:503"))
    await phone.say(PING)
    await up_reader.readexactly(len(PING))
    after = proxy.inject(spec({"fault": "http.status", "status": 503, "name": "late"}))
    for each in (before, after):
        assert outcome(each, proxy) == ("other_protocol", "redis is spoken there, and http.status acts on http")
    proxy.heal()
    assert before.finding.hint == "place a fault of redis, or one of bytes"


async def test_a_fault_of_streams_acts_from_the_first_byte(world) -> None:
    proxy, phone, up_reader, _ = await pair(world)
    proxy.inject(spec({"fault": "corrupt", "share": "100%", "stream": "upstream"}))
    await phone.say(PING)
    got = await up_reader.readexactly(len(PING))
    assert all(one != other for one, other in zip(got, PING, strict=True))
    assert proxy.protocol == "redis"  # it is learnt from what the client said


async def test_a_fault_that_a_protocol_brings_acts_from_the_first_byte(world) -> None:
    proxy, phone, up_reader, _ = await pair(world)
    world.fleet.apply(profile({"redis:": [{"fault": "corrupt", "share": "100%", "stream": "upstream"}]}))
    await phone.say(PING)
    assert (await up_reader.readexactly(len(PING)))[:1] != PING[:1]


async def test_a_reset_that_a_protocol_brings_ends_the_connection_that_shows_it(world) -> None:
    proxy, phone, up_reader, _ = await pair(world)
    world.fleet.apply(profile({"redis:": ["reset"]}))
    await phone.say(PING)
    assert await phone.rest() == (b"", "RST")
    with pytest.raises(ConnectionResetError):
        await up_reader.read()
    assert proxy.injections["reset"].fired == 1


async def test_a_silent_connection_takes_faults_and_lets_go_of_them(world) -> None:
    _, proxy = await open_shop(world)
    phone = await dial(world, proxy)
    await world.until(lambda: proxy.links and proxy.links[1].open)
    proxy.inject(spec({"fault": "latency", "latency": "1h", "stream": "both"}))
    proxy.heal()
    status = proxy.inject(spec("http.status:503"))
    await phone.say(ask("/a"))
    assert (await phone.reply())[0] == 503
    assert status.untouched == []


async def test_an_opening_that_raises_resets_its_connection_alone(world, plug_in) -> None:
    def broken(client: bytes, server: bytes) -> bool:
        raise RuntimeError("broken")

    plug_in("brownout.protocols", "natter", Protocol("natter", opening=broken))
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))
    proxy, phone, up_reader, _ = await pair(world)
    await phone.say(b"natter 1\r\n")
    assert await phone.rest() == (b"", "RST")
    assert world.events(ConnectionFailed) == [ConnectionFailed("db", 1, "RuntimeError: broken")]
    assert (proxy.protocol, proxy.bytes("upstream"), proxy.sent("upstream")) == ("auto", 10, 0)
    phone = await dial(world, proxy)
    await phone.say(PING)
    await world.until(lambda: proxy.protocol == "redis")
    assert [str(each) for each in errors] == ["broken"]


class AtStart(Fault, frozen=True):
    """Raises when it joins."""

    name = "at_start"

    def start(self, context: StageContext) -> Stage:
        raise ArithmeticError


async def test_a_fault_that_raises_when_its_protocol_is_learnt_lets_nothing_through(world) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _, context: None)
    proxy, phone, up_reader, _ = await pair(world)
    world.fleet.apply(Profile("p", (Target("http:", (Spec(AtStart(), name="broken"),)),)))
    link = proxy.links[1]
    await phone.say(ask("/"))
    assert await phone.rest() == (b"", "RST")
    with pytest.raises(ConnectionResetError):
        await up_reader.read()
    assert (proxy.bytes("upstream"), proxy.sent("upstream"), link.conversation) == (len(ask("/")), 0, None)
    assert world.events(ConnectionFailed) == [ConnectionFailed("db", 1, "ArithmeticError: ")]


# Profiles


async def test_a_key_by_protocol_meets_a_proxy_from_the_moment_it_is_learnt(world) -> None:
    shop, proxy = await open_shop(world)
    made = world.fleet.apply(profile({"http:": ["http.status:503", "latency:1ms"], "redis:": ["hang"]}))
    assert (made, list(proxy.injections)) == ([], [])
    phone = await dial(world, proxy)
    await phone.say(ask("/a"))
    assert (await phone.reply())[0] == 503
    assert [(each.name, each.profile, each.key, each.fired) for each in proxy.injections.values()] == [
        ("http.status", "p", "http:", 1),
        ("latency", "p", "http:", 1),
    ]
    assert [each.name for each in world.fleet.applied["p"]] == ["http.status", "latency"]
    assert shop.got == []
    assert world.fleet.heal_profile("p") == 2


async def test_what_is_learnt_before_a_profile_is_applied_counts(world) -> None:
    _, proxy = await open_shop(world)
    proxy.learn("http")
    [made] = world.fleet.apply(profile({"http:": ["http.status:503"], "redis:": ["noop"]}))
    assert (made.identity.proxy, made.key) == ("shop", "http:")
    assert world.fleet.revise(profile({"http:": ["http.status:503", "noop"]})) == {"added": 1}


async def test_a_profile_that_is_healed_or_revised_places_no_more_than_it_says(world) -> None:
    for name in ("one", "two"):
        await open_shop(world, name)
    one, two = world.fleet.proxies.values()
    world.fleet.apply(profile({"http:": ["noop"]}))
    assert world.fleet.revise(profile({"http:": ["latency:1s"]})) == {}
    one.learn("http")
    assert list(one.injections) == ["latency"]
    world.fleet.heal_profile("p")
    two.learn("http")
    assert (list(one.injections), list(two.injections)) == ([], [])


async def test_healing_everything_lets_no_profile_wait(world) -> None:
    _, proxy = await open_shop(world)
    world.fleet.apply(profile({"http:": ["noop"]}))
    world.fleet.heal()
    proxy.learn("http")
    assert not proxy.injections
    assert world.fleet.asked() == []


async def test_a_key_that_has_met_no_proxy_is_vacuous(world) -> None:
    _, proxy = await open_shop(world)
    world.fleet.apply(profile({"*": ["latency:1s"], "redis:": ["hang"]}))
    proxy.learn("http")
    [_, asked] = world.fleet.asked()
    assert (asked.profile, asked.key, asked.lines) == ("p", "redis:", ())
    assert asked.finding == (
        "protocol_unknown", "no proxy is known to carry redis", "give it an upstream like redis://HOST:PORT"
    )  # fmt: skip


async def test_a_key_waits_only_for_what_can_be_recognised(world) -> None:
    await world.proxy("shop", "auto://127.0.0.1:1")
    for key, error in (
        ("redsi:", "profile p: 'redsi:' matches no proxy"),
        ("https:", "profile p: 'https:' matches no proxy"),
        ("cache", "profile p: 'cache' matches no proxy"),
    ):
        with pytest.raises(ProfileError) as caught:
            world.fleet.apply(profile({key: ["noop"]}))
        assert caught.value.message == error
    with pytest.raises(ProfileError) as caught:
        world.fleet.apply(profile({"redis:": ["http.status:503"]}))
    assert caught.value.message == "profile p: http.status acts on http requests, and a proxy of 'redis:' carries redis"


async def test_what_cannot_be_placed_once_it_is_learnt_is_said(world) -> None:
    _, proxy = await open_shop(world)
    mine = {"fault": "noop", "name": "mine"}
    world.fleet.apply(profile({"http:": [mine]}))
    proxy.inject(spec(mine))
    proxy.learn("http")
    assert world.events(ProfileLeftOut) == [
        ProfileLeftOut("shop", "p", "profile p: shop already has an injection named mine")
    ]
    assert world.fleet.applied["p"] == []


async def test_a_proxy_that_is_full_takes_no_more_from_a_profile(world, monkeypatch: pytest.MonkeyPatch) -> None:
    _, proxy = await open_shop(world)
    world.fleet.apply(profile({"http:": ["latency:1s"]}))
    proxy.inject(spec("noop"))
    monkeypatch.setattr(fleet, "MOST", 1)
    proxy.learn("http")
    assert list(proxy.injections) == ["noop"]
    assert [event.profile for event in world.events(ProfileLeftOut)] == ["p"]


async def test_what_waits_has_the_clock_that_the_first_test_restarts(world) -> None:
    _, proxy = await open_shop(world)
    late = {"fault": "noop", "start": "1h"}
    world.fleet.launch.apply(profile({"*": [late], "http:": [late]}))
    await dial(world, proxy)
    await world.until(lambda: proxy.injections["noop"].countdown.waits_for is None)
    world.fleet.launch.first_test()
    proxy.learn("http")
    assert proxy.injections["noop-2"].countdown is proxy.injections["noop"].countdown


async def test_what_waits_has_the_clock_of_its_profile(world) -> None:
    _, proxy = await open_shop(world)
    countdown = Countdown(world.fleet.clock, "first test")
    world.fleet.apply(profile({"http:": [{"fault": "noop", "start": "1ms"}]}), countdown)
    proxy.learn("http")
    assert proxy.injections["noop"].countdown is countdown


async def test_another_upstream_that_does_not_fit_is_refused(world) -> None:
    _, proxy = await open_shop(world)
    proxy.inject(spec("http.status:503"))
    with pytest.raises(ConflictError, match="carries redis"):
        await proxy.update(upstream="redis://127.0.0.1:1")
    await proxy.update(upstream="http://127.0.0.1:1")
    with pytest.raises(BrownoutError):
        await proxy.update(upstream="tcp://127.0.0.1:1")
    await proxy.update(upstream="auto://127.0.0.1:1")


# At random


async def test_bytes_pass_untouched_however_both_streams_are_cut(world) -> None:
    """Half of the servers speak at once, into the opening of their connection, whose client has spoken by then."""
    rng = random.Random(7)
    said, greeted = ask("/a") + ask("/b") + b"\x00\x01", GREETING + ok("a") + ok("b")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if speaks := rng.random() < 0.5:
            writer.write(greeted)
        got.append(await reader.readexactly(len(said)))
        if not speaks:
            writer.write(greeted)
        writer.close()

    address = await world.serve(serve)
    for number in range(40):
        got: list[bytes] = []
        proxy = await world.proxy(f"p{number}", f"auto://{address}")
        proxy.inject(spec("connect_delay:2ms" if number % 2 else "noop"))
        phone = await dial(world, proxy)
        for piece in cut(rng, said):
            await phone.say(piece)
            await asyncio.sleep(0)
        assert await phone.rest() == (greeted, "FIN")
        assert got == [said]
