"""A named listener and its upstream, with the faults placed on it."""

from __future__ import annotations

import asyncio
import errno
from collections import Counter, deque
from collections.abc import Mapping
from socket import socket
from typing import TYPE_CHECKING

from ..faults.exchange import ExchangeFault, misfit
from ..faults.fault import Stream
from ..faults.segment import Kind
from ..faults.settings import unknown
from ..faults.settings.names import free
from ..faults.spec import Spec
from ..wire.address import Address
from ..wire.errors import ConflictError, NotFoundError
from .exchanges.copies import Errands
from .exchanges.rules import Rules
from .links.gate import Gate
from .links.link import Link
from .links.side import Side
from .record.tally import Histogram, Operations, Tally
from .shaping.injection import Injection
from .system import sockets
from .system.clock import Callback, Timer
from .system.listener import ListenError
from .system.port import Port

if TYPE_CHECKING:
    from .fleet import Fleet


_PAST = 1000
"""How many healed injections, and tallies of fault and name, are kept."""


class Proxy:
    """Carries what clients of `address` say to `upstream` and back, as its injections will have it.

    `links` are the open ones by number; `errors` counts why links could not be had or opened. `past` are the last
    injections that were healed; `tallies`, by fault and name, `operations`, what was asked for, and `dials`, how long
    upstreams took to accept, count on.
    """

    def __init__(self, fleet: Fleet, name: str, upstream: Address, listen: Address) -> None:
        self.fleet = fleet
        self.name = name
        self.upstream = upstream
        self.port = Port(listen, fleet.clock, self._accepted, self._refused)
        self.links: dict[int, Link] = {}
        self.links_total = 0
        self.errors: Counter[str] = Counter()
        self.injections: dict[str, Injection] = {}
        self.past: deque[Injection] = deque(maxlen=_PAST)
        self.tallies: dict[tuple[str, str], Tally] = {}
        self.operations = Operations()
        self.rules = Rules()
        self.errands = Errands()
        self.dials = Histogram()
        self.gate = Gate(self)
        self._carried: dict[Stream, int] = {"upstream": 0, "downstream": 0}
        self._sent: dict[Stream, int] = {"upstream": 0, "downstream": 0}
        self._tasks: set[asyncio.Task[None]] = set()
        self._gone = asyncio.Event()
        self._updating = asyncio.Lock()
        self._removed = False

    @property
    def enabled(self) -> bool:
        """Whether it is to listen."""
        return self.port.open

    @property
    def listen(self) -> Address:
        """Where it was asked to listen."""
        return self.port.asked

    @property
    def address(self) -> Address | None:
        """Where it listens; None while it is disabled."""
        return self.port.address

    def bytes(self, stream: Stream) -> int:
        """Return how many bytes were read from the source of a stream so far, by all links open and ended."""
        return self._carried[stream] + sum(_side(link, stream).bytes for link in self.links.values())

    def sent(self, stream: Stream) -> int:
        """Return how many bytes were handed to the sink of a stream so far: read, not held back, not thrown away."""
        return self._sent[stream] + sum(_side(link, stream).sent for link in self.links.values())

    # Listening

    async def enable(self) -> None:
        """Listen. Raises ListenError."""
        await self.update(enabled=True)

    async def disable(self) -> None:
        """Release the port at once, and close the open links (FIN)."""
        await self.update(enabled=False)

    async def update(
        self,
        *,
        upstream: str | Address | None = None,
        listen: str | Address | None = None,
        enabled: bool | None = None,
    ) -> None:
        """Change where it stands. Another address closes the open links (FIN); what fails changes nothing.

        Raises AddressError and ListenError, and ConflictError where a fault cannot act on what the new upstream speaks.
        """
        async with self._updating:
            to = Address.upstream(upstream) if isinstance(upstream, str) else upstream or self.upstream
            at = Address.listen(listen) if isinstance(listen, str) else listen or self.listen
            was, enabled = self.enabled, self.enabled if enabled is None else enabled
            moves, sock = not self.port.is_at(at), None
            for injection in self.injections.values():
                if (wrong := misfit(injection.spec.fault, self.name, to.scheme)) is not None:
                    raise ConflictError(wrong.message, f"heal {injection.name} first, or {wrong.hint}")
            if enabled and (moves or not was):
                try:
                    sock = await self.port.bind(at)
                except ListenError:
                    self._mind_port()
                    raise
                if self._removed:
                    sock.close()
                    raise ConflictError(f"the proxy {self.name} was removed meanwhile")
            if moves:
                self.port.move(at)
                self._close_links("listen changed")
            if to != self.upstream:
                self.upstream = to
                self._close_links("upstream changed")
            if sock is not None:
                self.port.open_on(sock)
                self._mind_port()
                self.fleet.journal.write("proxy_enabled", self.name, address=self._where())
            elif was and not enabled:
                self.port.close()
                self._close_links("proxy disabled")
                self.fleet.journal.write("proxy_disabled", self.name)
            elif enabled and self.port.trouble and self._mind_port():
                raise ListenError(self.port.trouble, "end who has it, or choose another listen address")

    def _mind_port(self) -> str:
        """Listen, or let connections be refused, as the active injections will have it; return what is wrong."""
        before = self.port.trouble
        refusing = any(each.active and each.spec.fault.closes_port for each in self.injections.values())
        if (wrong := self.port.refuse(refusing)) and not before:
            self.fleet.journal.write("listen_failed", self.name, error=wrong)
        return wrong

    def _where(self) -> str:
        return self.address.endpoint if self.address else ""

    # Links

    def _accepted(self, sock: socket) -> None:
        self.links_total += 1
        link = self.links[self.links_total] = Link(self, self.links_total)
        for injection in self.injections.values():
            if injection.meets(len(self.links) - 1) and injection.judge(link):
                self._fired(injection, link)
        if self.injections and not self.gate.enter(link):
            link.reason = "refused"
            sockets.refuse(sock)
            self.closed(link)
            return
        link.task = asyncio.get_running_loop().create_task(link.run(sock))
        self._tasks.add(link.task)  # the loop itself keeps no reference
        link.task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error  # a mistake of ours: the loop reports it

    def _refused(self, error: OSError) -> None:
        reason = "no_descriptor" if error.errno in (errno.EMFILE, errno.ENFILE) else "accept_failed"
        self.failed(reason, sockets.explain(error))

    def failed(self, reason: str, error: str, link: int | None = None) -> None:
        """Record why a link could not be had, or could not be opened."""
        self.errors[reason] += 1
        kind = "accept_failed" if link is None else "dial_failed"
        self.fleet.journal.write(kind, self.name, link, reason=reason, error=error, upstream=self.upstream.endpoint)

    def opened(self, link: Link) -> None:
        """Take a link that begins to carry: the faults that fired on it join."""
        self.fleet.journal.write("link_opened", self.name, link.number)
        for injection in tuple(self.injections.values()):
            if link in injection.links:
                link.join(injection)

    def closed(self, link: Link) -> None:
        """Take a link that has ended."""
        del self.links[link.number]
        self._gone.set()
        self.gate.ask_soon()
        for injection in self.injections.values():
            injection.links.pop(link, None)
        for side in (link.client, link.server):
            self._carried[side.stream] += side.bytes
            self._sent[side.stream] += side.sent
        self.fleet.journal.write(
            "link_closed",
            self.name,
            link.number,
            reason=link.reason,
            upstream=link.client.bytes,
            downstream=link.server.bytes,
            seconds=round(self.fleet.clock.time() - link.opened_at, 6),
        )

    def _close_links(self, reason: str) -> None:
        for link in tuple(self.links.values()):
            link.end(Kind.CLOSE if link.open else Kind.RESET, reason)

    # Faults

    def inject(self, spec: Spec, *, profile: str = "") -> Injection:
        """Place a fault; links that are open count first, by number.

        Raises ConflictError where the name is taken, BrownoutError for a fault of requests of another protocol.

        `profile` is the name of the profile that says so.
        """
        if spec.name in self.injections:
            raise ConflictError(
                f"{self.name} has an injection named {spec.name}", "heal or change it, or name this one"
            )
        if (wrong := misfit(spec.fault, self.name, self.upstream.scheme)) is not None:
            raise wrong
        injection = Injection(
            spec if spec.name else spec._replace(name=free(spec.fault.name, self.injections)),
            seed=self.fleet.seed,
            proxy=self.name,
            profile=profile,
        )
        injection.tally = self._tally(injection)
        self.injections[injection.name] = injection
        self.fleet.journal.write("injected", self.name, injection=injection.spec.to_mapping())
        if injection.spec.trigger.start:
            injection.timer = self._later(injection.spec.trigger.start, lambda: self._begin(injection))
        else:
            self._begin(injection)
        return injection

    def injection(self, name: str) -> Injection:
        """Return the injection of a name. Raises NotFoundError with the nearest one."""
        try:
            return self.injections[name]
        except KeyError:
            problem = unknown("injection", name, self.injections)
            raise NotFoundError(f"{self.name} has no injection named '{name}'", problem.hint) from None

    def change(self, name: str, values: Mapping[str, object]) -> Injection:
        """Change settings of a fault or its trigger, also on open links. Raises NotFoundError and SettingsError."""
        injection = self.injection(name)
        before, spec = injection.spec, injection.spec.changed(values)
        injection.change(spec)
        if spec.fault != before.fault:
            for link in tuple(injection.links):
                link.change(injection)
            self.gate.ask_soon()
        if isinstance(spec.fault, ExchangeFault):
            self._rule()
        self.fleet.journal.write("changed", self.name, injection=spec.to_mapping())
        return injection

    def heal(self, name: str | None = None) -> int:
        """Take out one injection, or all; return how many. What they hold goes on at once. Raises NotFoundError."""
        healed = list(self.injections.values()) if name is None else [self.injection(name)]
        for injection in healed:
            self._heal(injection)
        return len(healed)

    def _begin(self, injection: Injection) -> None:
        self.port.catch_up()  # a client that has connected was there before the fault
        injection.active = True
        if isinstance(injection.spec.fault, ExchangeFault):
            self._rule()
        span = injection.spec.trigger.for_
        injection.timer = None if span is None else self._later(span, lambda: self._heal(injection))
        for link in tuple(self.links.values()):
            if link.ending is not None:
                continue
            if isinstance(injection.spec.fault, ExchangeFault):
                if link.conversation is not None and link.conversation.raw:
                    injection.spare(link)
            elif not injection.spec.streams() and link not in self.gate.waiting:
                injection.spare(link)  # it acts on new links alone
            elif injection.judge(link):
                self._fired(injection, link)
                if link.open:
                    link.join(injection)
        self.gate.ask_soon()
        self._mind_port()

    def _rule(self) -> None:
        """Let the links know which exchange faults are armed."""
        placed = self.injections.values()
        armed = (each for each in placed if each.active and isinstance(each.spec.fault, ExchangeFault))
        self.rules = Rules(armed)
        for link in self.links.values():
            if link.conversation is not None:
                link.conversation.rearm()

    def _fired(self, injection: Injection, link: Link) -> None:
        self.fired(injection, link, n=injection.links[link].n)

    def fired(self, injection: Injection, link: Link, **detail: object) -> None:
        """Record that a fault fired on a link, or on an exchange there."""
        self.fleet.journal.write("fired", self.name, link.number, name=injection.name, **detail)

    def unfollowed(self, link: Link, why: str) -> None:
        """Record that a link is followed no more: the faults of exchanges cannot touch what comes on it."""
        self.fleet.journal.write("unfollowed", self.name, link.number, reason=why)
        for injection in self.rules.injections:
            injection.spare(link)

    def repeated(self, link: Link, operation: str, status: str) -> None:
        """Record a copy of a request that was sent upstream, and how that went."""
        self.fleet.journal.write("repeated", self.name, link.number, operation=operation, status=status)

    def _heal(self, injection: Injection) -> None:
        self.port.catch_up()  # and one that has connected under the fault is still its own
        del self.injections[injection.name]
        if isinstance(injection.spec.fault, ExchangeFault):
            self._rule()
            for link in tuple(self.links.values()):
                link.leave(injection)
        for link in tuple(injection.links):
            link.leave(injection)
        injection.heal()
        self.past.append(injection)
        self.gate.ask_soon()
        self._mind_port()
        self.fleet.journal.write(
            "healed", self.name, name=injection.name, matched=injection.matched, fired=injection.fired
        )

    def _later(self, seconds: float, call: Callback) -> Timer:
        return self.fleet.clock.call_at(self.fleet.clock.time() + seconds, call)

    def _tally(self, injection: Injection) -> Tally:
        key = (injection.spec.fault.name, injection.name)
        if key not in self.tallies and len(self.tallies) >= _PAST:
            key = (injection.spec.fault.name, "others")
        return self.tallies.setdefault(key, Tally())

    def filenos(self) -> list[int]:
        """Return the descriptors of all its sockets."""
        sides = [side for link in self.links.values() for side in (link.client, link.server) if not side.lost]
        mine = [self.port.fileno()] if self.port.fileno() >= 0 else []
        return mine + [sockets.of(side.transport).fileno() for side in sides]

    def close(self) -> None:
        """Stop listening, close the links, heal; `gone()` waits until the links have ended."""
        self._removed = True
        self.port.close()
        self.errands.cancel()
        self._close_links("proxy closed")  # before healing, which would send what will not be read
        self.heal()

    async def gone(self) -> None:
        """Wait until all links have ended, a second or so at the most after `close()`."""
        while self.links:
            self._gone.clear()
            await self._gone.wait()
        await asyncio.gather(*self._tasks)
        await self.errands.gone()


def _side(link: Link, stream: Stream) -> Side:
    return link.client if stream == "upstream" else link.server
