"""What every fault must keep to, as checks that a test calls: `check_fault(MyFault(...))`.

Each check drives a pipe in virtual time. They raise AssertionError with what was broken.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable

import msgspec

from ..faults.fault import Fault
from ..faults.segment import Kind, Segment, StageContext
from ..faults.spec import Spec
from ..proxy.shaping.injection import Injection
from ..proxy.shaping.lane import Lane
from ..proxy.shaping.pipe import Pipe
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

    def inject(self, fault: Fault, *, seed: int = 0) -> Injection:
        """Place a fault at the end of the pipe."""
        injection = Injection(Spec(fault, name=f"{fault.name}-{next(self._names)}"), seed=seed, proxy="bench")
        self.pipe.join(Lane(injection, StageContext(seed)))
        return injection

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


def check_fault(fault: Fault, *, alters: bool = False) -> None:
    """Check one fault's settings. `alters`: it changes bytes (but their number is kept)."""
    _check_texts(fault)
    waits = [fault.admit(ahead) for ahead in range(100)]
    assert all(wait is None or wait >= 0 for wait in waits), "a connection cannot wait for less than no time"
    assert [fault.admit(ahead) for ahead in range(100)] == waits, "the same connection was admitted otherwise"
    if fault.streams == ():
        return
    data = random.Random(7).randbytes(20_000)  # noqa: S311 (any bytes will do)
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
