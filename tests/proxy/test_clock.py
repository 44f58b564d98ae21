"""Clocks make calls in order, each at its moment, whatever one of the calls does."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable

import pytest

from brownout.proxy.system.clock import ClosableClock, _LoopClock, _TimerFdClock, loop_clock
from brownout.testing.clock import VirtualClock

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.SelectorEventLoop}
if sys.platform != "win32":
    import uvloop

    LOOPS["uvloop"] = uvloop.new_event_loop
CLOCKS = {"loop": _LoopClock}
if sys.platform == "linux":
    CLOCKS["timerfd"] = _TimerFdClock

Scenario = Callable[[ClosableClock], Awaitable[None]]
Run = Callable[[Scenario], list[dict[str, object]]]


@pytest.fixture(params=[(loop, clock) for loop in LOOPS for clock in CLOCKS], ids="-".join)
def run(request: pytest.FixtureRequest) -> Run:
    """Return a function that runs a scenario with a clock, and returns of which errors the loop was told."""
    loop_name, clock_name = request.param

    def run(scenario: Scenario) -> list[dict[str, object]]:
        errors: list[dict[str, object]] = []

        async def main() -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: errors.append(context))
            clock = CLOCKS[clock_name](loop)
            try:
                async with asyncio.timeout(20):
                    await scenario(clock)
            finally:
                clock.close()

        with asyncio.Runner(loop_factory=LOOPS[loop_name]) as runner:
            runner.run(main())
        return errors

    return run


async def pause(clock: ClosableClock, seconds: float) -> None:
    """Wait by the clock under test."""
    over = asyncio.Event()
    clock.call_at(clock.time() + seconds, over.set)
    await over.wait()


def spin(seconds: float) -> None:
    """Keep the loop from coming round."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_calls_come_in_the_order_in_which_they_are_due(run: Run) -> None:
    called: list[str] = []

    async def scenario(clock: ClosableClock) -> None:
        now = clock.time()
        for name, delay in {"third": 0.06, "first": 0.02, "fourth": 0.08, "second": 0.04}.items():
            clock.call_at(now + delay, lambda name=name: called.append(name))
        await pause(clock, 0.1)

    assert run(scenario) == []
    assert called == ["first", "second", "third", "fourth"]


def test_equal_moments_come_in_the_order_of_asking(run: Run) -> None:
    called: list[int] = []

    async def scenario(clock: ClosableClock) -> None:
        when = clock.time() + 0.05
        for number in range(1000):
            clock.call_at(when, lambda number=number: called.append(number))
            if number % 100 == 0:
                spin(0.002)  # time goes on between asking and asking
        await pause(clock, 0.1)

    assert run(scenario) == []
    assert called == list(range(1000))


def test_a_call_does_not_come_before_its_moment(run: Run) -> None:
    early: list[float] = []
    called: list[float] = []

    async def scenario(clock: ClosableClock) -> None:
        def due(when: float) -> None:
            called.append(when)
            if clock.time() < when:
                early.append(when - clock.time())

        for number in range(100):
            when = clock.time() + 0.0102 + number * 0.00037
            clock.call_at(when, lambda when=when: due(when))
        await pause(clock, 0.1)

    assert run(scenario) == []
    assert len(called) == 100
    assert early == []


def test_a_moment_that_no_timer_could_hold_keeps_nobody_waiting(run: Run) -> None:
    async def scenario(clock: ClosableClock) -> None:
        came = asyncio.Event()
        for seconds in (1e300, 1e12, 1e8):
            clock.call_at(clock.time() + seconds, lambda: None)
        clock.call_at(clock.time() + 0.01, came.set)
        await came.wait()
        await pause(clock, 0.01)

    assert run(scenario) == []


def test_a_moment_that_has_passed_comes_at_once_and_not_within_the_call(run: Run) -> None:
    called: list[str] = []

    async def scenario(clock: ClosableClock) -> None:
        came = asyncio.Event()
        clock.call_at(clock.time() + 3600, lambda: called.append("in an hour"))
        for when in (clock.time() - 1, 0.0, -5.0):
            clock.call_at(when, lambda: called.append("past"))
        clock.call_at(clock.time() - 1e-9, came.set)
        assert called == []
        await came.wait()

    assert run(scenario) == []
    assert called == ["past", "past", "past"]


def test_a_cancelled_call_does_not_come(run: Run) -> None:
    called: list[str] = []

    async def scenario(clock: ClosableClock) -> None:
        soon = clock.time() + 0.02
        first = clock.call_at(soon, lambda: called.append("cancelled"))
        clock.call_at(soon, lambda: called.append("kept"))
        last = clock.call_at(soon + 0.01, lambda: called.append("cancelled by the one before"))
        clock.call_at(soon, lambda: last.cancel())
        first.cancel()
        first.cancel()
        await pause(clock, 0.06)
        first.cancel()  # all is over: nothing happens
        last.cancel()

    assert run(scenario) == []
    assert called == ["kept"]


def test_a_call_cancels_one_that_is_due_in_the_same_moment(run: Run) -> None:
    called: list[str] = []

    async def scenario(clock: ClosableClock) -> None:
        soon = clock.time() + 0.02
        timers = []
        clock.call_at(soon, lambda: timers[0].cancel())
        timers.append(clock.call_at(soon, lambda: called.append("cancelled")))
        spin(0.04)  # both are due when the loop comes round
        await pause(clock, 0.02)

    assert run(scenario) == []
    assert called == []


def test_an_earlier_call_asked_for_later_comes_first(run: Run) -> None:
    called: list[str] = []

    async def scenario(clock: ClosableClock) -> None:
        now = clock.time()
        clock.call_at(now + 3600, lambda: called.append("in an hour"))
        clock.call_at(now + 0.05, lambda: called.append("late"))
        clock.call_at(now + 0.02, lambda: called.append("early"))
        await pause(clock, 0.08)

    assert run(scenario) == []
    assert called == ["early", "late"]


def test_a_call_may_ask_for_others(run: Run) -> None:
    called: list[int] = []

    async def scenario(clock: ClosableClock) -> None:
        over = asyncio.Event()

        def again() -> None:
            called.append(len(called))
            if len(called) == 20:
                over.set()
            else:
                clock.call_at(clock.time() + (0.002 if len(called) % 2 else -1), again)

        clock.call_at(clock.time(), again)
        await over.wait()

    assert run(scenario) == []
    assert called == list(range(20))


def test_an_error_in_one_call_is_reported_and_the_others_come(run: Run) -> None:
    called: list[str] = []

    async def scenario(clock: ClosableClock) -> None:
        def fail() -> None:
            raise LookupError("a mistake")

        soon = clock.time() + 0.02
        clock.call_at(soon, lambda: called.append("before"))
        clock.call_at(soon, fail)
        clock.call_at(soon, lambda: called.append("the same moment"))
        clock.call_at(soon + 0.02, lambda: called.append("later"))
        await pause(clock, 0.06)

    errors = run(scenario)
    assert [repr(error["exception"]) for error in errors] == ["LookupError('a mistake')"]
    assert called == ["before", "the same moment", "later"]


def test_calls_that_are_still_due_do_not_come_after_close(run: Run) -> None:
    called: list[str] = []

    async def scenario(clock: ClosableClock) -> None:
        own = type(clock)(asyncio.get_running_loop())
        own.call_at(own.time() + 0.02, lambda: called.append("after close"))
        own.call_at(own.time() - 1, lambda: called.append("after close, although past"))
        own.close()
        await pause(clock, 0.06)

    assert run(scenario) == []
    assert called == []


def test_it_gives_its_descriptor_back(run: Run) -> None:
    async def scenario(clock: ClosableClock) -> None:
        before = set(os.listdir("/dev/fd"))
        for _ in range(20):
            own = type(clock)(asyncio.get_running_loop())
            own.call_at(own.time() + 3600, lambda: None)
            own.close()
        assert set(os.listdir("/dev/fd")) <= before

    assert run(scenario) == []


def test_linux_gets_the_one_with_the_timerfd() -> None:
    async def kind() -> type:
        clock = loop_clock(asyncio.get_running_loop())
        clock.close()
        return type(clock)

    assert asyncio.run(kind()) is (_TimerFdClock if sys.platform == "linux" else _LoopClock)


def test_virtual_hours_pass_and_calls_see_their_moment() -> None:
    clock = VirtualClock(start=100.0)
    seen: list[tuple[str, float]] = []
    for name, when in [("c", 7300.0), ("a", 101.0), ("b1", 200.0), ("b2", 200.0), ("past", 3.0), ("never", 9000.0)]:
        clock.call_at(when, lambda name=name: seen.append((name, clock.time())))
    assert seen == []
    clock.run(0)
    assert seen == [("past", 100.0)]
    clock.run(7200)
    assert seen[1:] == [("a", 101.0), ("b1", 200.0), ("b2", 200.0), ("c", 7300.0)]
    assert clock.time() == 7300.0


def test_virtual_calls_may_ask_for_others_and_cancel_them() -> None:
    clock = VirtualClock(start=0.0)
    seen: list[float] = []

    def tick() -> None:
        seen.append(clock.time())
        clock.call_at(clock.time() + 10, tick)

    clock.call_at(10.0, tick)
    cancelled = clock.call_at(15.0, lambda: seen.append(-1.0))
    clock.call_at(10.0, lambda: cancelled.cancel())
    clock.run(35)
    assert seen == [10.0, 20.0, 30.0]
    assert clock.time() == 35.0


def test_an_error_in_a_virtual_call_is_the_test_s_own_and_the_others_are_still_due() -> None:
    clock = VirtualClock(start=0.0)
    seen: list[str] = []
    clock.call_at(1.0, lambda: {}["missing"])
    clock.call_at(1.0, lambda: seen.append("next"))
    with pytest.raises(KeyError, match="missing"):
        clock.run(5)
    assert (clock.time(), seen) == (1.0, [])
    clock.run(0)
    assert seen == ["next"]


def test_a_moment_beyond_all_timers_does_not_hold_up_others(run: Run) -> None:
    called: list[str] = []

    async def scenario(clock: ClosableClock) -> None:
        clock.call_at(clock.time() + 1e16, lambda: called.append("never"))
        clock.call_at(clock.time() + 0.02, lambda: called.append("soon"))
        await pause(clock, 0.05)

    assert run(scenario) == []
    assert called == ["soon"]
