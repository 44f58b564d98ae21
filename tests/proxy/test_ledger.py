"""What was asked for, and whether anything came of it."""

import itertools

import pytest

from brownout.faults import Spec
from brownout.proxy.ledger import CHANCE, Ledger
from brownout.proxy.record.finding import Finding
from brownout.proxy.shaping.injection import Injection

SPARED = Finding(CHANCE, "spared by chance")
SILENT = Finding("no_traffic", "not a byte")
NOBODY = Finding("no_connection", "no connection came")
LATER = Finding("not_begun", "its start had not come")


def injected(finding=None, fault="latency:1s", *, proxy="a", profile="", key="", fired=0, refused=None) -> Injection:
    spec = Spec.parse(fault)
    injection = Injection(spec._replace(name=spec.fault.name), seed=1, proxy=proxy, profile=profile, key=key)
    injection.finding, injection.refused = finding, refused
    injection.matched = injection.chosen = injection.fired = fired
    return injection


def asked(*injections: Injection):
    ledger = Ledger()
    for injection in injections:
        ledger.add(injection)
    return ledger.asked(())


@pytest.mark.parametrize("findings", [*itertools.permutations([SPARED, SILENT, None])])
def test_chance_excuses_nothing_but_what_it_has_spared_in_any_order(findings) -> None:
    [one] = asked(*(injected(finding, fired=finding is None) for finding in findings))
    assert (one.finding, one.spared, one.lines[0].placed, one.lines[0].vacuous) == (SILENT, False, 3, 2)


def test_injections_by_themselves_are_told_apart_by_their_settings() -> None:
    one, other = asked(injected(SILENT), injected(fault="latency:2s", fired=1))
    assert (one.finding, other.finding) == (SILENT, None)


def test_a_profile_on_a_proxy_is_one_thing() -> None:
    [one] = asked(injected(NOBODY, profile="p", key="a"), injected(None, "reset", profile="p", key="a", fired=1))
    assert (one.profile, one.key, one.finding, len(one.lines)) == ("p", "a", None, 2)


def test_a_glob_is_vacuous_only_if_it_fired_nowhere() -> None:
    vacuous = [injected(NOBODY, proxy=proxy, profile="p", key="*") for proxy in "ab"]
    [one] = asked(*vacuous)
    assert one.finding == NOBODY
    [one] = asked(*vacuous, injected(None, proxy="c", profile="p", key="*", fired=1))
    assert one.finding is None


def test_what_another_key_put_on_the_proxy_counts_as_well() -> None:
    both = asked(
        injected(NOBODY, proxy="a", profile="p", key="a"),
        injected(None, "reset", proxy="a", profile="p", key="*", fired=1),
        injected(NOBODY, proxy="b", profile="p", key="*"),
    )
    assert [(each.key, each.finding) for each in both] == [("a", None), ("*", None)]


@pytest.mark.parametrize("findings", [*itertools.permutations([LATER, NOBODY])])
def test_a_reason_to_act_on_comes_before_a_start_that_did_not_come(findings) -> None:
    faults = ("latency:1s", "reset")
    [one] = asked(*(injected(each, fault, profile="p", key="a") for each, fault in zip(findings, faults, strict=True)))
    assert one.finding == NOBODY


def test_what_is_taken_back_does_not_count() -> None:
    ledger, before, after = Ledger(), injected(None, fired=3), injected(NOBODY)
    ledger.add(before)
    ledger.add(before, -1)
    assert ledger.asked(()) == []
    [one] = ledger.asked([(after, NOBODY, None)])
    assert (one.finding, one.lines[0].placed, one.lines[0].fired) == (NOBODY, 1, 0)


def test_what_is_taken_back_is_vacuous_no_more() -> None:
    ledger, before = Ledger(), injected(NOBODY)
    ledger.add(before)
    ledger.add(before, -1)
    [one] = ledger.asked([(injected(None, fired=1), None, None)])
    assert (one.finding, one.lines[0].placed, one.lines[0].vacuous) == (None, 1, 0)


def test_asking_counts_nothing() -> None:
    ledger, live = Ledger(), injected(refused=2, fault="refuse")
    ledger.add(live)
    for _ in range(2):
        [one] = ledger.asked([(live, None, 3)])
        assert (one.lines[0].placed, one.lines[0].refused) == (2, 5)


def test_what_is_beyond_a_thousand_counts_as_one() -> None:
    ledger = Ledger()
    for number in range(1, 1101):
        ledger.add(injected(fault=f"latency:{number}ms", fired=1))
    found = ledger.asked(())
    assert (found[-1].lines[0].name, found[-1].finding) == ("others", None)
    ledger.add(injected(SILENT, fault="latency:1101ms"))
    found = ledger.asked(())
    assert found[-1].finding == SILENT  # and --strict does not miss it
    assert (len(found), found[-1].lines[0].placed, sum(each.lines[0].placed for each in found)) == (1001, 101, 1101)
