"""What the faults that a request met make of its exchange."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...faults.action import Action, Answer, Close, Cut, Drop, Hold, Repeat, Replace, Reset, Rewrite, Shape
from ...faults.exchange import Request
from ...faults.part import begun
from ...faults.segment import Kind, Seat
from ...faults.settings.units import Share
from ...wire.dialect import Part, Piece, ReplyHead, RequestHead
from ..shaping.injection import Injection
from ..shaping.lane import Lane
from .exchange import Exchange
from .host import Carrier
from .rules import Rules


class Winner(NamedTuple):
    """The action that an exchange can have but once, and whose it is."""

    injection: Injection
    action: Answer | Replace | Repeat | Drop | Reset | Close


class Shaped(NamedTuple):
    """A stage for one of the messages, whose it is, and the seed of its dice."""

    injection: Injection
    action: Hold | Shape
    seed: int


class Rewritten(NamedTuple):
    """A rewrite of one of the messages, and whose it is."""

    injection: Injection
    action: Rewrite


class Fired(NamedTuple):
    """A fault to be asked about the reply; without dice it has to match that first."""

    injection: Injection
    bit: int
    dice: random.Random | None


class Plan:
    """What becomes of an exchange: what its faults asked for, and how far that has come.

    Until it is decided, what came of the request is in `asked`, so many bytes of it in `size`. `unsent`: the request
    goes nowhere. `unheard`: the upstream's reply goes nowhere. `kept` is a reply that is kept until it is whole. `left`
    is how many bytes of payload may come before the reply's `cut`; `over`: nothing more of the reply is sent. `ending`
    is how the link ends in the reply's place, or behind it.
    """

    __slots__ = (
        "asked", "cut", "ending", "fired", "kept", "left", "mask", "over", "request", "rewrites", "rules", "shapes",
        "size", "unheard", "unsent", "winner",
    )  # fmt: skip

    def __init__(self, rules: Rules, mask: int, head: RequestHead) -> None:
        self.rules = rules
        self.mask = mask
        self.request = Request(head)
        self.asked: list[Piece] | None = []
        self.size = 0
        self.winner: Winner | None = None
        self.unsent = self.unheard = self.over = False
        self.shapes: list[Shaped] = []
        self.rewrites: list[Rewritten] = []
        self.fired: list[Fired] = []
        self.kept: list[Piece] | None = None
        self.cut: Cut | None = None
        self.left: int | None = None
        self.ending: Kind | None = None

    def take(self, injection: Injection, actions: Iterable[Action], dice: random.Random) -> bool:
        """Take what a fault asks for; return whether any of it is to be done."""
        took = [self._take(injection, action, dice) for action in actions]
        return any(took)

    def _take(self, injection: Injection, action: Action, dice: random.Random) -> bool:
        if isinstance(action, (Hold, Shape)):
            self.shapes.append(Shaped(injection, action, dice.getrandbits(64)))
        elif isinstance(action, Rewrite):
            self.rewrites.append(Rewritten(injection, action))
        elif isinstance(action, Cut):
            if self.cut is not None:
                return False
            self.cut = action
        elif self.winner is not None:
            return False
        else:
            self.winner = Winner(injection, action)
        return True

    def took(self, carrier: Carrier, exchange: Exchange, injection: Injection, took: bool) -> None:
        """Note whether a fault that fired has anything to do."""
        if took:
            exchange.faults += (injection.name,)
            carrier.fired(injection, exchange)
        else:
            carrier.missed(injection)

    def settle(self, carrier: Carrier) -> None:
        """Take back that faults fired whose reply never came."""
        for each in self.fired:
            if each.dice is not None:
                carrier.missed(each.injection)
        self.fired = []

    def without(self, injection: Injection) -> None:
        """Let nothing more come of a fault that was healed."""
        self.mask &= ~sum(bit for bit, each in self.rules.among(self.mask) if each is injection)
        self.fired = [each for each in self.fired if each.injection is not injection]
        self.shapes = [each for each in self.shapes if each.injection is not injection]
        self.rewrites = [each for each in self.rewrites if each.injection is not injection]

    def turn_back(self) -> None:
        """Let what would hold or shape a request that goes nowhere act on the reply."""
        self.shapes = [each._replace(action=each.action._replace(message="reply")) for each in self.shapes]

    def lanes(self, message: str, head: int) -> Iterator[Lane]:
        """Yield the lanes of a message's faults; its head has so many bytes."""
        for injection, action, seed in self.shapes:
            if action.message == message:
                yield Lane(injection, Seat(seed), begun(action, head))

    def asking(self, asked: list[Piece]) -> list[Piece]:
        """Return the pieces of the request that goes upstream, so far."""
        for _, action in self.rewrites:
            if action.message == "request" and action.whole:
                asked = [Piece(Part.BODY, action.rewrite(b"".join(piece.data for piece in asked)), last=True)]
            elif action.message == "request":
                asked = [asked[0]._replace(data=action.rewrite(asked[0].data)), *asked[1:]]
        return asked

    def matching(self, head: ReplyHead) -> int:
        """Return the mask of those that match the reply, of the faults that ask for that."""
        asking = sum(each.bit for each in self.fired if each.dice is None)
        return self.rules.index.by_reply(asking, head)

    def decide_reply(self, head: ReplyHead, data: bytes) -> bytes:
        """Prepare for a reply; return what its head is to be."""
        wholly = False
        for _, action in self.rewrites:
            if action.message == "reply" and action.whole:
                wholly = True
            elif action.message == "reply":
                data = action.rewrite(data)
        self._measure(head.length)
        if wholly or (self.cut is not None and self.left is None):
            self.kept = []
            self.size = 0
        return data

    def _measure(self, length: int | None) -> None:
        """Find where a cut reply stops, if that can be told."""
        if self.cut is not None and not isinstance(self.cut.at, Share):
            self.left = int(self.cut.at)
        elif self.cut is not None and length is not None:
            self.left = int(length * float(self.cut.at))

    def whole(self, kept: list[Piece], *, complete: bool) -> tuple[bytes | None, list[Injection]]:
        """Take a reply that was kept, or as much as could be: return what it becomes, and who cannot rewrite it so."""
        self.kept = None
        rewrites = [each for each in self.rewrites if each.action.message == "reply" and each.action.whole]
        self.rewrites = []
        if not complete or not rewrites:
            self._measure(sum(len(piece.data) for piece in kept if piece.part is Part.BODY))
            return None, [each.injection for each in rewrites]
        data = b"".join(piece.data for piece in kept)
        for _, action in rewrites:
            data = action.rewrite(data)
        return data, []

    def trim(self, piece: Piece) -> tuple[bytes, bool]:
        """Return what goes of a piece of the reply, and whether it is cut there."""
        if self.left is None:
            return piece.data, False
        if piece.part is not Part.BODY:
            return piece.data, self.left == 0 and not piece.last and piece.part is Part.HEAD
        data = piece.data[: self.left]
        self.left -= len(data)
        return data, self.left == 0 and not (piece.last and len(data) == len(piece.data))
