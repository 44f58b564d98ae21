"""The place between accept and dial, where faults keep new links waiting."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from ...faults.segment import Kind

if TYPE_CHECKING:
    from ..proxy import Proxy
    from ..shaping.injection import Injection
    from ..system.clock import Timer
    from .link import Link


class Hold:
    """A link that waits: for how long, and by whose word."""

    __slots__ = ("by", "passed", "timer")

    def __init__(self) -> None:
        self.passed = asyncio.Event()
        self.timer: Timer | None = None
        self.by: list[Injection] = []


class Gate:
    """The links of a proxy that wait before their upstream is dialled, in the order of their coming.

    How long is asked of the faults that fired on a link: when it comes, and again when an injection came, changed or
    went, or a link ended.
    """

    __slots__ = ("_proxy", "_soon", "waiting")

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._soon = False
        self.waiting: dict[Link, Hold] = {}

    def enter(self, link: Link) -> bool:
        """Take a new link, and keep it if a fault says so. Return False where one says that it is refused."""
        return self._ask(link, len(self._proxy.links) - 1)

    def leave(self, link: Link) -> None:
        """Let a link go on, to dial or to end."""
        hold = self.waiting.pop(link, None)
        if hold is None:
            return
        if hold.timer is not None:
            hold.timer.cancel()
        for injection in hold.by:
            injection.tally.delays.observe(self._proxy.fleet.clock.time() - link.opened_at)
        hold.passed.set()

    async def passed(self, link: Link) -> None:
        """Wait until a link may go on."""
        if (hold := self.waiting.get(link)) is not None:
            await hold.passed.wait()

    def ask_soon(self) -> None:
        """Ask anew for every link that waits, once for all that happens now."""
        if self.waiting and not self._soon:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._ask_all)

    def _ask_all(self) -> None:
        self._soon = False
        ahead = len(self._proxy.links) - len(self.waiting)
        for link in tuple(self.waiting):
            if self._ask(link, ahead):
                ahead += 1
            else:
                link.end(Kind.RESET, "refused")

    def _ask(self, link: Link, ahead: int) -> bool:
        waits = {
            injection: injection.spec.fault.admit(ahead)
            for injection in self._proxy.injections.values()
            if link in injection.links
        }
        if None in waits.values():
            return False
        due = link.opened_at + sum(wait for wait in waits.values() if wait)
        clock, hold = self._proxy.fleet.clock, self.waiting.get(link)
        if hold is not None and hold.timer is not None:
            hold.timer.cancel()
        if due <= clock.time():
            self.leave(link)
            return True
        if hold is None:
            hold = self.waiting[link] = Hold()
        hold.by = [injection for injection, wait in waits.items() if wait]
        hold.timer = clock.call_at(due, lambda: self.leave(link)) if due < math.inf else None
        return True
