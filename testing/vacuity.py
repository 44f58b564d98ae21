"""Which of the faults that a test asked for did nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..proxy.ledger import units
from ..wire.errors import BrownoutError
from .handle import Handle, Receipt


def nothing_fired(injected: Iterable[Handle]) -> list[str]:
    """Return a sentence for each thing that was asked for and came to nothing; an unreachable Brownout tells none."""
    try:
        receipts = [handle.receipt for handle in tuple(injected)]
    except BrownoutError:
        return []
    return list(_vacuous(receipts))


def _vacuous(receipts: list[Receipt]) -> Iterator[str]:
    for first, unit in units(receipts):
        if all(receipt.cause for receipt in unit):
            name = first.profile or first.name
            proxies = ", ".join(dict.fromkeys(receipt.proxy for receipt in unit))
            yield f"{name} on {proxies} never fired: {first.reason}"
