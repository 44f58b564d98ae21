"""Which fixture has started what, and what of that is not used any more."""

from typing import Any

import pytest

from brownout.proxy.intercept.fixtures import Fixtures, SetUp


@pytest.fixture
def fixtures() -> Fixtures:
    found = Fixtures()
    for name, since in (("redis", 10.0), ("rates", 11.0), ("", 12.0), ("rates", 20.0)):
        found.note(name, since)
    return found


@pytest.mark.parametrize(
    ("moment", "fixture"), [(0.0, ""), (9.9, ""), (10.0, "redis"), (11.5, "rates"), (15.0, ""), (99.0, "rates")]
)
def test_it_is_the_one_that_was_set_up_then(fixtures: Fixtures, moment: float, fixture: str) -> None:
    assert fixtures.at(moment).fixture == fixture


def test_another_process_has_its_own(fixtures: Fixtures) -> None:
    fixtures.clear()
    assert fixtures.at(99.0) == SetUp(0.0, "")


def test_what_it_started_when_it_was_set_up_before_is_used_no_more(fixtures: Fixtures) -> None:
    _, old, other, _ = proxies = [object() for _ in range(4)]
    given: Any
    for given, moment in zip(proxies, (10.0, 11.0, 11.5, 20.0), strict=True):
        fixtures.started(given, fixtures.at(moment))
    given = object()
    fixtures.started(given, fixtures.at(15.0))
    assert fixtures.before(fixtures.at(20.0)) == [old, other]
    assert fixtures.before(fixtures.at(11.0)) == fixtures.before(fixtures.at(15.0)) == []
    fixtures.note("", 25.0)
    assert fixtures.before(fixtures.at(25.0)) == [], "what no fixture has started is nobody's successor"
    fixtures.forget(old)
    assert fixtures.before(fixtures.at(20.0)) == [other]
