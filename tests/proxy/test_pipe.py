"""Lanes: order is kept, healing and changing lose nothing; the cases that a single queue gets wrong, each by name."""

import math
import random
from collections.abc import Iterable
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.faults import (
    Bandwidth,
    Drip,
    Fault,
    HalfOpen,
    Kind,
    Latency,
    LimitData,
    Loss,
    PathMtu,
    Reset,
    Segment,
    Slicer,
    SlowClose,
    Spec,
    StageContext,
    Timeout,
)
from brownout.faults.settings.units import Duration, Rate, Share, Size
from brownout.proxy.shaping.budget import Budget, Limits
from brownout.proxy.shaping.injection import Injection
from brownout.proxy.shaping.lane import Lane
from brownout.proxy.shaping.pipe import Pipe
from brownout.testing.conformance import Bench

ms, s, B, KBs = (lambda n: Duration(n / 1000)), Duration, Size, (lambda n: Rate(n * 1000))


class Lifetime(Fault, frozen=True):
    """Resets a link that has lived for so long (a fault of these tests)."""

    name = "lifetime"
    lifetime: Annotated[Duration, "how long"]

    def start(self, context: StageContext):
        def stage(segment: Segment) -> Iterable[Segment]:
            if segment.kind is Kind.OPEN:
                return (Segment(segment.at + self.lifetime, kind=Kind.ALARM),)
            return (Segment(segment.at, kind=Kind.RESET),) if segment.kind is Kind.ALARM else (segment,)

        return stage


class IdleCut(Fault, frozen=True):
    """Resets a link that was idle for so long (a fault of these tests)."""

    name = "idle_cut"
    idle: Annotated[Duration, "how long"]

    def start(self, context: StageContext):
        def stage(segment: Segment) -> Iterable[Segment]:
            if segment.kind is Kind.ALARM:
                return (Segment(segment.at, kind=Kind.RESET),)
            return (segment, Segment(segment.at + self.idle, kind=Kind.ALARM))

        return stage


class Mixed(Fault, frozen=True):
    """Delays short segments, and cuts long ones into single bytes (a fault of these tests)."""

    name = "mixed"
    delay: Annotated[Duration, "how long"]

    def start(self, context: StageContext):
        def stage(segment: Segment) -> Iterable[Segment]:
            at = segment.at + self.delay
            if segment.kind is not Kind.DATA or len(segment.data) <= 3:
                return () if segment.kind is Kind.OPEN else (segment._replace(at=at),)
            return (Segment(at + number, segment.data[number : number + 1]) for number in range(len(segment.data)))

        return stage


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_without_a_fault_data_and_events_pass_at_once(bench: Bench) -> None:
    bench.pipe.feed(b"abc")
    bench.pipe.feed(kind=Kind.EOF)
    assert bench.out == [Segment(0, b"abc"), Segment(0, kind=Kind.EOF)]


def test_latency_does_not_throttle(bench: Bench) -> None:
    bench.inject(Latency(latency=ms(300)))
    for chunk in (b"a", b"b", b"c"):
        bench.pipe.feed(chunk)
        bench.clock.run(0.1)
    bench.clock.run(1)
    assert bench.out == [Segment(0.3, b"a"), Segment(0.4, b"b"), Segment(0.5, b"c")]


def test_two_latencies_add_up_also_under_load(bench: Bench) -> None:
    bench.inject(Latency(latency=ms(100)))
    bench.inject(Latency(latency=ms(100)))
    for _ in range(50):
        bench.pipe.feed(b"x")
        bench.clock.run(0.01)
    bench.clock.run(1)
    assert [segment.at for segment in bench.out] == [round(0.2 + n * 0.01, 9) for n in range(50)]


def test_bandwidth_paces_in_pieces_of_20_ms(bench: Bench) -> None:
    bench.inject(Bandwidth(rate=KBs(10)))
    bench.pipe.feed(b"x" * 1000)
    bench.clock.run(1)
    assert [(segment.at, len(segment.data)) for segment in bench.out] == [(0.02, 200), (0.04, 200), (0.06, 200), (0.08, 200), (0.1, 200)]  # fmt: skip


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("pause", [0, 0.001, 0.004, 0.006])
def test_bandwidth_gives_no_credit_for_the_time_before_the_first_byte(bench: Bench, pause: float, shared: bool) -> None:
    bench.inject(Bandwidth(rate=KBs(100), shared=shared))
    bench.clock.run(pause)
    bench.pipe.feed(b"x" * 100)
    bench.clock.run(1)
    assert bench.out == [Segment(pytest.approx(pause + 0.001), b"x" * 100)]


def test_bandwidth_with_a_burst_lets_it_pass_at_once_and_again_after_a_pause(bench: Bench) -> None:
    bench.inject(Bandwidth(rate=KBs(10), burst=B(400)))
    bench.pipe.feed(b"x" * 1000)
    bench.clock.run(0.059)
    assert len(bench.data()) == 800
    bench.clock.run(10)
    bench.pipe.feed(b"y" * 1000)
    assert bench.data().count(b"y") == 400


def test_the_end_waits_for_the_bytes_before_it(bench: Bench) -> None:
    bench.inject(Bandwidth(rate=KBs(1)))
    bench.pipe.feed(b"x" * 1000)
    bench.pipe.feed(kind=Kind.EOF)
    bench.clock.run(0.99)
    assert bench.events() == []
    bench.clock.run(0.02)
    assert bench.events() == [(1.0, Kind.EOF)]


def test_slices_pause_after_each_by_their_place_in_the_stream(bench: Bench) -> None:
    bench.inject(Slicer(average_size=B(4), delay=ms(100)))
    bench.pipe.feed(b"123456")
    bench.pipe.feed(b"789")
    bench.clock.run(1)
    assert bench.out == [Segment(0, b"1234"), Segment(0.1, b"56"), Segment(0.1, b"78"), Segment(0.2, b"9")]


def test_a_slow_close_delays_the_end_and_no_byte(bench: Bench) -> None:
    bench.inject(SlowClose(delay=s(3)))
    bench.pipe.feed(b"data")
    bench.pipe.feed(kind=Kind.EOF)
    bench.clock.run(10)
    assert bench.out == [Segment(0, b"data"), Segment(3, kind=Kind.EOF)]


# The cases of the design


def test_a_lifetime_healed_early_never_fires_and_blocks_nothing(bench: Bench) -> None:
    life = bench.inject(Lifetime(lifetime=s(60)))
    bench.clock.run(1)
    bench.pipe.feed(b"hello")
    assert bench.out == [Segment(1, b"hello")]
    bench.clock.run(58)
    bench.pipe.heal(life)
    bench.clock.run(100)
    assert bench.out == [Segment(1, b"hello")]


def test_latency_before_bandwidth_healed_leaves_the_pace(bench: Bench) -> None:
    late = bench.inject(Latency(latency=s(1)))
    bench.inject(Bandwidth(rate=KBs(10)))
    bench.pipe.feed(b"x" * 10_000)
    bench.clock.run(0.5)
    bench.pipe.heal(late)
    bench.clock.run(0.5)
    assert len(bench.data()) == 5_000
    bench.clock.run(10)
    assert bench.out[-1].at == 1.5


def test_latency_before_bandwidth_lowered_gives_no_credit_for_the_past(bench: Bench) -> None:
    late = bench.inject(Latency(latency=s(10)))
    bench.inject(Bandwidth(rate=KBs(10)))
    bench.pipe.feed(b"x" * 10_000)
    bench.clock.run(5)
    bench.change(late, Latency(latency=s(0)))
    bench.clock.run(0.5)
    assert len(bench.data()) == 5_000


def test_rate_0_changed_to_a_rate_starts_from_now(bench: Bench) -> None:
    slow = bench.inject(Bandwidth(rate=Rate(0)))
    bench.pipe.feed(b"x" * 1000)
    bench.pipe.feed(kind=Kind.EOF)
    bench.clock.run(10)
    assert bench.out == []
    bench.change(slow, Bandwidth(rate=KBs(1)))
    bench.clock.run(0.5)
    assert len(bench.data()) == 500
    bench.clock.run(1)
    assert bench.events() == [(11.0, Kind.EOF)]


def test_a_raised_rate_gives_no_credit_for_the_past(bench: Bench) -> None:
    slow = bench.inject(Bandwidth(rate=KBs(1)))
    bench.pipe.feed(b"x" * 100_000)
    bench.clock.run(10)
    assert len(bench.data()) == 10_000
    bench.change(slow, Bandwidth(rate=KBs(10)))
    bench.clock.run(1)
    assert len(bench.data()) == 20_000


def test_latency_lowered_while_bytes_wait_counts_from_their_arrival(bench: Bench) -> None:
    late = bench.inject(Latency(latency=s(10)))
    bench.pipe.feed(b"old")
    bench.clock.run(1)
    bench.pipe.feed(b"new")
    bench.change(late, Latency(latency=ms(300)))
    assert bench.out == [Segment(1, b"old")]
    bench.clock.run(5)
    assert bench.out == [Segment(1, b"old"), Segment(1.3, b"new")]


def test_a_stage_armed_on_an_idle_open_link_acts_without_data(bench: Bench) -> None:
    bench.clock.run(100)
    bench.inject(Timeout(timeout=s(2)))
    bench.clock.run(3)
    assert bench.events() == [(102.0, Kind.CLOSE)]


def test_an_idle_cut_is_put_off_by_each_byte_and_can_be_taken_back(bench: Bench) -> None:
    idle = bench.inject(IdleCut(idle=s(1)))
    for _ in range(4):
        bench.clock.run(0.5)
        bench.pipe.feed(b"x")
    assert bench.events() == []
    bench.clock.run(0.9)
    bench.pipe.heal(idle)
    bench.clock.run(10)
    assert bench.events() == []


def test_a_byte_limit_half_used_survives_changes_to_itself_and_to_others(bench: Bench) -> None:
    limit = bench.inject(LimitData(bytes=B(10)))
    late = bench.inject(Latency(latency=ms(10)))
    bench.pipe.feed(b"123456")
    bench.change(late, Latency(latency=ms(20)))
    bench.change(limit, LimitData(bytes=B(20)))
    bench.pipe.heal(late)
    bench.pipe.feed(b"x" * 30)
    assert bench.data() == b"123456" + b"x" * 14
    assert [kind for _, kind in bench.events()] == [Kind.CLOSE]


def test_a_limit_lowered_below_its_count_closes_on_the_next_byte(bench: Bench) -> None:
    limit = bench.inject(LimitData(bytes=B(10)))
    bench.pipe.feed(b"123456")
    bench.change(limit, LimitData(bytes=B(3)))
    assert bench.events() == []
    bench.pipe.feed(b"7")
    assert bench.data() == b"123456"
    assert [kind for _, kind in bench.events()] == [Kind.CLOSE]


def test_reset_after_bytes_passes_exactly_those(bench: Bench) -> None:
    bench.inject(Reset(bytes=B(4)))
    bench.pipe.feed(b"123")
    bench.pipe.feed(b"456")
    bench.clock.run(1)
    first = next(n for n, segment in enumerate(bench.out) if segment.kind is Kind.RESET)
    assert b"".join(segment.data for segment in bench.out[:first]) == b"1234"


def test_a_delayed_reset_holds_what_is_beyond_and_healing_lets_it_go_on(bench: Bench) -> None:
    cut = bench.inject(Reset(bytes=B(4), delay=s(5)))
    bench.pipe.feed(b"123456")
    assert bench.data() == b"1234"
    bench.clock.run(1)
    bench.pipe.heal(cut)
    bench.clock.run(10)
    assert bench.data() == b"123456"
    assert bench.events() == []


def test_a_delayed_reset_raised_while_bytes_wait_counts_them_once(bench: Bench) -> None:
    cut = bench.inject(Reset(bytes=B(4), delay=s(5)))
    bench.pipe.feed(b"123456")
    bench.change(cut, Reset(bytes=B(8), delay=s(5)))
    assert bench.data() == b"123456"
    bench.pipe.feed(b"789")
    assert bench.data() == b"12345678"


def test_healing_a_black_hole_closes_the_link_that_it_starved(bench: Bench) -> None:
    hole = bench.inject(Timeout())
    bench.pipe.feed(b"lost")
    bench.clock.run(100)
    assert bench.out == []
    bench.pipe.heal(hole)
    assert bench.out == [Segment(100, kind=Kind.CLOSE)]


@pytest.mark.parametrize("fault", [Timeout(), HalfOpen(), LimitData(bytes=B(5))])
def test_healing_a_fault_that_threw_nothing_away_leaves_the_link(bench: Bench, fault: Fault) -> None:
    injection = bench.inject(fault)
    bench.clock.run(100)
    bench.pipe.heal(injection)
    bench.pipe.feed(b"still here")
    assert bench.out == [Segment(100, b"still here")]


def test_half_open_swallows_a_reset_from_the_peer(bench: Bench) -> None:
    bench.inject(HalfOpen())
    bench.pipe.feed(kind=Kind.RESET)
    bench.clock.run(100)
    assert bench.out == []


# Limits


def test_a_lane_throttles_at_its_own_buffer_and_resumes_at_half_of_it(bench: Bench) -> None:
    bench.inject(Bandwidth(rate=KBs(10), buffer=B(20_000)))
    bench.inject(Bandwidth(rate=KBs(10), buffer=B(10_000)))
    bench.pipe.feed(b"x" * 20_000)
    assert not bench.paused
    bench.pipe.feed(b"x" * 400)
    assert bench.paused
    bench.clock.run(1.02)
    assert bench.paused
    bench.clock.run(0.06)
    assert not bench.paused


def test_a_queue_behind_another_fault_holds_the_sender_back_as_well(bench: Bench) -> None:
    bench.inject(Latency(latency=s(1)))
    bench.inject(Bandwidth(rate=KBs(10), buffer=B(10_000)))
    bench.pipe.feed(b"x" * 20_000)
    assert not bench.paused
    bench.clock.run(1.1)
    assert bench.paused
    bench.clock.run(1.5)
    assert not bench.paused


def transfer(bench: Bench, size: int) -> float:
    """Send as fast as the pipe takes it; return when the last byte came out."""
    sent = 0
    while len(bench.data()) < size:
        while not bench.paused and sent < size:
            bench.pipe.feed(b"x" * min(64_000, size - sent))
            sent += 64_000
        bench.clock.run(0.01)
    return bench.out[-1].at


@pytest.mark.parametrize(("before", "behind"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize(
    ("slow", "seconds"),
    [
        (Bandwidth(rate=KBs(2000)), 1.5),
        (Drip(bytes=B(2000), interval=ms(1)), 1.499),
        (Loss(share=Share(0)), 0.0),
        (PathMtu(bytes=B(3_000_000)), 0.0),
    ],
    ids=["bandwidth", "drip", "loss", "path_mtu"],
)
def test_a_delay_before_or_behind_a_slow_fault_takes_nothing_from_its_rate(
    bench: Bench, slow: Fault, seconds: float, before: bool, behind: bool
) -> None:
    late = Latency(latency=ms(300))
    for fault in [*[late] * before, slow, *[late] * behind]:
        bench.inject(fault)
    assert transfer(bench, 3_000_000) == pytest.approx(seconds + 0.3 * (before + behind), abs=0.02)


def test_a_full_queue_holds_the_sender_back_whatever_waits_behind_it(bench: Bench) -> None:
    bench.inject(Bandwidth(rate=KBs(10), buffer=B(10_000)))
    bench.inject(Latency(latency=s(100)))
    bench.pipe.feed(b"x" * 10_000)
    assert not bench.paused
    bench.pipe.feed(b"x" * 400)
    assert bench.paused
    bench.clock.run(1)  # what the rate let through is under way
    assert not bench.paused
    assert bench.data() == b""


def test_healing_the_fault_with_the_small_buffer_lets_the_source_go_on(bench: Bench) -> None:
    slow = bench.inject(Bandwidth(rate=Rate(0), buffer=B(10)))
    bench.inject(Latency(latency=s(1)))
    bench.pipe.feed(b"x" * 100)
    assert bench.paused
    bench.pipe.heal(slow)
    assert not bench.paused


def test_pipes_share_a_budget_and_each_may_hold_a_little() -> None:
    first, budget = Bench(), Budget(1000)
    limits = Limits(least=100)
    paused: dict[str, bool] = {"one": False, "two": False}
    clock = first.clock
    pipes = {
        name: Pipe(clock, lambda segment: None, lambda full, name=name: paused.__setitem__(name, full), budget, limits)
        for name in paused
    }
    injections = {name: Injection(Spec(Latency(latency=s(9)), name=name), seed=0, proxy="p") for name in paused}
    for name, pipe in pipes.items():
        pipe.join(Lane(injections[name], StageContext()))
    pipes["one"].feed(b"x" * 1200)
    pipes["two"].feed(b"x" * 100)
    assert paused == {"one": True, "two": False}
    pipes["two"].feed(b"x")
    assert paused == {"one": True, "two": True}
    pipes["one"].stop()
    assert paused["two"] is False
    assert budget.held == 101


def test_bytes_given_to_a_blocked_sink_are_on_the_budget_until_it_takes_them() -> None:
    bench, budget = Bench(), Budget(10**9)
    pipe = Pipe(bench.clock, bench._take, budget=budget)
    pipe.block(True)
    pipe.feed(b"12345")
    assert budget.held == 5
    pipe.block(False)
    assert budget.held == 0


def test_no_call_comes_after_the_end(bench: Bench) -> None:
    bench.inject(Latency(latency=s(1)))
    bench.pipe.feed(b"x")
    bench.pipe.stop()
    bench.clock.run(10)
    bench.pipe.feed(b"y")
    assert bench.out == []


@pytest.mark.parametrize("pause", [0, 5, 6.5, 15])
def test_a_stage_that_cuts_only_some_segments_loses_nothing(bench: Bench, pause: float) -> None:
    injection = bench.inject(Mixed(delay=s(5)))
    for chunk in (b"abc", b"0123456789", b"de", b"ABCDEFGHIJ", b"f"):
        bench.pipe.feed(chunk)
    bench.clock.run(pause)
    bench.change(injection, Mixed(delay=s(6)))
    bench.pipe.heal(injection)
    assert bench.data() == b"abc0123456789deABCDEFGHIJf"
    assert bench.pipe.waiting == 0


def test_the_number_of_lanes_is_no_depth_of_calls(bench: Bench) -> None:
    injections = [bench.inject(Latency(latency=s(1))) for _ in range(2000)]
    bench.pipe.feed(b"abc")
    bench.clock.run(1.5)
    for injection in injections[1:]:
        bench.pipe.heal(injection)
    assert bench.out == [Segment(1.5, b"abc")]


@pytest.mark.parametrize("first", [True, False])
def test_a_sink_may_heal_a_fault(bench: Bench, first: bool) -> None:
    injections = [bench.inject(Slicer(average_size=B(1))) for _ in range(2)]
    take = bench.pipe._sink

    def heal(segment: Segment) -> None:
        take(segment)
        bench.pipe.heal(injections[0 if first else 1])

    bench.pipe._sink = heal
    bench.pipe.feed(b"abcdef")
    bench.pipe.feed(b"ghi")
    bench.clock.run(1)
    assert (bench.data(), bench.pipe.waiting) == (b"abcdefghi", 0)
    assert [injection.bytes for injection in injections] == ([6, 9] if first else [9, 1])


# Random programs

_FAULTS = [
    lambda rng: Latency(latency=Duration(rng.random()), jitter=Duration(0.3)),
    lambda rng: Bandwidth(rate=Rate(rng.choice([0, 1000, 1e6])), burst=Size(rng.choice([0, 500]))),
    lambda rng: Slicer(average_size=Size(rng.randrange(100, 900)), size_variation=Size(99), delay=Duration(rng.random() / 50)),
    lambda rng: IdleCut(idle=Duration(1e9)),
    lambda rng: Lifetime(lifetime=Duration(1e9)),
    lambda rng: Mixed(delay=Duration(rng.random())),
]  # fmt: skip
_STEP = st.one_of(
    st.tuples(st.just("feed"), st.integers(1, 5000), st.just(0)),
    st.tuples(st.just("wait"), st.floats(0, 2), st.just(0)),
    st.tuples(st.just("inject"), st.integers(0, 3), st.integers(0, 5)),
    st.tuples(st.just("change"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("heal"), st.integers(0, 3), st.just(0)),
)


@given(st.lists(_STEP, max_size=40), st.integers(0, 1 << 30))
def test_programs_lose_repeat_and_reorder_nothing(steps, seed) -> None:
    rng, bench = random.Random(seed), Bench()
    sent, placed = b"", {}
    for what, amount, kind in steps:
        if what == "feed":
            chunk = rng.randbytes(amount)
            sent += chunk
            bench.pipe.feed(chunk)
        elif what == "wait":
            bench.clock.run(amount)
        elif what == "inject" and amount not in placed:
            placed[amount] = bench.inject(_FAULTS[kind](rng), seed=seed), kind
        elif what == "change" and amount in placed:
            bench.change(placed[amount][0], _FAULTS[placed[amount][1]](rng))
        elif what == "heal" and amount in placed:
            bench.pipe.heal(placed.pop(amount)[0])
        got = bench.data()
        assert sent.startswith(got)
        assert bench.pipe.waiting == len(sent) - len(got)
    bench.pipe.feed(kind=Kind.EOF)
    for injection, _ in placed.values():
        bench.pipe.heal(injection)
    assert bench.data() == sent
    assert [kind for _, kind in bench.events()] == [Kind.EOF]
    assert bench.out[-1].kind is Kind.EOF
    assert bench.pipe.waiting == 0
    bench.clock.run(math.nextafter(1e6, 0))
    assert len(bench.events()) == 1
