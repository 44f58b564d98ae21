"""Faults of single exchanges: a request of a protocol and its reply."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from ..wire.dialect import ReplyHead, RequestHead
from ..wire.errors import BrownoutError
from ..wire.protocols import AUTO, canonical, find
from .action import Action, Message
from .fault import Fault


class Request(NamedTuple):
    """A request as a fault sees it. The body is there as far as it was kept: `complete` says whether that is all.

    `data` are all its bytes, head and framing too, where it is complete and the fault asked for that.
    """

    head: RequestHead
    body: bytes = b""
    complete: bool = False
    data: bytes = b""


class ExchangeFault(Fault, frozen=True):
    """One way in which a request fails. Subclasses say of which protocol, and what becomes of an exchange.

    An exchange is judged once, on its request. A fault that `acts_on` the reply is asked again when its head has come,
    and with a match on the reply it is judged only then; one that acts on the request cannot have such a match.
    """

    streams = ()
    protocol: ClassVar[str]
    """The name of the protocol whose requests it hits."""
    needs_whole_request: ClassVar[bool] = False
    """Whether it needs the whole request: it does not act on one that is too long to be kept."""
    needs_no_upstream: ClassVar[bool] = False
    """Whether the upstream never hears of a request on which it acts, so that it does so also where there is none."""

    @property
    def acts_on(self) -> Message:
        """When it is asked what to do."""
        return "request"

    def on_request(self, request: Request, rng: random.Random) -> Iterable[Action]:
        """Return what becomes of an exchange that was hit, when its request is known."""
        return ()

    def on_reply(self, request: Request, reply: ReplyHead, rng: random.Random) -> Iterable[Action]:
        """Return what becomes of the reply of an exchange that was hit: holds, shapes, rewrites, cuts and ends."""
        return ()


def protocol_mismatch(fault: Fault, proxy: str, spoken: str) -> BrownoutError | None:
    """Return why a fault cannot act on a proxy that speaks a protocol; None where it can, or the protocol is open."""
    if not isinstance(fault, ExchangeFault):
        return None
    wanted, carried = canonical(fault.protocol), canonical(spoken)
    if carried in (wanted, AUTO):
        return None
    hint = f"give it an upstream like {wanted}://HOST:PORT"
    if (protocol := find(carried)) is not None and protocol.encrypts == wanted:
        hint = f"encrypted requests cannot be parsed; {hint}"
    return BrownoutError(f"{fault.name} acts on {wanted} requests, and {proxy} carries {carried}", hint)
