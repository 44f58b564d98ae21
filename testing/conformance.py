"""The rules that every fault must keep, as checks for a test: `check_fault(MyFault(...))`.

Each check drives a pipe in virtual time. They raise AssertionError with what was broken.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import msgspec

from ..faults.fault import Fault
from ..faults.segment import Kind, Segment, StageContext
from ..faults.spec import Spec
from ..faults.trigger import Trigger
from ..proxy.shaping.injection import Hit, Injection
from ..proxy.shaping.lane import Lane
from ..proxy.shaping.pipe import Pipe
from ..proxy.shaping.turn_lane import TurnLane
from .clock import VirtualClock

_DAY = 86_400.0


class Bench:
    """A pipe on a virtual clock: what came out, and when, is in `out`."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.start = self.clock.now
        self.out: list[Segment] = []
        self.paused = False
        self.pipe = Pipe(self.clock, self._take, self._throttle)
        self._names = itertools.count()

    def _take(self, segment: Segment) -> None:
        self.out.append(Segment(round(self.clock.now - self.start, 9), segment.data, segment.kind))

    def _throttle(self, full: bool) -> None:
        self.paused = full

    def inject(self, fault: Fault, *, seed: int = 0, trigger: Trigger | None = None) -> Injection:
        """Place a fault at the end of the pipe, on what comes from now on, or with `per: turn` on turns that begin."""
        name = f"{fault.name}-{next(self._names)}"
        injection = Injection(Spec(fault, trigger or Trigger(), name=name), seed=seed, proxy="bench")
        self.pipe.join(_turn_lane(injection) if injection.acts_per_turn else Lane(injection, StageContext(seed)))
        return injection

    def begin_turn(self) -> None:
        """Let a turn begin: what is fed from now on is its reply."""
        self.pipe.begin_turn({lane.injection: lane.injection.choose_turn() for lane in self.pipe.turn_lanes})

    def change(self, injection: Injection, fault: Fault) -> None:
        """Give an injection other settings."""
        injection.change(injection.spec._replace(fault=fault))
        self.pipe.change(injection)

    def data(self, before: float = float("inf")) -> bytes:
        """Return the bytes that came out, those up to a moment after the start."""
        return b"".join(segment.data for segment in self.out if segment.at <= before)

    def events(self) -> list[tuple[float, Kind]]:
        """Return the events that came out, with their moments."""
        return [(segment.at, segment.kind) for segment in self.out if segment.kind is not Kind.DATA]


def _turn_lane(injection: Injection) -> TurnLane:
    def context_of(hit: Hit) -> StageContext:
        return injection.context_of(hit, "downstream", _Silent())

    return TurnLane(injection, context_of, fired_on=partial(injection.record_fired_on, 1))


class _Silent(NamedTuple):
    """The other stream, on which nothing is said."""

    bytes: int = 0


def check_fault(fault: Fault, *, alters: bool = False) -> None:
    """Check a fault with these settings. `alters`: it changes bytes, but not their number."""
    _check_texts(fault)
    waits = [fault.admit(ahead) for ahead in range(100)]
    assert all(wait is None or wait >= 0 for wait in waits), "a connection cannot wait for less than no time"
    assert [fault.admit(ahead) for ahead in range(100)] == waits, "the same connection was admitted otherwise"
    if fault.streams == ():
        return
    data = hashlib.shake_128(b"any bytes will do").digest(9_000)
    whole = _run(fault, [data])
    _check_order(fault, whole, data, alters)
    assert _run(fault, [data]) == whole, "the same seed gave another result"
    for size in (1, 777, 4096):
        pieces = _run(fault, [data[start : start + size] for start in range(0, len(data), size)])
        assert _bytes(pieces) == _bytes(whole), f"the same bytes read in pieces of {size} fared otherwise"
    for kind in (Kind.EOF, Kind.RESET, Kind.CLOSE):
        _check_end(fault, kind)
    for pause in (0.0, 0.05, 5.0):
        _check_healing(fault, data, pause, alters)
        _check_change(fault, data, pause, alters)
    if fault.acts_on_turns:
        _check_turns(fault, data, alters)


def _check_texts(fault: Fault) -> None:
    """Quantities may be given as text: a `__post_init__` of its own calls the one of `Fault`."""
    given = fault.to_mapping()
    texts = {
        field.name: text
        for field in msgspec.structs.fields(fault)
        if isinstance(text := given.get(field.encode_name), str) and not isinstance(getattr(fault, field.name), str)
    }
    assert msgspec.structs.replace(fault, **texts) == fault, "a quantity stays text"


def _run(fault: Fault, chunks: Iterable[bytes]) -> list[Segment]:
    bench = Bench()
    bench.inject(fault)
    for chunk in chunks:
        bench.pipe.feed(chunk)
    bench.clock.run(_DAY)
    return bench.out


def _bytes(out: Iterable[Segment]) -> bytes:
    return b"".join(segment.data for segment in out)


def _check_order(fault: Fault, out: list[Segment], data: bytes, alters: bool) -> None:
    """Bytes keep their order and none is made up; time never runs back, for a stage on its own too."""
    got = _bytes(out)
    assert len(got) <= len(data), "there are more bytes than were sent"
    assert alters or data.startswith(got), "bytes were lost in the middle, repeated, reordered or made up"
    assert [segment.at for segment in out] == sorted(segment.at for segment in out), "time ran back"
    stage = fault.start(StageContext())
    for kind, at in ((Kind.OPEN, 1.0), (Kind.DATA, 2.0), (Kind.DATA, 2.5), (Kind.EOF, 3.0)):
        for segment in stage(Segment(at, b"abc" if kind is Kind.DATA else b"", kind)):
            assert segment.at >= at, f"{segment} is due before it came"


def _check_end(fault: Fault, kind: Kind) -> None:
    """An end gets through, or the fault says that it discards; afterwards nothing more comes."""
    bench = Bench()
    injection = bench.inject(fault)
    bench.pipe.feed(b"x")
    bench.pipe.feed(kind=kind)
    bench.clock.run(_DAY)
    kinds = [found for _, found in bench.events()]
    if kind not in kinds:
        bench.pipe.heal(injection)
        kinds = [found for _, found in bench.events()]
    assert kinds, f"{kind.name} was swallowed, and healing did not end the connection"


def _check_healing(fault: Fault, data: bytes, pause: float, alters: bool) -> None:
    """Healing releases everything at once, or closes the connection if bytes were thrown away; no event comes later."""
    bench = Bench()
    injection = bench.inject(fault)
    bench.pipe.feed(data)
    bench.clock.run(pause)
    ended = bool(bench.events())
    bench.pipe.heal(injection)
    moment, seen = bench.clock.now, len(bench.out)
    if not ended:
        closed = [kind for _, kind in bench.events()] == [Kind.CLOSE]
        released = len(bench.data()) == len(data) and (alters or bench.data() == data)
        assert closed if fault.discards and not released else released, "healing left something behind"
    assert bench.pipe.waiting == 0, f"{bench.pipe.waiting} bytes still wait"
    bench.clock.run(_DAY)
    assert len(bench.out) == seen, f"something came after healing at {moment}"


def _check_turns(fault: Fault, data: bytes, alters: bool) -> None:
    """A turn that is not chosen passes as it came; what becomes of a chosen one depends on nothing before it."""
    whole = _run_turns(fault, [data, data, data], _DAY)
    assert whole[0] == Segment(0.0, data), "a turn that was not chosen was not left alone"
    other = _run_turns(fault, [data, data[:7], data], _DAY)
    third, without = ([each for each in out if each.at >= 2 * _DAY] for out in (whole, other))
    assert third == without or not third or not without, "what a turn carried changed what became of the next one"
    for pause in (0.0, _DAY):
        got = _bytes(_run_turns(fault, [data, data, data], pause, heal=True))
        assert len(got) <= 3 * len(data), "there are more bytes than were sent"
        assert alters or (3 * data).startswith(got), "bytes were lost in the middle, repeated, reordered or made up"


def _run_turns(fault: Fault, replies: Iterable[bytes], pause: float, *, heal: bool = False) -> list[Segment]:
    """Let all turns but the first be chosen, and return what became of the replies."""
    bench = Bench()
    injection = bench.inject(fault, trigger=Trigger(per="turn", after=1))
    for reply in replies:
        bench.begin_turn()
        bench.pipe.feed(reply)
        bench.clock.run(pause)
    if heal:
        ended = bool(bench.events())
        bench.pipe.heal(injection)
        assert bench.pipe.waiting == 0, f"{bench.pipe.waiting} bytes still wait"
        assert ended or len(bench.data()) == sum(map(len, replies)), "healing left something behind"
    return bench.out


def _check_change(fault: Fault, data: bytes, pause: float, alters: bool) -> None:
    """A change to the same settings loses, repeats and reorders nothing."""
    bench = Bench()
    injection = bench.inject(fault)
    for start in range(0, len(data), 5000):
        bench.pipe.feed(data[start : start + 5000])
        bench.clock.run(pause)
        bench.change(injection, fault)
    bench.clock.run(_DAY)
    assert bench.pipe.waiting + len(bench.data()) == len(data) or fault.discards or bench.events(), "bytes were lost"
    assert alters or data.startswith(bench.data()), "bytes were repeated or reordered"
