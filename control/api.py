"""The routes of `/v1`.

    GET    /v1/health  /v1/faults  /v1/faults/F  /v1/proxies  /v1/proxies/P
    PUT    /v1/proxies/P                {upstream, listen?, enabled?}: makes it; the same again is no error
    PATCH  /v1/proxies/P                {upstream?, listen?, enabled?}
    DELETE /v1/proxies/P
    POST   /v1/proxies/P/expect         a proxy, also one that an intercepted command may still connect to
    GET    /v1/proxies/P/injections     /v1/proxies/P/injections/N
    POST   /v1/proxies/P/injections     an injection's flat mapping, or its short form as a JSON string
    PATCH  /v1/proxies/P/injections/N   the settings to change
    DELETE /v1/proxies/P/injections/N   heals it, and answers its last receipt
    DELETE /v1/proxies/P/injections     /v1/injections    heals all, and answers how many
    GET    /v1/profiles  /v1/profiles/N
    POST   /v1/profiles/N/apply         injects what the profile says, all or nothing
    POST   /v1/profiles/N/heal          takes that back, and answers how many
    POST   /v1/leases                   {duration?, worker?}: what is made under it is undone when it ends
    POST   /v1/leases/L/renew
    DELETE /v1/leases/L
    POST   /v1/tests/announce           tests are to come: what `run` placed waits for the first one
    POST   /v1/tests/begin              the first test begins
    PUT    /v1/workers/PROCESS          {name?, run?, test?}: a process that runs tests, and which one now
    POST   /v1/workers/PROCESS/attach   what it makes under a lease of its own is for its connections alone
    GET    /v1/journal?proxy=&kind=&since=&follow=1
    GET    /v1/requests?proxy=&since=&last=&open=1&follow=1
    GET    /v1/connections?proxy=&since=&follow=1
    GET    /v1/verdicts?proxy=&deadline=&max_attempts=...
    GET    /v1/mark

Paths outside `/v1` are left to others.
"""

from __future__ import annotations

import importlib.metadata
import ipaddress
import os
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from ..faults import Spec
from ..faults.catalogue import everything, find
from ..faults.profile import Profile
from ..faults.settings import SettingsError, convert
from ..supervisor.process import mark_of
from ..wire.address import Address
from ..wire.errors import ConflictError, NotFoundError
from .client import LEASE
from .follower import Follower, connection_message, event_message, request_message
from .leases import Lease, Leases
from .receipts import injection_view
from .replies import ROOT, Handler, HttpError, read_json, read_mapping, reply, reply_list
from .request_params import (
    ConnectionsQuery,
    JournalQuery,
    LeasePost,
    ProxyPatch,
    ProxyPut,
    RequestsQuery,
    VerdictsQuery,
    WorkerPut,
)
from .verdicts.judged import judged
from .views import (
    LeaseView,
    ProfileView,
    WorkerView,
    connection_view,
    event_view,
    fault_view,
    mark_view,
    placed_view,
    profile_view,
    proxy_view,
    request_view,
)

if TYPE_CHECKING:
    from ..proxy import ConnectionEntry, Entry, Fleet, Injection, Proxy, Recorded
    from ..proxy.record.workers import Worker

    AnyFollower = Follower[Recorded] | Follower[Entry] | Follower[ConnectionEntry]

HANGUP_TIMEOUT = 0.25
"""Seconds to wait for connections whose clients have hung up to end, before they are listed."""


class Api:
    """The handlers, over one fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._version = importlib.metadata.version("brownout")  # from the disk, for which there may be no descriptor
        self._followers: set[AnyFollower] = set()
        self._leases = Leases(fleet)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of `/v1`."""
        proxy = ROOT + "/proxies/{proxy:[^/]+}"
        injection = proxy + "/injections/{injection:[^/]+}"
        profile = ROOT + "/profiles/{profile:[^/]+}"
        lease = ROOT + "/leases/{lease:[^/]+}"
        worker = ROOT + "/workers/{process:[0-9]{1,9}}"
        return [
            web.get(f"{ROOT}/health", self.health),
            web.get(f"{ROOT}/faults", self.faults),
            web.get(ROOT + "/faults/{fault:[^/]+}", self.fault),
            web.get(f"{ROOT}/proxies", self.proxies),
            web.get(proxy, self.proxy),
            web.put(proxy, self.put_proxy),
            web.patch(proxy, self.patch_proxy),
            web.delete(proxy, self.delete_proxy),
            web.get(f"{proxy}/injections", self.injections),
            web.post(f"{proxy}/injections", self.inject),
            web.delete(f"{proxy}/injections", self.heal_proxy),
            web.post(f"{proxy}/expect", self.expect),
            web.get(injection, self.injection),
            web.patch(injection, self.change),
            web.delete(injection, self.heal),
            web.delete(f"{ROOT}/injections", self.heal_all),
            web.get(f"{ROOT}/profiles", self.profiles),
            web.get(profile, self.profile),
            web.post(f"{profile}/apply", self.apply),
            web.post(f"{profile}/heal", self.heal_profile),
            web.post(f"{ROOT}/leases", self.begin_lease),
            web.post(f"{lease}/renew", self.renew_lease),
            web.delete(lease, self.end_lease),
            web.post(f"{ROOT}/tests/announce", self.announce_tests),
            web.post(f"{ROOT}/tests/begin", self.begin_tests),
            web.put(worker, self.put_worker),
            web.post(f"{worker}/attach", self.attach_worker),
            web.get(f"{ROOT}/journal", self.journal),
            web.get(f"{ROOT}/requests", self.requests),
            web.get(f"{ROOT}/connections", self.connections),
            web.get(f"{ROOT}/verdicts", self.verdicts),
            web.get(f"{ROOT}/mark", self.mark),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """Say who answers."""
        return reply({"status": "ok", "version": self._version, "pid": os.getpid(), "seed": self._fleet.seed})

    async def faults(self, request: web.Request) -> web.Response:
        """List the catalogue."""
        return reply([fault_view(fault) for fault in everything().values()])

    async def fault(self, request: web.Request) -> web.Response:
        """Show a fault."""
        try:
            return reply(fault_view(find(request.match_info["fault"])))
        except SettingsError as error:
            raise NotFoundError(error.message, error.hint) from None

    async def proxies(self, request: web.Request) -> web.Response:
        """List the proxies."""
        return reply([proxy_view(proxy) for proxy in self._fleet.proxies.values()])

    async def proxy(self, request: web.Request) -> web.Response:
        """Show a proxy."""
        return self._proxy_reply(self._proxy(request))

    async def expect(self, request: web.Request) -> web.Response:
        """Show a proxy, also one that an intercepted command may still connect to."""
        return self._proxy_reply(self._fleet.proxy_to_be(request.match_info["proxy"]))

    async def put_proxy(self, request: web.Request) -> web.Response:
        """Make a proxy (201), or find it there as asked (200). Raises ConflictError where it differs."""
        name = request.match_info["proxy"]
        values = await read_mapping(request)
        asked = convert(ProxyPut, values)
        known = await self._fleet.settled(name)
        if known is None:
            proxy = await self._fleet.add(name, asked.upstream, asked.listen, enabled=asked.enabled)
            if (lease := self._lease(request)) is not None:
                lease.made(proxy)
            return self._proxy_reply(proxy, HTTPStatus.CREATED)
        if known.expected:
            await known.meet(Address.upstream(asked.upstream))
            return self._proxy_reply(known, HTTPStatus.CREATED)
        same = (
            known.upstream == Address.upstream(asked.upstream)
            and ("listen" not in values or Address.listen(asked.listen) in (known.listen, known.address))
            and ("enabled" not in values or known.enabled == asked.enabled)
        )
        if same and (lease := self._lease(request)) is not None:
            self._leases.found(lease, known)
        if not same:
            raise ConflictError(f"the proxy '{name}' exists already and differs", "PATCH changes it")
        return self._proxy_reply(known)

    async def patch_proxy(self, request: web.Request) -> web.Response:
        """Change a proxy."""
        proxy = self._proxy(request)
        asked = convert(ProxyPatch, await read_mapping(request))
        if asked.enabled is not None and (lease := self._lease(request)) is not None:
            lease.switches(proxy)
        await proxy.update(upstream=asked.upstream, listen=asked.listen, enabled=asked.enabled)
        return self._proxy_reply(proxy)

    async def delete_proxy(self, request: web.Request) -> web.Response:
        """Remove a proxy and close its connections."""
        name = request.match_info["proxy"]
        await self._fleet.remove(name)
        return reply({"removed": name})

    async def injections(self, request: web.Request) -> web.Response:
        """List the injections of a proxy."""
        return reply(proxy_view(self._proxy(request))["injections"])

    async def inject(self, request: web.Request) -> web.Response:
        """Inject a fault (201)."""
        proxy = self._fleet.proxy_to_be(request.match_info["proxy"])
        asked = await read_json(request)
        if not isinstance(asked, (dict, str)):
            raise HttpError(HTTPStatus.BAD_REQUEST, "the body is not an injection", 'send one like {"fault": "reset"}')
        lease = self._lease(request)
        injection = proxy.inject(Spec.parse(asked), worker=None if lease is None else lease.worker)
        if lease is not None:
            lease.injected([(proxy, injection)])
        return self._injection_reply(proxy, injection, HTTPStatus.CREATED)

    async def heal_proxy(self, request: web.Request) -> web.Response:
        """Heal all injections of a proxy."""
        return reply({"healed": self._proxy(request).heal()})

    async def heal_all(self, request: web.Request) -> web.Response:
        """Heal all injections of all proxies."""
        return reply({"healed": self._fleet.heal()})

    async def injection(self, request: web.Request) -> web.Response:
        """Show an injection with its receipt."""
        proxy = self._proxy(request)
        return self._injection_reply(proxy, proxy.injections.find(request.match_info["injection"]))

    async def change(self, request: web.Request) -> web.Response:
        """Change an injection's settings while it works."""
        proxy = self._proxy(request)
        changed = proxy.change(request.match_info["injection"], await read_mapping(request))
        return self._injection_reply(proxy, changed)

    async def heal(self, request: web.Request) -> web.Response:
        """Heal an injection, and answer its last receipt."""
        proxy = self._proxy(request)
        injection = proxy.injections.find(request.match_info["injection"])
        proxy.heal(injection.name)
        return self._injection_reply(proxy, injection)

    async def profiles(self, request: web.Request) -> web.Response:
        """List the profiles of the file, then those that ship with Brownout."""
        return reply([self._profile_view(profile) for profile in self._fleet.known_profiles().values()])

    async def profile(self, request: web.Request) -> web.Response:
        """Show a profile."""
        return reply(self._profile_view(self._profile(request)))

    async def apply(self, request: web.Request) -> web.Response:
        """Inject what a profile says, all or nothing; what it put there before is healed first."""
        lease = self._lease(request)
        injections = self._fleet.apply(self._profile(request), worker=None if lease is None else lease.worker)
        placed = [(self._fleet.proxies[each.identity.proxy], each) for each in injections]
        if lease is not None:
            lease.injected(placed)
            lease.applied(_applied(request, lease))
        return reply([placed_view(*each) for each in placed])

    async def heal_profile(self, request: web.Request) -> web.Response:
        """Heal what a profile put there."""
        self._profile(request)
        return reply({"healed": self._fleet.heal_profile(_applied(request, self._lease(request)))})

    async def begin_lease(self, request: web.Request) -> web.Response:
        """Begin a lease (201)."""
        asked = convert(LeasePost, await read_mapping(request) if request.can_read_body else {})
        worker = None if asked.worker is None else self._fleet.workers.find(asked.worker)
        return reply(_lease_view(self._leases.begin(asked.duration, worker)), HTTPStatus.CREATED)

    async def renew_lease(self, request: web.Request) -> web.Response:
        """Renew a lease."""
        return reply(_lease_view(self._leases.renew(request.match_info["lease"])))

    async def end_lease(self, request: web.Request) -> web.Response:
        """End a lease, and undo what was made under it."""
        return reply({"healed": await self._leases.end(request.match_info["lease"])})

    @web.middleware
    async def under_lease(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Renew the lease that a request names. Raises LeaseError where it has ended."""
        if LEASE in request.headers and request.path.startswith(f"{ROOT}/"):
            self._leases.renew(request.headers[LEASE])
        return await handler(request)

    async def announce_tests(self, request: web.Request) -> web.Response:
        """Let the clocks of what was placed at launch wait for the first test."""
        self._fleet.launch.tests_announced()
        return reply({"announced": True})

    async def begin_tests(self, request: web.Request) -> web.Response:
        """Start these clocks; called again it does nothing."""
        self._fleet.launch.first_test()
        return reply({"begun": True})

    async def put_worker(self, request: web.Request) -> web.Response:
        """Take that a process runs tests, and which one it runs now, if that is said; of another machine forget it."""
        asked = convert(WorkerPut, await read_mapping(request))
        process = int(request.match_info["process"])
        if not is_loopback(request.remote):
            return reply(WorkerView(name=asked.name, process=process, test=asked.test or ""))
        worker = self._fleet.workers.add(asked.name, process, mark_of(asked.name, asked.run))
        if asked.test is not None:
            self._fleet.turn_to(worker, asked.test)
        return reply(_worker_view(worker))

    async def attach_worker(self, request: web.Request) -> web.Response:
        """Let a worker inject for itself. Raises ConflictError where its connections cannot be told from others'."""
        process, transport = int(request.match_info["process"]), request.transport
        there = None if transport is None else self._fleet.peers.process_at(transport.get_extra_info("socket").fileno())
        if there != process:
            raise ConflictError(
                f"Brownout cannot tell which connections are those of process {process}",
                "run Brownout on Linux, on the same machine and as the same user as the tests",
            )
        worker = self._fleet.workers.find(process)
        self._fleet.name_callers()
        return reply(_worker_view(worker))

    async def journal(self, request: web.Request) -> web.StreamResponse:
        """List the journal, or follow it."""
        asked = convert(JournalQuery, request.query, text=True)
        journal = self._fleet.journal
        events = journal.events(asked.since, proxy=asked.proxy, kind=asked.kind)
        if asked.follow == "0":
            return await reply_list(events, event_view)
        return await self._follow(request, Follower(journal.listeners, events, asked.wants, event_message))

    async def requests(self, request: web.Request) -> web.StreamResponse:
        """List the requests, or follow them. Raises NotFoundError for an unknown proxy without requests."""
        asked = convert(RequestsQuery, request.query, text=True)
        log = self._fleet.request_log
        if asked.open == "1":
            entries = self._fleet.requests(asked.since, proxy=asked.proxy)
        else:
            entries = log.entries(asked.since, proxy=asked.proxy, last=asked.last)
        if asked.proxy is not None and not entries:
            self._fleet.proxy(asked.proxy)
        if asked.follow == "0":
            return await reply_list(entries, request_view)
        return await self._follow(request, Follower(log.listeners, entries, asked.wants, request_message))

    async def connections(self, request: web.Request) -> web.StreamResponse:
        """List the connections, or follow them. Raises NotFoundError for an unknown proxy without any."""
        asked = convert(ConnectionsQuery, request.query, text=True)
        await self._fleet.hangups_heard(HANGUP_TIMEOUT)
        entries = self._fleet.connections(asked.since, proxy=asked.proxy)
        if asked.proxy is not None and not entries:
            self._fleet.proxy(asked.proxy)
        if asked.follow == "0":
            return await reply_list(entries, connection_view)
        listeners = self._fleet.connection_log.listeners
        return await self._follow(request, Follower(listeners, entries, asked.wants, connection_message))

    async def verdicts(self, request: web.Request) -> web.StreamResponse:
        """Judge what clients did. Raises NotFoundError for an unknown proxy, SettingsError for wrong expectations."""
        asked = convert(VerdictsQuery, request.query, text=True)
        await self._fleet.hangups_heard(HANGUP_TIMEOUT)
        return await reply_list(judged(self._fleet, asked, proxy=asked.proxy), lambda view: view)

    async def mark(self, request: web.Request) -> web.Response:
        """Say which moment this is."""
        return reply(mark_view(self._fleet))

    async def _follow(self, request: web.Request, follower: AnyFollower) -> web.StreamResponse:
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        response = web.StreamResponse(headers=headers)
        with follower:
            self._followers.add(follower)
            try:
                await response.prepare(request)
                async for message in follower.messages():
                    await response.write(message)
            except ConnectionError:
                pass  # the follower left
            finally:
                self._followers.discard(follower)
        return response

    async def end_followers(self, app: web.Application) -> None:
        """Let every follower come to its end, since the server stops."""
        for follower in self._followers:
            follower.end()

    def _proxy(self, request: web.Request) -> Proxy:
        return self._fleet.proxy(request.match_info["proxy"])

    def _lease(self, request: web.Request) -> Lease | None:
        """Return the lease under which a request makes what it makes."""
        return self._leases.renew(request.headers[LEASE]) if LEASE in request.headers else None

    def _profile(self, request: web.Request) -> Profile:
        return self._fleet.profile(request.match_info["profile"])

    def _profile_view(self, profile: Profile) -> ProfileView:
        source = "file" if profile.name in self._fleet.profiles else "shipped"
        return profile_view(profile, source, applied=profile.name in self._fleet.applied)

    def _proxy_reply(self, proxy: Proxy, status: int = 200) -> web.Response:
        return reply(proxy_view(proxy), status)

    def _injection_reply(self, proxy: Proxy, injection: Injection, status: int = 200) -> web.Response:
        return reply(injection_view(proxy, injection), status)


def is_loopback(host: str | None) -> bool:
    """Say whether a client is on this machine, as far as its address tells."""
    try:
        return ipaddress.ip_address((host or "").removeprefix("::ffff:")).is_loopback
    except ValueError:
        return False


def _applied(request: web.Request, lease: Lease | None) -> str:
    """Return under which name a profile is applied, or to be: of a worker its label."""
    name = request.match_info["profile"]
    return name if lease is None or lease.worker is None else lease.worker.label(name)


def _worker_view(worker: Worker) -> WorkerView:
    return {"name": worker.name, "process": worker.process, "test": worker.test}


def _lease_view(lease: Lease) -> LeaseView:
    return {"id": lease.id, "duration": str(lease.duration)}


def add_routes(app: web.Application, fleet: Fleet) -> None:
    """Add `/v1` to an application; its middlewares must be those of `replies`."""
    api = Api(fleet)
    app.middlewares.append(api.under_lease)
    app.add_routes(api.routes())
    app.on_shutdown.append(api.end_followers)
