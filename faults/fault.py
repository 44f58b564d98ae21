"""What every fault is: frozen settings that start a stage."""

from __future__ import annotations

from typing import ClassVar, Literal

from .segment import Seat, Stage
from .settings import Settings

Stream = Literal["upstream", "downstream"]
"""A direction: upstream is from the client to the server, downstream from the server to the client."""


class Fault(Settings, frozen=True):
    """One way to fail. A fault of your own is a subclass with `name`, its settings as fields, and `start()`."""

    name: ClassVar[str]
    """What users write, in profiles and on the command line."""
    discards: ClassVar[bool] = False
    """Throws bytes away: healing it closes the links that it starved, for their streams have a hole."""
    streams: ClassVar[tuple[Stream, ...] | None] = None
    """A link fault's own streams, the user names none; None for a stream fault, which acts on those asked for."""

    def start(self, seat: Seat) -> Stage:
        """Start a stage for one stream of one link."""
        raise NotImplementedError

    def queue_limit(self) -> int | None:
        """Return how many bytes may wait for this fault before the source is paused; None for the proxy's own limit."""
        return None


def opening_line(fault: type[Fault]) -> str:
    """Return the first sentence of a fault's docs."""
    return (fault.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " ")
