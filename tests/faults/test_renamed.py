"""A setting under its former name is refused, and the hint has the new one."""

import pytest

from brownout.faults import Spec
from brownout.faults.settings import SettingsError
from brownout.faults.settings.renamed import new_name

RENAMED = [
    ({"fault": "http.lost_reply", "sees": "hang"}, "sees", "client_sees"),
    ({"fault": "http.lost_request", "sees": "reset"}, "sees", "client_sees"),
    ({"fault": "http.header", "remove": "etag", "of": "request"}, "of", "message"),
    ({"fault": "http.drip", "bytes": "1B", "interval": "1s", "of": "head"}, "of", "part"),
    ({"fault": "http.delay", "delay": "1s", "before": "body"}, "before", "delays"),
    ({"fault": "connection_limit", "connections": 1, "then": "queue"}, "then", "when_full"),
]


@pytest.mark.parametrize(("written", "old", "new"), RENAMED)
def test_a_former_name_is_refused_with_the_new_one(written: dict[str, object], old: str, new: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Spec.parse(written)
    assert [tuple(problem) for problem in caught.value.problems] == [
        (old, f"unknown setting '{old}'", f"it is now {new}")
    ]
    valid = {key: value for key, value in written.items() if key != old}
    assert Spec.parse({**valid, new: written[old]}).to_mapping()[new] == written[old]


def test_what_is_missing_is_reported_beside_its_former_name() -> None:
    with pytest.raises(SettingsError) as caught:
        Spec.parse({"fault": "connection_limit", "links": 3})
    assert [tuple(problem) for problem in caught.value.problems] == [
        ("links", "unknown setting 'links'", "it is now connections"),
        ("connections", "connections is missing", "connections is a number, 0 or more"),
    ]


def test_a_change_by_a_former_name_is_refused_as_well() -> None:
    spec = Spec.parse({"fault": "connection_limit", "connections": 1})
    with pytest.raises(SettingsError) as caught:
        spec.changed({"links": 3, "then": "queue"})
    assert caught.value.message == "unknown setting 'links'; unknown setting 'then'"
    assert caught.value.hint == "it is now connections; it is now when_full"


def test_a_former_name_says_nothing_where_the_new_one_is_not_a_setting() -> None:
    assert new_name("of", ["bytes", "part"]) == "part"
    assert new_name("of", ["bytes"]) is None
    with pytest.raises(SettingsError) as caught:
        Spec.parse({"fault": "reset", "sees": "hang"})
    assert "it is now" not in caught.value.hint
