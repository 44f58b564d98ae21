"""Faults of other packages, found by their entry points."""

import functools
from collections.abc import Callable

import pytest

from brownout.faults import CATALOGUE, Duration, Fault, Latency, Spec
from brownout.faults.catalogue import everything, find
from brownout.faults.settings import SettingsError
from brownout.wire.plugins import PluginError

Install = Callable[..., None]


class ColdStart(Latency, frozen=True):
    """Late at first."""

    name = "cold_start"


class Reserved(Fault, frozen=True):
    name = "reserved"
    times: int = 0


@pytest.fixture
def install(plug_in: Install) -> Install:
    """Have a package with such a fault, and what its entry point names."""
    return functools.partial(plug_in, "brownout.faults")


def test_a_fault_of_another_package_is_used_like_ours(install: Install) -> None:
    install("cold_start", ColdStart)
    assert find("cold_start") is ColdStart
    assert Spec.parse("cold_start:300ms").fault == ColdStart(latency=Duration(0.3))
    assert everything() == {**CATALOGUE, "cold_start": ColdStart}


def test_the_nearest_name_may_be_another_packages(install: Install) -> None:
    install("cold_start", ColdStart)
    with pytest.raises(SettingsError) as caught:
        find("cold_strat")
    assert caught.value.hint == "did you mean cold_start?"


def test_ours_cannot_be_replaced(install: Install) -> None:
    install("latency", ColdStart)
    assert find("latency") is everything()["latency"] is Latency


@pytest.mark.parametrize(
    ("name", "thing", "message"),
    [
        ("gone", None, "the fault gone of other_package:the_gone cannot be loaded"),
        ("number", 3, "is not a Fault: 3"),
        ("otherwise", ColdStart, "calls itself 'cold_start'"),
        ("reserved", Reserved, "has a setting named times, which is a key of every injection"),
    ],
)
def test_a_broken_one_is_said_and_the_others_work(install: Install, name: str, thing: object, message: str) -> None:
    install(name, thing)
    for ask in (lambda: find(name), everything):
        with pytest.raises(PluginError, match=message):
            ask()
    assert find("latency") is Latency
