"""What the faults that a request met make of its exchange.

    theory of operation

An exchange gets a plan when its head meets at least one armed fault (`met`, a mask of the rules); without one, faults
cost it nothing. A plan
goes through these states, and never back:

    collecting  `pending_request` keeps what was read of the request, until the faults and matches have seen enough.
    decided     `pending_request` is None. The actions of all faults that chose it are known, but for those in
                `ask_on_reply`, which are asked when the reply's head is there.
    replying    `begin_reply()` has found what the reply's head becomes, where it is cut, and whether it must be kept
                until it is whole (`pending_reply`).
    done        `reply_done`: nothing more of the reply is sent, whatever comes.

Holds, shapes and rewrites of several faults add up. Of the actions that an exchange can have but once the first one
wins (`winner`, and `cut`). The plan knows nothing of queues, links or counters: it says what is to be done, and the
handlers of requests and replies do it. With each action comes the call that tells when a peer could notice it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ...faults.action import Action, Answer, Close, Cut, Drop, Hold, Repeat, Replace, Reset, Rewrite, Shape
from ...faults.exchange import Request
from ...faults.message_stage import starter
from ...faults.segment import Kind, StageContext
from ...faults.settings.units import Share
from ...wire.dialect import Part, Piece, ReplyHead, RequestHead
from ..shaping.injection import Chosen, Injection
from ..shaping.lane import Lane
from .rules import Rules

Fired = Callable[[], None]
"""What is called when a peer can notice what a fault did; only the first call counts."""


class Winner(NamedTuple):
    """The action that an exchange can have but once, and whose it is."""

    injection: Injection
    action: Answer | Replace | Repeat | Drop | Reset | Close
    fired: Fired


class MessageStage(NamedTuple):
    """A stage for one of the messages, whose it is, and the seed of its random numbers."""

    injection: Injection
    action: Hold | Shape
    seed: int
    fired: Fired


class Rewritten(NamedTuple):
    """A rewrite of one of the messages, and whose it is."""

    injection: Injection
    action: Rewrite
    fired: Fired

    def apply(self, data: bytes) -> bytes:
        """Return what becomes of bytes."""
        rewritten = self.action.rewrite(data)
        if rewritten != data:
            self.fired()
        return rewritten


class AskOnReply(NamedTuple):
    """A fault to be asked about the reply: it chose the exchange; or, not `chosen` yet, it has to match the reply."""

    injection: Injection
    bit: int
    chosen: Chosen | None


def _nobody() -> None:
    """Take the place of a fault's call."""


class Plan:
    """What becomes of an exchange: what its faults asked for, and how far that has come.

    `swallow_request`: the request goes nowhere. `swallow_reply`: the upstream's reply goes nowhere; `reply_swallowed`:
    a part of it has. `pending_bytes` counts what is kept, of the request or the reply. `remaining` is how many bytes of
    payload may come before the reply's `cut`, whose fault then has `cut_fired`. `ending` is how the link ends in the
    reply's place, or behind it. `chosen_by` are all faults that chose the exchange.
    """

    __slots__ = (
        "ask_on_reply", "chosen_by", "cut", "cut_fired", "ending", "met", "pending_bytes", "pending_reply",
        "pending_request", "remaining", "reply_done", "reply_swallowed", "request", "rewrites", "rules", "shapes",
        "swallow_reply", "swallow_request", "winner",
    )  # fmt: skip

    def __init__(self, rules: Rules, met: int, head: RequestHead) -> None:
        self.rules = rules
        self.met = met
        self.request = Request(head)
        self.pending_request: list[Piece] | None = []
        self.pending_bytes = 0
        self.winner: Winner | None = None
        self.swallow_request = self.swallow_reply = self.reply_swallowed = self.reply_done = False
        self.shapes: list[MessageStage] = []
        self.rewrites: list[Rewritten] = []
        self.ask_on_reply: list[AskOnReply] = []
        self.pending_reply: list[Piece] | None = None
        self.chosen_by: list[Injection] = []
        self.cut: Cut | None = None
        self.cut_fired: Fired = _nobody
        self.remaining: int | None = None
        self.ending: Kind | None = None

    def add(self, injection: Injection, actions: Iterable[Action], rng: random.Random, fired: Fired) -> None:
        """Take what a fault asks for; it calls `fired` when that is done."""
        for action in actions:
            if isinstance(action, Hold):  # which draws nothing
                self.shapes.append(MessageStage(injection, action, 0, fired))
            elif isinstance(action, Shape):
                self.shapes.append(MessageStage(injection, action, rng.getrandbits(64), fired))
            elif isinstance(action, Rewrite):
                self.rewrites.append(Rewritten(injection, action, fired))
            elif isinstance(action, Cut):
                if self.cut is None:
                    self.cut, self.cut_fired = action, fired
            elif self.winner is None:
                self.winner = Winner(injection, action, fired)

    def forget(self, injection: Injection) -> None:
        """Let nothing more come of a fault that was healed."""
        self.met &= ~sum(bit for bit, each in self.rules.among(self.met) if each is injection)
        self.ask_on_reply = [each for each in self.ask_on_reply if each.injection is not injection]
        self.shapes = [each for each in self.shapes if each.injection is not injection]
        self.rewrites = [each for each in self.rewrites if each.injection is not injection]

    def lanes(self, message: str, head: int) -> Iterator[Lane]:
        """Yield the lanes of a message's faults; its head has `head` bytes."""
        pauses = message == "request" and self.request.head.expects
        for injection, action, seed, fired in self.shapes:
            if action.message == message:
                yield Lane(injection, StageContext(seed), starter(action, head, pauses=pauses), fired=fired)

    # The request

    def shape_reply_instead(self) -> None:
        """Let what would hold or shape a request that goes nowhere act on the reply."""
        self.shapes = [each._replace(action=each.action._replace(message="reply")) for each in self.shapes]

    def rewrite_request(self, pieces: list[Piece]) -> list[Piece]:
        """Return the pieces of the request that goes upstream, so far."""
        for each in self.rewrites:
            if each.action.message == "request" and each.action.whole:
                pieces = [Piece(Part.BODY, each.apply(b"".join(piece.data for piece in pieces)), last=True)]
            elif each.action.message == "request":
                pieces = [pieces[0]._replace(data=each.apply(pieces[0].data)), *pieces[1:]]
        return pieces

    # The reply

    def matching_reply(self, head: ReplyHead) -> int:
        """Return the mask of those that match the reply, of the faults that ask for that."""
        return self.rules.index.by_reply(self._asking(), head)

    def beyond_reply(self, head: ReplyHead) -> int:
        """Return the mask of those of which a text in the reply's head is too long to tell."""
        return self.rules.index.beyond_reply(self._asking(), head)

    def _asking(self) -> int:
        return sum(each.bit for each in self.ask_on_reply if each.chosen is None)

    def begin_reply(self, head: ReplyHead, data: bytes) -> bytes:
        """Prepare for a reply; return what its head becomes."""
        wholly = False
        for each in self.rewrites:
            if each.action.message == "reply" and each.action.whole:
                wholly = True
            elif each.action.message == "reply":
                data = each.apply(data)
        self._find_cut(head.length)
        if wholly or (self.cut is not None and self.remaining is None):
            self.pending_reply = []
            self.pending_bytes = 0
        return data

    def _find_cut(self, length: int | None, *, complete: bool = True) -> None:
        """Find where a cut reply stops, if that can be told; a `complete` one that ends before is not cut."""
        if self.cut is None:
            return
        if not isinstance(self.cut.at, Share):
            self.remaining = int(self.cut.at)
        elif length is not None:
            self.remaining = self.cut.at.of(length)
        if complete and length is not None and self.remaining is not None and self.remaining >= length:
            self.cut = self.remaining = None

    def rewrite_reply(self, kept: list[Piece], *, complete: bool) -> tuple[bytes | None, list[Injection]]:
        """Take a reply that was kept, or as much as could be kept.

        Return what it becomes, None where its pieces go on as they are, and the faults that could not rewrite it.
        """
        self.pending_reply = None
        rewrites = [each for each in self.rewrites if each.action.message == "reply" and each.action.whole]
        self.rewrites = []
        if not complete or not rewrites:
            self._find_cut(sum(len(piece.payload) for piece in kept), complete=complete)
            return None, [each.injection for each in rewrites]
        data = b"".join(piece.data for piece in kept)
        for each in rewrites:
            data = each.apply(data)
        return data, []

    def trim(self, piece: Piece) -> tuple[bytes, bool]:
        """Return what is sent of a piece of the reply, and whether it is cut there."""
        if self.remaining is None:
            return piece.data, False
        if piece.part is not Part.BODY:
            return piece.data, self.remaining == 0 and not piece.last and piece.part is Part.HEAD
        data = piece.up_to(self.remaining)
        self.remaining -= min(self.remaining, len(piece.payload))
        return data, self.remaining == 0 and not (piece.last and len(data) == len(piece.data))
