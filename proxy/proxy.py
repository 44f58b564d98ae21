"""A named listener and its upstream, with the faults placed on it."""

from __future__ import annotations

import asyncio
import errno
import time
from collections import Counter
from collections.abc import Mapping
from socket import socket

from ..faults.exchange import protocol_mismatch
from ..faults.fault import Stream
from ..faults.segment import Kind
from ..faults.spec import Spec
from ..wire.address import NOT_MET, Address
from ..wire.errors import ConflictError, cut
from ..wire.protocols import AUTO, dialect_of
from . import vacuity
from .exchanges.conversation import Conversation
from .exchanges.exchange import Origin
from .exchanges.rules import Rules
from .injections import Injections
from .links.conversation_host import conversation_of
from .links.gate import Gate
from .links.link import Link
from .links.request_copier import RequestCopier
from .links.side import Side
from .record import event
from .record.caller import Caller
from .record.finding import Finding, Scene
from .record.request_log import Entry
from .record.tally import OTHERS, Histogram, Operations
from .record.workers import Worker
from .shaping.countdown import Countdown
from .shaping.injection import Injection
from .shared import Shared
from .system import sockets
from .system.filler import cannot_hang
from .system.listener import ListenError
from .system.port import Port
from .system.refusals import refusals

EXPECTED = Address("", 0, scheme=AUTO, url=NOT_MET, wrong="the command has not connected to it")
"""The upstream of a proxy that is expected."""
MOST_CALLERS = 100
"""How many programs, each with its container and its worker, are told apart on a proxy."""
Callers = dict[tuple[str, str, str], Counter[str]]


class Proxy:
    """Carries what clients of `address` say to `upstream` and back, as its injections say.

    `links` are the open ones by number; `errors` counts why links could not be had or opened. `operations`, what was
    asked for, `dials`, how long upstreams took to accept, and `callers`, what programs did, as far as they are known,
    each with its worker, count on.
    """

    def __init__(self, shared: Shared, name: str, upstream: Address, listen: Address) -> None:
        self.shared = shared
        self.name = name
        self.upstream = upstream
        self.protocol = upstream.protocol
        """The name of the protocol that it carries; `auto` while that is not known."""
        self.port = Port(listen, shared.clock, self.accept, self.accept_failed)
        self.links: dict[int, Link] = {}
        self.links_total = 0
        self.errors: Counter[str] = Counter()
        self.injections = Injections(self)
        self.gate = Gate(shared.clock, self.injections, self.links)
        self.operations = Operations()
        self.copier = RequestCopier()
        self.dials = Histogram()
        self.callers: Callers = {}
        self._turns = 0
        self._carried: dict[Stream, int] = {"upstream": 0, "downstream": 0}
        self._sent: dict[Stream, int] = {"upstream": 0, "downstream": 0}
        self._tasks: set[asyncio.Task[None]] = set()
        self._gone = asyncio.Event()
        self._updating = asyncio.Lock()
        self._removed = False

    @property
    def learns(self) -> bool:
        """Whether the protocol is still to be learnt: the upstream's address leaves it open."""
        return self.protocol == AUTO

    def learn(self, protocol: str) -> None:
        """Take which protocol is spoken to an upstream whose address leaves it open; what is known already stays.

        Connections that begin from now on are parsed if the protocol is, and what applied profiles have for it is
        placed.
        """
        if not self.learns:
            return
        self.protocol = protocol
        self.shared.journal.write(event.ProtocolLearnt(self.name, protocol))
        for link in self.links.values():
            if not link.parsable:
                for injection in self.rules_for(link).injections:
                    injection.record_untouched(link)
        self.shared.protocol_learnt(self.name, protocol)

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

    def by_caller(self) -> Callers:
        """Return by program, container and worker what clients did: `connections`, bytes `sent` and `received`."""
        counted = {caller: Counter(each) for caller, each in self.callers.items()}
        for link in self.links.values():
            count_caller(counted, link)
        return counted

    @property
    def turns(self) -> int:
        """How many turns have begun so far, on all links open and ended."""
        return self._turns + sum(link.turns for link in self.links.values())

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
                if (wrong := protocol_mismatch(injection.spec.fault, self.name, to.protocol)) is not None:
                    raise ConflictError(wrong.message, f"heal {injection.name} first, or {wrong.hint}")
                fault, intercepted = injection.spec.fault, self.shared.meets
                if (wrong := cannot_hang(fault, self.name, at, intercepted=intercepted)) is not None:
                    raise ConflictError(wrong.message, f"heal {injection.name} first")
            if enabled and (moves or not was):
                try:
                    sock = await self.port.bind(at)
                except ListenError:
                    self.settle_port()
                    raise
                if self._removed:
                    sock.close()
                    raise ConflictError(f"the proxy {self.name} was removed meanwhile")
            if moves:
                self.port.move(at)
                self._close_links("listen changed")
            if to != self.upstream:
                self.upstream, self.protocol = to, to.protocol
                self._close_links("upstream changed")
                self.shared.tell_changed()
            if sock is not None:
                self.port.open_on(sock)
                self.settle_port()
                self.shared.journal.write(event.ProxyEnabled(self.name, self.address.endpoint if self.address else ""))
            elif was and not enabled:
                self.catch_up()  # who has connected is told as the others are
                self.port.close()
                self._close_links("proxy disabled")
                self.shared.journal.write(event.ProxyDisabled(self.name))
                self.shared.tell_changed()
            elif enabled and self.port.trouble and self.settle_port():
                raise ListenError(self.port.trouble, "end the process that has it, or choose another listen address")

    @property
    def expected(self) -> bool:
        """Whether nothing was met yet that it could stand before: see `Fleet.expect`."""
        return self.upstream is EXPECTED

    async def meet(self, upstream: Address) -> None:
        """Stand before what was expected, and listen. Raises ListenError."""
        self.upstream, self.protocol = upstream, upstream.protocol
        if not self.learns:
            self.shared.protocol_learnt(self.name, self.protocol)
        await self.enable()

    async def settled(self) -> None:
        """Wait until what is being changed is changed."""
        async with self._updating:
            pass

    def settle_port(self) -> str:
        """Accept connections, refuse them or let them hang, as the active injections say; return what is wrong."""
        before = self.port.trouble
        if (wrong := self.port.settle(self.injections.port)) and not before:
            self.shared.journal.write(event.ListenFailed(self.name, wrong))
        self.shared.tell_changed()
        return wrong

    def scene(self, *, refusing: bool) -> Scene:
        """Return how it stands, for what asks later what has happened since to a fault that refuses or does not."""
        tallies = self.operations.tallies
        return Scene(
            connections=self.links_total,
            open=len(self.links),
            bytes={"upstream": self.bytes("upstream"), "downstream": self.bytes("downstream")},
            sent={"upstream": self.sent("upstream"), "downstream": self.sent("downstream")},
            undialled=sum(count for reason, count in self.errors.items() if reason.startswith("dial_")),
            requests=sum(tally.outcomes.total() for tally in tallies.values()),
            operations=tuple(tallies),
            refused=refusals() if refusing else None,
            dropped=self.port.dropped,
            address=(self.upstream if self.shared.meets else self.address or self.listen).endpoint,
            closed=self._closed(),
            protocol=self.protocol,
            expected=self.expected,
        )

    def _closed(self) -> str:
        if not self.enabled:
            return "the proxy was disabled"
        return f"the proxy did not listen: {self.port.trouble}" if self.port.trouble else ""

    def catch_up(self) -> None:
        """Accept all clients that have connected by now."""
        self.port.catch_up()

    # Links

    def accept(self, sock: socket, caller: Caller | None = None, upstream: socket | None = None) -> None:
        """Take a client. `upstream` is a socket that was dialled for it; its connecting may still be under way."""
        self.links_total += 1
        came_here = caller is None  # and was not intercepted
        if caller is None and (self.injections.scoped or self.shared.names_callers):
            caller = self.shared.caller_at(sock.fileno())
        if self.shared.awaiting_connection:
            self.shared.connection_came()
        link = self.links[self.links_total] = Link(self, self.shared, self.links_total, caller, upstream)
        if not self._admitted(link, came_here=came_here):
            link.forget_upstream()
            sockets.refuse(sock)
            self.closed(link)
            return
        link.task = asyncio.get_running_loop().create_task(link.run(sock))
        self._tasks.add(link.task)  # the loop itself keeps no reference
        link.task.add_done_callback(self._tasks.discard)

    def _admitted(self, link: Link, *, came_here: bool) -> bool:
        """Find which faults fire on a new link, and whether they let it in.

        For some callers the port may be closed: who is intercepted has heard of it by now, who `came_here` has not.
        """
        try:
            if came_here and self.injections.scoped and self.injections.refuses(link):
                self.injections.note_refused(link)
                link.reason = "refused"
                return False
            self.injections.judge_new(link)
            link.reason = "" if not self.injections or self.gate.enter(link) else "refused"
        except Exception as error:
            self.link_failed(link, error)
            link.reason = "error"
        return not link.reason

    def note_refused(self, caller: Caller, reason: str, error: str, seconds: float) -> None:
        """Record a client whose own connect() failed, so that it never came here: as one whose dialling failed."""
        self.links_total += 1
        link = Link(self, self.shared, self.links_total, caller)
        link.accepted_at -= seconds
        link.end(self.shared.undialled, reason)
        self.injections.note_refused(link)
        count_caller(self.callers, link)
        if reason.startswith("dial_"):
            self.dial_failed(link, reason, error)
        self.shared.connection_log.write(link.entry(self.name))

    def accept_failed(self, error: OSError) -> None:
        """Record why a client could not be taken."""
        reason = "no_descriptor" if error.errno in (errno.EMFILE, errno.ENFILE) else "accept_failed"
        self.errors[reason] += 1
        self.shared.journal.write(event.AcceptFailed(self.name, reason, sockets.explain(error)))

    def dial_failed(self, link: Link, reason: str, error: str) -> None:
        """Record why the upstream of a link could not be had."""
        self.errors[reason] += 1
        self.shared.journal.write(event.DialFailed(self.name, link.number, reason, error, self.upstream.endpoint))

    def needs_no_upstream(self, link: Link) -> bool:
        """Say whether a fault is armed that acts on a link's requests also where there is no upstream."""
        return self.rules_for(link).need_no_upstream

    def link_failed(self, link: Link, error: Exception) -> None:
        """Record what was raised on a link, which ends it; the loop reports where."""
        said = cut(f"{type(error).__name__}: {error}", 1000)
        self.shared.journal.write(event.ConnectionFailed(self.name, link.number, said))
        context = {"message": f"error on connection {link.number} of {self.name}", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)

    def conversation_for(self, link: Link) -> Conversation | None:
        """Return the conversation of a link that begins to carry, where its protocol can be parsed."""
        dialect = dialect_of(self.protocol)
        return None if dialect is None else conversation_of(link, self, dialect)

    def opened(self, link: Link) -> None:
        """Take a link that begins to carry: the faults that fired on it join."""
        caller = link.caller
        program, process = ("", None) if caller is None else (caller.program, caller.process)
        self.shared.journal.write(event.ConnectionOpened(self.name, link.number, program, process))
        self.injections.join(link)

    def left(self, link: Link) -> None:
        """Tell of a link whose client has ended its stream."""
        if self.shared.connection_log.listeners:
            self.shared.connection_log.tell(link.entry(self.name))

    def closed(self, link: Link) -> None:
        """Take a link that has ended."""
        del self.links[link.number]
        self._gone.set()
        self.gate.ask_soon()
        self.injections.forget(link)
        self._turns += link.turns
        count_caller(self.callers, link)
        for side in (link.client, link.server):
            self._carried[side.stream] += side.bytes
            self._sent[side.stream] += side.sent
        self.shared.connection_log.write(link.entry(self.name))
        self.shared.journal.write(
            event.ConnectionClosed(
                self.name,
                link.number,
                reason=link.reason,
                upstream_bytes=link.client.bytes,
                downstream_bytes=link.server.bytes,
                seconds=round(self.shared.clock.time() - link.accepted_at, 6),
            )
        )

    def _close_links(self, reason: str) -> None:
        for link in tuple(self.links.values()):
            link.end(Kind.CLOSE if link.open else self.shared.undialled, reason)

    # Faults

    def inject(
        self,
        spec: Spec,
        *,
        profile: str = "",
        key: str = "",
        countdown: Countdown | None = None,
        worker: Worker | None = None,
    ) -> Injection:
        """Place a fault: see `Injections.place`."""
        return self.injections.place(spec, profile=profile, key=key, countdown=countdown, worker=worker)

    def change(self, name: str, values: Mapping[str, object]) -> Injection:
        """Change an injection: see `Injections.change`."""
        return self.injections.change(name, values)

    def judge_again(self, name: str) -> None:
        """Let go of all links, or take all: see `Injections.judge_again`."""
        self.injections.judge_again(name)

    def heal(self, name: str | None = None) -> int:
        """Take out one injection, or all: see `Injections.heal`."""
        return self.injections.heal(name)

    def findings(self, *wanted: Injection) -> Mapping[Injection, tuple[Finding | None, int | None]]:
        """Return what is found of injections so far: of those that are `wanted`, else of all that are placed.

        That is why one has not fired (None: it has, it is not to, or nobody can know), and how many connection attempts
        failed on this machine while it had the port closed, or SYNs were dropped. A healed one keeps what was found
        then.
        """
        now = self.scene(refusing=self.injections.port == "refusing")
        return {
            each: (each.finding, each.refused)
            if each.healed_at is not None
            else (vacuity.find(each, now), vacuity.refused_since(each, now))
            for each in wanted or self.injections.values()
        }

    @property
    def rules(self) -> Rules:
        """The faults of exchanges that are armed now."""
        return self.injections.rules

    def rules_for(self, link: Link) -> Rules:
        """Return those of them that are for a link."""
        return self.injections.rules_for(link)

    def parsing_stopped(self, link: Link, why: str) -> None:
        """Record that a link is not parsed any more: the faults of exchanges cannot touch what comes on it."""
        self.shared.journal.write(event.ParsingStopped(self.name, link.number, why))
        for injection in self.rules_for(link).injections:
            injection.record_untouched(link)

    def text_too_long(self, link: Link, injection: Injection) -> None:
        """Record that a text on a link is longer than the match of an injection looks at."""
        self.shared.journal.write(event.TextTooLong(self.name, link.number, injection.name))

    def body_unread(self, link: Link, injection: Injection, reason: str) -> None:
        """Record that a body on a link cannot be read for the match of an injection."""
        self.shared.journal.write(event.BodyUnread(self.name, link.number, injection.name, reason))

    def open_requests(self) -> list[Entry]:
        """Return the requests that have not ended, as they are now."""
        now = self.shared.clock.time()
        found = []
        for link in self.links.values():
            origin = Origin(time.time() - now, self.name, link.number, link.caller)
            for exchange in link.conversation.open if link.conversation is not None else ():
                exchange.origin = origin
                found.append(self.shared.request_log.look(exchange, now))
        return found

    def copied(self, link: Link, operation: str, status: str) -> None:
        """Record a copy of a request that was sent upstream, and how that went."""
        self.shared.journal.write(event.RequestCopied(self.name, link.number, operation, status))

    # The end

    def filenos(self) -> list[int]:
        """Return the descriptors of all its sockets."""
        sides = [side for link in self.links.values() for side in (link.client, link.server) if not side.disconnected]
        return self.port.filenos() + [sockets.of(side.transport).fileno() for side in sides]

    def close(self) -> None:
        """Stop listening, close the links, heal; `gone()` waits until the links have ended."""
        self._removed = True
        self.catch_up()
        self.port.close()
        self.copier.cancel()
        self._close_links("proxy closed")  # before healing, which would send what will not be read
        self.heal()

    async def gone(self) -> None:
        """Wait until all links have ended, a second or so at the most after `close()`."""
        while self.links:
            self._gone.clear()
            await self._gone.wait()
        await asyncio.gather(*self._tasks)
        await self.copier.gone()


def count_caller(callers: Callers, link: Link) -> None:
    """Add a link to what is known of the program that made it: connections, and the bytes of both directions.

    Those of very many programs count as one.
    """
    if link.caller is not None:
        worker = link.caller.worker
        caller = (link.caller.program, link.caller.container, "" if worker is None else worker.name)
        if caller not in callers and len(callers) >= MOST_CALLERS:
            caller = (OTHERS, "", "")
        found = callers.setdefault(caller, Counter())
        found.update(connections=1, sent=link.client.bytes, received=link.server.bytes)


def _side(link: Link, stream: Stream) -> Side:
    return link.client if stream == "upstream" else link.server
