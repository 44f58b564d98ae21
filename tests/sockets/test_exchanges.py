"""HTTP over real sockets: what fails does so in order, and leaves nothing behind."""

import asyncio
import socket

import pytest

from brownout.proxy.record.event import ConnectionFailed, Fired, ParsingStopped, RequestCopied

from .conftest import spec
from .shop import ELSEWHERE, RST, Shop, ask, dial, ok, open_shop, pair


@pytest.mark.parametrize("armed", [False, True], ids=["no fault", "a fault for others"])
async def test_half_a_head_goes_on_with_the_end_of_its_stream(world, armed: bool) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    if armed:
        proxy.inject(spec(ELSEWHERE))
    await phone.say(ask("/a") + b"GET /b HTTP/1.1\r\nHo")
    phone.finish()
    assert await up_reader.read() == ask("/a") + b"GET /b HTTP/1.1\r\nHo"
    up_writer.write(b"HTTP/1.1 200 OK\r\nCont")
    up_writer.write_eof()
    assert await phone.rest() == (b"HTTP/1.1 200 OK\r\nCont", "FIN")


async def test_an_open_connection_that_is_not_parsed_is_listed_as_untouched(world) -> None:
    proxy, phone, up_reader, _ = await pair(world)
    await phone.say(b"no HTTP\r\n\r\n")
    assert await up_reader.readexactly(11) == b"no HTTP\r\n\r\n"
    assert proxy.inject(spec("http.status:503")).untouched == [1]


async def test_a_reply_that_a_fault_of_streams_cuts_is_no_mistake_of_ours(world) -> None:
    _, proxy = await open_shop(world)
    proxy.inject(spec({"fault": "limit_data", "bytes": "12B", "stream": "downstream"}))
    phone = await dial(world, proxy)
    await phone.say(ask("/a"))
    assert await phone.rest() == (b"HTTP/1.1 200", "FIN")
    await world.until(lambda: not proxy.links)
    assert world.events(ConnectionFailed) == []
    assert [(entry.status, entry.end) for entry in world.fleet.requests()] == [("", "closed")]


async def test_requests_are_parsed_whatever_driver_the_scheme_names(world) -> None:
    proxy = await world.proxy("shop", f"http+requests://{await world.serve(Shop())}")
    proxy.inject(spec("http.status:503"))
    phone = await dial(world, proxy)
    await phone.say(ask("/a"))
    assert (await phone.reply())[0] == 503


class TestPipelined:
    FIVE = b"".join(ask(f"/{number}") for number in range(1, 6))

    async def test_the_middle_one_of_five_is_answered_in_order(self, world) -> None:
        shop, proxy = await open_shop(world)
        proxy.inject(spec({"fault": "http.status", "status": 503, "body": "busy", "match": {"path": "/3"}}))
        phone = await dial(world, proxy)
        await phone.say(self.FIVE)
        replies = [await phone.reply() for _ in range(5)]
        assert replies == [(200, "1 /1"), (200, "2 /2"), (503, "busy"), (200, "3 /4"), (200, "4 /5")]
        assert shop.got == ["GET /1", "GET /2", "GET /4", "GET /5"]

    async def test_the_middle_one_of_five_is_reset_behind_the_replies_before_it(self, world) -> None:
        shop, proxy = await open_shop(world)
        proxy.inject(spec({"fault": "http.lost_request", "client_sees": "reset", "match": {"path": "/3"}}))
        phone = await dial(world, proxy)
        await phone.say(self.FIVE)
        assert await phone.rest() == (ok("1 /1") + ok("2 /2"), "RST")
        assert "GET /3" not in shop.got

    async def test_what_comes_with_a_request_that_is_reset_goes_nowhere(self, world) -> None:
        shop, proxy = await open_shop(world)
        proxy.inject(spec({"fault": "http.lost_request", "client_sees": "reset", "match": {"path": "/1"}}))
        phone = await dial(world, proxy)
        await phone.say(self.FIVE)
        assert await phone.rest() == (b"", "RST")
        await world.until(lambda: not proxy.links)
        assert shop.got == []

    async def test_a_request_goes_on_while_the_last_reply_drips(self, world) -> None:
        shop, proxy = await open_shop(world)
        slow = proxy.inject(spec({"fault": "http.drip", "bytes": "1B", "interval": "1h", "match": {"path": "/slow"}}))
        phone = await dial(world, proxy)
        await phone.say(ask("/slow"))
        assert await phone.hear(len(ok("1 /slow")) - 6) == ok("1 /slow")[:-6]  # the head, and one byte
        await phone.say(ask("/next"))
        await world.until(lambda: shop.got == ["GET /slow", "GET /next"])
        assert slow.fired == 1
        proxy.heal()
        assert await phone.hear(6) == b" /slow"
        assert await phone.reply() == (200, "2 /next")


class TestUploads:
    async def test_an_answer_comes_before_a_large_upload_ends(self, world) -> None:
        shop, proxy = await open_shop(world)
        proxy.inject(spec({"fault": "http.status", "status": 503, "body": "busy", "match": {"method": "POST"}}))
        phone = await dial(world, proxy)
        upload = ask("/upload", "POST", b"x" * 8_000_000)
        await phone.say(upload[:1_000_000])
        assert await phone.reply() == (503, "busy")
        await phone.say(upload[1_000_000:] + ask("/next"))
        assert await phone.reply() == (200, "1 /next")
        assert shop.got == ["GET /next"]

    async def test_the_upstreams_own_early_reply_comes_early(self, world) -> None:
        proxy, phone, up_reader, up_writer = await pair(world)
        proxy.inject(spec(ELSEWHERE))
        upload = ask("/upload", "POST", b"x" * 1_000_000)
        await phone.say(upload[:500_000])
        up_writer.write(ok("too large"))
        assert await phone.reply() == (200, "too large")
        await phone.say(upload[500_000:] + ask("/next"))
        assert await up_reader.readexactly(len(upload)) == upload
        up_writer.write(ok("next"))
        assert await phone.reply() == (200, "next")

    async def test_an_upload_that_waits_for_a_go_ahead_is_answered_instead(self, world) -> None:
        shop, proxy = await open_shop(world)
        proxy.inject(spec({"fault": "http.status", "status": 503, "match": {"method": "POST"}}))
        phone = await dial(world, proxy)
        await phone.say(ask("/upload", "POST", b"x" * 1000, "Expect: 100-continue\r\n")[:-1000])
        heard, end = await phone.rest()
        assert (heard[:12], end) == (b"HTTP/1.1 503", "FIN")
        assert b"\r\nconnection: close\r\n" in heard
        assert shop.got == []


SPECIAL = {
    "HEAD with a length": (ask("/first", "HEAD"), b"HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n"),
    "304 with a length": (ask("/first"), b"HTTP/1.1 304 Not Modified\r\nContent-Length: 700\r\n\r\n"),
    "1xx before it": (ask("/first"), b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2 + ok("at last")),
    "an upgrade refused": (
        ask("/first", fields="Connection: Upgrade\r\nUpgrade: websocket\r\n"),
        b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n",
    ),
}


@pytest.mark.parametrize("special", SPECIAL)
async def test_behind_a_reply_without_the_usual_body_the_next_one_is_found(world, special: str) -> None:
    asked, replied = SPECIAL[special]
    shop, proxy = await open_shop(world, first=replied)
    proxy.inject(spec({"fault": "http.header", "add": {"X-Late": "yes"}, "match": {"path": "/next"}}))
    phone = await dial(world, proxy)
    for _ in range(2):
        await phone.say(asked + ask("/next"))
        assert await phone.hear(len(replied)) == replied
        assert (await phone.hear(len(ok("2 /next")) + len("X-Late: yes\r\n"))).count(b"X-Late: yes\r\n") == 1
    assert world.events(ParsingStopped) == []


@pytest.mark.parametrize("armed", [False, True], ids=["no fault", "a fault for others"])
@pytest.mark.parametrize("written", ["before the end is seen", "behind it"])
async def test_a_request_that_meets_the_end_of_an_idle_link_gets_no_reply(world, armed: bool, written: str) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    if armed:
        proxy.inject(spec(ELSEWHERE))
    await phone.say(ask("/first"))
    await up_reader.readuntil(b"\r\n\r\n")
    up_writer.write(ok("first"))
    assert await phone.reply() == (200, "first")
    up_writer.close()
    if written == "behind it":
        assert await phone.rest() == (b"", "FIN")
    await phone.say(ask("/next"))
    heard, _ = await phone.rest()
    assert heard == b""
    await world.until(lambda: not proxy.links)  # the server refused what came: both ends are reset
    first, last = world.fleet.request_log.entries()
    assert (first.operation, first.status, first.end) == ("GET /first", "200", "")
    assert (last.operation, last.status) == ("GET /next", "")
    assert last.end in ("closed", "reset")


async def test_behind_the_end_of_the_upstream_nothing_is_answered(world) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    proxy.inject(spec({"fault": "http.status", "status": 503}))
    up_writer.close()
    assert await phone.rest() == (b"", "FIN")
    await phone.say(ask("/a"))
    assert (await phone.rest())[0] == b""
    await world.until(lambda: not proxy.links)
    assert world.events(Fired) == []


@pytest.mark.parametrize("armed", [False, True], ids=["no fault", "a fault for others"])
async def test_an_idle_link_that_is_reset_is_reset(world, armed: bool) -> None:
    proxy, phone, up_reader, up_writer = await pair(world)
    if armed:
        proxy.inject(spec(ELSEWHERE))
    await phone.say(ask("/first"))
    await up_reader.readuntil(b"\r\n\r\n")
    up_writer.write(ok("first"))
    assert await phone.reply() == (200, "first")
    up_writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
    up_writer.transport.abort()
    assert await phone.rest() == (b"", "RST")


class TestTruncated:
    CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    CHUNKS = b"6\r\nabcdef\r\n6\r\nghijkl\r\n0\r\n\r\n"

    @pytest.mark.parametrize(("how", "end"), [("fin", "FIN"), ("rst", "RST")])
    async def test_a_chunked_reply_stops_at_its_share(self, world, how: str, end: str) -> None:
        shop, proxy = await open_shop(world, page=self.CHUNKED + self.CHUNKS)
        proxy.inject(spec({"fault": "http.truncate", "share": "75%", "how": how}))
        phone = await dial(world, proxy)
        await phone.say(ask("/page"))
        assert await phone.rest() == (self.CHUNKED + b"6\r\nabcdef\r\n6\r\nghi", end)

    async def test_a_chunked_reply_gets_the_length_of_its_share(self, world) -> None:
        shop, proxy = await open_shop(world, page=self.CHUNKED + self.CHUNKS)
        proxy.inject(
            spec({"fault": "http.truncate", "share": "75%", "how": "right_length", "match": {"path": "/page"}})
        )
        phone = await dial(world, proxy)
        await phone.say(ask("/page") + ask("/next"))
        assert [await phone.reply(), await phone.reply()] == [(200, "abcdefghi"), (200, "2 /next")]


class TestLost:
    async def test_the_work_is_done_and_the_client_is_reset(self, world) -> None:
        shop, proxy = await open_shop(world)
        proxy.inject(spec("http.lost_reply"))
        phone = await dial(world, proxy)
        await phone.say(ask("/charge", "POST", b"350"))
        assert await phone.rest() == (b"", "RST")
        assert shop.got == ["POST /charge"]
        assert [(entry.status, entry.end) for entry in world.fleet.request_log.entries()] == [("", "reset")]

    async def test_the_work_is_done_and_a_gateway_says_that_it_took_too_long(self, world) -> None:
        shop, proxy = await open_shop(world)
        proxy.inject(spec({"fault": "http.lost_reply", "client_sees": "504", "match": {"path": "/charge"}}))
        phone = await dial(world, proxy)
        await phone.say(ask("/charge", "POST", b"350") + ask("/next"))
        assert (await phone.reply())[0] == 504
        assert await phone.reply() == (200, "2 /next")
        assert shop.got == ["POST /charge", "GET /next"]

    @pytest.mark.parametrize(("fault", "done"), [("http.lost_reply", ["GET /a"]), ("http.lost_request", [])])
    async def test_a_link_that_fell_silent_closes_when_healed(self, world, fault: str, done: list[str]) -> None:
        shop, proxy = await open_shop(world)
        silent = proxy.inject(spec(f"{fault}:hang"))
        phone = await dial(world, proxy)
        await phone.say(ask("/a"))
        await world.until(lambda: silent.fired and (proxy.bytes("downstream") or not done))
        proxy.heal()
        assert await phone.rest() == (b"", "FIN")
        await world.until(lambda: not proxy.links)
        assert shop.got == done


@pytest.mark.parametrize("copies", [1, 3])
async def test_a_duplicate_is_there_before_the_client_has_its_reply(world, copies: int) -> None:
    shop, proxy = await open_shop(world)
    proxy.inject(spec({"fault": "http.duplicate", "copies": copies, "match": {"method": "POST"}}))
    phone = await dial(world, proxy)
    await phone.say(ask("/charge", "POST", b"350") + ask("/next"))
    assert await phone.reply() == (200, f"{copies + 1} /charge")
    assert await phone.reply() == (200, f"{copies + 2} /next")
    assert shop.got == ["POST /charge"] * (copies + 1) + ["GET /next"]


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "not HTTP/1"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "differing content-lengths"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n", "200"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x00", "101"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "204"),
    ],
)
async def test_a_copy_whose_reply_cannot_be_parsed_is_over_when_it_is_there(world, reply: bytes, status: str) -> None:
    shop, proxy = await open_shop(world, charge=reply)
    proxy.inject(spec({"fault": "http.duplicate", "copies": 2}))
    phone = await dial(world, proxy)
    await phone.say(ask("/charge"))
    assert await phone.hear(len(reply)) == reply
    assert [event.status for event in world.events(RequestCopied)] == [status, status]


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_copy_that_is_answered_before_it_was_read_is_over_then(world, leaves: bool, tmp_path) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        if leaves:
            await writer.drain()
            writer.close()

    await world.serve(refuse, path=tmp_path / "shop.sock")  # a unix socket does not take a megabyte unread
    proxy = await world.proxy("shop", f"http+unix://{tmp_path}/shop.sock")
    proxy.inject(spec({"fault": "http.duplicate", "copies": 2}))
    phone = await dial(world, proxy)
    await phone.say(ask("/charge", "POST", b"x" * 1_000_000))
    await world.until(lambda: len(world.events(RequestCopied)) == 2)
    assert [event.status for event in world.events(RequestCopied)] == ["413", "413"]


async def test_a_client_of_http_1_0_uses_its_connection_again_behind_an_answer_of_ours(world) -> None:
    shop, proxy = await open_shop(world)
    proxy.inject(spec({"fault": "http.status", "status": 503, "body": "busy", "times": 2}))
    phone = await dial(world, proxy)
    for expected in [(503, "busy"), (503, "busy"), (200, "1 /a")]:
        await phone.say(b"GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
        while b"\r\n\r\n" not in phone.heard:
            await phone._more()
        assert expected[0] == 200 or b"\r\nconnection: keep-alive\r\n" in phone.heard
        assert await phone.reply() == expected


class TestArming:
    BUSY = {"fault": "http.status", "status": 503, "body": "busy"}

    async def test_a_request_in_flight_is_not_hit_and_the_next_is(self, world) -> None:
        proxy, phone, up_reader, up_writer = await pair(world)
        await phone.say(ask("/a"))
        await up_reader.readuntil(b"\r\n\r\n")
        proxy.inject(spec(self.BUSY))
        await phone.say(ask("/b"))
        up_writer.write(ok("a"))
        assert [await phone.reply(), await phone.reply()] == [(200, "a"), (503, "busy")]

    async def test_an_upload_in_flight_is_not_hit(self, world) -> None:
        proxy, phone, up_reader, up_writer = await pair(world)
        upload = ask("/a", "POST", b"x" * 1000)
        await phone.say(upload[:500])
        await up_reader.readexactly(500)
        proxy.inject(spec(self.BUSY))
        await phone.say(upload[500:] + ask("/b"))
        assert await up_reader.readexactly(len(upload) - 500) == upload[500:]
        up_writer.write(ok("a"))
        assert [await phone.reply(), await phone.reply()] == [(200, "a"), (503, "busy")]

    async def test_a_head_in_flight_is_not_hit(self, world) -> None:
        proxy, phone, up_reader, up_writer = await pair(world)
        await phone.say(ask("/a")[:10])
        await up_reader.readexactly(10)
        proxy.inject(spec(self.BUSY))
        await phone.say(ask("/a")[10:] + ask("/b"))
        assert await up_reader.readuntil(b"\r\n\r\n") == ask("/a")[10:]
        up_writer.write(ok("a"))
        assert [await phone.reply(), await phone.reply()] == [(200, "a"), (503, "busy")]

    @pytest.mark.parametrize("seen", [10, 41], ids=["its head", "its body"])
    async def test_a_reply_in_flight_is_not_hit(self, world, seen: int) -> None:
        proxy, phone, up_reader, up_writer = await pair(world)
        await phone.say(ask("/a"))
        await up_reader.readuntil(b"\r\n\r\n")
        up_writer.write(ok("abcdef")[:seen])
        assert await phone.hear(seen) == ok("abcdef")[:seen]
        proxy.inject(spec(self.BUSY))
        await phone.say(ask("/b"))
        await world.until(lambda: proxy.injections["http.status"].fired)
        up_writer.write(ok("abcdef")[seen:])
        assert await phone.hear(len(ok("abcdef")) - seen) == ok("abcdef")[seen:]
        assert await phone.reply() == (503, "busy")


@pytest.mark.parametrize(("delays", "done"), [("request", 0), ("reply", 1), ("body", 1)])
async def test_what_a_delay_holds_goes_on_when_it_is_healed(world, delays: str, done: int) -> None:
    shop, proxy = await open_shop(world)
    late = proxy.inject(spec({"fault": "http.delay", "delay": "1h", "delays": delays}))
    phone = await dial(world, proxy)
    await phone.say(ask("/a") + ask("/b"))
    await world.until(lambda: late.fired and len(shop.got) >= done)
    proxy.heal()
    assert [await phone.reply(), await phone.reply()] == [(200, "1 /a"), (200, "2 /b")]
    await world.until(lambda: not world.fleet.budget.held)


FIRING = {
    "none": None,
    "one for others": ELSEWHERE,
    "a header": {"fault": "http.header", "add": {"X-Late": "yes"}},
    "a delay": {"fault": "http.delay", "delay": "20ms"},
    "a delay of the request": {"fault": "http.delay", "delay": "20ms", "delays": "request"},
    "a drip": {"fault": "http.drip", "bytes": "1B", "interval": "1ms"},
    "a status": {"fault": "http.status", "status": 200, "body": "ours"},
    "a duplicate": "http.duplicate",
    "a page of a gateway": {"fault": "http.lost_reply", "client_sees": "504"},
}


@pytest.mark.parametrize("fault", FIRING)
async def test_a_client_that_has_finished_hears_all_of_its_reply(world, fault: str) -> None:
    shop, proxy = await open_shop(world)
    if FIRING[fault]:
        proxy.inject(spec(FIRING[fault]))
    phone = await dial(world, proxy)
    await phone.say(ask("/a"))
    phone.finish()
    heard, end = await phone.rest()
    status, body = {"a status": (b"200", b"ours"), "a page of a gateway": (b"504", b"</html>\n")}.get(
        fault, (b"200", b"2 /a" if fault == "a duplicate" else b"1 /a")
    )
    assert (heard[9:12], heard[-len(body) :], end) == (status, body, "FIN")
    await world.until(lambda: not proxy.links)


LEFT = {
    "while a reply drips": {"fault": "http.drip", "bytes": "1B", "interval": "5ms"},
    "while a reply is late": {"fault": "http.delay", "delay": "1h"},
    "while a body is late": {"fault": "http.delay", "delay": "1h", "delays": "body"},
    "while its request is late": {"fault": "http.delay", "delay": "1h", "delays": "request"},
    "while nothing is said": {"fault": "http.lost_reply", "client_sees": "hang"},
    "while nothing is asked": {"fault": "http.lost_request", "client_sees": "hang"},
    "while nothing is armed": None,
}


@pytest.mark.parametrize("how", ["FIN", "RST"])
@pytest.mark.parametrize("when", LEFT)
async def test_a_client_that_leaves_leaves_nothing_behind(world, when: str, how: str) -> None:
    shop, proxy = await open_shop(world, page=ok("x" * 3_000_000))
    fault = proxy.inject(spec(LEFT[when])) if LEFT[when] else None
    phone = await dial(world, proxy)
    await phone.say(ask("/page"))
    await world.until(lambda: fault.fired if fault else proxy.bytes("downstream"))
    await asyncio.sleep(0.02)  # any moment will do
    phone.hang_up(how)
    if "late" in when and (how == "FIN" or "request" in when):
        await asyncio.sleep(0.02)
        proxy.heal()
    await world.until(lambda: not proxy.links)
    assert world.fleet.budget.held == 0
    assert not world.fleet.unread


async def test_five_hundred_links_are_healed_at_once(world) -> None:
    shop, proxy = await open_shop(world)
    late = proxy.inject(spec({"fault": "http.delay", "delay": "1h"}))
    phones = [await dial(world, proxy) for _ in range(500)]
    for phone in phones:
        await phone.say(ask("/a"))
    await world.until(lambda: late.fired == 500 and len(shop.got) == 500)
    await world.until(lambda: proxy.bytes("downstream") > 0 and world.fleet.budget.held == proxy.bytes("downstream"))
    proxy.heal()
    assert {(await phone.reply())[0] for phone in phones} == {200}
    for phone in phones:
        phone.hang_up()
    await world.until(lambda: not proxy.links)
    assert world.fleet.budget.held == 0
