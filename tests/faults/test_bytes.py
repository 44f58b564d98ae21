"""Faults that act on single bytes or writes: drip, corrupt, path_mtu, hang."""

import math
from typing import NamedTuple

import pytest

from brownout.faults import Corrupt, Drip, Duration, Hang, Kind, PathMtu, Segment, Share, Size, StageContext
from brownout.testing.conformance import Bench
from brownout.wire.errors import BrownoutError


def test_drops_come_one_by_one_with_a_pause_after_each_and_the_end_behind_them() -> None:
    bench = Bench()
    bench.inject(Drip(bytes=Size(3), interval=Duration(2)))
    bench.pipe.feed(b"abcdefgh")
    bench.pipe.feed(kind=Kind.EOF)
    bench.clock.run(60)
    assert bench.out == [Segment(0, b"abc"), Segment(2, b"def"), Segment(4, b"gh"), Segment(4, b"", Kind.EOF)]


def test_a_drip_holds_the_sender_back_beyond_its_buffer() -> None:
    bench = Bench()
    bench.inject(Drip(bytes=Size(1), interval=Duration(1), buffer=Size(10)))
    bench.pipe.feed(bytes(11))
    assert not bench.paused
    bench.pipe.feed(b"x")
    assert bench.paused
    bench.clock.run(20)
    assert not bench.paused


def test_a_drop_of_nothing_is_refused() -> None:
    with pytest.raises(BrownoutError, match="with 0 bytes at a time"):
        Drip(bytes=Size(0), interval=Duration(1))


@pytest.mark.parametrize("share", [0.001, 0.1, 0.9])
def test_so_many_bytes_are_hit_each_by_one_bit(share: float) -> None:
    data = bytes(200_000)
    (out,) = Corrupt(share=Share(share)).start(StageContext(7))(Segment(0.0, data))
    wrong = [byte for byte in out.data if byte]
    assert len(out.data) == len(data)
    assert len(wrong) / len(data) == pytest.approx(share, rel=0.2)
    assert set(wrong) <= {1, 2, 4, 8, 16, 32, 64, 128}


def test_the_same_bytes_are_hit_in_whatever_pieces_they_are_read() -> None:
    data = bytes(range(256)) * 40
    (whole,) = Corrupt(share=Share(0.02)).start(StageContext(7))(Segment(0.0, data))
    stage = Corrupt(share=Share(0.02)).start(StageContext(7))
    pieces = [
        segment.data for start in range(0, len(data), 33) for segment in stage(Segment(0.0, data[start : start + 33]))
    ]
    assert b"".join(pieces) == whole.data != data


class Heard(NamedTuple):
    bytes: int


def test_small_writes_pass_and_the_rest_of_a_large_one_never_comes_nor_anything_behind_it() -> None:
    bench = Bench()
    injection = bench.inject(PathMtu(bytes=Size(1000)))
    for _ in range(5):
        bench.pipe.feed(bytes(900))
        bench.clock.run(0.1)
    bench.pipe.feed(bytes(1001))
    bench.clock.run(1)
    bench.pipe.feed(b"behind it")
    bench.pipe.feed(kind=Kind.EOF)
    bench.clock.run(86_400)
    assert len(bench.data()) == 5 * 900 + 1000
    assert bench.events() == []
    bench.pipe.heal(injection)
    assert len(bench.data()) == 5 * 900 + 1001 + 9
    assert [kind for _, kind in bench.events()] == [Kind.EOF]


def test_a_write_ends_where_the_other_side_answers() -> None:
    context = StageContext(0, other=Heard(0))
    stage = PathMtu(bytes=Size(1000)).start(context)
    for step in range(50):
        context.other = Heard(step)
        assert list(stage(Segment(step / 10_000, bytes(900)))) == [Segment(step / 10_000, bytes(900))]
    assert [segment.at for segment in stage(Segment(0.0051, bytes(900)))] == [0.0051, math.inf]


def test_a_large_write_is_one_in_whatever_pieces_it_comes() -> None:
    bench = Bench()
    bench.inject(PathMtu(bytes=Size(1000)))
    for _ in range(300):
        bench.pipe.feed(bytes(10))
    assert len(bench.data()) == 1000


def test_what_hangs_goes_on_in_order_when_healed_the_end_too() -> None:
    bench = Bench()
    injection = bench.inject(Hang())
    for data in (b"one ", b"two"):
        bench.pipe.feed(data)
    bench.pipe.feed(kind=Kind.EOF)
    bench.clock.run(86_400)
    assert bench.out == []
    bench.pipe.heal(injection)
    assert bench.out == [Segment(86_400, b"one "), Segment(86_400, b"two"), Segment(86_400, b"", Kind.EOF)]


def test_a_hanging_server_takes_no_more_than_its_sockets_do() -> None:
    bench = Bench()
    bench.inject(Hang())
    bench.pipe.feed(bytes(256_001))
    assert bench.paused
