"""Every fault that is registered keeps to the rules of stages."""

import pytest

from brownout.faults import (
    CATALOGUE,
    Bandwidth,
    ConnectDelay,
    ConnectionLimit,
    Corrupt,
    Disconnect,
    Drain,
    Drip,
    Fault,
    HalfOpen,
    Hang,
    IdleCut,
    Kind,
    Latency,
    LimitData,
    Loss,
    MaxLifetime,
    Noop,
    PathMtu,
    Refuse,
    Reset,
    Segment,
    Slicer,
    SlowClose,
    Timeout,
    Unreachable,
)
from brownout.faults.exchange import ExchangeFault
from brownout.faults.settings.units import Duration, Rate, Share, Size
from brownout.testing.conformance import check_fault

ms, s, B, KBs = (lambda n: Duration(n / 1000)), Duration, Size, (lambda n: Rate(n * 1000))

EXAMPLES: list[Fault] = [
    Latency(latency=ms(300)),
    Latency(latency=ms(300), jitter=ms(200)),
    Latency(latency=ms(300), jitter=ms(200), distribution="normal", correlation=Share(0.9)),
    Latency(latency=ms(300), jitter=ms(900), distribution="lognormal"),
    Latency(latency=ms(300), jitter=ms(900), distribution="pareto"),
    Bandwidth(rate=KBs(10)),
    Bandwidth(rate=KBs(10), burst=B(5000)),
    Bandwidth(rate=KBs(100_000)),
    Bandwidth(rate=Rate(0)),
    Bandwidth(rate=KBs(10), shared=True),
    Slicer(average_size=B(0), delay=s(1)),
    Slicer(average_size=B(1)),
    Slicer(average_size=B(100), size_variation=B(99), delay=ms(1)),
    LimitData(bytes=B(0)),
    LimitData(bytes=B(7000)),
    LimitData(bytes=B(1_000_000)),
    Timeout(),
    Timeout(timeout=s(0)),
    Timeout(timeout=s(5)),
    SlowClose(delay=s(3)),
    Reset(),
    Reset(delay=s(3)),
    Reset(bytes=B(7000)),
    Reset(bytes=B(7000), delay=s(3)),
    Disconnect(),
    Disconnect(bytes=B(20_000)),
    HalfOpen(),
    Noop(),
    Drip(bytes=B(1), interval=ms(5)),
    Drip(bytes=B(700), interval=s(1), buffer=B(1000)),
    Corrupt(share=Share(0)),
    Corrupt(share=Share(0.01)),
    Corrupt(share=Share(1)),
    Loss(share=Share(0)),
    Loss(share=Share(0.3)),
    Loss(share=Share(0.3), rto=ms(50), correlation=Share(0.8)),
    Loss(share=Share(1), rto=s(1)),
    PathMtu(),
    PathMtu(bytes=B(0)),
    PathMtu(bytes=B(1_000_000)),
    Hang(),
    IdleCut(idle=s(3)),
    IdleCut(idle=s(3), how="reset"),
    IdleCut(idle=s(0), how="close"),
    MaxLifetime(lifetime=s(3)),
    MaxLifetime(lifetime=s(3), how="silent"),
    MaxLifetime(lifetime=s(0), how="reset"),
    Drain(idle=s(3)),
    Refuse(),
    Unreachable(),
    ConnectDelay(delay=s(3)),
    ConnectionLimit(connections=3),
    ConnectionLimit(connections=0, when_full="queue"),
]


@pytest.mark.parametrize("fault", EXAMPLES, ids=str)
def test_fault_conforms(fault: Fault) -> None:
    check_fault(fault, alters=isinstance(fault, Corrupt))


def test_every_fault_of_streams_and_links_has_an_example() -> None:
    assert {fault.name for fault in EXAMPLES} == {
        name for name, fault in CATALOGUE.items() if not issubclass(fault, ExchangeFault)
    }


class _Broken(Fault, frozen=True):
    name = "broken"
    how: str = ""

    def start(self, context):
        kept = []

        def stage(segment):
            if segment.kind is Kind.OPEN:
                return ()
            if self.how == "keeps bytes":
                kept.append(segment)
                return kept[-2:-1]
            if self.how == "repeats":
                return (segment, segment)
            if self.how == "early":
                return (segment._replace(at=segment.at - 1),)
            if self.how == "by chunk":
                return (segment._replace(data=segment.data[:5]),)
            if self.how == "made up":
                return (Segment(segment.at, b"?"), segment)
            if self.how == "swallows the end":
                return () if segment.kind is not Kind.DATA else (segment,)
            if self.how == "drops silently":
                return ()
            return (segment,)

        return stage


class _Deaf(Fault, frozen=True):
    name = "deaf"
    streams = ()
    wait: Duration = Duration(0)

    def __post_init__(self):
        pass


def test_a_fault_that_does_not_read_text_is_found() -> None:
    check_fault(_Deaf())
    with pytest.raises(AssertionError, match="a quantity stays text"):
        check_fault(_Deaf(wait=Duration(2)))


@pytest.mark.parametrize(
    "how", ["keeps bytes", "repeats", "early", "by chunk", "made up", "swallows the end", "drops silently"]
)
def test_a_broken_fault_is_found(how: str) -> None:
    with pytest.raises(AssertionError):
        check_fault(_Broken(how=how))
