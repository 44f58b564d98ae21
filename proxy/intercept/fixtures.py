"""Which fixture of tests has started a server: the one that was set up when it began to listen."""

from __future__ import annotations

from typing import NamedTuple

from ..proxy import Proxy


class SetUp(NamedTuple):
    """That a fixture is set up since a moment of `time.monotonic()`; its name is empty for none."""

    since: float
    fixture: str


_NONE = SetUp(0.0, "")


class Fixtures:
    """The fixtures of one process of tests, and the proxies before what they have started."""

    def __init__(self) -> None:
        self._begun: list[SetUp] = []
        self._started: dict[Proxy, SetUp] = {}

    def note(self, name: str, since: float) -> None:
        """Take which one is set up from a moment on, empty for none."""
        self._begun.append(SetUp(since, name))

    def clear(self) -> None:
        """Forget when they were set up: another process runs tests."""
        self._begun.clear()

    def at(self, moment: float) -> SetUp:
        """Return what was set up at a moment."""
        return next((each for each in reversed(self._begun) if each.since <= moment), _NONE)

    def started(self, proxy: Proxy, by: SetUp) -> None:
        """Take what a proxy stands before."""
        if by.fixture:
            self._started[proxy] = by

    def forget(self, proxy: Proxy) -> None:
        """Take that a proxy stands before something else."""
        self._started.pop(proxy, None)

    def before(self, now: SetUp) -> list[Proxy]:
        """Return the proxies before what the same fixture has started when it was set up earlier.

        Nobody uses that any more, although perhaps nobody has closed it.
        """
        found = self._started.items()
        return [proxy for proxy, each in found if each.fixture == now.fixture and each.since < now.since]
