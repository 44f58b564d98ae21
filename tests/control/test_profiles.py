from collections.abc import Iterator

import pytest

from brownout.faults import Spec
from brownout.faults.config import file as config
from brownout.faults.profile import Profile, Target
from brownout.wire.errors import ConflictError, NotFoundError

from .conftest import Running


def target(key: str, *specs: str | dict[str, object]) -> Target:
    return Target(key, tuple(map(Spec.parse, specs)))


SLOW = Profile("slow", (target("*", "latency:300ms"), target("cache", {"fault": "reset", "times": 1})), "All is slow.")
UPLOADS = Profile("uploads", (target("redis:", {"fault": "noop", "stream": "upstream", "name": "mine"}),))
LOST = Profile("lost", (target("nobody", "noop"),))
SHIPPED = {"blackout": Profile("blackout", (target("*", "timeout"),), "Nothing comes.")}
VIEW = {
    "name": "slow",
    "description": "All is slow.",
    "source": "file",
    "clock": "",
    "applied": False,
    "targets": {"*": [{"fault": "latency", "latency": "300ms"}], "cache": [{"fault": "reset", "times": 1}]},
}


@pytest.fixture
def profiles(running: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(config, "shipped", lambda: SHIPPED)
    running.fleet.profiles = {each.name: each for each in (SLOW, UPLOADS, LOST)}
    running.client.add("cache", "redis://127.0.0.1:1")
    running.client.add("db", running.echo)
    return running


def test_profiles_are_the_files_then_the_shipped_ones(profiles: Running) -> None:
    status, found = profiles.ask("GET", "/v1/profiles")
    assert status == 200
    assert [(each["name"], each["source"]) for each in found] == [
        ("slow", "file"), ("uploads", "file"), ("lost", "file"), ("blackout", "shipped"),
    ]  # fmt: skip
    assert found[0] == VIEW
    assert profiles.ask("GET", "/v1/profiles/slow") == (200, VIEW)
    assert profiles.client.profile("blackout")["targets"] == {"*": [{"fault": "timeout"}]}
    assert profiles.client.profile("uploads")["targets"] == {
        "redis:": [{"fault": "noop", "name": "mine", "stream": "upstream"}]
    }


def test_applying_answers_what_went_where(profiles: Running) -> None:
    status, placed = profiles.ask("POST", "/v1/profiles/slow/apply")
    assert status == 200
    assert [(each["proxy"], each["injection"]["name"]) for each in placed] == [
        ("cache", "latency"), ("db", "latency"), ("cache", "reset"),
    ]  # fmt: skip
    assert placed[2]["injection"] == profiles.client.injection("cache", "reset")
    assert placed[2]["injection"]["receipt"]["seed"] == 7
    assert profiles.client.profile("slow")["applied"] is True
    assert [each["name"] for each in profiles.client.profiles() if each["applied"]] == ["slow"]


def test_healing_a_profile_leaves_the_others(profiles: Running) -> None:
    profiles.client.apply("slow")
    profiles.client.apply("uploads")
    assert profiles.ask("POST", "/v1/profiles/slow/heal") == (200, {"healed": 3})
    assert profiles.client.heal_profile("slow") == 0
    assert [each["name"] for each in profiles.client.injections("cache")] == ["mine"]
    assert profiles.client.profile("slow")["applied"] is False
    assert profiles.client.heal() == 1
    assert profiles.client.profile("uploads")["applied"] is False


@pytest.mark.parametrize("path", ["slwo", "slwo/apply", "slwo/heal"])
def test_an_unknown_profile_is_said_with_the_nearest(profiles: Running, path: str) -> None:
    error = {"error": "there is no profile named 'slwo'", "hint": "did you mean slow?", "status": 404}
    assert profiles.ask("POST" if "/" in path else "GET", f"/v1/profiles/{path}") == (404, error)
    with pytest.raises(NotFoundError):
        profiles.client.apply("slwo")


def test_a_taken_name_is_a_conflict_and_nothing_is_injected(profiles: Running) -> None:
    profiles.client.inject("cache", {"fault": "noop", "name": "mine"})
    with pytest.raises(
        ConflictError, match=r"^profile uploads: cache already has an injection named mine(\n|$)"
    ) as caught:
        profiles.client.apply("uploads")
    assert caught.value.status == 409
    assert profiles.client.profile("uploads")["applied"] is False


def test_a_profile_that_meets_no_proxy_is_refused(profiles: Running) -> None:
    status, error = profiles.ask("POST", "/v1/profiles/lost/apply")
    assert (status, error["error"]) == (400, "profile lost: 'nobody' matches no proxy")
