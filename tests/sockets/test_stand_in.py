"""Faults of requests before an upstream that is gone: those that need none act, all else is as without them."""

import pytest

from brownout.proxy.record.event import ConnectionClosed, DialFailed

from .conftest import spec
from .shop import ask, dial

ANSWER = {"fault": "http.status", "status": 503, "match": {"path": "/a*"}}


async def before_nobody(world):
    return await world.proxy("shop", f"http://{world.reserve()}")


async def test_a_status_is_answered_and_answered_again(world) -> None:
    proxy = await before_nobody(world)
    injection = proxy.inject(spec(ANSWER))
    phone = await dial(world, proxy)
    for number in (1, 2):
        await phone.say(ask("/a"))
        assert (await phone.reply())[0] == 503
        assert injection.fired == number
    assert [event.reason for event in world.events(DialFailed)] == ["dial_refused"]
    assert proxy.errors["dial_refused"] == 1


async def test_a_request_that_no_fault_answers_is_reset(world) -> None:
    proxy = await before_nobody(world)
    proxy.inject(spec(ANSWER))
    phone = await dial(world, proxy)
    await phone.say(ask("/a"))
    assert (await phone.reply())[0] == 503
    await phone.say(ask("/b"))
    assert await phone.rest() == (b"", "RST")
    await world.until(lambda: not proxy.links)
    assert [event.reason for event in world.events(ConnectionClosed)] == ["dial_refused"]


async def test_healed_it_answers_no_more(world) -> None:
    proxy = await before_nobody(world)
    proxy.inject(spec(ANSWER))
    phone = await dial(world, proxy)
    await phone.say(ask("/a"))
    assert (await phone.reply())[0] == 503
    proxy.heal()
    await phone.say(ask("/a"))
    assert await phone.rest() == (b"", "RST")


async def test_a_request_is_lost_there_too(world) -> None:
    proxy = await before_nobody(world)
    injection = proxy.inject(spec({"fault": "http.lost_request", "client_sees": "reset"}))
    phone = await dial(world, proxy)
    await phone.say(ask("/a"))
    assert await phone.rest() == (b"", "RST")
    await world.until(lambda: injection.fired)


@pytest.mark.parametrize("fault", ["http.delay:1ms", "http.lost_reply", "latency:1ms", "noop"])
async def test_another_fault_leaves_the_reset_where_it_was(world, fault: str) -> None:
    proxy = await before_nobody(world)
    proxy.inject(spec(fault))
    phone = await dial(world, proxy)
    assert await phone.rest() == (b"", "RST")


async def test_one_that_has_not_begun_changes_nothing(world) -> None:
    proxy = await before_nobody(world)
    proxy.inject(spec({**ANSWER, "start": "1h"}))
    phone = await dial(world, proxy)
    assert await phone.rest() == (b"", "RST")


@pytest.mark.parametrize("how", ["FIN", "RST"])
async def test_a_client_that_leaves_ends_it(world, how: str) -> None:
    proxy = await before_nobody(world)
    proxy.inject(spec(ANSWER))
    phone = await dial(world, proxy)
    await phone.say(ask("/a"))
    assert (await phone.reply())[0] == 503
    phone.hang_up(how)
    await world.until(lambda: not proxy.links)
