"""The journal keeps the last events, numbered, and finds them again."""

import time

from brownout.proxy import Journal


def test_it_keeps_the_last_ones_and_goes_on_counting() -> None:
    journal = Journal(keep=3)
    for number in range(1, 8):
        journal.write("tick", "p", detail=number)
    assert [(event.seq, event.detail) for event in journal.events()] == [
        (5, {"detail": 5}),
        (6, {"detail": 6}),
        (7, {"detail": 7}),
    ]


def test_unless_told_it_keeps_ten_thousand() -> None:
    journal = Journal()
    for _ in range(10_001):
        journal.write("tick", "p")
    assert (len(journal.events()), journal.events()[0].seq) == (10_000, 2)


def test_events_are_found_by_number_kind_and_proxy() -> None:
    journal = Journal()
    for kind, proxy in [("fired", "a"), ("fired", "b"), ("healed", "a"), ("fired", "a")]:
        journal.write(kind, proxy)

    def found(since: int = 0, **wanted: str) -> list[int]:
        return [event.seq for event in journal.events(since, **wanted)]

    assert found() == [1, 2, 3, 4]
    assert found(2) == [3, 4]
    assert found(4) == []
    assert found(99) == []
    assert found(kind="fired") == [1, 2, 4]
    assert found(proxy="a") == [1, 3, 4]
    assert found(1, kind="fired", proxy="a") == [4]
    assert found(kind="nothing of the sort") == []


def test_an_event_carries_the_moment_the_link_and_its_details() -> None:
    journal = Journal()
    before = time.time()
    journal.write("fired", "p", 7, name="latency", n=1)
    (event,) = journal.events()
    assert (event.kind, event.proxy, event.link, event.detail) == ("fired", "p", 7, {"name": "latency", "n": 1})
    assert before <= event.at <= time.time()


def test_listeners_hear_each_new_event_until_they_leave_also_while_they_are_told() -> None:
    journal = Journal()
    heard: list[int] = []

    def once(event) -> None:
        heard.append(event.seq)
        journal.listeners.discard(once)

    journal.write("before", "p")
    journal.listeners.add(once)
    journal.write("heard", "p")
    journal.write("after", "p")
    assert heard == [2]
