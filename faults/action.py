"""What an exchange fault asks for when it fires. Holds, shapes and rewrites of several faults add up.

Of the others the first wins: an exchange can be answered, lost or cut once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from .segment import Stage, StageContext
from .settings.units import Share

Message = Literal["request", "reply"]


class Hold(NamedTuple):
    """The message goes `seconds` later; what follows it on that link waits behind it.

    `body`: its head goes at once. Where the client waits for a go-ahead, its head alone is held.
    """

    seconds: float
    message: Message = "request"
    body: bool = False


class Shape(NamedTuple):
    """A stage for this message alone. `part`: the rest of it passes by the stage, in order."""

    start: Callable[[StageContext], Stage]
    message: Message = "reply"
    part: Literal["whole", "head", "body"] = "whole"


class Rewrite(NamedTuple):
    """The head, or the whole message, is replaced by what `rewrite` makes of its bytes.

    A whole message is kept back until its end; one that is too long for that passes as it is. For a whole request the
    fault must have `needs_whole_request`.
    """

    rewrite: Callable[[bytes], bytes]
    message: Message = "reply"
    whole: bool = False


class Answer(NamedTuple):
    """The proxy replies itself, after the replies to earlier requests.

    `forward`: the upstream does the work, and its own reply is dropped; ours goes when that is whole. `close`: the link
    ends behind the answer.
    """

    data: bytes
    forward: bool = False
    close: bool = False


class Replace(NamedTuple):
    """Another request goes upstream in the place of this one, and `reply` makes of its whole reply what comes back."""

    request: bytes
    reply: Callable[[bytes], bytes] = lambda data: data


class Repeat(NamedTuple):
    """The upstream gets the request `times` more, each on a connection of its own, and answers, before the one that
    is replied to. The fault must have `needs_whole_request`.
    """

    times: int = 1


class Drop(NamedTuple):
    """The request, or with `forward` the reply, never arrives: the link is silent from there."""

    forward: bool = False


class Cut(NamedTuple):
    """The reply stops `at` a number of bytes of payload, or a share of them.

    Then FIN, RST, or nothing: what is left of the message is left out, and the next one follows.
    """

    at: int | Share
    how: Literal["fin", "rst", "nothing"] = "fin"


class Reset(NamedTuple):
    """The link ends by RST, where the reply would be. `forward`: the upstream does the work before."""

    forward: bool = False


class Close(NamedTuple):
    """The link ends by FIN, where the reply would be. `forward`: the upstream does the work before."""

    forward: bool = False


Action = Hold | Shape | Rewrite | Answer | Replace | Repeat | Drop | Cut | Reset | Close
