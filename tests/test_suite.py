"""The suite itself: tests/conftest.py does what it says, in this very run."""

import pytest
from hypothesis import HealthCheck, settings


def test_slow_tests_begin_first(request: pytest.FixtureRequest) -> None:
    slow = [item.get_closest_marker("slow") is not None for item in request.session.items]
    assert slow == sorted(slow, reverse=True)


def test_no_example_is_wrong_because_the_machine_is_busy() -> None:
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check
