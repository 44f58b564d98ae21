"""Brings each connection of a command to the proxy before its destination, and makes that proxy where there is none.

    theory of operation

The supervisor, a process beside us, dials the destinations and connects the command's sockets to our door (see
`supervisor/connects.py`). It asks us nothing: whoever injects is answered when the supervisor has been told what is to
become of connections from then on (`Policy`). So a command's connect() never waits for a loop of ours.

A connection is announced by the supervisor and comes in at the door. Its destination is a proxy's upstream, by address
or by a name's addresses; or it was met before; or it is a newcomer, which has no name until somebody has spoken. Then
it becomes the proxy that was expected under one of its names, or a new one, and profiles are looked through again.

What happens where: the port of a proxy that refuses, or hangs, gets the command's sockets itself, so that connect()
ends as it does for any client. Where a fault keeps new connections waiting, nothing is dialled before it lets them go.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import socket
import time
from collections import Counter
from typing import Any, NamedTuple

from ...faults.settings.names import comes_from
from ...supervisor.messages import Connect, Policy, Route, UnderTest
from ...supervisor.process import Process
from ...supervisor.scope import Scope
from ...supervisor.sockaddr import Destination
from ...wire.address import Address
from ..fleet import Fleet
from ..proxy import Proxy
from ..record.caller import Caller
from ..record.event import ServerShared
from ..system import sockets
from ..system.listening import is_gone, listening_ports
from . import naming
from .choice import Choice
from .door import Arrival, Door
from .fixtures import Fixtures
from .look import Look
from .newcomer import Newcomer, Words
from .supervised import INHERITED, Streams, Supervised

_REASONS = {errno.ECONNREFUSED: "dial_refused", errno.ETIMEDOUT: "dial_timeout"}


MOST = 500
"""How many destinations become a proxy each. What is met beyond that shares one."""
OTHERS = "others"
"""Its name."""


class Met(NamedTuple):
    """The proxy before a destination, and its upstream when that was found: it may be moved to another one."""

    proxy: Proxy
    upstream: Address

    @property
    def moved(self) -> bool:
        """Whether the proxy stands before something else by now."""
        return self.proxy.upstream is not self.upstream


class Interception:
    """The connections of one command; `ours` are ports at which this process listens beside its proxies.

    `unseen` has what passed by (kind and detail), `refused` how often destinations without a proxy refused,
    `silent` how often their clients left without a word, before anybody had spoken there. `forgotten` are the proxies
    that `forget_gone` found without a server, with where that was at last.
    """

    def __init__(self, fleet: Fleet, choice: Choice, ours: tuple[int, ...] = (), streams: Streams = INHERITED) -> None:
        self._fleet = fleet
        self._choice = choice
        self._ours = ours
        self.command = Supervised(self._hear, streams)
        self._door = Door(fleet.clock, self._arrived, self._failed, self.command.catch_up)
        self._met: dict[str, Met] = {}
        self._looked_up: set[Proxy] = set()
        self._learnt: set[Proxy] = set()
        self.forgotten: dict[str, Address] = {}
        self._look = Look(set(), 0.0, 0.0)
        self._others: Proxy | None = None
        self._newcomers: dict[str, Newcomer] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._said: Policy | None = None
        self._looking_up = asyncio.Lock()
        self.unseen: dict[str, set[str]] = {}
        self.refused: Counter[str] = Counter()
        self.silent: Counter[str] = Counter()
        self.lost = False
        self._tested = UnderTest()
        self._fixtures = Fixtures()

    async def open(self) -> None:
        """Let connections in, and learn the addresses of the proxies' upstreams. Raises InterceptError."""
        self.command.check()
        await self._door.open()
        for proxy in tuple(self._fleet.proxies.values()):
            await self._look_up(proxy)
        self._fleet.changed.add(self._changed)
        self._direct()

    async def close(self) -> None:
        """Let go of the command's connections."""
        self._fleet.changed.discard(self._changed)
        await self.command.close()
        for task in self._tasks:
            task.cancel()
        for newcomer in self._newcomers.values():
            newcomer.close()
        self._door.close()

    # What tests say

    def note_tests(self, tested: UnderTest) -> None:
        """Take which process runs tests, and what happens in it."""
        if tested.process != self._tested.process:
            self._fixtures.clear()
        self._tested = tested
        self._direct()

    def note_fixture(self, name: str, since: float) -> None:
        """Take which fixture is set up since a moment of `time.monotonic()`, empty for none: it may start servers."""
        self._fixtures.note(name, since)

    # What the supervisor says

    def _hear(self, said: dict[str, Any], descriptors: list[int]) -> None:
        match said.pop("kind"):
            case "connect":
                upstream = socket.socket(fileno=descriptors[0]) if descriptors else None
                self._announced(Connect(**said), upstream)
            case "gone":
                self._door.retract(said["ticket"])
            case "unseen":
                self.unseen.setdefault(said["what"], set()).add(said["detail"])
            case "inside":
                self._inside(Process(said["server"]), Process(said["client"]))
            case "lost":
                self.lost = True

    def _inside(self, server: Process, client: Process) -> None:
        """Take that a process of the command has connected to another one, or to itself."""
        self.unseen.setdefault("inside", set()).add(f"{client.program} to {server.program}")
        shared = self._fleet.workers.note_use(server, client)
        if shared is not None:
            users = tuple(worker.name for worker in shared.users)
            self._fleet.journal.write(ServerShared("", server.program, server.number, users))

    def _announced(self, connect: Connect, upstream: socket.socket | None) -> None:
        if upstream is not None:
            upstream.setblocking(False)
        if connect.ticket:
            self._door.announce(connect, upstream)
            return
        to = _destination(connect)
        if (met := self._find(to)) is None:
            self.refused[to.endpoint] += 1
        else:
            met.proxy.note_refused(_caller(met.proxy, connect), *_reason(connect), connect.seconds)

    # Who comes

    def _arrived(self, arrival: Arrival) -> None:
        to = _destination(arrival.connect)
        if (met := self._find(to)) is not None:
            _bring(arrival, met)
        elif (newcomer := self._newcomers.get(to.endpoint)) is not None:
            newcomer.add(arrival)
        else:
            newcomer = self._newcomers[to.endpoint] = Newcomer()
            newcomer.add(arrival)
            self._begin(self._meet(to, newcomer))

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _meet(self, to: Destination, newcomer: Newcomer) -> None:
        """Give a destination its name, and let go on who waits for that."""
        try:
            if (words := await newcomer.heard()) is None:
                self.silent[to.endpoint] += len(newcomer.waiting)
                newcomer.close()
                return
            await self._look_up_again(to)
            met = self._find(to) or await self._become(to, words, newcomer.since)
        except Exception as error:  # nobody is to wait for a mistake of ours
            self.unseen.setdefault("error", set()).add(f"{to.endpoint}: {error}")
            newcomer.close()
            return
        finally:
            del self._newcomers[to.endpoint]
        for arrival in newcomer.waiting:
            if self._turns_away(met, arrival):
                _refuse(arrival, met)
            else:
                _bring(arrival, met)

    async def _become(self, to: Destination, words: Words, since: float) -> Met:
        protocol = naming.protocol_of(words.client, words.server)
        upstream = Address.upstream(naming.url(to, protocol))
        if len(self._learnt) < MOST:
            set_up = self._fixtures.at(since)
            for earlier in filter(self._is_there, self._fixtures.before(set_up)):
                await self._forget(earlier)
            usual, *more = naming.names(to, protocol, words.client, set_up.fixture)
            there = self._look.found(upstream, since)
            others = {
                name for name, at in self.forgotten.items() if (there and at != upstream) or not comes_from(name, usual)
            }
            proxy = await self._fleet.meet([usual, *more], upstream, others)
            self._fixtures.started(proxy, set_up)
        else:
            proxy = await self._shared(upstream)
        self._learnt.add(proxy)
        self._looked_up.add(proxy)
        met = self._met[to.endpoint] = Met(proxy, proxy.upstream)
        for other in naming.same(to):
            self._met.setdefault(other.endpoint, met)
        self._direct()
        return met

    async def _shared(self, upstream: Address) -> Proxy:
        """Return the proxy of very many destinations: the supervisor dials for it, each to where it is meant to go."""
        if self._others is None or not self._is_there(self._others):
            self._others = await self._fleet.meet([OTHERS], upstream._replace(scheme="tcp"))
        return self._others

    @property
    def destinations(self) -> set[str]:
        """Where the command has connected to, or tried to, by TCP or unix sockets."""
        return {*self._met, *self.refused, *self.silent}

    async def forget_gone(self) -> None:
        """Expect again what was learnt and listens no longer: each server that tests start has another port.

        Its name, which others know it by, is kept for what begins to listen after this call. What is elsewhere than on
        this machine is there, as far as is known.
        """
        if (listening := listening_ports()) is None:
            return
        self._look = Look(listening, time.monotonic(), time.time())
        for proxy in tuple(self._learnt):
            at = proxy.upstream
            if self._is_there(proxy) and is_gone(at, listening):
                await self._forget(proxy)

    async def _forget(self, proxy: Proxy) -> None:
        self._learnt.discard(proxy)
        self._fixtures.forget(proxy)
        self.forgotten[proxy.name] = proxy.upstream
        self._met = {to: met for to, met in self._met.items() if met.proxy is not proxy}
        await self._fleet.remove(proxy.name)
        self._fleet.expect(proxy.name)

    # Whose upstream it is

    def _find(self, to: Destination) -> Met | None:
        """Return the proxy before a destination, or before another address of the same server."""
        for each in (to, *naming.same(to)):
            met = self._met.get(each.endpoint)
            if met is not None and self._is_there(met.proxy):
                self._met[to.endpoint] = met
                return met
        return None

    def _is_there(self, proxy: Proxy) -> bool:
        return self._fleet.proxies.get(proxy.name) is proxy

    async def _look_up(self, proxy: Proxy) -> None:
        """Learn the addresses of a proxy's upstream; a name that has none now may have some later."""
        at = proxy.upstream
        self._looked_up.add(proxy)
        if at.wrong:
            return
        if at.path:
            self._meets(Destination("", 0, at.path), Met(proxy, at))
            return
        try:
            found = await asyncio.get_running_loop().getaddrinfo(at.host, at.port, type=socket.SOCK_STREAM)
        except (OSError, ValueError):
            return
        for info in found:
            self._meets(Destination(str(info[4][0]), at.port), Met(proxy, at))

    def _meets(self, to: Destination, met: Met) -> None:
        """Let a proxy stand before a destination, unless another one does so."""
        known = self._met.get(to.endpoint)
        if known is None or known.moved or not self._is_there(known.proxy):
            self._met[to.endpoint] = met

    async def _look_up_again(self, to: Destination) -> None:
        """Look whether a destination is an upstream by now: one that was added, or a name's that has moved."""
        async with self._looking_up:
            for proxy in tuple(self._fleet.proxies.values()):
                if proxy.upstream.port == to.port or (to.path and proxy.upstream.path == to.path):
                    await self._look_up(proxy)

    # What becomes of connections

    def _changed(self) -> None:
        """Take a change to a proxy; one that was added may be before what the command connects to next."""
        self._direct()
        for proxy in self._fleet.proxies.values():
            if proxy not in self._looked_up and not proxy.expected:
                self._looked_up.add(proxy)
                self._begin(self._look_up_new(proxy))

    async def _look_up_new(self, proxy: Proxy) -> None:
        await self._look_up(proxy)
        self._direct()

    def _direct(self) -> None:
        """Say what is to become of connections from now on, if that is something else than before."""
        door = self._door
        proxies = [proxy.address.port for proxy in self._fleet.proxies.values() if proxy.address is not None]
        policy = Policy(
            door=door.port,
            door6=door.port6,
            refusing=door.refusing,
            routes={at: route for at, met in self._met.items() if (route := self._special_route(met)) is not None},
            door_path=door.path,
            ours=(*self._ours, *proxies),
            only=self._choice.only,
            spared=self._choice.spared,
            scoped={at: routes for at, met in self._met.items() if (routes := self._scoped(met))},
            tested=self._tested,
        )
        if policy != self._said:
            self._said = policy
            self.command.direct(policy)

    def _special_route(self, met: Met) -> Route | None:
        """Return what becomes of a proxy's connections; None where the supervisor does that unasked."""
        route = self._route(met) if self._is_there(met.proxy) else None
        return None if route is not None and route.how == "carry" and met.proxy in self._learnt else route

    def _route(self, met: Met) -> Route:
        proxy = met.proxy
        if not proxy.enabled or proxy.address is None:
            return Route("port", self._door.refusing)
        if error := proxy.injections.connect_error:
            return Route("fail", errno=error)
        if proxy.injections.port != "open":
            return Route("port", proxy.address.port)
        if met.moved or (proxy.injections.keeps_waiting and proxy is not self._others):
            return Route("wait")
        return Route("carry")

    def _turns_away(self, met: Met, arrival: Arrival) -> bool:
        """Say whether a fault lets nobody in, or not this one."""
        caller = _caller(met.proxy, arrival.connect)
        routes = (route for scope, route in self._scoped(met) if scope.fits(caller.who))
        return next(routes, self._route(met)).how in ("port", "fail")

    def _scoped(self, met: Met) -> list[tuple[Scope, Route]]:
        """Return what becomes of the connections of some callers, where that is stricter than what becomes of all."""
        if not met.proxy.injections.scoped or not self._is_there(met.proxy):
            return []
        found, injections, how = [], met.proxy.injections, self._route(met).how
        for scope, state, error in injections.scoped_routes():
            if state == "refusing" and injections.port != "refusing":
                found.append((scope, Route("fail", errno=error) if error else Route("port", self._door.refusing)))
            elif state == "hanging" and how not in ("port", "fail"):
                found.append((scope, Route("fail", errno=error) if error else Route("port", self._door.hang())))
            elif state == "waiting" and how == "carry" and met.proxy is not self._others:
                found.append((scope, Route("wait")))
        return found

    def _failed(self, error: OSError) -> None:
        self.unseen.setdefault("error", set()).add(f"a connection could not be accepted: {error.strerror}")


def _bring(arrival: Arrival, met: Met) -> None:
    upstream = arrival.upstream
    if upstream is not None and met.moved:
        upstream.close()
        upstream = None
    met.proxy.accept(arrival.sock, _caller(met.proxy, arrival.connect), upstream)


def _refuse(arrival: Arrival, met: Met) -> None:
    """Reset who connected while it was not known yet that a fault lets nobody in."""
    sockets.refuse(arrival.sock)
    if arrival.upstream is not None:
        arrival.upstream.close()
    met.proxy.note_refused(_caller(met.proxy, arrival.connect), "refused", "", 0.0)


def _destination(connect: Connect) -> Destination:
    return Destination(connect.host, connect.port, connect.path)


def _caller(proxy: Proxy, connect: Connect) -> Caller:
    shared, process = proxy.shared, Process(connect.process, connect.program, _container())
    if shared.workers or proxy.injections.scoped:  # more is asked of it: what was found out lately is known
        now = shared.processes.find(connect.process)
        process = now if now.program == connect.program else process
    if connect.scope is not None:
        process.answers[Scope.of(connect.scope)] = True
    return shared.caller(process)


@functools.cache
def _container() -> str:
    """Return the container in which we are, and so what the command starts."""
    return Process(os.getpid(), "").container


def _reason(connect: Connect) -> tuple[str, str]:
    """Return why a connect() failed: a key of the proxy's errors, and the words for it."""
    if connect.how != "carry":
        return "refused", ""
    return _REASONS.get(connect.errno, "dial_failed"), os.strerror(connect.errno)
