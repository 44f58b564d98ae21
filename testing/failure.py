"""What the report of a failed test says about the faults that it met."""

from __future__ import annotations

import shlex

from ..faults import injection_line
from ..wire.errors import BrownoutError
from .chaos import Chaos
from .handle import Handle, Receipt


def section(chaos: Chaos, nodeid: str) -> str:
    """Return the seed, how to repeat the test, and what was injected since the last reset with what it did."""
    test = f"pytest {shlex.quote(nodeid)}"
    if chaos.where == "embedded":
        lines = [f"random seed {chaos.seed}; to repeat it: {test} --brownout-seed {chaos.seed}"]
    elif chaos.seed is None:
        lines = [f"{chaos.where} has no seed"]
    else:
        again = f"brownout run --seed {chaos.seed} ... -- {test}"
        lines = [f"random seed {chaos.seed} of the Brownout at {chaos.where}; to repeat it: {again}"]
    for handle in tuple(chaos.injected):
        try:
            lines.append(_line(handle))
        except BrownoutError as error:  # a running Brownout may be gone by now, which is why the test failed
            lines.append(f"{handle.name} on {handle.proxy}: {error.message}")
    return "\n".join(lines if chaos.injected else [*lines, "nothing was injected"])


def _line(handle: Handle) -> str:
    line = f"{handle.name} on {handle.proxy}: {injection_line.settings(handle.settings)}".rstrip()
    return f"{line}\n  {_did(handle.receipt)}"


def _did(receipt: Receipt) -> str:
    counts = f"matched {receipt.matched}, chosen {receipt.chosen}, fired {receipt.fired}"
    did = ["nobody can count what it hit"] if receipt.unseen else [f"{counts}, {receipt.bytes} bytes"]
    if receipt.reason:
        did.append(f"it never fired: {receipt.reason}")
    if receipt.untouched_total:
        did.append(f"connections that it could not act on: {receipt.untouched_total}")
    if receipt.healed_at:
        did.append("healed")
    return "; ".join(did)
