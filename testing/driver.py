"""What a `Chaos` drives: a fleet of this process (`embedded`), or a running Brownout or Toxiproxy (`remote`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from ..control.views import ConnectionView, MarkView, ProxyView, RequestView
from ..faults.spec import Spec
from ..wire.address import Address
from ..wire.errors import BrownoutError, ConflictError
from ..wire.mask import mask
from .awaited import Awaited


class _Raised(Protocol):
    @property
    def value(self) -> BaseException: ...


class Placed(Protocol):
    """An injection that a driver made; it tells its receipt also when it is healed."""

    proxy: str
    name: str

    def view(self) -> dict[str, object]:
        """Return its flat mapping with its receipt, as of now or of its end."""

    def change(self, values: Mapping[str, object]) -> None:
        """Change settings of the fault or its trigger. Raises NotFoundError where it is healed, SettingsError."""

    def heal(self) -> None:
        """Heal it; healed already, it stays so."""


class Driver(Protocol):
    """Proxies and injections, from any thread: a call returns when it has taken effect. Raises BrownoutError."""

    where: str
    """`embedded`, or the address of the API."""
    host: str
    """The host where its proxies are reached that listen on every address; empty for this one."""

    @property
    def seed(self) -> int | None:
        """Return the seed of what is injected from now on; None where there is none."""

    def reseed(self, seed: int) -> None:
        """Set the seed of what is injected from now on."""

    def find(self, name: str) -> ProxyView:
        """Return a proxy. Raises NotFoundError with the nearest one."""

    def add(self, name: str, upstream: str) -> ProxyView:
        """Make a proxy, or find it there. Raises ConflictError where it stands before another upstream."""

    def enable(self, name: str, enabled: bool) -> ProxyView:
        """Let a proxy listen, or release its port and close its connections."""

    def inject(self, proxy: str, spec: Spec) -> Placed:
        """Place a fault on a proxy."""

    def apply(self, profile: str) -> Sequence[Placed]:
        """Inject what a profile says, all or nothing; what it put there before is healed first."""

    def learns(self) -> bool:
        """Say whether there is a proxy on `auto://`, whose protocol is learnt."""

    def placed(self, profile: str) -> Sequence[Placed]:
        """Return what of a profile is there now: keys by protocol may have met proxies since it was applied."""

    def heal_profile(self, profile: str) -> int:
        """Heal what a profile put there, and return how many injections that were; nothing of it waits any more."""

    def heal(self, proxy: str | None = None) -> int:
        """Heal one proxy or all, and return how many injections that were."""

    def reset(self) -> None:
        """Heal everything, and let every proxy listen, or not, as it did at first."""

    def mark(self) -> MarkView:
        """Return this moment."""

    def requests(self, proxy: str, since: MarkView) -> list[RequestView]:
        """Return the requests of a proxy that ended since a moment, and those that are open.

        Raises BrownoutError where some are lost, since there were too many.
        """

    def connections(self, proxy: str, since: MarkView) -> list[ConnectionView]:
        """Return the connections of a proxy that ended since a moment, and those that are open; raises the same."""

    def watch_requests(
        self, proxy: str, since: MarkView, awaited: Awaited[RequestView]
    ) -> AbstractContextManager[None]:
        """Show what `requests` returns, and then each as its client leaves and as it ends, until the block ends."""

    def watch_connections(
        self, proxy: str, since: MarkView, awaited: Awaited[ConnectionView]
    ) -> AbstractContextManager[None]:
        """Show what `connections` returns, and then each as its client leaves and as it ends, until the block ends."""

    def close(self) -> None:
        """Leave nothing behind; closed already, it stays so."""


def hidden(excinfo: _Raised) -> bool:
    """Say whether pytest is to leave our frames out: an error that the user can act on happened in the user's line."""
    return isinstance(excinfo.value, BrownoutError)


def differs(name: str, there: str, asked: Address) -> ConflictError:
    """Return the error for a proxy that stands before another upstream."""
    return ConflictError(
        f"the proxy {name} is in front of {mask(there)}, not {asked.masked}", "give the other one a name of its own"
    )


def check_kept(noun: str, since: int, now: int, kept: int) -> None:
    """Check that of the records after number `since` none is lost, where the last `kept` ones are there.

    Raises BrownoutError.
    """
    if now - since > kept:
        raise BrownoutError(
            f"{now - since} {noun} ended since the last reset, and only the last {kept} are known",
            "reset() begins a new count",
        )
