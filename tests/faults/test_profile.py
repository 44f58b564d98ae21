"""A profile: which proxies a key means, and what goes where."""

import pytest

from brownout.faults import Latency, Reset, Spec
from brownout.faults.profile import Placement, Profile, ProfileError, Target
from brownout.faults.settings.units import Duration

PROXIES = {"payments": "http", "db-1": "postgres", "db-2": "postgresql", "cache": "redis", "a*": "tcp", "redis": "tcp"}
RESET, SLOW = Spec(Reset()), Spec(Latency(latency=Duration(0.3)))


@pytest.mark.parametrize(
    ("key", "names"),
    [
        ("payments", ["payments"]),
        ("*", ["payments", "db-1", "db-2", "cache", "a*", "redis"]),
        ("db-*", ["db-1", "db-2"]),
        ("db-?", ["db-1", "db-2"]),
        ("db-[2-9]", ["db-2"]),
        ("DB-*", []),
        ("a*", ["a*"]),
        ("redis:", ["cache"]),
        ("postgres:", ["db-1", "db-2"]),
        ("postgresql:", ["db-1", "db-2"]),
        ("tcp:", ["a*", "redis"]),
        ("mysql:", []),
        ("*:", []),
        ("payment", []),
    ],
)
def test_a_key_means_a_name_a_glob_or_a_protocol(key: str, names: list[str]) -> None:
    assert Target(key, ()).names(PROXIES) == names


def test_what_goes_where_in_the_order_of_the_file() -> None:
    profile = Profile("slow", (Target("db-*", (RESET, SLOW)), Target("db-1", (SLOW,))))
    assert profile.resolve(PROXIES) == [
        Placement("db-1", RESET, "db-*"), Placement("db-1", SLOW, "db-*"), Placement("db-2", RESET, "db-*"),
        Placement("db-2", SLOW, "db-*"), Placement("db-1", SLOW, "db-1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("paymnts", "did you mean payments?"),
        ("x", "known: cache, payments"),
        ("http", "known: cache, payments"),
        ("reddis:", "did you mean redis:?"),
        ("mongodb:", "known: http:, redis:"),
    ],
)
def test_a_key_that_means_no_proxy_is_an_error(key: str, hint: str) -> None:
    with pytest.raises(ProfileError) as caught:
        Profile("slow", (Target(key, (RESET,)),)).resolve({"payments": "http", "cache": "redis"})
    assert (caught.value.message, caught.value.hint) == (f"profile slow: '{key}' matches no proxy", hint)


def test_a_profile_that_injects_nothing_meets_anything() -> None:
    assert Profile("calm", ()).resolve({}) == []
