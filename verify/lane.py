"""Runs orders one after the other, on stages that it makes as they are needed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from ..faults.config.proxy_section import ProxyEntry
from ..proxy import Fleet
from ..proxy.intercept import Choice
from ..proxy.system.listening import is_gone, listening_ports
from ..testing.verified.channel import Renewed
from ..wire.address import Address
from ..wire.errors import BrownoutError
from .document import Dependency
from .stage import TERMINATION_TIMEOUT, Plan, Ran, Session, Stage, Watch


class Setting(NamedTuple):
    """What all stages of a run have in common. `choice`: which connections are intercepted, None: none."""

    plan: Plan
    seed: int
    entries: Sequence[ProxyEntry]
    choice: Choice | None
    environment: Callable[[Fleet], dict[str, str]]
    """What the command finds in its environment, by the proxies."""


class StageError(BrownoutError):
    """A command that does not do again what it did before."""


class Lane:
    """One stage at a time.

    `met` is what all lanes have met so far, in its order: it has these names on later stages.
    """

    def __init__(self, setting: Setting, met: dict[str, Dependency]) -> None:
        self._setting = setting
        self._met = met
        self._stack: contextlib.AsyncExitStack | None = None
        self.stage: Stage | None = None
        self.session: Session | None = None
        self.code: int | None = None
        """The exit code of a command in which no session came."""
        self.more: list[int] = []
        """How many tests the sessions have that the command began after the first one; they are not run."""

    async def open(self, before: Callable[[Fleet], None] = lambda fleet: None) -> Stage:
        """Start the command, after `before` was called with its proxies.

        Raises BrownoutError and OSError for what cannot be started.
        """
        if self.stage is not None:
            return self.stage
        stack = contextlib.AsyncExitStack()
        try:
            setting = self._setting
            fleet = await stack.enter_async_context(Fleet(seed=setting.seed))
            fleet.meets = setting.choice is not None
            failed = await fleet.add_all(setting.entries)
            for error in failed.values():
                raise error
            for each in self._met.values():
                await _await_again(fleet, each)
            before(fleet)
            plan = setting.plan._replace(environment=dict(setting.plan.environment) | setting.environment(fleet))
            self.stage = await stack.enter_async_context(Stage(fleet, plan, setting.choice))
            await self.stage.start()
        except BaseException:
            self.stage = None
            await stack.aclose()
            raise
        self._stack = stack
        return self.stage

    async def ready(self) -> Session | None:
        """Return a session that waits for an order; None where the command ended without one (see `code`)."""
        stage = await self.open()
        if self.session is None:
            found = await stage.session()
            if isinstance(found, int):
                self.code = found
                return None
            self.session = found
        return self.session

    async def run(
        self,
        tests: Sequence[str],
        watched: Callable[[Fleet], Watch],
        *,
        calls: Sequence[Renewed] = ("function",),
        red: Sequence[Renewed] = (),
        ended: Callable[[Fleet], None] = lambda fleet: None,
    ) -> Ran:
        """Run tests of a session; `ended` is called while its proxies are still there.

        Raises StageError where the command has no session any more.
        """
        session = await self.ready()
        if session is None or self.stage is None:
            raise StageError(
                f"the command ran tests before, and then ended with {self.code} without them",
                "look into its output: --report-dir DIR keeps it",
            )
        watch = watched(self.stage.fleet)
        ran = await self.stage.run(session, tests, watch, calls=calls, red=red, met=self.note_met)
        self.note_met()
        ended(self.stage.fleet)
        if session.cannot_fork or session.line.ended:
            await self.close()
        return ran

    def note_met(self) -> None:
        """Take down what was met."""
        if self.stage is None:
            return
        for proxy in self.stage.fleet.proxies.values():
            if not proxy.expected:
                started = proxy.name in self._met and self._met[proxy.name].started
                self._met[proxy.name] = Dependency(proxy.name, proxy.protocol, proxy.upstream.masked, started)
        for name in self.stage.gone & self._met.keys():
            self._met[name] = msgspec.structs.replace(self._met[name], started=True)

    async def close(self, within: float = TERMINATION_TIMEOUT) -> None:
        """End the command. `within`: how many seconds it has for what comes after its session."""
        stack, self._stack = self._stack, None
        if self.session is not None and self.stage is not None:
            self.session.line.answer("end")
            self.session.line.close()
            await self.stage.ended(within)
            self.more = self.stage.more
        self.stage = self.session = None
        if stack is not None:
            closing = asyncio.ensure_future(stack.aclose())
            try:
                await asyncio.shield(closing)
            except asyncio.CancelledError:
                await closing  # else a folder and what was started would stay
                raise


async def _await_again(fleet: Fleet, dependency: Dependency) -> None:
    """Stand before what was met on another stage; before what tests start as soon as it is met, wherever that is."""
    proxy = fleet.expect(dependency.name)
    at = Address.upstream(dependency.upstream)
    if proxy.expected and not dependency.started and not is_gone(at, listening_ports() or set()):
        await proxy.meet(at)
