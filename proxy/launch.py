"""What `run` places when it begins, and the clocks of that.

    theory of operation

`start` and `for` of what is placed at launch do not count from the launch, for the command may take minutes to set up.
They count from the first sign of the work. That is the first test, if the command runs pytest with our plugin, which
announces itself before any of the user's code is imported; else it is the first connection to any proxy. A profile that
closes a port from the beginning is an exception: nothing could connect, so its clock runs from the launch on.

By the time of the first test, a connection (of a migration, for example) or the launch may have started the clock.
The first test then restarts it: injections that have a `start` or a `for` are healed and injected again, and what they
did before is not counted. A profile's `clock` chooses another moment.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ..faults.placing import Placed
from ..faults.profile import Profile
from .proxy import Proxy
from .shaping.countdown import Countdown, Sign
from .shaping.injection import Injection
from .system.clock import Clock

_SIGNS: dict[str, Sign | None] = {"launch": None, "traffic": "first connection", "first-test": "first test"}


class LaunchHost(Protocol):
    """The fleet."""

    @property
    def clock(self) -> Clock:
        """The clock of everything."""

    proxies: dict[str, Proxy]
    applied: dict[str, list[Placed]]
    countdowns: dict[str, Countdown | None]
    awaiting_connection: list[Countdown]

    def apply(self, profile: Profile, countdown: Countdown | None = None) -> list[Injection]:
        """Inject what a profile says."""

    def place(self, profile: str, placed: Placed, countdown: Countdown | None = None) -> Injection:
        """Inject a part of it."""


class _Launched(NamedTuple):
    profile: Profile
    countdown: Countdown


class Launch:
    """The profiles that were placed at launch."""

    def __init__(self, host: LaunchHost) -> None:
        self._host = host
        self._launched: list[_Launched] = []
        self._tested = False

    def apply(self, profile: Profile) -> None:
        """Inject what a profile says, with a clock that waits for its sign. Raises as `Fleet.apply` does."""
        specs = [spec for target in profile.targets for spec in target.specs]
        timed = any(spec.trigger.start or spec.trigger.for_ is not None for spec in specs)
        closed = any(spec.fault.port != "open" and not spec.trigger.start for spec in specs)
        usual = "launch" if closed else "traffic"
        countdown = Countdown(self._host.clock, _SIGNS[profile.clock or usual] if timed else None)
        self._host.apply(profile, countdown)
        self._launched.append(_Launched(profile, countdown))
        if countdown.waits_for == "first connection":
            self._host.awaiting_connection.append(countdown)

    def tests_announced(self) -> None:
        """Wait for the first test where it was the first connection: tests are to come."""
        for profile, countdown in self._launched:
            if profile.clock is None and countdown.waits_for == "first connection":
                countdown.waits_for = "first test"
                self._host.awaiting_connection.remove(countdown)

    def first_test(self) -> None:
        """Let the clocks run from now on that the first test starts. Called again it does nothing."""
        if self._tested:
            return
        self._tested = True
        self.tests_announced()
        for profile, countdown in self._launched:
            if countdown.waits_for == "first test":
                countdown.start()
            elif profile.clock is None:
                self._begin_again(profile)

    def _begin_again(self, profile: Profile) -> None:
        self._host.countdowns[profile.name] = countdown = Countdown(self._host.clock)
        for placed in self._host.applied.get(profile.name, ()):
            trigger, proxy = placed.spec.trigger, self._host.proxies.get(placed.proxy)
            timed = trigger.start or trigger.for_ is not None
            if timed and proxy is not None and proxy.injections.take_back(profile.name, placed.name):
                self._host.place(profile.name, placed, countdown)
