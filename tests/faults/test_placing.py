import pytest

from brownout.faults import Spec, placing
from brownout.faults.placing import Placed
from brownout.faults.profile import Placement
from brownout.wire.errors import ConflictError


def placement(proxy: str, source: str | dict[str, object]) -> Placement:
    return Placement(proxy, Spec.parse(source))


def placed(proxy: str, source: str | dict[str, object], name: str) -> Placed:
    return Placed(proxy, Spec.parse(source), name)


def names(*placements: Placement, taken: set[tuple[str, str]] | None = None) -> list[tuple[str, str]]:
    return [(each.proxy, each.name) for each in placing.place("p", placements, taken or set())]


def test_names_are_the_faults_then_numbered_on_each_proxy() -> None:
    slow = [placement("a", "latency:1s"), placement("a", "latency:2s"), placement("b", "latency:1s")]
    assert names(*slow) == [("a", "latency"), ("a", "latency-2"), ("b", "latency")]
    assert names(*slow, taken={("a", "latency-2")}) == [("a", "latency"), ("a", "latency-3"), ("b", "latency")]


def test_a_given_name_goes_before_one_that_is_made_up() -> None:
    named = placement("a", {"fault": "latency", "latency": "2s", "name": "latency"})
    assert names(placement("a", "latency:1s"), named) == [("a", "latency-2"), ("a", "latency")]


def test_a_given_name_that_is_taken_is_an_error() -> None:
    named = placement("a", {"fault": "noop", "name": "slow"})
    with pytest.raises(ConflictError, match=r"^profile p: a already has an injection named slow(\n|$)"):
        names(named, taken={("a", "slow")})
    with pytest.raises(ConflictError, match=r"^profile p: a already has an injection named slow(\n|$)"):
        names(named, named)
    assert names(named, taken={("b", "slow"), ("a", "noop")}) == [("a", "slow")]


@pytest.mark.parametrize(
    ("now", "continues"),
    [
        (["latency:1s", "reset", "latency:2s"], [0, 1, 2]),
        (["latency:2s", "latency:1s"], [2, 0]),
        (["latency:9s", "latency:2s"], [0, 2]),
        (["latency:9s", "latency:8s", "latency:7s"], [0, 2, None]),
        (["noop", "reset"], [None, 1]),
        ([{"fault": "latency", "latency": "1s", "name": "mine"}], [None]),
        ([{"fault": "latency", "latency": "1s", "stream": "upstream"}], [None]),
        ([{"fault": "latency", "latency": "1s", "start": "1s"}], [None]),
        ([{"fault": "latency", "latency": "1s", "for": "1s"}], [None]),
        ([{"fault": "latency", "latency": "1s", "per": "turn"}], [None]),
        ([{"fault": "latency", "latency": "1s", "probability": "1%"}], [0]),
        ([], []),
    ],
)
def test_an_injection_continues_an_equal_one_or_one_that_can_change(
    now: list[object], continues: list[int | None]
) -> None:
    before = [
        placed("a", "latency:1s", "latency"),
        placed("a", "reset", "reset"),
        placed("a", "latency:2s", "latency-2"),
    ]
    found = placing.continued(before, [placement("a", each) for each in now])
    assert found == [None if number is None else before[number] for number in continues]
    assert placing.continued(before, [placement("b", each) for each in now]) == [None] * len(now)


def test_what_continues_keeps_its_name() -> None:
    before = [placed("a", "latency:1s", "latency"), placed("a", "latency:2s", "latency-2")]
    after = [placement("a", "latency:3s"), placement("a", "latency:2s"), placement("a", "reset")]
    kept = placing.continued(before, after)
    assert [each.name for each in placing.replace("p", after, kept, set())] == ["latency", "latency-2", "reset"]
    after = [placement("a", "latency:2s"), placement("a", "noop")]
    kept = placing.continued(before, after)
    assert [each.name for each in placing.replace("p", after, kept, {("a", "noop")})] == ["latency-2", "noop-2"]


def test_changes_are_what_differs_and_what_is_back_at_its_default() -> None:
    before = Spec.parse({"fault": "latency", "latency": "1s", "jitter": "5ms", "probability": "30%", "after": 2})
    after = Spec.parse({"fault": "latency", "latency": "2s", "probability": "30%", "times": 4})
    assert placing.changes(before, after) == {"latency": 2.0, "jitter": 0.0, "after": 0, "times": 4}
    assert before.changed(placing.changes(before, after)) == after
    quota = Spec.parse({"fault": "latency", "latency": "2s", "quota": "3 of 10"})
    assert after.changed(placing.changes(after, quota)) == quota
    assert quota.changed(placing.changes(quota, after)) == after


def test_another_match_alone_is_a_change() -> None:
    source = {"fault": "http.status", "status": 503}
    before, after = (Spec.parse({**source, "match": {"path": path}}) for path in ("/a", "/b"))
    assert placing.continued([Placed("a", before, "x")], [Placement("a", after)]) == [Placed("a", before, "x")]
    assert placing.changes(before, after) == {"match": {"path": "/b"}}
    assert before.changed(placing.changes(before, after)) == after
    anything = Spec.parse(source)
    assert placing.changes(before, anything) == {"match": None}
    for one, other in ((before, anything), (anything, before)):
        assert one.changed(placing.changes(one, other)) == other
    assert placing.changes(before, before) == {}
