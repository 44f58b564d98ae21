"""What the report of a failed test says about the faults that it met, and about what its clients did."""

from __future__ import annotations

import shlex

from ..control.observations import Connection, Request
from ..faults import injection_line
from ..wire.errors import BrownoutError
from ..wire.protocols import dialect_of
from .chaos import Chaos
from .handle import Handle, Receipt
from .proxied import Proxied

_HANDLES = 20
"""How many injections are shown."""
_SHOWN = 10
"""How many requests, or connections, of a proxy are shown."""


def section(chaos: Chaos, nodeid: str) -> str:
    """Return the seed, how to repeat the test, what was injected since the last reset, and what clients did."""
    test = f"pytest {shlex.quote(nodeid)}"
    if chaos.where == "embedded":
        lines = [f"random seed {chaos.seed}; to repeat it: {test} --brownout-seed {chaos.seed}"]
    elif chaos.seed is None:
        lines = [f"{chaos.where} has no seed"]
    else:
        again = f"brownout run --seed {chaos.seed} ... -- {test}"
        lines = [f"random seed {chaos.seed} of the Brownout at {chaos.where}; to repeat it: {again}"]
    handles = tuple(chaos.injected)
    if len(handles) > _HANDLES:
        lines.append(f"{len(handles)} injections, the last {_HANDLES} of them:")
    for handle in handles[-_HANDLES:]:
        try:
            lines.append(_line(handle))
        except BrownoutError as error:  # a running Brownout may be gone by now, which is why the test failed
            lines.append(f"{handle.name} on {handle.proxy}: {error.message}")
    if not chaos.injected:
        lines.append("nothing was injected")
    for proxied in chaos.proxies:
        try:
            lines += _clients(proxied)
        except BrownoutError:  # it is gone, or a Toxiproxy, which tells nothing
            continue
    return "\n".join(lines)


def _clients(proxied: Proxied) -> list[str]:
    """Return the last requests of a proxy, or the last connections if it parses none."""
    parsed = dialect_of(proxied.protocol) is not None
    found: list[Request] | list[Connection] = (proxied.requests if parsed else []) or proxied.connections
    if not found:
        return []
    noun = "request" if isinstance(found[0], Request) else "connection"
    count = f"{len(found)} {noun}{'' if len(found) == 1 else 's'}"
    last = f", the last {_SHOWN} of them" if len(found) > _SHOWN else ""
    return [f"{proxied.name} saw {count}{last}:", *(f"  {repr(each)[1:-1]}" for each in found[-_SHOWN:])]


def _line(handle: Handle) -> str:
    line = f"{handle.name} on {handle.proxy}: {injection_line.settings(handle.settings)}".rstrip()
    return f"{line}\n  {_did(handle.receipt)}"


def _did(receipt: Receipt) -> str:
    counts = f"matched {receipt.matched}, chosen {receipt.chosen}, fired {receipt.fired}"
    did = ["nobody can count what it hit"] if receipt.unseen else [f"{counts}, {receipt.bytes} bytes"]
    if receipt.reason:
        did.append(f"it never fired: {receipt.reason}")
    if receipt.untouched_total:
        did.append(f"connections on which it could not act: {receipt.untouched_total}")
    if receipt.healed_at:
        did.append("healed")
    return "; ".join(did)
