"""What a fault of requests asks for when it fires. Holds, shapes and rewrites of several faults add up.

Of the others the first one wins: a request can be answered, lost or cut once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from .segment import Stage, StageContext
from .settings.units import Share

Message = Literal["request", "reply"]


class Hold(NamedTuple):
    """Hold the message for `seconds`. What follows it on the same connection waits behind it.

    `body`: the head goes at once. If the client waits for a go-ahead, only the head is held.
    """

    seconds: float
    message: Message = "request"
    body: bool = False


class Shape(NamedTuple):
    """Let a stage act on this message alone. `part`: the rest of the message does not go through the stage."""

    start: Callable[[StageContext], Stage]
    message: Message = "reply"
    part: Literal["whole", "head", "body"] = "whole"


class Rewrite(NamedTuple):
    """Replace the head, or the whole message, by what `rewrite` makes of its bytes.

    A whole message is kept back until its end. A message that is too long for that passes as it is. To rewrite a whole
    request the fault must have `needs_whole_request`.
    """

    rewrite: Callable[[bytes], bytes]
    message: Message = "reply"
    whole: bool = False


class Answer(NamedTuple):
    """Reply in place of the upstream, after the replies to earlier requests.

    `forward`: the upstream does the work, and its own reply is dropped; ours goes when that one is whole. `close`: the
    connection ends behind the answer.
    """

    data: bytes
    forward: bool = False
    close: bool = False


class Replace(NamedTuple):
    """Another request goes upstream in the place of this one, and `reply` makes of its whole reply what comes back."""

    request: bytes
    reply: Callable[[bytes], bytes] = lambda data: data


class Repeat(NamedTuple):
    """Send the request to the upstream `times` more, each on a connection of its own, before the request that is
    replied to. The fault must have `needs_whole_request`.
    """

    times: int = 1


class Drop(NamedTuple):
    """Lose the request, or with `forward` the reply. The connection is silent from there on."""

    forward: bool = False


class Cut(NamedTuple):
    """Stop the reply `at` a number of bytes of its payload, or a share of them.

    Then comes FIN, RST, or nothing: the rest of the message is left out, and the next message follows.
    """

    at: int | Share
    how: Literal["fin", "rst", "nothing"] = "fin"


class Reset(NamedTuple):
    """Reset the connection (RST) where the reply would be. `forward`: the upstream does the work first."""

    forward: bool = False


class Close(NamedTuple):
    """Close the connection (FIN) where the reply would be. `forward`: the upstream does the work first."""

    forward: bool = False


Action = Hold | Shape | Rewrite | Answer | Replace | Repeat | Drop | Cut | Reset | Close
