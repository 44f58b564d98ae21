"""What flows in one direction of a link, and the function that a fault makes of it.

A stage never sleeps and never keeps bytes: what it would hold until T it returns with `at = T`. Time without data is an
ALARM: a stage that returns one due at T is called with it then. One per stage, a newer one replaces it; it takes no
part in the order of bytes and dies with its injection.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple, Protocol

Stream = Literal["upstream", "downstream"]
"""A direction: upstream is from the client to the server, downstream from the server to the client."""


class Kind(enum.IntEnum):
    """What a segment is."""

    OPEN = 0
    """The stage joins the link: at connect, or at arming on a link that is open already. It goes no further."""
    DATA = 1
    EOF = 2
    """The end of this stream; the other one goes on (half-close)."""
    RESET = 3
    """The end of the link, both sides, by RST."""
    CLOSE = 4
    """The end of the link, both sides, by FIN."""
    ALARM = 5
    """The moment that the stage asked for."""
    TURN = 6
    """A turn of the conversation begins. Lanes pass it on among themselves; no stage is called with it."""


class Segment(NamedTuple):
    """Data or an event, and the moment at which it is due, in seconds of the proxy's clock; `inf` is: until healed."""

    at: float
    data: bytes = b""
    kind: Kind = Kind.DATA


Stage = Callable[[Segment], Iterable[Segment]]
"""A started fault of one link and stream: a function from a segment to segments due later, never earlier.

A stage that cuts returns an iterator: the pipe takes a piece when the one before it has gone on, and feeds the stage
nothing else until then, so a full queue is not a million pieces. Those pieces are the segment's own bytes in order.
"""


class Counted(Protocol):
    """A stream, as one may look at it from the other one: `bytes` is how many were read of it so far."""

    @property
    def bytes(self) -> int:
        """The count."""


class _Silent(NamedTuple):
    bytes: int = 0


_SILENT = _Silent()


class StageContext:
    """What a stage finds when it starts, and what outlives it when settings change; a seed may be drawn when needed.

    Three dicts hold state: `state` is for this stream of this connection (bytes counted), `connection` for both streams
    of this connection (when one of them last moved), `shared` for this stream of every connection (a rate in common). A
    change of settings empties `shared` alone. `other` is the other stream of this connection, to look at, `stream` this
    one.
    """

    __slots__ = ("_rng", "_seed", "connection", "other", "shared", "state", "stream")

    def __init__(
        self,
        seed: int | Callable[[], int] = 0,
        *,
        connection: dict[str, float] | None = None,
        shared: dict[str, float] | None = None,
        other: Counted = _SILENT,
        stream: Stream = "downstream",
    ) -> None:
        self._seed = seed
        self._rng: random.Random | None = None
        self.state: dict[str, float] = {}
        self.connection: dict[str, float] = {} if connection is None else connection
        self.shared: dict[str, float] = {} if shared is None else shared
        self.other = other
        self.stream = stream

    @property
    def rng(self) -> random.Random:
        """The random numbers of this stage: the same seed and the same connection draw the same."""
        if self._rng is None:
            seed = self._seed if isinstance(self._seed, int) else self._seed()
            self._rng = random.Random(seed)  # noqa: S311 (draws that must be repeatable)
        return self._rng
