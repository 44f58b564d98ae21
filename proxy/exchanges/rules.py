"""The exchange faults that are armed on a proxy, and which of them a request meets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ...faults.exchange import ExchangeFault
from ...faults.match import Index
from ..shaping.injection import Injection


class Rules:
    """The armed exchange faults of a proxy, in the order of injecting. A new one is made when that changes.

    Which of them a request meets is a mask: bit i stands for `injections[i]`.
    """

    __slots__ = ("collect", "index", "injections", "need_no_upstream")

    def __init__(self, injections: Iterable[Injection] = ()) -> None:
        self.injections: Sequence[Injection] = tuple(injections)
        self.index = Index([injection.spec.match for injection in self.injections])
        wholly = [n for n, injection in enumerate(self.injections) if fault_of(injection).needs_whole_request]
        self.collect = self.index.needs_body | sum(1 << n for n in wholly)
        """Those that can be judged only when the body is there."""
        self.need_no_upstream = any(fault_of(injection).needs_no_upstream for injection in self.injections)
        """Whether one of them acts on requests also where there is no upstream."""

    def among(self, mask: int) -> Iterator[tuple[int, Injection]]:
        """Yield the injections of a mask, each with its bit."""
        while mask:
            bit = mask & -mask
            mask ^= bit
            yield bit, self.injections[bit.bit_length() - 1]


def fault_of(injection: Injection) -> ExchangeFault:
    """Return the fault of an injection that is known to be one of exchanges."""
    fault = injection.spec.fault
    assert isinstance(fault, ExchangeFault)
    return fault
