"""HTTP over real sockets, cut, asked and broken at random: what passes is untouched and in order, whatever comes."""

import asyncio
import contextlib
import random

import pytest

from brownout.proxy.record.event import Fired, ParsingStopped

from .conftest import spec
from .shop import ELSEWHERE, ask, cut, dial, open_shop


async def written(writer: asyncio.StreamWriter, pieces: list[bytes]) -> None:
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@pytest.mark.parametrize("armed", [False, True], ids=["no fault", "a fault for others"])
@pytest.mark.parametrize("order", ["one by one", "half-closed", "both at once"])
async def test_conversations_pass_byte_for_byte(world, conversations, armed: bool, order: str) -> None:
    rng = random.Random(f"{armed} {order}")
    proxy = await world.proxy("shop", f"http://{await world.serve()}")
    if armed:
        proxy.inject(spec(ELSEWHERE))
    assert len(conversations) >= 220
    for conversation in conversations:
        reader, writer = await world.connect(proxy)
        up_reader, up_writer = await world.accepted()
        asked, replied = cut(rng, conversation.request), cut(rng, conversation.reply)
        if order == "both at once":
            await asyncio.gather(written(writer, asked), written(up_writer, replied))
            writer.write_eof()
            got = await up_reader.read()
        elif order == "half-closed":
            await written(writer, asked)
            writer.write_eof()
            got = await up_reader.read()
            await written(up_writer, replied)
        else:
            await written(writer, asked)
            got = await up_reader.readexactly(len(conversation.request))
            await written(up_writer, replied)
        up_writer.write_eof()
        assert await reader.read() == conversation.reply, conversation.name
        if order == "one by one":
            writer.write_eof()
            got += await up_reader.read()
        assert got == conversation.request, conversation.name
        writer.close()
        up_writer.close()
    await world.until(lambda: not proxy.links)
    assert world.events(Fired) == []


HARMLESS = {
    "http.status": {"status": 503, "body": "busy"},
    "http.delay": {"delay": "2ms", "jitter": "2ms"},
    "http.drip": {"bytes": "9B", "interval": "1ms"},
    "http.header": {"add": {"X-Late": "yes"}},
    "http.lost_reply": {"client_sees": "504"},
    "http.duplicate": {},
}
"""Faults that leave a link as it is."""


@pytest.mark.parametrize("seed", range(3))
async def test_replies_stay_in_order_while_faults_come_and_go(world, seed: int) -> None:
    shop, proxy = await open_shop(world)
    rng = random.Random(seed)

    async def talk(link: int) -> None:
        phone, rng = await dial(world, proxy), random.Random(f"{seed} {link}")
        targets = [f"/{link}/{number}" for number in range(60)]
        data = b"".join(
            ask(target, *rng.choice([("GET",), ("POST", b"x" * rng.choice([1, 500, 70_000]))])) for target in targets
        )

        async def say() -> None:
            for piece in cut(rng, data):
                await phone.say(piece)
                await asyncio.sleep(rng.choice([0, 0.002]))

        async def hear() -> None:
            for target in targets:
                status, body = await phone.reply()
                assert status in (503, 504) or body.split()[1] == target, (target, status, body)

        await asyncio.gather(say(), hear())
        assert phone.heard == b""
        phone.hang_up()

    async def disturb() -> None:
        while True:
            name = rng.choice(list(HARMLESS))
            if name in proxy.injections:
                proxy.heal(name)
            else:
                proxy.inject(spec({"fault": name, "probability": "50%", **HARMLESS[name]}))
            await asyncio.sleep(rng.random() / 200)

    disturbing = asyncio.create_task(disturb())
    await asyncio.gather(*(talk(link) for link in range(10)))
    disturbing.cancel()
    await world.until(lambda: not proxy.links)
    assert world.events(Fired)
    assert world.events(ParsingStopped) == []
    assert world.fleet.budget.held == 0


FATAL = {
    "resets": {"fault": "http.lost_request", "client_sees": "reset"},
    "asks-in-vain": {"fault": "http.lost_request", "client_sees": "hang"},
    "hangs": {"fault": "http.lost_reply", "client_sees": "hang"},
    "resets-late": {"fault": "http.lost_reply", "client_sees": "reset"},
    "gives-up": {"fault": "http.lost_reply", "client_sees": "504"},
    "cuts": {"fault": "http.truncate", "share": "50%", "how": "rst"},
    "ends": {"fault": "http.truncate", "bytes": "3B", "how": "fin"},
    "answers": {"fault": "http.status", "status": 503, "body": "busy"},
    "reads-first": {"fault": "http.status", "status": 503, "body": "busy", "match": {"body": "x*"}},
    "is-late": {"fault": "http.delay", "delay": "1h"},
    "asks-late": {"fault": "http.delay", "delay": "2ms", "jitter": "2ms", "delays": "request"},
    "drips": {"fault": "http.drip", "bytes": "9B", "interval": "1ms"},
    "drips-first": {"fault": "http.drip", "bytes": "1B", "interval": "1h", "part": "head"},
    "repeats": {"fault": "http.duplicate"},
    "adds": {"fault": "http.header", "add": {"X-Late": "yes"}, "match": {"status": "200"}},
    "link-resets": {"fault": "reset"},
    "link-is-late": {"fault": "latency", "latency": "2ms", "stream": "both"},
    "link-is-cut": {"fault": "limit_data", "bytes": "5KB"},
}
"""Faults of which some end a link, or silence or hold it until they are healed."""


def replies_in(data: bytes) -> list[tuple[int, str]]:
    """The replies that are whole: status and body."""
    found = []
    while b"\r\n\r\n" in data:
        head, _, data = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split()[0])
        if len(data) >= length:
            found.append((int(head.split()[1]), data[:length].decode()))
        data = data[length:]
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_ends_a_link_what_came_before_is_in_order(world, seed: int) -> None:
    shop, proxy = await open_shop(world)
    shop.leaves = 0.03
    rng = random.Random(seed)

    async def talk(link: int) -> None:
        phone, rng = await dial(world, proxy), random.Random(f"{seed} {link}")
        targets = [f"/{link}/{number}" for number in range(30)]
        data = b"".join(ask(target, *rng.choice([("GET",), ("POST", b"x" * 500)])) for target in targets)

        async def say() -> None:
            with contextlib.suppress(ConnectionError):
                for piece in cut(rng, data):
                    await phone.say(piece)
                    await asyncio.sleep(rng.choice([0, 0.002]))
            with contextlib.suppress(OSError):
                phone.finish()

        (heard, _), _ = await asyncio.gather(phone.rest(), say())
        for target, (status, body) in zip(targets, replies_in(heard), strict=False):
            assert status in (503, 504) or body.split()[1] == target, (target, status, body)
        phone.hang_up()

    async def disturb() -> None:
        while True:
            name = rng.choice(list(FATAL))
            if name in proxy.injections:
                proxy.heal(name)
            else:
                proxy.inject(spec({"name": name, "probability": rng.choice(["20%", "100%"]), **FATAL[name]}))
            await asyncio.sleep(rng.random() / 200)

    disturbing = asyncio.create_task(disturb())
    await asyncio.gather(*(talk(link) for link in range(20)))
    disturbing.cancel()
    proxy.heal()
    await world.until(lambda: not proxy.links)
    assert world.events(Fired)
    assert world.fleet.budget.held == 0
