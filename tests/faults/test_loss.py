"""Loss of packets, as TCP shows it: what comes late, by how much, and that nothing else does."""

import itertools
import statistics
from collections.abc import Iterable

import pytest

from brownout.faults import Duration, Loss, Segment, Share, StageContext
from brownout.testing.conformance import Bench


def lateness(fault: Loss, packets: int, seed: int = 7) -> list[float]:
    """How late each packet of one long write comes by its stage, whatever waits before it."""
    data = bytes(1448 * packets)
    out: Iterable[Segment] = fault.start(StageContext(seed))(Segment(0.0, data))
    late = []
    for segment in out:
        assert len(segment.data) % 1448 == 0
        late += [segment.at] + [0.0] * (len(segment.data) // 1448 - 1)  # what follows a hit one in one piece is not hit
    return late


@pytest.mark.parametrize("share", [0.01, 0.3, 0.8])
def test_so_many_packets_are_hit_and_again_at_each_retransmission(share: float) -> None:
    late = lateness(Loss(share=Share(share), rto=Duration(1)), 50_000)
    for times, least in ((1, 1), (2, 3), (3, 7)):
        expected = 50_000 * share**times
        assert sum(each >= least for each in late) == pytest.approx(expected, abs=5 * expected**0.5 + 1)
    assert set(late) <= {0, 1, 3, 7, 15, 31, 63, 127, 247, 367, 487, 607, 727, 847, 967, 1087}


def test_a_packet_that_is_lost_for_ever_is_sent_fifteen_times_as_linux_does() -> None:
    bench = Bench()
    bench.inject(Loss(share=Share(1)))
    bench.pipe.feed(b"x")
    bench.clock.run(804.5)
    assert bench.out == []
    bench.clock.run(0.2)
    assert bench.out == [Segment(804.6, b"x")]  # 0.2 + 0.4 + ... + 102.4, then five times 120 s


def test_what_is_behind_a_lost_packet_waits_for_it() -> None:
    bench = Bench()
    bench.inject(Loss(share=Share(0.5), rto=Duration(1)), seed=3)
    for packet in range(10):
        bench.pipe.feed(bytes([packet]) * 1448)
    bench.clock.run(100)
    assert bench.data() == b"".join(bytes([packet]) * 1448 for packet in range(10))
    assert [segment.at for segment in bench.out] == [1.0] * 3 + [3.0] * 7


def test_a_packet_that_comes_in_pieces_is_lost_or_passes_as_a_whole() -> None:
    fault = Loss(share=Share(0.5), rto=Duration(1))
    whole = [segment.at for segment in fault.start(StageContext(7))(Segment(0.0, bytes(1448))) if segment.data]
    stage, pieces = fault.start(StageContext(7)), []
    for _ in range(1448):
        pieces += [segment.at for segment in stage(Segment(0.0, b"x"))]
    assert max(pieces) == max(whole)
    assert pieces[0] == max(pieces)


def test_losses_come_in_bursts_where_they_are_correlated() -> None:
    def runs(correlation: float) -> float:
        late = lateness(Loss(share=Share(0.1), rto=Duration(1), correlation=Share(correlation)), 20_000)
        hit = [each > 0 for each in late]
        assert sum(hit) / 20_000 == pytest.approx(0.1, rel=0.2)
        return statistics.fmean(after for before, after in itertools.pairwise(hit) if before)

    assert runs(0.0) == pytest.approx(0.1, abs=0.03)
    assert runs(0.9) > 0.25


def test_no_loss_is_no_delay() -> None:
    assert set(lateness(Loss(share=Share(0)), 1000)) == {0.0}
