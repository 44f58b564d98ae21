"""Which attempts belong to one logical operation: the rules as a table, with nothing but values."""

import math

import pytest

from brownout.proxy.record.attempts import Attempt, Try, attempts


def tried(
    began: float,
    over: float,
    failed: bool = True,
    work: str = "POST /charge",
    body: str | None = "b1",
    key: str = "",
    wait: float = 0.0,
) -> Try:
    return Try(work, body, key, began, over, failed, wait)


def done(began: float, over: float, **values: object) -> Try:
    return tried(began, over, failed=False, **values)


# What was tried, and the place of each: its logical operation, its number there, and the pause before it.
TABLE: dict[str, tuple[list[Try], list[tuple[int, int, float | None]]]] = {
    "nothing": ([], []),
    "one": ([done(0, 1)], [(1, 1, None)]),
    "a failure and its retry": ([tried(0, 1), done(3, 4)], [(1, 1, None), (1, 2, 2)]),
    "back-off grows": (
        [tried(0, 1), tried(2, 3), tried(5, 6), done(10, 11)],
        [(1, 1, None), (1, 2, 1), (1, 3, 2), (1, 4, 4)],
    ),
    "a retry at once": ([tried(0, 1), done(1, 2)], [(1, 1, None), (1, 2, 0)]),
    "the same again after a success is new": ([done(0, 1), done(2, 3)], [(1, 1, None), (2, 1, None)]),
    "a failure after a success is new": (
        [done(0, 1), tried(2, 3), done(4, 5)],
        [(1, 1, None), (2, 1, None), (2, 2, 1)],
    ),
    "after the retry succeeded, the next is new": (
        [tried(0, 1), done(2, 3), done(4, 5)],
        [(1, 1, None), (1, 2, 1), (2, 1, None)],
    ),
    "other work is another operation": ([tried(0, 1), tried(2, 3, work="GET /charge")], [(1, 1, None), (2, 1, None)]),
    "another body is another operation": ([tried(0, 1), tried(2, 3, body="b2")], [(1, 1, None), (2, 1, None)]),
    "two operations in turn": (
        [tried(0, 1), tried(1, 2, body="b2"), tried(3, 4), tried(5, 6, body="b2")],
        [(1, 1, None), (2, 1, None), (1, 2, 2), (2, 2, 3)],
    ),
    "60 seconds later is a retry still": ([tried(0, 1), done(61, 62)], [(1, 1, None), (1, 2, 60)]),
    "later than that is new": ([tried(0, 1), done(61.5, 62)], [(1, 1, None), (2, 1, None)]),
    "who was asked to wait for two minutes may take three": (
        [tried(0, 1, wait=120), done(181, 182)],
        [(1, 1, None), (1, 2, 180)],
    ),
    "but no longer": ([tried(0, 1, wait=120), done(181.5, 182)], [(1, 1, None), (2, 1, None)]),
    "equal requests at once are two": ([tried(0, 2), tried(1, 3)], [(1, 1, None), (2, 1, None)]),
    "one that is under way has no retry": (
        [tried(0, math.inf, failed=False), done(9, 10)],
        [(1, 1, None), (2, 1, None)],
    ),
    "a hedge without a key is new, the retry after it the first one's": (
        [tried(0, 2), tried(1, 5), done(3, 4)],
        [(1, 1, None), (2, 1, None), (1, 2, 1)],
    ),
    "two clients at once, each with its retry": (
        [tried(0, 1), tried(0.5, 2), done(3, 4), done(3.5, 4)],
        [(1, 1, None), (2, 1, None), (1, 2, 2), (2, 2, 1.5)],
    ),
    "of two that failed, the one that was over first goes on": (
        [tried(0, 3), tried(1, 2), done(4, 5)],
        [(1, 1, None), (2, 1, None), (2, 2, 2)],
    ),
    "three clients, of which one gives up": (
        [tried(0, 1), tried(0, 1.5), tried(0, 2), done(4, 5), done(4, 5)],
        [(1, 1, None), (2, 1, None), (3, 1, None), (1, 2, 3), (2, 2, 2.5)],
    ),
    "an old failure does not stand in the way of a newer one": (
        [tried(0, 1), tried(0.5, 50), done(70, 71)],
        [(1, 1, None), (2, 1, None), (2, 2, 20)],
    ),
    "a key joins what is after a success": (
        [done(0, 1, key="k"), done(2, 3, key="k")],
        [(1, 1, None), (1, 2, 1)],
    ),
    "a key joins what is an hour apart": (
        [tried(0, 1, key="k"), done(3601, 3602, key="k")],
        [(1, 1, None), (1, 2, 3600)],
    ),
    "a key joins other bodies": ([tried(0, 1, key="k"), done(2, 3, key="k", body="b2")], [(1, 1, None), (1, 2, 1)]),
    "a key joins a hedge, whose pause is negative": (
        [done(0, 3, key="k"), done(1, 2, key="k")],
        [(1, 1, None), (1, 2, -2)],
    ),
    "a key joins no other work": (
        [tried(0, 1, key="k"), done(2, 3, key="k", work="POST /refund")],
        [(1, 1, None), (2, 1, None)],
    ),
    "another key is another operation": (
        [tried(0, 1, key="k1"), done(2, 3, key="k2")],
        [(1, 1, None), (2, 1, None)],
    ),
    "without the key it is another operation": ([tried(0, 1, key="k"), done(2, 3)], [(1, 1, None), (2, 1, None)]),
    "with a key where there was none as well": ([tried(0, 1), done(2, 3, key="k")], [(1, 1, None), (2, 1, None)]),
    "a body that did not come whole may be any": (
        [tried(0, 1), tried(2, 3, body=None), tried(4, 5), done(6, 7, body="b2")],
        [(1, 1, None), (1, 2, 1), (1, 3, 1), (2, 1, None)],
    ),
    "also that of a first attempt": (
        [tried(0, 1, body=None), tried(2, 3, body="b2"), done(4, 5)],
        [(1, 1, None), (1, 2, 1), (2, 1, None)],
    ),
    "connects": (
        [tried(0, 0, work="", body=""), tried(1, 1, work="", body=""), done(3, 9, work="", body="")],
        [(1, 1, None), (1, 2, 1), (1, 3, 2)],
    ),
}

HEALTHY = [done(second, second + 0.01) for second in range(5)]


@pytest.mark.parametrize(
    "failing",
    [
        [tried(5, 5.01), tried(6, 6.01), done(7, 7.01)],
        [tried(5, 6.01), tried(7, 8.01), done(9, 9.01)],  # a loop that sleeps, and whose request times out
        [tried(5, 5.01), tried(6.4, 6.41), done(7.3, 7.31)],  # a busy machine
    ],
)
def test_what_keeps_its_pace_while_it_fails_is_not_tried_again(failing: list[Try]) -> None:
    assert [place.number for place in attempts([*HEALTHY, *failing])] == [1] * 8


@pytest.mark.parametrize(
    "tries",
    [
        [*HEALTHY[2:], tried(5, 5.01), done(6, 6.01)],  # four times are no pace
        [*HEALTHY, tried(5, 5.01), done(5.3, 5.31)],  # sooner
        [*HEALTHY, tried(5, 5.01), done(9, 9.01)],  # later
        [*HEALTHY, tried(5, 6), done(6, 6.01)],  # at once
        [*(done(second**1.5, second**1.5) for second in range(5)), tried(12, 12), done(15, 15)],  # not steady
        [*(done(second / 100, second / 100) for second in range(5)), tried(0.05, 0.05), done(0.06, 0.06)],  # no pause
        [*(each._replace(body="b2") for each in HEALTHY), tried(5, 5.01), done(6, 6.01)],  # another body
    ],
)
def test_what_keeps_no_pace_is_tried_again(tries: list[Try]) -> None:
    assert attempts(tries)[-1].number == 2


@pytest.mark.parametrize("name", TABLE)
def test_attempts_are_put_together(name: str) -> None:
    tries, places = TABLE[name]
    assert attempts(tries) == [Attempt(*place) for place in places]


def test_a_storm_takes_no_longer_than_its_length_asks_for() -> None:
    found = attempts(tried(number, number + 0.5) for number in range(10_000))
    assert found[-1] == Attempt(1, 10_000, 0.5)
