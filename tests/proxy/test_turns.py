"""Faults that act on single turns: which bytes are a turn's, and what is told of it, in virtual time."""

from collections.abc import Iterable
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.faults import (
    Corrupt,
    Disconnect,
    Drip,
    Fault,
    Hang,
    Kind,
    Latency,
    Reset,
    Segment,
    Slicer,
    StageContext,
    Timeout,
    Trigger,
)
from brownout.faults.settings.units import Duration, Quota, Share, Size
from brownout.proxy.shaping.injection import Injection
from brownout.testing.conformance import Bench, check_fault

ms, s, B = (lambda n: Duration(n / 1000)), Duration, Size

FIRST, SECOND = Trigger(per="turn", times=1), Trigger(per="turn", after=1, times=1)
LATE = Latency(latency=s(1))


class Deadline(Fault, frozen=True):
    """Resets the connection if a turn lasts for a second (a fault of these tests)."""

    name = "deadline"
    acts_on_turns: ClassVar[bool] = True

    def start(self, context: StageContext):
        def stage(segment: Segment) -> Iterable[Segment]:
            if segment.kind is Kind.OPEN:
                return (Segment(segment.at + 1, kind=Kind.ALARM),)
            return (Segment(segment.at, kind=Kind.RESET),) if segment.kind is Kind.ALARM else (segment,)

        return stage


def talk(bench: Bench, *replies: bytes, pause: float = 10.0) -> None:
    """Let a turn begin for each reply, and pause after it."""
    for reply in replies:
        bench.begin_turn()
        bench.pipe.feed(reply)
        bench.clock.run(pause)


def counts(injection: Injection) -> tuple[int, int, int]:
    return injection.matched, injection.chosen, injection.fired


def test_only_the_chosen_turn_is_late() -> None:
    bench = Bench()
    injection = bench.inject(LATE, trigger=SECOND)
    talk(bench, b"one", b"two", b"three")
    assert bench.out == [Segment(0, b"one"), Segment(11, b"two"), Segment(20, b"three")]
    assert counts(injection) == (3, 1, 1)
    assert injection.bytes == len(b"two")


def test_what_the_server_says_before_the_first_turn_is_in_no_turn() -> None:
    bench = Bench()
    injection = bench.inject(LATE, trigger=Trigger(per="turn"))
    bench.pipe.feed(b"220 ready")
    talk(bench, b"250 ok")
    assert bench.out == [Segment(0, b"220 ready"), Segment(1, b"250 ok")]
    assert counts(injection) == (1, 1, 1)


def test_what_the_server_says_later_belongs_to_the_turn_before() -> None:
    bench = Bench()
    injection = bench.inject(LATE, trigger=FIRST)
    talk(bench, b"reply")
    bench.pipe.feed(b"push")
    bench.clock.run(10)
    talk(bench, b"next")
    assert bench.out == [Segment(1, b"reply"), Segment(11, b"push"), Segment(20, b"next")]
    assert counts(injection) == (2, 1, 1)


def test_a_turn_that_is_under_way_when_the_fault_begins_does_not_count() -> None:
    bench = Bench()
    talk(bench, b"one")
    injection = bench.inject(LATE, trigger=Trigger(per="turn"))
    bench.pipe.feed(b"more of it")
    assert bench.data() == b"onemore of it"
    talk(bench, b"two")
    assert bench.out[-1] == Segment(11, b"two")
    assert counts(injection) == (1, 1, 1)


def test_turns_that_began_before_the_fault_and_are_held_by_another_one_do_not_count() -> None:
    bench = Bench()
    bench.inject(Latency(latency=s(5)), trigger=Trigger(per="turn"))
    talk(bench, b"one", b"two", pause=0)
    injection = bench.inject(LATE, trigger=Trigger(per="turn"))
    talk(bench, b"three", pause=20)
    assert bench.out == [Segment(5, b"one"), Segment(5, b"two"), Segment(6, b"three")]
    assert counts(injection) == (1, 1, 1)


def test_a_client_that_sends_on_while_a_reply_is_held_begins_a_turn_all_the_same() -> None:
    bench = Bench()
    injection = bench.inject(LATE, trigger=FIRST)
    talk(bench, b"one", b"two", b"three", pause=0.3)
    bench.clock.run(10)
    assert bench.out == [Segment(1, b"one"), Segment(1, b"two"), Segment(1, b"three")]  # in order, behind the late one
    assert counts(injection) == (3, 1, 1)
    assert injection.bytes == len(b"one")


def test_several_chosen_turns_within_the_lane_each_fire_once() -> None:
    bench = Bench()
    injection = bench.inject(LATE, trigger=Trigger(per="turn", every=2))
    talk(bench, b"1", b"2", b"3", b"4", pause=0)
    bench.clock.run(10)
    assert bench.data() == b"1234"
    assert counts(injection) == (4, 2, 2)


def test_a_turn_healed_before_anybody_could_notice_has_not_fired() -> None:
    bench = Bench()
    injection = bench.inject(LATE, trigger=Trigger(per="turn"))
    talk(bench, b"reply", pause=0)
    bench.pipe.heal(injection)
    assert bench.out == [Segment(0, b"reply")]
    assert counts(injection) == (1, 1, 0)


def test_healing_in_the_middle_of_a_turn_releases_what_is_held() -> None:
    bench = Bench()
    injection = bench.inject(LATE, trigger=Trigger(per="turn"))
    talk(bench, b"one", b"two", pause=0.2)
    bench.pipe.heal(injection)
    bench.pipe.feed(b"rest")
    assert bench.data() == b"onetworest"
    talk(bench, b"three", pause=0)
    assert bench.data() == b"onetworestthree"
    assert counts(injection) == (2, 2, 2)


@pytest.mark.parametrize(("fault", "kind"), [(Reset, Kind.RESET), (Disconnect, Kind.CLOSE)])
def test_the_end_takes_the_place_of_the_first_byte_of_the_reply(fault: type[Fault], kind: Kind) -> None:
    bench = Bench()
    injection = bench.inject(fault(), trigger=SECOND)
    talk(bench, b"one")
    bench.begin_turn()
    bench.clock.run(5)
    assert bench.events() == []
    assert injection.fired == 0
    bench.pipe.feed(b"two")
    assert bench.out[:2] == [Segment(0, b"one"), Segment(15, b"", kind)]
    assert counts(injection) == (2, 1, 1)


def test_bytes_of_a_reset_are_counted_for_each_turn() -> None:
    bench = Bench()
    bench.inject(Reset(bytes=B(4)), trigger=Trigger(per="turn"))
    talk(bench, b"one", b"two", b"three")
    assert bench.out[:4] == [
        Segment(0, b"one"),
        Segment(10, b"two"),
        Segment(20, b"thre"),
        Segment(20, b"", Kind.RESET),
    ]


def test_a_reset_that_comes_late_is_that_of_its_turn() -> None:
    bench = Bench()
    injection = bench.inject(Reset(bytes=B(3), delay=s(3)), trigger=FIRST)
    talk(bench, b"one", b"two", pause=1)
    assert counts(injection) == (2, 1, 0)
    bench.clock.run(10)
    assert bench.events()[0] == (3, Kind.RESET)
    assert counts(injection) == (2, 1, 1)


def test_an_alarm_dies_with_its_turn() -> None:
    bench = Bench()
    injection = bench.inject(Deadline(), trigger=Trigger(per="turn"))
    talk(bench, b"one", b"two", b"three", pause=0.9)
    assert bench.events() == []
    bench.clock.run(1)
    assert bench.events() == [(2.8, Kind.RESET)]
    assert counts(injection) == (3, 3, 1)


def test_an_alarm_does_not_ring_in_a_turn_that_is_not_chosen() -> None:
    bench = Bench()
    injection = bench.inject(Deadline(), trigger=FIRST)
    talk(bench, b"one", b"two", pause=0.9)
    bench.clock.run(10)
    assert bench.events() == []
    assert counts(injection) == (2, 1, 0)


def test_a_turn_without_bytes_is_not_noticed_behind_a_late_one() -> None:
    bench = Bench()
    injection = bench.inject(LATE, trigger=Trigger(per="turn"))
    talk(bench, b"one", pause=0.1)
    for _ in range(2):
        bench.begin_turn()
        bench.clock.run(0.1)
    bench.clock.run(10)
    assert counts(injection) == (3, 3, 1)


def test_the_beginning_of_a_turn_is_no_end_that_waits() -> None:
    bench = Bench()
    bench.inject(Hang())
    bench.inject(LATE, trigger=Trigger(per="turn"))
    talk(bench, b"one", b"two")
    assert bench.pipe.waiting == 6
    assert not bench.pipe.lost_end


def test_a_chosen_turn_has_random_numbers_of_its_own() -> None:
    jitter = Latency(latency=ms(500), jitter=ms(400))

    def third(*before: bytes) -> float:
        bench = Bench()
        bench.inject(jitter, trigger=Trigger(per="turn"), seed=3)
        talk(bench, *before, b"third")
        return bench.out[-1].at

    assert third(b"one", b"two") == third(b"other", b"")
    assert third(b"one", b"two") - 20 != third(b"one") - 10


def test_a_quota_is_exact_among_turns() -> None:
    bench = Bench()
    injection = bench.inject(LATE, trigger=Trigger(per="turn", quota=Quota(3, 10)))
    talk(bench, *[b"x"] * 100)
    assert counts(injection) == (100, 30, 30)
    assert sum(segment.at % 10 == 1 for segment in bench.out) == 30


def test_two_faults_on_turns_draw_apart() -> None:
    bench = Bench()
    late = bench.inject(LATE, trigger=FIRST)
    sliced = bench.inject(Slicer(average_size=B(1), delay=ms(100)), trigger=SECOND)
    talk(bench, b"ab", b"cd", b"ef")
    assert bench.out == [
        Segment(1, b"ab"), Segment(10, b"c"), Segment(10.1, b"d"), Segment(20, b"ef"),
    ]  # fmt: skip
    assert (counts(late), counts(sliced)) == ((3, 1, 1), (3, 1, 1))


@pytest.mark.parametrize("first", ["connection", "turn"])
def test_a_fault_on_turns_stands_beside_one_on_the_connection(first: str) -> None:
    bench = Bench()
    whole, single = (Latency(latency=s(2)), Trigger()), (LATE, SECOND)
    for fault, trigger in (whole, single) if first == "connection" else (single, whole):
        bench.inject(fault, trigger=trigger)
    talk(bench, b"one", b"two", b"three")
    assert bench.out == [Segment(2, b"one"), Segment(13, b"two"), Segment(22, b"three")]


def test_a_fault_that_swallows_ahead_of_it_leaves_nothing_to_fire_on() -> None:
    bench = Bench()
    bench.inject(Timeout())
    injection = bench.inject(LATE, trigger=Trigger(per="turn"))
    talk(bench, b"one", b"two")
    assert bench.out == []
    assert counts(injection) == (2, 2, 0)
    assert injection.bytes == 0


def test_a_change_is_felt_by_the_turns_that_are_held_and_by_no_other() -> None:
    bench = Bench()
    injection = bench.inject(Latency(latency=s(9)), trigger=Trigger(per="turn", every=2))
    talk(bench, b"1", b"2", b"3", b"4", b"5", pause=0.5)
    assert bench.data() == b"1"
    bench.change(injection, Latency(latency=s(3)))
    bench.clock.run(20)
    assert bench.out == [
        Segment(0, b"1"), Segment(3.5, b"2"), Segment(3.5, b"3"), Segment(4.5, b"4"), Segment(4.5, b"5"),
    ]  # fmt: skip
    assert counts(injection) == (5, 2, 2)
    assert injection.bytes == 2


def test_the_end_of_the_stream_comes_late_in_a_late_turn_alone() -> None:
    bench = Bench()
    bench.inject(LATE, trigger=FIRST)
    talk(bench, b"one")
    bench.pipe.feed(kind=Kind.EOF)
    bench.clock.run(10)
    assert bench.events() == [(11, Kind.EOF)]
    bench = Bench()
    bench.inject(LATE, trigger=FIRST)
    talk(bench, b"one", b"two")
    bench.pipe.feed(kind=Kind.EOF)
    assert bench.events() == [(20, Kind.EOF)]


Step = tuple[str, bytes, float]
HARMLESS = [Latency(latency=s(0)), Latency(latency=ms(5), jitter=ms(5)), Slicer(average_size=B(3)),
            Slicer(average_size=B(2), delay=ms(1)), Drip(bytes=B(2), interval=ms(2)), Corrupt(share=Share(0))]  # fmt: skip
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("turn"), st.just(b""), st.just(0.0)),
        st.tuples(st.just("say"), st.binary(min_size=1, max_size=40), st.just(0.0)),
        st.tuples(st.just("wait"), st.just(b""), st.floats(0, 0.05)),
        st.tuples(st.sampled_from(["inject", "heal", "change"]), st.just(b""), st.floats(0, 1, exclude_max=True)),
    ),
    max_size=40,
)


@given(STEPS, st.sampled_from(["turn", "connection"]))
def test_faults_that_only_delay_and_cut_never_change_a_byte(steps: list[Step], kind: str) -> None:
    bench, said = Bench(), b""
    placed = [bench.inject(HARMLESS[3], trigger=Trigger(per="turn", probability=Share(0.5)))]
    for what, data, number in steps:
        which = HARMLESS[int(number * len(HARMLESS))]
        if what == "turn":
            bench.begin_turn()
        elif what == "say":
            said += data
            bench.pipe.feed(data)
        elif what == "wait":
            bench.clock.run(number)
        elif what == "inject":
            per = "turn" if number < 0.7 else kind
            placed.append(bench.inject(which, trigger=Trigger(per=per, probability=Share(0.5))))
        elif placed and what == "heal":
            bench.pipe.heal(placed.pop(int(number * len(placed))))
        elif placed:
            bench.change(placed[int(number * len(placed))], which)
        assert said.startswith(bench.data())
    bench.clock.run(1000)
    assert bench.data() == said
    assert bench.pipe.waiting == 0
    for injection in placed:
        bench.pipe.heal(injection)
    assert all(
        injection.fired <= injection.chosen <= injection.matched for injection in placed if injection.acts_per_turn
    )
    assert bench.pipe._turns_inside == 0


class Tired(Fault, frozen=True):
    """Is later the more it has carried in other turns (a fault of these tests)."""

    name = "tired"
    acts_on_turns: ClassVar[bool] = True

    def start(self, context: StageContext):
        late = context.shared.get("bytes", 0) / 1e6

        def stage(segment: Segment) -> Iterable[Segment]:
            context.shared["bytes"] = context.shared.get("bytes", 0) + len(segment.data)
            return () if segment.kind is Kind.OPEN else (segment._replace(at=segment.at + late),)

        return stage


def test_the_conformance_suite_finds_a_fault_that_remembers_other_turns() -> None:
    with pytest.raises(AssertionError, match="what a turn carried changed what became of the next one"):
        check_fault(Tired())
