"""As many faults on one proxy as there may be."""

import pytest

from brownout.faults import Spec
from brownout.faults.placing import MOST
from brownout.faults.profile import Profile, Target
from brownout.faults.settings.units import Duration
from brownout.faults.tcp.latency import Latency
from brownout.faults.tcp.noop import Noop
from brownout.wire.errors import ConflictError


async def test_a_thousand_stream_faults_carry_start_and_end(world) -> None:
    proxy = await world.proxy()
    for _ in range(MOST - 1):
        proxy.inject(Spec(Noop(), stream="both"))
    reader, writer = await world.connect(proxy)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    slow = proxy.inject(Spec(Latency(latency=Duration(1000)), stream="both", name="slow"))
    writer.write(b"more")
    await world.until(lambda: slow.bytes == 4)
    proxy.heal("slow")
    assert await reader.readexactly(4) == b"more"
    writer.write_eof()
    assert await reader.read() == b""
    await world.until(lambda: not proxy.links)


async def test_one_more_is_refused(world) -> None:
    proxy = await world.proxy()
    for _ in range(MOST):
        proxy.inject(Spec(Noop()))
    with pytest.raises(ConflictError) as caught:
        proxy.inject(Spec(Noop()))
    assert caught.value.message == "p cannot have more than 1000 injections"
    assert caught.value.hint == "heal some first"


async def test_a_profile_that_is_one_too_many_places_nothing(world) -> None:
    proxy = await world.proxy()
    for _ in range(MOST - 1):
        proxy.inject(Spec(Noop()))
    profile = Profile("two", (Target("p", (Spec(Noop(), name="a"), Spec(Noop(), name="b"))),))
    with pytest.raises(ConflictError):
        world.fleet.apply(profile)
    assert len(proxy.injections) == MOST - 1


async def test_healed_ones_are_kept_while_they_are_small(world) -> None:
    proxy = await world.proxy("p", "http://127.0.0.1:1")
    for number in range(40):
        proxy.inject(Spec.parse({"fault": "http.status", "status": 503, "body": "x" * 900_000, "name": str(number)}))
        proxy.heal()
    assert [injection.name for injection in proxy.injections.healed] == [str(number) for number in range(22, 40)]
