"""The faults placed on one proxy: injected, changed, healed, and whom they choose.

    theory of operation

An injection is placed, begins (at once, or when its `start` has come), and is healed. It matches what the proxy carries
from its beginning on: first the links that are open then, by number, and from then on each new one. A link is judged
once; so whoever begins, changes or heals an injection accepts first all clients whose connect() has returned.

Faults of exchanges are judged elsewhere, for each request, by the `rules`, which are replaced whenever such an
injection begins, changes or is healed.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Literal, Protocol

import msgspec

from ..faults.exchange import ExchangeFault, protocol_mismatch
from ..faults.fault import Fault, PortState
from ..faults.placing import MOST
from ..faults.settings import unknown
from ..faults.settings.names import free
from ..faults.spec import Spec
from ..supervisor.scope import Scope
from ..wire.address import Address
from ..wire.errors import BrownoutError, ConflictError, NotFoundError
from ..wire.mask import mask
from . import vacuity
from .exchanges.rules import Rules
from .links.gate import Gate
from .links.link import Link
from .record import event
from .record.finding import Scene
from .record.tally import Tally
from .record.workers import Worker
from .shaping.countdown import Countdown
from .shaping.injection import Injection
from .shared import Shared
from .system import sockets
from .system.filler import cannot_hang

_KEPT = 1000
"""How many healed injections, and tallies of fault and name, are kept."""
_KEPT_BYTES = 16 * 2**20
"""How large the settings of the healed injections may be together, as JSON."""


_STRICTER: Callable[[str], int] = ("open", "waiting", "hanging", "refusing").index


class InjectionsHost(Protocol):
    """The proxy on which they are."""

    name: str
    shared: Shared
    upstream: Address
    links: dict[int, Link]
    gate: Gate

    @property
    def listen(self) -> Address:
        """Where it was asked to listen."""

    def scene(self, *, refusing: bool) -> Scene:
        """Return how the proxy stands, for a fault that refuses connections or does not."""

    def catch_up(self) -> None:
        """Accept all clients that have connected by now."""

    def settle_port(self) -> object:
        """Accept connections, refuse them or let them hang, as the active injections say."""


class Injections(Mapping[str, Injection]):
    """The injections of a proxy by name, in the order of injecting.

    `healed` are the last ones that were healed; `tallies`, by fault and name, count on. `rules` are the armed faults of
    exchanges, and `scoped` is how many of all are for the connections of some callers alone.
    """

    def __init__(self, host: InjectionsHost) -> None:
        self._host = host
        self._placed: dict[str, Injection] = {}
        self.healed: deque[Injection] = deque()
        self._healed_bytes = 0
        self.tallies: dict[tuple[str, str], Tally] = {}
        self.rules = Rules()
        self.scoped = 0

    def __getitem__(self, name: str) -> Injection:
        """Return the injection of a name."""
        return self._placed[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._placed)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._placed)

    def names(self, worker: Worker | None) -> set[str]:
        """Return the names that are taken, of those that a worker injects for itself, or of the others (None)."""
        return {each.identity.injection for each in self._placed.values() if each.worker is worker}

    def find(self, name: str) -> Injection:
        """Return the injection of a name. Raises NotFoundError with the nearest one."""
        try:
            return self._placed[name]
        except KeyError:
            problem = unknown("injection", name, self._placed)
            raise NotFoundError(f"{self._host.name} has no injection named '{mask(name)}'", problem.hint) from None

    @property
    def port(self) -> PortState:
        """What becomes of new connections, whoever opens them: the strictest of what those that are active say."""
        return _strictest(self._active(None))

    @property
    def connect_error(self) -> int:
        """The errno with which an intercepted connect() is to end; 0: as the port has it."""
        return _error(self._active(None), self.port)

    @property
    def keeps_waiting(self) -> bool:
        """Whether one that is active may keep new connections waiting, or acts where there is no upstream."""
        return _keeps_waiting(self._active(None))

    def scoped_routes(self) -> Iterator[tuple[Scope, PortState | Literal["waiting"], int]]:
        """Yield what becomes of the new connections of some callers, the strictest first, as of all.

        That is the state of the port, or that they wait, and the errno of connect().
        """
        scopes = dict.fromkeys(each.scope for each in self._placed.values() if each.scope is not None and each.active)
        found = []
        for scope in scopes:
            active = self._active(scope)
            port = _strictest(active)
            state: PortState | Literal["waiting"] = "waiting" if port == "open" and _keeps_waiting(active) else port
            found.append((scope, state, _error(active, port)))
        yield from sorted(found, key=lambda each: -_STRICTER(each[1]))

    def _active(self, scope: Scope | None) -> list[Fault]:
        """Return the faults that are active for some callers alone, None: for all."""
        return [each.spec.fault for each in self._placed.values() if each.active and each.scope == scope]

    # Links

    def meets(self, injection: Injection, link: Link) -> bool:
        """Say whether one is for a link, by who opened that; who it was is looked up when somebody needs to know."""
        if injection.scope is None:
            return True
        if link.caller is None and not link.client.disconnected:
            link.caller = self._host.shared.caller_at(sockets.of(link.client.transport).fileno())
        return injection.meets(link.caller)

    def _take_if_meant(self, injection: Injection, link: Link) -> bool:
        """Say the same of a link that comes, or is there when one with a scope begins; it notes that."""
        if self.meets(injection, link):
            injection.take_meant(link)
            return True
        if link.caller is not None:
            server = self._host.shared.workers.server(link.caller.who)
            injection.note_stranger(str(server) if server is not None else link.caller.program)
        return False

    def rules_for(self, link: Link) -> Rules:
        """Return the armed faults of exchanges that are for a link."""
        return self.rules.of(lambda injection: self.meets(injection, link))

    def refuses(self, link: Link) -> bool:
        """Say whether the port is closed, or hangs, for who opened a link, and not for everybody."""
        closing = [each for each in self._placed.values() if each.active and each.spec.fault.port != "open"]
        return any(each.scope is not None and self.meets(each, link) for each in closing)

    def note_refused(self, link: Link) -> None:
        """Count a client whose connect() was refused, or not answered, because of those that are active."""
        active = [each for each in self._placed.values() if each.active]
        there = [each for each in active if each.scope is None or self._take_if_meant(each, link)]
        state = _strictest(each.spec.fault for each in there)
        for injection in there:
            if injection.spec.fault.port == state != "open":
                injection.chooses(link)
                injection.record_fired(link)
            injection.forget(link)

    def judge_new(self, link: Link) -> None:
        """Find which of them choose a link that was accepted."""
        for injection in self._placed.values():
            ahead = len(self._host.links) - 1
            if injection.scope is not None and injection.active:
                if not self._take_if_meant(injection, link):
                    continue
                ahead = len(injection.meant) - 1
            if injection.applies_to_new_link(ahead):
                injection.chooses(link)

    def join(self, link: Link) -> None:
        """Put those that chose a link where they act, since it begins to carry."""
        for injection in tuple(self._placed.values()):
            if link in injection.hits:
                link.join(injection)

    def forget(self, link: Link) -> None:
        """Let go of a link that has ended."""
        for injection in self._placed.values():
            injection.forget(link)

    # Placing

    def place(
        self,
        spec: Spec,
        *,
        profile: str = "",
        key: str = "",
        countdown: Countdown | None = None,
        worker: Worker | None = None,
    ) -> Injection:
        """Place a fault; links that are open count first, by number.

        `profile` and `key` are those that say so, if any. `start` and `for` count from the `countdown`, or from now.
        With a `worker` it is for the connections of that one alone, which has names of its own.

        Raises ConflictError where the name is taken, BrownoutError for a fault of requests of another protocol, for one
        that cannot let connections hang there, and for a caller where nobody can tell who calls.
        """
        host = self._host
        base = spec.name or free(spec.fault.name, self.names(worker))
        name = base if worker is None else worker.label(base)
        if name in self._placed:
            raise ConflictError(
                f"{host.name} has an injection named {base}", "heal or change it, or give this one another name"
            )
        if len(self._placed) >= MOST:
            raise full(host.name)
        if (wrong := protocol_mismatch(spec.fault, host.name, host.upstream.protocol)) is not None:
            raise wrong
        if (wrong := cannot_hang(spec.fault, host.name, host.listen, intercepted=host.shared.meets)) is not None:
            raise wrong
        if (wrong := cannot_tell(spec, worker, intercepted=host.shared.meets)) is not None:
            raise wrong
        told = partial(self._fired, name)
        clock = countdown or Countdown(host.shared.clock)
        injection = Injection(
            spec._replace(name=name),
            seed=host.shared.seed,
            proxy=host.name,
            profile=profile,
            key=key,
            told=told,
            countdown=clock,
            worker=worker,
        )
        injection.scope = host.shared.workers.scope(spec.caller, worker)
        injection.tally = self._tally(injection)
        self._placed[injection.name] = injection
        self.scoped += injection.scope is not None
        host.shared.journal.write(event.Injected(host.name, event.shortened(injection.spec.to_mapping())))
        if injection.spec.trigger.start:
            injection.timer = clock.call_after(injection.spec.trigger.start, lambda: self._begin(injection, clock))
        else:
            self._begin(injection, clock)
        return injection

    def change(self, name: str, values: Mapping[str, object]) -> Injection:
        """Change settings of a fault or its trigger, also on open links. Raises NotFoundError and SettingsError."""
        self._host.catch_up()  # a client that has connected did so under the settings before
        injection = self.find(name)
        before, spec = injection.spec, injection.spec.changed(values)
        host = self._host
        if (wrong := cannot_hang(spec.fault, host.name, host.listen, intercepted=host.shared.meets)) is not None:
            raise wrong
        injection.change(spec)
        if spec.fault != before.fault:
            for target in tuple(injection.hits):
                target.change(injection)
            self._host.gate.ask_soon()
            self._host.settle_port()
        if isinstance(spec.fault, ExchangeFault):
            self._arm()
        self._host.shared.journal.write(event.Changed(self._host.name, event.shortened(spec.to_mapping())))
        return injection

    def judge_again(self, name: str) -> None:
        """Let go of all links at once, or take all, where the trigger of a fault says so of every one by now.

        `change` leaves to each link what it was judged to be; toxics ask for this. Raises NotFoundError.
        """
        injection = self.find(name)
        sure = injection.spec.trigger.sure
        for link in tuple(self._host.links.values()):
            if sure is False and link in injection.hits:
                link.heal(injection)
                if link in injection.hits:  # one that lost bytes has ended
                    injection.spare(link)
            elif sure and link in injection.spared and link.ending is None and injection.spec.streams():
                injection.take(link)
                if link.open:
                    link.join(injection)

    def rescope(self) -> None:
        """Ask again for whose connections each is: links that are meant now join, others leave."""
        workers = self._host.shared.workers
        changed = []
        for injection in self._placed.values():
            if injection.scope is not None:
                before, injection.scope = injection.scope, workers.scope(injection.spec.caller, injection.worker)
                if injection.scope != before and injection.active:
                    changed.append(injection)
        for injection in changed:
            for link in tuple(self._host.links.values()):
                is_meant = link.ending is None and self.meets(injection, link)
                if is_meant and link not in injection.meant:
                    self._judge_open(injection, link)
                elif link in injection.meant and not is_meant:
                    link.heal(injection)
                    injection.forget(link)
        if changed:
            self._arm()
            self._host.gate.ask_soon()
            self._host.settle_port()

    def heal(self, name: str | None = None) -> int:
        """Take out one injection, or all; return how many. What they hold goes on at once. Raises NotFoundError."""
        healed = list(self._placed.values()) if name is None else [self.find(name)]
        for injection in healed:
            self._heal(injection)
        return len(healed)

    def take_back(self, profile: str, name: str) -> bool:
        """Heal an injection of a profile and do not count it, since it is placed again; also one that is over.

        Return False where it was healed by somebody, or its name is another's now.
        """
        found = self._placed.get(name)
        if found is None:
            found = next((each for each in self.healed if each.expired and each.name == name), None)
        if found is None or found.profile != profile:
            return False
        if found.healed_at is None:
            self._heal(found)
        self._host.shared.ledger.add(found, -1)
        return True

    def _begin(self, injection: Injection, clock: Countdown) -> None:
        self._host.catch_up()  # a client that has connected was there before the fault
        injection.active = True
        injection.began = self._host.scene(refusing=injection.spec.fault.port == "refusing")
        if isinstance(injection.spec.fault, ExchangeFault):
            self._arm()
        start, span = injection.spec.trigger.start, injection.spec.trigger.for_
        injection.timer = None if span is None else clock.call_after(start + span, lambda: self._expire(injection))
        for link in tuple(self._host.links.values()):
            if link.ending is None:
                self._judge_open(injection, link)
        self._host.gate.ask_soon()
        self._host.settle_port()

    def _judge_open(self, injection: Injection, link: Link) -> None:
        """Find whether one that begins fires on a link that is there already."""
        if injection.scope is not None and not self._take_if_meant(injection, link):
            return
        if isinstance(injection.spec.fault, ExchangeFault):
            if not link.parsable:
                injection.record_untouched(link)
        elif not injection.spec.streams() and link not in self._host.gate.waiting:
            injection.record_untouched(link)  # it acts on new links alone
        elif injection.chooses(link) and link.open:
            link.join(injection)

    def _arm(self) -> None:
        """Let the links know which faults of exchanges are armed."""
        placed = self._placed.values()
        self.rules = Rules(each for each in placed if each.active and isinstance(each.spec.fault, ExchangeFault))
        for link in self._host.links.values():
            if link.conversation is not None:
                link.conversation.rearm()

    def _fired(self, name: str, connection: int, n: int, operation: str) -> None:
        link = self._host.links.get(connection)
        if link is not None and not operation and name not in link.faults:
            link.faults += (name,)
        self._host.shared.journal.write(event.Fired(self._host.name, connection, name, n, operation))

    def _expire(self, injection: Injection) -> None:
        injection.expired = True
        self._heal(injection)

    def _heal(self, injection: Injection) -> None:
        self._host.catch_up()  # and one that has connected under the fault is still its own
        del self._placed[injection.name]
        self.scoped -= injection.scope is not None
        if isinstance(injection.spec.fault, ExchangeFault):
            self._arm()
            for link in tuple(self._host.links.values()):
                link.heal(injection)
        for target in tuple(injection.hits):
            target.heal(injection)
        now = self._host.scene(refusing=injection.spec.fault.port == "refusing")
        injection.finding, injection.refused = vacuity.find(injection, now), vacuity.refused_since(injection, now)
        injection.heal()
        self._keep(injection)
        self._host.shared.ledger.add(injection)
        self._host.gate.ask_soon()
        self._host.settle_port()
        self._host.shared.journal.write(
            event.Healed(
                self._host.name,
                injection.name,
                matched=injection.matched,
                chosen=injection.chosen,
                fired=injection.fired,
                cause="" if injection.finding is None else injection.finding.cause,
                reason="" if injection.finding is None else injection.finding.text,
                unseen=injection.spec.fault.port != "open",
            )
        )

    def _keep(self, injection: Injection) -> None:
        """Keep a healed injection, for reports, and let go of the oldest ones where that is too much."""
        self.healed.append(injection)
        self._healed_bytes += _size(injection)
        while len(self.healed) > _KEPT or self._healed_bytes > _KEPT_BYTES:
            self._healed_bytes -= _size(self.healed.popleft())

    def _tally(self, injection: Injection) -> Tally:
        key = (injection.spec.fault.name, injection.identity.injection)
        if key not in self.tallies and len(self.tallies) >= _KEPT:
            key = (injection.spec.fault.name, "others")
        return self.tallies.setdefault(key, Tally())


def _strictest(faults: Iterable[Fault]) -> PortState:
    return max((fault.port for fault in faults), key=_STRICTER, default="open")


def _error(faults: Iterable[Fault], state: PortState) -> int:
    """Return the errno with which connect() is to end, of the faults that have the port in its state."""
    return next((error for fault in faults if fault.port == state and (error := fault.connect_error())), 0)


def _keeps_waiting(faults: Iterable[Fault]) -> bool:
    return any(
        type(fault).admit is not Fault.admit or (isinstance(fault, ExchangeFault) and fault.needs_no_upstream)
        for fault in faults
    )


def cannot_tell(spec: Spec, worker: Worker | None, *, intercepted: bool) -> BrownoutError | None:
    """Return what is wrong with a fault for some callers alone, where nobody can tell who calls; None: nothing.

    Where connections are `intercepted`, that is known before connect() has ended.
    """
    if spec.caller is None and worker is None:
        return None
    if sys.platform != "linux":
        return BrownoutError("caller needs Linux, where Brownout can see who opened a connection", "leave caller out")
    if spec.fault.port != "open" and not intercepted:
        text = f"{spec.fault.name} closes the port, for every caller"
        return BrownoutError(text, "brownout run --intercept has it for one, and so has reset")
    return None


def full(proxy: str) -> ConflictError:
    """Return the error for a proxy that can have no more injections."""
    return ConflictError(f"{proxy} cannot have more than {MOST} injections", "heal some first")


def _size(injection: Injection) -> int:
    return len(msgspec.json.encode(injection.spec.to_mapping(), enc_hook=str))
