"""An injection as a test sees it: it can be changed, healed, and asked for its receipt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple, Self, cast

from ..control import receipts
from ..faults.catalogue import find
from ..faults.fault import Fault
from ..faults.settings import plain
from ..wire.errors import BrownoutError
from .driver import Placed, hidden

__tracebackhide__ = hidden


class Receipt(NamedTuple):
    """What an injection did: how many it hit, and on which connections it could not act."""

    proxy: str
    name: str
    seed: int | None
    """None: a Toxiproxy has none."""
    armed_at: datetime
    active: bool
    """False while its `start` has not come."""
    matched: int
    """How many connections, turns or requests it could have hit."""
    chosen: int
    """How many of those its trigger picked."""
    fired: int
    """On how many of those something happened that the client or the server could notice."""
    bytes: int
    """What went through it."""
    untouched: tuple[int, ...]
    """The numbers of connections on which it could not act: at most the first 1000."""
    untouched_total: int
    unseen: bool
    """Nobody can count what it hits: connections that the system refuses, or all that a Toxiproxy does."""
    refused: int | None
    """How many connection attempts failed on this machine while it had the port closed, for `unreachable` how many SYNs
    were dropped; None: it does not, or nobody knows."""
    cause: str
    """Why it has not fired, as a word for programs; empty where it has, or nobody can know."""
    reason: str
    """The same as a sentence."""
    hint: str
    """What to do about it."""
    waits_for: str
    """What its clock waits for; empty where it runs."""
    profile: str
    """The profile that says so; empty for one that was injected by itself."""
    key: str
    """The key of the profile that means the proxy."""
    worker: str
    """The worker of pytest-xdist for whose connections alone it is: it has injected it in a running Brownout."""
    healed_at: datetime | None

    def __repr__(self) -> str:
        """Show what a failed assertion is about in a line: the counts, and why nothing fired."""
        counts = "unseen" if self.unseen else f"matched {self.matched}, chosen {self.chosen}, fired {self.fired}"
        why = f" ({self.reason})" if self.reason else ""
        return f"<receipt of {self.name} on {self.proxy}: {counts}{why}>"


class Handle:
    """An injection. As a context manager it heals itself at the end of the block."""

    def __init__(self, placed: Placed, *, allow_unused: bool = False) -> None:
        self.proxy = placed.proxy
        self.name = placed.name
        self.allow_unused = allow_unused
        """Whether a test may pass although it never fires."""
        self._placed = placed

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Heal it."""
        self.heal()

    def __repr__(self) -> str:
        """Show what is where."""
        return f"<{self.name} on {self.proxy}>"

    @property
    def receipt(self) -> Receipt:
        """What it has done so far, or had done when it was healed."""
        told = cast(receipts.Receipt, self._placed.view()["receipt"])
        return Receipt(
            self.proxy,
            self.name,
            told["seed"],
            datetime.fromisoformat(told["armed_at"]),
            told["active"],
            told["matched"],
            told["chosen"],
            told["fired"],
            told["bytes"],
            tuple(told["untouched"]),
            told["untouched_total"],
            told["unseen"],
            told["refused"],
            told["cause"],
            told["reason"],
            told["hint"],
            told["waits_for"],
            told["profile"],
            told["key"],
            told["worker"],
            datetime.fromisoformat(told["healed_at"]) if told["healed_at"] else None,
        )

    @property
    def settings(self) -> Mapping[str, object]:
        """Its fault and settings as one flat mapping, as in a profile."""
        return {key: value for key, value in self._placed.view().items() if key != "receipt"}

    @property
    def kind(self) -> type[Fault]:
        """The class of its fault, `Fault` itself for one that is in no catalogue."""
        try:
            return find(str(self.settings["fault"]))
        except BrownoutError:
            return Fault

    def change(self, **settings: object) -> None:
        """Change settings of the fault or its trigger, also on open connections. The trigger goes on counting.

        Raises NotFoundError if it is healed, SettingsError with everything that is wrong.
        """
        self._placed.change({key: plain(value) for key, value in settings.items()})

    def heal(self) -> None:
        """Remove the fault. What it holds back continues at once. A second call does nothing."""
        self._placed.heal()


class ProfileHandle:
    """The injections of a profile, in its order. As a context manager it heals them at the end of the block.

    `look` adds to the handles what came since, on proxies whose protocol was learnt; `end` lets nothing more come.
    """

    def __init__(self, name: str, handles: list[Handle], look: Callable[[], object], end: Callable[[], object]) -> None:
        self.name = name
        self._handles = handles
        self._look = look
        self._end = end

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Heal them."""
        self.heal()

    def __iter__(self) -> Iterator[Handle]:
        """Go through the injections."""
        self._look()
        return iter(self._handles)

    @property
    def receipts(self) -> list[Receipt]:
        """What each of them has done so far, or had done when it was healed."""
        return [handle.receipt for handle in self]

    def heal(self) -> None:
        """Heal all of them."""
        for handle in self:
            handle.heal()
        self._end()
