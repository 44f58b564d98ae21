"""The clock of what is placed at launch: from when `start` and `for` count, and that it begins again with the tests."""

import asyncio

import pytest

from brownout.faults import Spec
from brownout.faults.profile import Profile, Target
from brownout.proxy.record.event import Healed, Injected

LATE = {"fault": "limit_data", "bytes": "1B", "start": "50ms", "for": "50ms"}
REFUSED = {"fault": "refuse", "for": "60ms"}


def profile(*sources: object, clock=None, name="p") -> Profile:
    return Profile(name, (Target("*", tuple(Spec.parse(source) for source in sources)),), clock=clock)


def waits_for(proxy) -> list[str | None]:
    return [each.countdown.waits_for for each in proxy.injections.values()]


async def test_the_clock_waits_for_the_first_connection(world) -> None:
    one, two = await world.proxy("one"), await world.proxy("two")
    world.fleet.launch.apply(profile(LATE))
    await asyncio.sleep(0.15)
    assert (waits_for(one), waits_for(two)) == (["first connection"], ["first connection"])
    assert [each.active for each in one.injections.values()] == [False]
    await world.connect(two)
    await world.until(lambda: not two.injections)
    assert not one.injections  # one clock for all of them
    assert [event.proxy for event in world.events(Healed)] == ["one", "two"]


async def test_what_has_no_start_is_there_at_once_and_lasts_from_the_first_connection(world) -> None:
    proxy = await world.proxy()
    world.fleet.launch.apply(profile({"fault": "latency", "latency": "1ms", "for": "50ms"}))
    [injection] = proxy.injections.values()
    await asyncio.sleep(0.1)
    assert injection.active
    await world.connect(proxy)
    await world.until(lambda: not proxy.injections)
    assert injection.expired


async def test_what_never_ends_does_not_wait(world) -> None:
    proxy = await world.proxy()
    world.fleet.launch.apply(profile("latency:1ms"))
    assert (waits_for(proxy), world.fleet.awaiting_connection) == ([None], [])


async def test_a_profile_that_closes_the_port_ends_although_nobody_can_connect(world) -> None:
    proxy = await world.proxy()
    world.fleet.launch.apply(profile(REFUSED, {"fault": "latency", "latency": "1ms", "start": "20ms", "for": "20ms"}))
    assert proxy.injections.port == "refusing"
    await world.until(lambda: not proxy.injections)
    await world.connect(proxy)


async def test_a_port_that_is_closed_only_later_does_not_start_the_clock(world) -> None:
    proxy = await world.proxy()
    world.fleet.launch.apply(profile({"fault": "refuse", "start": "1ms"}))
    assert waits_for(proxy) == ["first connection"]


@pytest.mark.parametrize("connects", [False, True], ids=["nobody connects", "a migration connects"])
async def test_tests_that_are_announced_start_the_clock_with_the_first_one(world, connects) -> None:
    proxy = await world.proxy()
    world.fleet.launch.apply(profile(LATE))
    world.fleet.launch.tests_announced()
    if connects:
        await world.connect(proxy)
        await asyncio.sleep(0.15)
    assert waits_for(proxy) == ["first test"]
    assert proxy.findings()[proxy.injections["limit_data"]][0].text == ("its clock never started: no first test yet")
    world.fleet.launch.first_test()
    await world.until(lambda: proxy.injections["limit_data"].active)
    world.fleet.launch.first_test()  # of another worker
    await world.until(lambda: not proxy.injections)
    assert len(world.events(Injected)) == 1


async def test_a_clock_that_a_connection_has_started_starts_again_with_the_first_test(world) -> None:
    proxy = await world.proxy()
    world.fleet.launch.apply(profile(LATE, "latency:1ms"))
    reader, writer = await world.connect(proxy)
    await world.until(lambda: "limit_data" not in proxy.injections)  # over before anybody announced tests
    lasting = proxy.injections["latency"]
    world.fleet.launch.tests_announced()
    world.fleet.launch.first_test()
    again = proxy.injections["limit_data"]
    assert (again.active, again.matched, again.profile, again.key) == (False, 0, "p", "*")
    assert proxy.injections["latency"] is lasting  # it has no clock
    await world.until(lambda: again.active)
    writer.write(b"12")
    assert await reader.read() == b"1"
    [asked] = world.fleet.asked()
    assert [(line.name, line.placed, line.fired) for line in asked.lines] == [("limit_data", 1, 1), ("latency", 1, 1)]


async def test_what_happened_before_the_first_test_does_not_count(world) -> None:
    proxy = await world.proxy()
    world.fleet.launch.apply(profile({"fault": "limit_data", "bytes": "1B", "for": "1s"}))  # time to connect
    reader, writer = await world.connect(proxy)
    writer.write(b"12")
    assert await reader.read() == b"1"
    await world.until(lambda: not proxy.injections and not proxy.links)
    assert world.fleet.asked()[0].finding is None
    world.fleet.launch.first_test()
    await world.until(lambda: not proxy.injections)
    [asked] = world.fleet.asked()
    assert asked.finding is not None
    assert (asked.finding.cause, asked.lines[0].placed) == ("no_connection", 1)


async def test_a_refusal_that_was_over_comes_again_with_the_first_test(world) -> None:
    proxy = await world.proxy()
    world.fleet.launch.apply(profile(REFUSED))
    world.fleet.launch.tests_announced()
    await world.until(lambda: not proxy.injections)  # so that a fixture that only retries comes to its end
    world.fleet.launch.first_test()
    assert proxy.injections.port == "refusing"
    await world.until(lambda: not proxy.injections)


async def test_what_somebody_healed_stays_healed(world) -> None:
    proxy = await world.proxy()
    world.fleet.launch.apply(profile(REFUSED, name="p"))
    proxy.heal()
    world.fleet.launch.first_test()
    assert not proxy.injections


async def test_another_injection_may_have_the_name_by_now(world) -> None:
    proxy = await world.proxy()
    world.fleet.launch.apply(profile(REFUSED))
    await world.until(lambda: not proxy.injections)
    other = proxy.inject(Spec.parse({"fault": "latency", "latency": "1ms", "name": "refuse"}))
    world.fleet.launch.first_test()
    assert list(proxy.injections.values()) == [other]


@pytest.mark.parametrize("clock", ["launch", "traffic", "first-test"])
async def test_a_profile_says_which_clock(world, clock) -> None:
    proxy = await world.proxy()
    world.fleet.launch.apply(profile(LATE, clock=clock))
    world.fleet.launch.tests_announced()
    expected = {"launch": None, "traffic": "first connection", "first-test": "first test"}[clock]
    assert waits_for(proxy) == [expected]
    await world.connect(proxy)
    assert waits_for(proxy) == [{"traffic": None}.get(clock, expected)]
    first = proxy.injections["limit_data"]
    world.fleet.launch.first_test()
    assert (waits_for(proxy), proxy.injections["limit_data"] is first) == ([None], True)
