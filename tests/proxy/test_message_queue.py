"""Messages in their slots: in order, each to its end; what waits is bounded, and its sender is held back."""

import pytest

from brownout.faults import Fault
from brownout.faults.action import Hold
from brownout.faults.message_stage import starter
from brownout.faults.segment import Kind, Segment, StageContext
from brownout.faults.spec import Spec
from brownout.proxy.exchanges.message_queue import MessageQueue, Slot
from brownout.proxy.shaping.budget import LIMITS, Budget
from brownout.proxy.shaping.injection import Injection
from brownout.proxy.shaping.lane import Lane
from brownout.testing.clock import VirtualClock

from .talk import Does, does

SECONDS = 5


class Bed:
    """A queue on a virtual clock: what came out and when, and what it said of being full, and starved."""

    def __init__(self, total: int = 1000, pipe: int = 100) -> None:
        self.clock = VirtualClock()
        self.start = self.clock.now
        self.out: list[tuple[float, bytes | Kind]] = []
        self.said: list[tuple[bool, bool]] = []
        self.ended: list[str] = []
        self.budget = Budget(total)
        self.queue = MessageQueue(self._take, self._told, self.clock, self.budget, LIMITS._replace(pipe=pipe, least=0))

    def _take(self, segment: Segment) -> None:
        said = segment.data if segment.kind is Kind.DATA else segment.kind
        self.out.append((self.clock.now - self.start, said))

    def _told(self) -> None:
        self.said.append((self.queue.full, self.queue.starved))

    def add(self, name: str = "") -> Slot:
        return self.queue.add(lambda: self.ended.append(name))

    def late(self, name: str = "", fault: Fault | None = None) -> Slot:
        """A slot whose message is five seconds late."""
        slot = self.add(name)
        injection = Injection(Spec(fault or does(), name="late"), seed=1, proxy="bed")
        self.queue.shape(slot, Lane(injection, StageContext(1), starter(Hold(SECONDS), 0)))
        return slot


class Narrow(Does, frozen=True):
    """Lets ten bytes wait."""

    def queue_limit(self) -> int:
        return 10


@pytest.fixture
def bed() -> Bed:
    return Bed()


class TestOrder:
    def test_what_is_put_first_waits_for_its_slot(self, bed):
        first, second = bed.add("first"), bed.add("second")
        bed.queue.put(second, b"2")
        bed.queue.end_message(second)
        assert (bed.out, bed.ended) == ([], [])
        bed.queue.put(first, b"1")
        bed.queue.end_message(first)
        assert (bed.out, bed.ended) == ([(0, b"1"), (0, b"2")], ["first", "second"])
        assert bed.queue.slots == []

    def test_the_front_has_no_pipe_and_keeps_none(self, bed):
        slot = bed.add()
        bed.queue.put(slot, b"1")
        assert (bed.out, slot.pipe) == ([(0, b"1")], None)

    def test_a_message_that_is_not_whole_when_its_slot_is_at_the_front_goes_on_as_it_is_put(self, bed):
        first, second, third = bed.late(), bed.add("second"), bed.add("third")
        bed.queue.put(second, b"2a")
        bed.queue.put(third, b"3")
        bed.queue.end_message(third)
        bed.queue.end_message(first)
        bed.clock.run(SECONDS)
        assert bed.out == [(5, b"2a")]
        bed.queue.put(second, b"2b")
        assert bed.out[1:] == [(5, b"2b")]
        bed.queue.end_message(second)
        assert bed.out[2:] == [(5, b"3")]
        assert bed.ended == ["", "second", "third"]

    def test_an_empty_message_is_a_slot_as_well(self, bed):
        bed.queue.end_message(bed.late("first"))
        bed.queue.end_message(bed.add("second"))
        assert bed.ended == []
        bed.clock.run(SECONDS)
        assert (bed.ended, bed.out) == (["first", "second"], [])


class TestHolding:
    def test_a_held_slot_holds_those_behind_it_until_it_is_let_go(self, bed):
        first, second = bed.add(), bed.add()
        bed.queue.hold(first)
        for slot, data in ((first, b"1"), (second, b"2")):
            bed.queue.put(slot, data)
            bed.queue.end_message(slot)
        assert bed.out == []
        bed.queue.release(first)
        assert bed.out == [(0, b"1"), (0, b"2")]

    def test_one_that_is_late_as_well_goes_when_both_are_over(self, bed):
        slot = bed.late()
        bed.queue.hold(slot)
        bed.queue.put(slot, b"1")
        bed.queue.end_message(slot)
        bed.clock.run(2 * SECONDS)
        assert bed.out == []
        bed.queue.release(slot)
        assert bed.out == [(10, b"1")]

    def test_what_was_put_before_has_gone(self, bed):
        slot = bed.add()
        bed.queue.put(slot, b"1")
        bed.queue.hold(slot)
        bed.queue.put(slot, b"2")
        assert bed.out == [(0, b"1")]

    @pytest.mark.parametrize("late", [False, True])
    def test_nothing_goes_while_who_reads_is_blocked(self, bed, late):
        slot = bed.late() if late else bed.add()
        bed.queue.block(True)
        bed.queue.put(slot, b"1")
        bed.queue.end_message(slot)
        bed.clock.run(SECONDS)
        assert bed.out == []
        bed.queue.block(False)
        assert bed.out == [(5, b"1")]

    def test_the_next_slot_learns_of_a_block(self, bed):
        first, second = bed.late(), bed.add()
        bed.queue.put(second, b"2")
        bed.queue.block(True)
        bed.queue.end_message(first)
        bed.clock.run(SECONDS)
        bed.queue.block(False)
        assert bed.out == [(5, b"2")]


class TestEnds:
    @pytest.mark.parametrize("kind", [Kind.RESET, Kind.CLOSE])
    @pytest.mark.parametrize("late", [False, True])
    def test_a_slot_that_ends_the_link_says_so_once_behind_what_was_put(self, bed, kind, late):
        slot = bed.late() if late else bed.add()
        behind = bed.add("behind")
        bed.queue.put(slot, b"1")
        bed.queue.end_message(slot, kind)
        bed.queue.end_message(slot)
        bed.queue.end_message(behind)
        bed.queue.end_stream(Kind.EOF)
        bed.queue.release(slot)
        bed.clock.run(2 * SECONDS)
        moment = SECONDS if late else 0
        assert (bed.out, bed.ended) == ([(moment, b"1"), (moment, kind)], [])

    def test_the_end_of_the_stream_comes_behind_its_slots_and_the_first_one_counts(self, bed):
        slot = bed.late("one")
        bed.queue.put(slot, b"1")
        bed.queue.end_stream(Kind.CLOSE)
        bed.queue.end_stream(Kind.EOF)
        bed.queue.end_message(slot)
        assert bed.out == []
        bed.clock.run(SECONDS)
        assert (bed.out, bed.ended) == ([(5, b"1"), (5, Kind.CLOSE)], ["one"])
        bed.queue.release(slot)
        assert len(bed.out) == 2

    def test_the_end_of_the_stream_behind_one_slot_drops_the_others(self, bed):
        first, second, third = bed.late("first"), bed.add("second"), bed.add("third")
        for slot, data in ((first, b"1"), (second, b"2"), (third, b"3" * 200)):
            bed.queue.put(slot, data)
        bed.queue.end_message(first)
        assert (bed.queue.full, bed.budget.held) == (True, 202)
        bed.queue.end_stream_with(second, Kind.RESET)
        assert (bed.queue.full, bed.budget.held) == (False, 2)
        bed.clock.run(SECONDS)
        assert bed.out == [(5, b"1"), (5, b"2"), (5, Kind.RESET)]
        assert (bed.ended, bed.queue.slots, bed.budget.held) == (["first", "second"], [], 0)

    def test_closed_it_says_nothing_more_and_owes_nothing(self, bed):
        slot = bed.late("one")
        bed.queue.put(slot, b"1" * 200)
        bed.queue.end_message(slot)
        bed.queue.close()
        bed.clock.run(2 * SECONDS)
        assert (bed.out, bed.ended, bed.budget.held, bed.queue.full) == ([], [], 0, False)


class TestFull:
    def test_it_is_full_when_one_of_its_pipes_is_and_until_half_of_that_is_gone(self, bed):
        slot = bed.late()
        bed.queue.put(slot, b"1" * 100)
        assert bed.said == []
        bed.clock.run(1)
        bed.queue.put(slot, b"2")
        assert bed.said == [(True, False)]
        bed.clock.run(SECONDS - 1)
        assert bed.said == [(True, False), (False, False)]

    def test_each_message_may_fill_the_pipe_of_its_fault(self, bed):
        for _ in range(2):
            slot = bed.late(fault=Narrow())
            bed.queue.put(slot, b"1" * 10)
            assert not bed.queue.full
            bed.queue.end_message(slot)
            bed.clock.run(SECONDS)
        bed.queue.put(bed.late(fault=Narrow()), b"1" * 11)
        assert bed.queue.full

    def test_it_is_full_when_all_of_its_pipes_together_hold_too_much(self, bed):
        first = bed.add()
        bed.queue.hold(first)
        bed.queue.put(first, b"0")
        behind = [bed.add() for _ in range(3)]
        for slot in behind:
            bed.queue.put(slot, b"1" * 40)
            bed.queue.end_message(slot)
        assert bed.said == [(True, False)]
        bed.queue.end_stream_with(behind[1], Kind.RESET)
        assert bed.said == [(True, False)]  # 81 of 100
        bed.queue.end_stream_with(behind[0], Kind.RESET)
        assert bed.said == [(True, False), (False, False)]

    def test_it_is_starved_where_it_is_full_and_the_front_has_nothing_to_send(self, bed):
        first, second = bed.add(), bed.add()
        bed.queue.put(second, b"2" * 101)
        assert bed.said == [(True, True)]
        bed.queue.end_message(first)
        assert bed.said == [(True, True), (False, False)]

    def test_it_is_not_while_the_front_has_something_in_its_pipe(self, bed):
        first, second = bed.late(), bed.add()
        bed.queue.put(second, b"2" * 101)
        assert bed.said == [(True, True)]
        bed.queue.put(first, b"1")
        assert bed.said == [(True, True), (True, False)]
        bed.clock.run(SECONDS)
        assert bed.said[2:] == [(True, True)]

    def test_nor_while_who_reads_is_blocked_and_the_front_could_send(self, bed):
        first, second = bed.add(), bed.add()
        bed.queue.block(True)
        bed.queue.put(first, b"1")
        bed.queue.put(second, b"2" * 101)
        assert bed.said == [(True, False)]
        bed.queue.block(False)
        assert bed.said == [(True, False), (True, True)]

    def test_nor_when_the_front_is_whole_and_late(self, bed):
        first, second = bed.late(), bed.add()
        bed.queue.end_message(first)
        bed.queue.put(second, b"2" * 101)
        assert bed.said == [(True, False)]

    def test_nor_from_when_the_front_is_whole(self, bed):
        first, second = bed.late(), bed.add()
        bed.queue.put(second, b"2" * 101)
        bed.queue.end_message(first)
        assert bed.said == [(True, True), (True, False)]
