"""What only toxics mean, in virtual time."""

import pytest

from brownout.faults import Duration
from brownout.faults.segment import Kind, Segment, StageContext, Stream
from brownout.faults.tcp.toxic import ResetPeer, ResetPeerUpstream, TimeoutThatEnds


class Heard:
    def __init__(self, count: int) -> None:
        self.bytes = count


def opened(at: float) -> Segment:
    return Segment(at, kind=Kind.OPEN)


def alarm(at: float) -> list[Segment]:
    return [Segment(at, kind=Kind.ALARM)]


def test_reset_peer_swallows_and_resets_its_delay_after_the_first_bytes() -> None:
    stage = ResetPeer(delay=Duration(2)).start(StageContext(other=Heard(5)))

    assert list(stage(opened(10.0))) == alarm(12.0)
    assert list(stage(Segment(11.0, b"reply"))) == alarm(13.0)
    assert list(stage(Segment(11.5, b"more"))) == []
    assert list(stage(Segment(11.6, kind=Kind.EOF))) == []
    assert list(stage(Segment(13.0, kind=Kind.ALARM))) == [Segment(13.0, kind=Kind.RESET)]
    assert list(stage(Segment(13.1, kind=Kind.RESET))) == [Segment(13.1, kind=Kind.RESET)]


@pytest.mark.parametrize(
    ("stream", "from_client", "first"), [("downstream", 0, 10.05), ("downstream", 1, 10.001), ("upstream", 0, 10.001)]
)
def test_a_reset_waits_until_connect_has_returned_if_nothing_tells_that_it_has(
    stream: Stream, from_client: int, first: float
) -> None:
    kind = ResetPeerUpstream if stream == "upstream" else ResetPeer
    heard = Heard(0)
    stage = kind().start(StageContext(other=heard, stream=stream))

    assert list(stage(opened(10.0))) == alarm(10.05)
    heard.bytes = from_client
    assert list(stage(Segment(10.001, b"x"))) == alarm(first)


def test_a_changed_delay_counts_from_the_change() -> None:
    context = StageContext(other=Heard(1))
    list(ResetPeer(delay=Duration(60)).start(context)(Segment(10.0, b"x")))
    stage = ResetPeer(delay=Duration(2)).start(context)

    assert list(stage(opened(20.0))) == alarm(22.0)
    assert list(stage(Segment(21.0, b"y"))) == []


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_a_timeout_of_a_toxic_lets_ends_pass_and_no_bytes(stream: Stream) -> None:
    stage = TimeoutThatEnds(timeout=Duration(2)).start(StageContext(stream=stream))
    end = Segment(11.5, kind=Kind.EOF)

    assert list(stage(opened(10.0))) == alarm(12.0)
    assert list(stage(Segment(11.0, b"x"))) == []
    assert list(stage(end)) == [end]
    assert list(stage(Segment(12.0, kind=Kind.ALARM))) == [Segment(12.0, kind=Kind.CLOSE)]
