"""What a cell keeps of the records: times since the failure began, attempts, and no more than there is room for."""

import asyncio
from types import SimpleNamespace
from typing import Any

from brownout.proxy import ConnectionEntry, Fleet
from brownout.verify.document import Attempt
from brownout.verify.timeline import attempts, timeline
from brownout.verify.watch import TIME_OVER, Breaking, Watch

from ..control.conftest import entry


def connection(number: int, began: float, *, end: str = "refused", **more: Any) -> ConnectionEntry:
    given = {
        "at": 0.0,
        "proxy": "redis",
        "opened": end != "refused",
        "seconds": 0.5,
        "left": None,
        "sent": 0,
        "received": 0,
        "faults": (),
    }
    return ConnectionEntry(seq=number, link=number, began=began, end=end, **given | more)


def test_times_are_those_since_the_failure_and_a_pause_is_that_between_attempts() -> None:
    made = [
        connection(4, 100.25),
        connection(5, 101.0, end="closed by client", sent=20, received=7, faults=("verify-1",)),
    ]
    assert attempts(made, [], [100.0], 100.0, {"verify-1": "latency"}) == [
        Attempt("", 4, 0.25, 0.5, "refused", True, (), 1, None),
        Attempt("", 5, 1.0, 0.5, "closed by the service, 20 B sent, 7 B received", False, ("latency",), 2, 0.25),
    ]


def test_what_is_sent_to_a_client_that_has_left_is_not_told() -> None:
    made = [
        connection(1, 100.0, end="closed by client", sent=22, received=147, left=0.1, faults=("verify-1",)),
        connection(2, 101.0, end=TIME_OVER, sent=22, received=0),
    ]
    assert [each.outcome for each in attempts(made, [], [100.0], 100.0, {})] == [
        "given up by the service, 22 B sent",
        "reset when the time was over, 22 B sent, 0 B received",
    ]


def test_a_reply_that_was_held_to_the_end_is_none() -> None:
    """It was let go when the time was over, and its connection reset: its client had nothing of it."""
    held = entry(1, status="201", end="cut", began=100.0, seconds=4.1, faults=("verify-1",))
    before = entry(2, status="201", end="cut", began=100.0, seconds=0.1)
    found = attempts([], [held, before], [100.0], 100.0, {}, 104.0)
    assert sorted(each.outcome for each in found) == ["201 cut off", "reset when the time was over"]


def test_what_a_later_call_does_is_no_retry() -> None:
    made = [connection(number, at) for number, at in enumerate((100.0, 101.0, 103.0, 104.0))]
    found = attempts(made, [], [99.9, 102.0], 100.0, {})
    assert [each.number for each in found] == [1, 2, 1, 2]


def test_no_more_is_kept_than_there_is_room_for() -> None:
    async def main() -> None:
        fleet = Fleet(seed=1)
        watch = Watch(fleet, None)
        fleet.proxies["redis"] = SimpleNamespace(name="redis", links={}, open_requests=list)  # type: ignore[assignment]
        fleet.connection_log.write(connection(1, -5.0))  # it ended before the journey was called
        for number in range(2, 102):
            fleet.connection_log.write(connection(number, float(number)))
        watch.windows, watch.over = [(2.0, 2.5), (3.0, 3.5)], 3.5
        found = timeline(watch, Breaking("redis", (), None, 5.0, by_entry=True))
        assert found.broken == ((0.0, 0.5), (1.0, 1.5))
        assert [each.connection for each in found.attempts] == [*range(2, 32), *range(92, 102)]
        assert (found.left_out, found.over) == (60, 1.5)

    asyncio.run(main())
