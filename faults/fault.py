"""What every fault is: frozen settings that start a stage."""

from __future__ import annotations

from typing import ClassVar, Literal

from .segment import Stage, StageContext
from .segment import Stream as Stream
from .settings import Settings
from .settings.units import Size

PortState = Literal["open", "hanging", "refusing"]
"""What becomes of a new connection: it is accepted, its SYN is dropped so that connect() hangs, or it is refused."""

DEFAULT_BUFFER = Size(256_000)
"""How many bytes may wait before a fault that is slow or stalls; then the sender is held back."""


class Fault(Settings, frozen=True):
    """One way to fail. A fault of your own is a subclass with `name`, its settings as fields, and `start()`."""

    name: ClassVar[str]
    """What users write, in profiles and on the command line."""
    discards: ClassVar[bool] = False
    """Throws bytes away: healing it closes the connections that lost bytes, since their streams have a hole."""
    streams: ClassVar[tuple[Stream, ...] | None] = None
    """A connection fault's own streams, the user names none; None for a stream fault, which acts on those asked for.

    A fault without any, `()`, acts on new connections alone, by `admit()` or by what becomes of the port.
    """
    port: ClassVar[PortState] = "open"
    """What the system does with new connections; where it accepts none, nobody sees them, so no trigger can pick."""

    inert: ClassVar[bool] = False
    """Changes nothing on purpose: nobody is told that it never fired."""
    acts_on_ends: ClassVar[bool] = False
    """Is for the ends of streams: a late one counts also where the client's own end came first."""
    acts_on_turns: ClassVar[bool] = False
    """Can act on single turns of a connection, where its trigger says `per: turn`."""

    body_settings: ClassVar[tuple[str, ...]] = ()
    """The setting whose text may be in a `file`, and those that exclude it; a fault with any has that setting too."""

    def start(self, context: StageContext) -> Stage:
        """Start a stage for one stream of one connection."""
        raise NotImplementedError

    def start_turn(self, context: StageContext) -> Stage:
        """Start a stage for one stream of one turn, which is OPEN when the turn begins."""
        return self.start(context)

    def admit(self, ahead: int) -> float | None:
        """Return how long a new connection waits before its upstream is dialled, when `ahead` others are open or wait.

        In seconds; inf: until healed, or until a connection ends, when it is asked again; None: it is reset at once.
        """
        return 0.0

    def connect_error(self) -> int:
        """Return the errno of connect() itself where connections are intercepted; 0: what becomes of it at the port."""
        return 0

    def queue_limit(self) -> int | None:
        """Return how many bytes may wait for this fault before the source is paused; None: the proxy's own limit."""
        return None

    def awaits(self) -> str:
        """Return what must happen before it acts on a connection that carries bytes, in words: `1h without traffic`.

        Empty where any byte, or connection, is enough.
        """
        return ""

    def odds(self) -> str:
        """Return which part of a stream it picks by chance, in words: `2% of the packets`; empty: it picks none."""
        return ""


def opening_line(fault: type[Fault]) -> str:
    """Return the first sentence of a fault's docs."""
    return (fault.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " ")
