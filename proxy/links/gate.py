"""The place between accept and dial, where faults keep new links waiting."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sized
from typing import Protocol

from ...faults.segment import Kind
from ..shaping.injection import Connection, Injection
from ..system.clock import Clock, Timer


class Arrival(Connection, Protocol):
    """A link that was accepted, and whose upstream is not dialled yet."""

    @property
    def accepted_at(self) -> float:
        """When it was accepted, in seconds of the proxy's clock."""

    def end(self, kind: Kind, reason: str = "") -> None:
        """End it."""

    def failed(self, error: Exception) -> None:
        """End it, since a fault raised when it was asked."""


class Wait:
    """That a link waits: until it is `released`, and because of which injections."""

    __slots__ = ("by", "released", "timer")

    def __init__(self, by: list[Injection]) -> None:
        self.released = asyncio.Event()
        self.timer: Timer | None = None
        self.by = by


class Gate:
    """The links of a proxy that wait before their upstream is dialled, in the order of accepting.

    How long, the faults that fired on a link are asked: when it comes, and again when an injection came, changed or
    went, or a link ended. `links` are all open ones of the proxy.
    """

    __slots__ = ("_clock", "_injections", "_links", "_soon", "waiting")

    def __init__(self, clock: Clock, injections: Mapping[str, Injection], links: Sized) -> None:
        self._clock = clock
        self._injections = injections
        self._links = links
        self._soon = False
        self.waiting: dict[Arrival, Wait] = {}

    def enter(self, link: Arrival) -> bool:
        """Take a new link, and keep it if a fault says so. Return False where one says that it is refused."""
        return self._ask(link, len(self._links) - 1)

    def release(self, link: Arrival) -> None:
        """Let a link go on, to dial or to end."""
        wait = self.waiting.pop(link, None)
        if wait is None:
            return
        if wait.timer is not None:
            wait.timer.cancel()
        for injection in wait.by:
            injection.tally.delays.observe(self._clock.time() - link.accepted_at)
        wait.released.set()

    async def wait(self, link: Arrival) -> None:
        """Wait until a link may go on."""
        if (wait := self.waiting.get(link)) is not None:
            await wait.released.wait()

    def ask_soon(self) -> None:
        """Ask again for every link that waits, once for all that happens now."""
        if self.waiting and not self._soon:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._ask_all)

    def _ask_all(self) -> None:
        self._soon = False
        ahead = len(self._links) - len(self.waiting)
        for link in tuple(self.waiting):
            try:
                if self._ask(link, ahead):
                    ahead += 1
                else:
                    link.end(Kind.RESET, "refused")
            except Exception as error:
                link.failed(error)

    def _ask(self, link: Arrival, ahead: int) -> bool:
        times = {
            injection: injection.spec.fault.admit(self._ahead(injection, link, ahead))
            for injection in self._injections.values()
            if link in injection.hits
        }
        if None in times.values():
            for injection, seconds in times.items():
                if seconds is None:
                    injection.record_fired(link)
            return False
        delaying = [injection for injection, seconds in times.items() if seconds]
        for injection in delaying:
            injection.record_fired(link)
        wait = self.waiting.get(link)
        if wait is None:
            if not delaying:
                return True
            wait = self.waiting[link] = Wait(delaying)
        elif wait.timer is not None:
            wait.timer.cancel()
        due = link.accepted_at + sum(seconds for seconds in times.values() if seconds)
        if due <= self._clock.time():  # also of a new one, where this process had no time since it was accepted
            self.release(link)
        else:
            wait.by = delaying
            wait.timer = self._clock.call_at(due, lambda: self.release(link)) if due < math.inf else None
        return True

    def _ahead(self, injection: Injection, link: Arrival, ahead: int) -> int:
        """Return how many links are before one, for an injection: one with a scope counts those that it is for."""
        if injection.scope is None:
            return ahead
        before = (each for each in injection.meant if each not in self.waiting or each.number < link.number)
        return sum(each is not link for each in before)
