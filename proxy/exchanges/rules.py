"""The exchange faults that are armed on a proxy, and which of them a request meets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ...faults.exchange import ExchangeFault
from ...faults.match import Index
from ..shaping.injection import Injection


class Rules:
    """The armed exchange faults of a proxy, in the order of injecting. A new one is made when that changes.

    Which of them a request meets is a mask: bit i stands for `injections[i]`. `scoped`: some are for the links of some
    callers alone.
    """

    __slots__ = ("_parts", "collect", "index", "injections", "need_no_upstream", "scoped")

    def __init__(self, injections: Iterable[Injection] = ()) -> None:
        self.injections: Sequence[Injection] = tuple(injections)
        self.scoped = any(injection.scope is not None for injection in self.injections)
        self._parts: dict[tuple[Injection, ...], Rules] = {}
        self.index = Index([injection.spec.match for injection in self.injections])
        wholly = [n for n, injection in enumerate(self.injections) if fault_of(injection).needs_whole_request]
        self.collect = self.index.needs_body | sum(1 << n for n in wholly)
        """Those that can be judged only when the body is there."""
        self.need_no_upstream = any(fault_of(injection).needs_no_upstream for injection in self.injections)
        """Whether one of them acts on requests also where there is no upstream."""

    def of(self, meets: Callable[[Injection], bool]) -> Rules:
        """Return those that are for a link, which one is asked of each. Links with the same ones share them."""
        found = tuple(injection for injection in self.injections if meets(injection))
        if len(found) == len(self.injections):
            return self
        if found not in self._parts:
            self._parts[found] = Rules(found)
        return self._parts[found]

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
