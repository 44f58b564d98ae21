import asyncio
from collections.abc import Iterator

import pytest

from brownout.faults.config import file as config
from brownout.faults.config.proxy_section import ProxyEntry
from brownout.faults.profile import Profile, ProfileError, Target
from brownout.faults.settings import SettingsError
from brownout.proxy import Fleet
from brownout.proxy.record.event import ProxyAdded
from brownout.wire.errors import ConflictError, NotFoundError

from .conftest import World, spec


def profile(name: str, **targets: list[object]) -> Profile:
    """A profile; a key `all_` is the glob, one that ends with `_` a protocol."""
    keys = {key: "*" if key == "all_" else f"{key[:-1]}:" if key.endswith("_") else key for key in targets}
    return Profile(name, tuple(Target(keys[key], tuple(map(spec, specs))) for key, specs in targets.items()))


def there(fleet: Fleet) -> dict[str, dict[str, str]]:
    """What is injected, and by which profile."""
    return {
        proxy.name: {name: each.profile for name, each in proxy.injections.items()} for proxy in fleet.proxies.values()
    }


async def two(world: World) -> None:
    await world.proxy("a", "redis://127.0.0.1:1")
    await world.proxy("b", "127.0.0.1:1")


async def test_a_profile_goes_where_its_keys_point(world: World) -> None:
    await two(world)
    made = world.fleet.apply(profile("p", all_=["latency:1s"], redis_=["latency:2s", "noop"], b=["reset"]))
    assert [(each.identity.proxy, each.name) for each in made] == [
        ("a", "latency"), ("b", "latency"), ("a", "latency-2"), ("a", "noop"), ("b", "reset"),
    ]  # fmt: skip
    assert there(world.fleet) == {
        "a": dict.fromkeys(["latency", "latency-2", "noop"], "p"),
        "b": {"latency": "p", "reset": "p"},
    }
    assert list(world.fleet.applied) == ["p"]


async def test_a_profile_that_does_not_fit_changes_nothing(world: World) -> None:
    await two(world)
    world.fleet.proxy("b").inject(spec({"fault": "noop", "name": "mine"}))
    world.fleet.apply(profile("p", a=["noop"]))
    before = there(world.fleet)
    with pytest.raises(ProfileError, match=r"^profile p: 'c' matches no proxy(\n|$)"):
        world.fleet.apply(profile("p", a=["reset"], c=["noop"]))
    with pytest.raises(ConflictError, match=r"^profile p: b already has an injection named mine(\n|$)"):
        world.fleet.apply(profile("p", a=["reset"], b=[{"fault": "reset", "name": "mine"}]))
    twice = {"fault": "reset", "name": "x"}
    with pytest.raises(ConflictError, match=r"^profile p: a already has an injection named x(\n|$)"):
        world.fleet.apply(profile("p", all_=[twice], a=[twice]))
    assert there(world.fleet) == before == {"a": {"noop": "p"}, "b": {"mine": ""}}


async def test_applying_again_heals_first_what_it_put_there_and_nothing_else(world: World) -> None:
    await two(world)
    by_hand = world.fleet.proxy("a").inject(spec("noop"))
    world.fleet.apply(profile("other", b=["noop"]))
    [old] = world.fleet.apply(profile("p", a=["latency:1s"]))
    [new] = world.fleet.apply(profile("p", a=["latency:1s"]))
    assert there(world.fleet) == {"a": {"noop": "", "latency": "p"}, "b": {"noop": "other"}}
    assert world.fleet.proxy("a").injections == {"noop": by_hand, "latency": new}
    assert new is not old


async def test_healing_a_profile_takes_back_what_it_put_there(world: World) -> None:
    await two(world)
    world.fleet.apply(profile("p", all_=["noop"]))
    world.fleet.apply(profile("q", all_=["noop"]))
    world.fleet.proxy("a").heal("noop")
    assert world.fleet.heal_profile("p") == 1
    assert world.fleet.heal_profile("p") == 0
    assert there(world.fleet) == {"a": {"noop-2": "q"}, "b": {"noop-2": "q"}}
    assert list(world.fleet.applied) == ["q"]
    assert world.fleet.heal() == 2
    assert not world.fleet.applied


async def test_a_profile_fires_on_the_links(world: World) -> None:
    proxy, reader, writer, *_ = await world.pair("a")
    [reset] = world.fleet.apply(profile("p", a=["reset"]))
    with pytest.raises(ConnectionResetError):
        await reader.read(1)
    assert (reset.matched, reset.fired) == (1, 1)


async def test_what_a_revision_does_not_change_is_not_touched(world: World) -> None:
    proxy, *_ = await world.pair("a")
    await world.proxy("b", "127.0.0.1:1")
    slow, noop, limit, reset = world.fleet.apply(
        profile(
            "p",
            a=[
                "latency:1ms",
                "noop",
                {"fault": "latency", "latency": "2ms", "stream": "both"},
                {"fault": "reset", "start": "1h"},
            ],
        )
    )
    by_hand = proxy.inject(spec({"fault": "noop", "name": "mine"}))
    counts = world.fleet.revise(
        profile("p", a=["latency:3ms", "noop", {"fault": "reset", "start": "2h"}], b=["noop"])
    )  # fmt: skip
    assert counts == {"healed": 2, "changed": 1, "added": 2}
    assert list(proxy.injections) == ["latency", "noop", "mine", "reset"]
    assert proxy.injections["latency"] is slow
    assert slow.spec.fault.latency == 0.003
    assert slow.matched == 1
    assert proxy.injections["noop"] is noop
    assert proxy.injections["mine"] is by_hand
    assert proxy.injections["reset"] is not reset
    assert there(world.fleet)["b"] == {"noop": "p"}
    assert (
        world.fleet.revise(profile("p", a=["noop", "latency:3ms", {"fault": "reset", "start": "2h"}], b=["noop"])) == {}
    )
    assert proxy.injections["latency"] is slow


async def test_a_revision_leaves_what_was_done_by_hand(world: World) -> None:
    await two(world)
    a = world.fleet.proxy("a")
    [slow, _, _] = world.fleet.apply(profile("p", a=["latency:1s", "noop", "reset"]))
    a.change("latency", {"latency": "5s"})
    a.heal("noop")
    a.inject(spec("noop"))
    a.heal("reset")
    assert world.fleet.revise(
        profile("p", a=[{"fault": "latency", "latency": "1s", "jitter": "1ms"}, {"fault": "noop", "times": 3}])
    ) == {"changed": 1}
    assert (slow.spec.fault.latency, slow.spec.fault.jitter) == (5.0, 0.001)
    assert there(world.fleet)["a"] == {"latency": "p", "noop": ""}
    assert a.injections["noop"].spec.trigger.times is None


async def test_a_revision_changes_settings_that_are_mappings(world: World) -> None:
    await world.proxy("web", "http://127.0.0.1:9")
    busy = {"fault": "http.status", "status": 503, "headers": {"x-why": "busy"}}
    world.fleet.apply(profile("p", web=[busy]))
    assert world.fleet.revise(profile("p", web=[{**busy, "status": 429, "headers": {"x-why": "later"}}])) == {
        "changed": 1
    }
    fault = world.fleet.proxy("web").injections["http.status"].spec.fault
    assert (fault.status, fault.headers) == (429, {"x-why": "later"})


async def test_a_revision_that_does_not_go_with_a_change_by_hand_changes_nothing(world: World) -> None:
    await two(world)
    a = world.fleet.proxy("a")
    world.fleet.apply(profile("p", a=["noop", "latency:1s"]))
    a.change("latency", {"quota": "3 of 10"})
    by_chance = profile("p", a=[{"fault": "latency", "latency": "1s", "probability": "30%"}, "reset"])
    for _ in range(2):
        with pytest.raises(SettingsError, match="exclude each other"):
            world.fleet.revise(by_chance)
        assert there(world.fleet)["a"] == {"noop": "p", "latency": "p"}
    a.heal("latency")
    assert world.fleet.revise(by_chance) == {"healed": 1, "added": 1}


async def test_a_revision_that_does_not_fit_changes_nothing(world: World) -> None:
    await two(world)
    world.fleet.apply(profile("p", a=["noop"]))
    world.fleet.proxy("a").inject(spec({"fault": "noop", "name": "mine"}))
    with pytest.raises(ProfileError):
        world.fleet.revise(profile("p", c=["noop"]))
    with pytest.raises(ConflictError):
        world.fleet.revise(profile("p", a=["reset", {"fault": "noop", "name": "mine"}]))
    assert there(world.fleet)["a"] == {"noop": "p", "mine": ""}
    assert world.fleet.revise(profile("p", a=["noop"])) == {}


async def test_a_revision_forgets_proxies_that_are_gone(world: World) -> None:
    await two(world)
    world.fleet.apply(profile("p", all_=["noop"]))
    await world.fleet.remove("a")
    assert world.fleet.revise(profile("p", all_=["reset"])) == {"healed": 1, "added": 1}
    assert there(world.fleet) == {"b": {"reset": "p"}}


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    both = {name: Profile(name, (), "shipped") for name in ("blackout", "slow")}
    monkeypatch.setattr(config, "shipped", lambda: both)
    return None


async def test_the_files_profiles_go_before_shipped_ones(world: World, shipped: None) -> None:
    world.fleet.profiles = {name: Profile(name, (), "file") for name in ("mine", "slow")}
    known = world.fleet.known_profiles()
    assert [(name, each.description) for name, each in known.items()] == [
        ("mine", "file"), ("slow", "file"), ("blackout", "shipped"),
    ]  # fmt: skip
    assert world.fleet.profile("slow").description == "file"
    with pytest.raises(NotFoundError) as caught:
        world.fleet.profile("blackot")
    assert (caught.value.message, caught.value.hint) == (
        "there is no profile named 'blackot'",
        "did you mean blackout?",
    )


async def test_proxies_added_together_listen_when_their_profiles_are_applied(world: World) -> None:
    upstream = await world.serve()
    busy = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    taken = f"127.0.0.1:{busy.sockets[0].getsockname()[1]}"
    seen: list[tuple[str, bool]] = []

    def then() -> None:
        seen.extend((proxy.name, proxy.enabled) for proxy in world.fleet.proxies.values())
        world.fleet.apply(profile("p", all_=["reset"]))

    failed = await world.fleet.add_all(
        [
            ProxyEntry("a", upstream),
            ProxyEntry("off", upstream, enabled=False),
            ProxyEntry("busy", upstream, taken),
            ProxyEntry("b", upstream),
        ],
        then,
    )
    assert seen == [("a", False), ("off", False), ("busy", False), ("b", False)]
    assert [(proxy.name, proxy.enabled) for proxy in world.fleet.proxies.values()] == [
        ("a", True), ("off", False), ("busy", False), ("b", True),
    ]  # fmt: skip
    assert {name: error.message for name, error in failed.items()} == {"busy": f"{taken} is in use"}
    assert [event.enabled for event in world.events(ProxyAdded)] == [True, False, True, True]
    busy.close()
    await world.fleet.proxy("busy").enable()
