"""Whether the faults that a test asked for did anything. A test whose faults fire on nothing proves nothing.

A profile is one thing: it came to nothing only if none of it fired anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..faults.exchange import ExchangeFault
from ..proxy.ledger import CHANCE, foremost
from ..wire.errors import BrownoutError
from .handle import Handle, Receipt


class Vacuous(NamedTuple):
    """Something that was asked for and came to nothing; `spared`: by chance alone, which proves no mistake."""

    said: str
    hint: str
    spared: bool


class Trial:
    """What a test has asked for, and what had fired when its call phase began."""

    def __init__(self) -> None:
        self.handles: list[Handle] = []
        self.over = False
        """Whether its call phase has ended."""
        self.broken = False
        """Whether a part of it, a subtest, has failed or was skipped."""
        self._before: dict[Handle, Receipt] = {}

    def begin(self) -> None:
        """Begin the call phase."""
        self._before = {handle: receipt for handle, receipt in _asked(self.handles) if not receipt.healed_at}

    def vacuous(self) -> list[Vacuous]:
        """Return what came to nothing."""
        return list(_vacuous([(handle, self._in_call(handle, receipt)) for handle, receipt in _asked(self.handles)]))

    def _in_call(self, handle: Handle, receipt: Receipt) -> Receipt:
        """Return a receipt that tells of the call phase alone, as far as that is known.

        A fault of requests fires on each of them, so what it did before can be left out. A fault of connections fires
        once on each, and may go on acting on those that were opened before.
        """
        before = self._before.get(handle)
        if before is None or not before.fired or receipt.fired > before.fired or not _of_requests(handle):
            return receipt
        reason = "it fired while the test was set up, and not in the test itself"
        return receipt._replace(cause="set_up_only", reason=reason, hint="")


def of_session(handles: Iterable[Handle]) -> list[Vacuous]:
    """Return what came to nothing of what no test asked for."""
    return list(_vacuous(_asked(handles)))


def _asked(handles: Iterable[Handle]) -> list[tuple[Handle, Receipt]]:
    """Return the handles of which something must come, with their receipts; none where Brownout is gone."""
    try:
        return [(handle, handle.receipt) for handle in tuple(handles) if not handle.allow_unused]
    except BrownoutError:
        return []


def _of_requests(handle: Handle) -> bool:
    return issubclass(handle.kind, ExchangeFault)


def _vacuous(asked: list[tuple[Handle, Receipt]]) -> Iterator[Vacuous]:
    """Judge each profile as one thing, and equal injections together: a loop, or hypothesis, places them again."""
    units: dict[tuple[str, ...], list[Receipt]] = {}
    for handle, receipt in asked:
        settings = {key: value for key, value in handle.settings.items() if key != "name"}
        one = (receipt.profile,) if receipt.profile else (handle.proxy, repr(settings))
        units.setdefault(one, []).append(receipt)
    for unit in units.values():
        if all(receipt.cause for receipt in unit):
            why = foremost(unit)
            name = unit[0].profile or unit[0].name
            proxies = ", ".join(dict.fromkeys(receipt.proxy for receipt in unit))
            yield Vacuous(f"{name} on {proxies} never fired: {why.reason}", why.hint, why.cause == CHANCE)
