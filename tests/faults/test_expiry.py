"""Links that end by age, as scripts of both streams of one link in virtual time."""

import pytest

from brownout.faults import Drain, Duration, Fault, IdleCut, Kind, MaxLifetime, Segment, Spec, StageContext
from brownout.proxy.shaping.injection import Injection
from brownout.proxy.shaping.lane import Lane
from brownout.proxy.shaping.pipe import Pipe
from brownout.testing.clock import VirtualClock


class Link:
    """Both pipes of a link over one clock; `out` is what came through: seconds since the start, stream, what."""

    def __init__(self, fault: Fault) -> None:
        self.clock = VirtualClock()
        self.start = self.clock.now
        self.out: list[tuple[float, str, bytes | Kind]] = []
        self.injection = Injection(Spec(fault, name=fault.name), seed=0, proxy="p")
        shared: dict[str, float] = {}
        self.pipes = {}
        for stream in ("upstream", "downstream"):
            self.pipes[stream] = Pipe(self.clock, lambda segment, stream=stream: self._take(stream, segment))
            self.pipes[stream].join(Lane(self.injection, StageContext(0, connection=shared)))

    def _take(self, stream: str, segment: Segment) -> None:
        what = segment.data if segment.kind is Kind.DATA else segment.kind
        self.out.append((round(self.clock.now - self.start, 6), stream, what))
        if segment.kind in (Kind.RESET, Kind.CLOSE):
            for pipe in self.pipes.values():
                pipe.stop()

    def at(self, moment: float) -> "Link":
        self.clock.run(self.start + moment - self.clock.now)
        return self

    def says(self, stream: str, data: bytes) -> None:
        self.pipes[stream].feed(data)

    def change(self, fault: Fault) -> None:
        self.injection.change(self.injection.spec._replace(fault=fault))
        for pipe in self.pipes.values():
            pipe.change(self.injection)

    def heal(self) -> None:
        for pipe in self.pipes.values():
            if not pipe.stopped:
                pipe.heal(self.injection)


@pytest.mark.parametrize(("how", "end"), [("reset", Kind.RESET), ("close", Kind.CLOSE)])
def test_a_link_is_cut_when_neither_stream_moved_for_so_long(how: str, end: Kind) -> None:
    link = Link(IdleCut(idle=Duration(10), how=how))
    link.at(9).says("upstream", b"ask")
    link.at(18).says("downstream", b"answer")
    link.at(100)
    assert link.out == [(9, "upstream", b"ask"), (18, "downstream", b"answer"), (28, link.out[-1][1], end)]


def test_after_a_silent_cut_nothing_passes_in_either_direction() -> None:
    link = Link(IdleCut(idle=Duration(10)))
    link.says("upstream", b"ask")
    for moment, stream in ((10.5, "upstream"), (11, "downstream"), (30, "upstream")):
        link.at(moment).says(stream, b"lost")
    link.pipes["upstream"].feed(kind=Kind.EOF)
    link.at(1000)
    assert link.out == [(0, "upstream", b"ask")]
    link.heal()
    assert {what for _, _, what in link.out[1:]} == {Kind.CLOSE}


def test_healing_a_silent_cut_that_swallowed_nothing_keeps_the_link() -> None:
    link = Link(IdleCut(idle=Duration(10)))
    link.at(50).heal()
    link.says("upstream", b"ask")
    assert link.out == [(50, "upstream", b"ask")]


def test_a_link_that_moves_in_time_is_never_cut() -> None:
    link = Link(IdleCut(idle=Duration(10), how="reset"))
    for moment in range(0, 1000, 9):
        link.at(moment).says("downstream", b".")
    assert len(link.out) == 112
    assert {what for _, _, what in link.out} == {b"."}


def test_a_changed_idle_time_counts_from_the_last_move() -> None:
    link = Link(IdleCut(idle=Duration(10), how="close"))
    link.at(4).says("upstream", b"ask")
    link.at(8).change(IdleCut(idle=Duration(20), how="close"))
    link.at(100)
    assert link.out[-1][::2] == (24, Kind.CLOSE)


def test_an_idle_time_changed_to_what_has_passed_cuts_at_once() -> None:
    link = Link(IdleCut(idle=Duration(100), how="close"))
    link.at(50).change(IdleCut(idle=Duration(10), how="close"))
    link.at(51)
    assert [event[::2] for event in link.out] == [(50, Kind.CLOSE)]


def test_a_link_is_cut_at_its_age_whatever_it_is_doing() -> None:
    link = Link(MaxLifetime(lifetime=Duration(30)))
    for moment in range(1, 60):
        link.at(moment)
        if not link.pipes["upstream"].stopped:
            link.says("upstream", b".")
    assert len(link.out) == 30
    assert link.out[-1][::2] == (30, Kind.CLOSE)


def test_a_change_does_not_make_a_link_younger() -> None:
    link = Link(MaxLifetime(lifetime=Duration(30), how="reset"))
    link.at(20).change(MaxLifetime(lifetime=Duration(25), how="reset"))
    link.at(100)
    assert link.out[0][::2] == (25, Kind.RESET)


def test_a_silent_end_of_life() -> None:
    link = Link(MaxLifetime(lifetime=Duration(30), how="silent"))
    link.at(29).says("upstream", b"ask")
    link.at(31).says("downstream", b"lost")
    assert link.out == [(29, "upstream", b"ask")]


def test_a_drained_link_may_finish_and_is_closed_when_idle() -> None:
    link = Link(Drain(idle=Duration(5)))
    link.says("upstream", b"ask")
    for moment in range(1, 20):
        link.at(moment).says("downstream", b"row")
    link.at(100)
    assert [event[::2] for event in link.out[-2:]] == [(19, b"row"), (24, Kind.CLOSE)]
