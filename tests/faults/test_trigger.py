"""Triggers and chance: pure functions of seed, names and count."""

import pytest

from brownout.faults import Duration, Quota, Share, Trigger, chance
from brownout.faults.trigger import Identity

IDENTITY = Identity(7, "redis", "latency")


def hits(trigger: Trigger, matches: int, identity: Identity = IDENTITY) -> list[int]:
    fired: list[int] = []
    for n in range(1, matches + 1):
        if trigger.chooses(n, len(fired), identity):
            fired.append(n)
    return fired


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (Trigger(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (Trigger(after=7), [8, 9, 10]),
        (Trigger(every=3), [3, 6, 9]),
        (Trigger(after=2, every=3), [5, 8]),
        (Trigger(times=2), [1, 2]),
        (Trigger(after=2, every=3, times=1), [5]),
        (Trigger(probability=Share(0)), []),
        (Trigger(probability=Share(1)), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (Trigger(quota=Quota(0, 10)), []),
        (Trigger(start=Duration(5), for_=Duration(3), times=1), [1]),
    ],
)
def test_counts(trigger: Trigger, expected: list[int]) -> None:
    assert hits(trigger, 10) == expected


def test_draws_are_the_same_tomorrow() -> None:
    # Written out: another value here means that every user's seed gives other faults than yesterday.
    assert chance.chance(7, "redis", "latency", "", 1) == 0.29987741139917456
    assert hits(Trigger(probability=Share(0.3)), 20) == [1, 7, 9, 11, 14, 17, 19]
    assert hits(Trigger(quota=Quota(3, 10)), 20) == [1, 7, 9, 11, 17, 19]


def test_seed_proxy_injection_and_scope_each_give_other_draws() -> None:
    each = [
        IDENTITY,
        IDENTITY._replace(seed=8),
        IDENTITY._replace(proxy="db"),
        IDENTITY._replace(injection="x"),
        IDENTITY._replace(scope="GET"),
    ]
    assert len({tuple(hits(Trigger(probability=Share(0.5)), 64, identity)) for identity in each}) == 5
    assert chance.draw("ab", "c") != chance.draw("a", "bc")


def test_a_quota_is_exact_in_every_block_and_shuffled() -> None:
    found = hits(Trigger(quota=Quota(3, 10)), 1000)
    blocks = [[n for n in found if block * 10 < n <= block * 10 + 10] for block in range(100)]
    assert {len(block) for block in blocks} == {3}
    assert len({tuple(n % 10 for n in block) for block in blocks}) > 30


def test_a_quota_counts_what_after_and_every_leave() -> None:
    found = hits(Trigger(after=5, every=2, quota=Quota(1, 2)), 5 + 2 * 2 * 50)
    assert len(found) == 50
    assert all((n - 5) % 2 == 0 for n in found)


def test_a_raised_probability_only_adds() -> None:
    few, many = (set(hits(Trigger(probability=Share(share)), 1000)) for share in (0.2, 0.4))
    assert few < many
    assert 150 < len(few) < 250
    assert 350 < len(many) < 450


@pytest.mark.parametrize(
    ("trigger", "sure"),
    [
        (Trigger(), True),
        (Trigger(probability=Share(1)), True),
        (Trigger(start=Duration(1), for_=Duration(2)), True),
        (Trigger(probability=Share(0)), False),
        (Trigger(probability=Share(0), after=3), False),
        (Trigger(probability=Share(0.999)), None),
        (Trigger(after=1), None),
        (Trigger(every=2), None),
        (Trigger(times=5), None),
        (Trigger(quota=Quota(1, 2)), None),
    ],
)
def test_what_is_sure_of_every_match(trigger: Trigger, sure: bool | None) -> None:
    assert trigger.sure is sure
