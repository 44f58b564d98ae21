"""A Brownout or a Toxiproxy that runs elsewhere, driven over its API.

What it was told before we came belongs to others: the injections that were there stay, and so do its proxies. What we
make there has a lease: if this process is killed, the Brownout undoes it. A Toxiproxy has no leases.

Several workers of pytest-xdist may drive one Brownout. What a worker injects under its lease is for its own connections
alone, and has a label over there, `latency@gw0`, of which nobody here needs to know.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import cast

from ..control.client import Client, Hangup, UnsupportedError
from ..control.client_at import AnyClient, client_at
from ..control.receipts import Receipt, moment
from ..control.views import ConnectionView, MarkView, MissedView, ProxyView, RequestView
from ..faults.profile import Profile
from ..faults.spec import Spec
from ..proxy.record.connection_log import KEPT as CONNECTIONS_KEPT
from ..proxy.record.request_log import KEPT as REQUESTS_KEPT
from ..wire.address import Address
from ..wire.errors import BrownoutError, ConflictError, NotFoundError
from ..wire.protocols import AUTO
from .awaited import Awaited, View
from .driver import check_kept, differs, hidden
from .lease import DURATION, ENDED, Lease

__tracebackhide__ = hidden

JOIN_TIMEOUT = 1.0
"""Seconds to wait for a thread that has been hung up; one that is still connecting ends by itself."""


class Remote:
    """A driver of what is at an address. Raises BrownoutError when it runs with another seed, or without.

    `profiles` are for a Toxiproxy, which knows none. `worker` is what pytest-xdist calls this process, if it is one of
    its workers: ConflictError where the Brownout cannot tell its connections from others'.
    """

    def __init__(self, api: str, seed: int | None, profiles: Mapping[str, Profile], worker: str = "") -> None:
        self._client = client_at(api, profiles=profiles)
        self._process = os.getpid()  # a fork of it is its child
        self._worker = self._attached(worker) if worker else ""
        self.where = self._client.where
        self.host = self._client.address.host
        self.seed = self._client.health()["seed"]
        if seed is not None:
            self.reseed(seed)
        there = self._client.proxies()
        self._listening = {view["name"]: view["enabled"] for view in there}
        self._before = {(view["name"], _mark(each)) for view in there for each in view["injections"]}
        self._added: list[str] = []
        self._lease: Lease | None = None
        self._beginning = threading.Lock()

    def _attached(self, worker: str) -> str:
        """Attach this process as a worker, and return what it is called over there."""
        if not isinstance(self._client, Client):
            raise UnsupportedError(
                f"{self.where} cannot be shared by workers: a Toxiproxy does not know who its clients are",
                "run without -n, or with --brownout-api none, which gives each worker its own",
            )
        run = os.environ.get("PYTEST_XDIST_TESTRUNUID", "")
        self._client.put_worker(self._process, name=worker, run=run)
        return self._client.attach_worker(self._process)["name"]

    def reseed(self, seed: int) -> None:
        """Take the seed that it has; it cannot be given another one."""
        if self.seed is None:
            raise UnsupportedError(f"{self.where} has no seed, so it cannot be {seed}", "leave the seed out")
        if seed != self.seed:
            raise BrownoutError(
                f"the Brownout at {self.where} runs with seed {self.seed}, not {seed}",
                f"brownout run --seed {seed}; in pytest --brownout-seed {self.seed} makes all tests use its own",
            )

    def find(self, name: str) -> ProxyView:
        """Return a proxy."""
        try:
            return self._client.proxy(name)
        except NotFoundError:
            if not isinstance(self._client, Client):
                raise
            return self._client.expect(name)  # with --intercept it may still be met

    def add(self, name: str, upstream: str) -> ProxyView:
        """Make a proxy on a free port, gone when we close, or find it there."""
        self._hold()
        try:
            view = self._client.add(name, upstream)
        except ConflictError:
            there = self._client.proxy(name)
            if not there["enabled"]:  # the API takes that for a difference as well
                raise
            raise differs(name, there["upstream"], Address.upstream(upstream)) from None
        if name not in self._listening:
            self._added.append(name)
            self._listening[name] = True
        return view

    def enable(self, name: str, enabled: bool) -> ProxyView:
        """Let a proxy listen, or release its port and close its connections."""
        if self._worker:
            text = f"{name} is for all workers, so a worker cannot switch it {'on' if enabled else 'off'}"
            raise BrownoutError(text, 'inject("reset"), or with --intercept "refuse", is for this worker alone')
        self._hold()
        return self._client.update(name, enabled=enabled)

    def inject(self, proxy: str, spec: Spec) -> _Placed:
        """Place a fault on a proxy."""
        self._hold()
        return _Placed(self._client, proxy, self._client.inject(proxy, spec.to_mapping()), self._own)

    def apply(self, profile: str) -> list[_Placed]:
        """Inject what a profile says: one of the file with which it runs, or shipped; for a Toxiproxy, of ours."""
        self._hold()
        placed = self._client.apply(profile)
        return [_Placed(self._client, each["proxy"], each["injection"], self._own) for each in placed]

    def learns(self) -> bool:
        """Say whether there is a proxy whose protocol is learnt."""
        return any(view["upstream"].startswith((f"{AUTO}://", f"{AUTO}+")) for view in self._client.proxies())

    def placed(self, profile: str) -> list[_Placed]:
        """Return what of a profile is there now; of a Toxiproxy, where nothing comes later, nothing."""
        views = self._client.proxies()
        there = [(view["name"], each) for view in views for each in view["injections"]]
        return [
            _Placed(self._client, name, each, self._own)
            for name, each in there
            if self._is_own(each) and self._own(_receipt(each)["profile"]) == profile
        ]

    def heal_profile(self, profile: str) -> int:
        """Heal what a profile put there."""
        return self._client.heal_profile(profile)

    def heal(self, proxy: str | None = None) -> int:
        """Heal what was injected since we came, on one proxy or all."""
        views = self._client.proxies() if proxy is None else [self._client.proxy(proxy)]
        ours = [(view["name"], each) for view in views for each in view["injections"]]
        return sum(self._heal(name, each) for name, each in ours if self._since(name, each))

    def reset(self) -> None:
        """Heal what was injected since we came, and let every proxy listen, or not, as it did at first.

        Raises BrownoutError where the lease has ended meanwhile: what was tested since has met no fault.
        """
        try:
            self._reset()
        except BrownoutError as error:
            if error.status != ENDED or self._lease is None:
                raise
            self._lease.forget()
            self._lease = None
            self._added.clear()
            self._reset()
            raise

    def _reset(self) -> None:
        self.heal()
        if self._worker:  # which switches nothing
            return
        for view in self._client.proxies():
            enabled = self._listening.get(view["name"], view["enabled"])
            if view["enabled"] != enabled or view["trouble"]:
                self._client.update(view["name"], enabled=enabled)

    def mark(self) -> MarkView:
        """Return this moment."""
        return self._client.mark()

    def requests(self, proxy: str, since: MarkView) -> list[RequestView]:
        """Return the requests of a proxy that ended since a moment, and those that are open."""
        views = self._client.open_requests(proxy=proxy, since=since["requests"])
        check_kept("requests", since["requests"], self._client.mark()["requests"], REQUESTS_KEPT)
        return list(self._seen(views))

    def connections(self, proxy: str, since: MarkView) -> list[ConnectionView]:
        """Return the connections of a proxy that ended since a moment, and those that are open."""
        views = self._client.connections(proxy=proxy, since=since["connections"])
        check_kept("connections", since["connections"], self._client.mark()["connections"], CONNECTIONS_KEPT)
        return list(self._seen(views))

    @contextlib.contextmanager
    def watch_requests(self, proxy: str, since: MarkView, awaited: Awaited[RequestView]) -> Iterator[None]:
        """Show the requests of a proxy as they end."""
        hangup = Hangup()
        coming = self._client.follow_open_requests(proxy=proxy, since=since["requests"], hangup=hangup)
        with self._following(coming, lambda: self.requests(proxy, since), awaited, hangup):
            yield

    @contextlib.contextmanager
    def watch_connections(self, proxy: str, since: MarkView, awaited: Awaited[ConnectionView]) -> Iterator[None]:
        """Show the connections of a proxy as they end."""
        hangup = Hangup()
        coming = self._client.follow_connections(proxy=proxy, since=since["connections"], hangup=hangup)
        with self._following(coming, lambda: self.connections(proxy, since), awaited, hangup):
            yield

    @contextlib.contextmanager
    def _following(
        self,
        coming: Iterator[View | MissedView],
        kept: Callable[[], list[View]],
        awaited: Awaited[View],
        hangup: Hangup,
    ) -> Iterator[None]:
        """Show what comes, on a thread of its own, while the block runs; where some were missed, all that was kept."""

        def follow() -> None:
            try:
                for news in coming:
                    for view in kept() if "missed" in news else self._seen([news]):
                        awaited.see(view)
                awaited.fail(BrownoutError(f"the {self._client.noun} at {self.where} has ended"))
            except BrownoutError as error:
                awaited.fail(error)

        thread = threading.Thread(target=follow, name="brownout follower", daemon=True)
        thread.start()
        try:
            yield
        finally:
            hangup()
            thread.join(JOIN_TIMEOUT)

    def close(self) -> None:
        """Heal what was injected since we came, and remove the proxies that we made."""
        try:
            self.reset()
            while self._added and not self._worker:  # other workers may need them: the last lease takes them along
                self._client.remove(self._added.pop())
        finally:
            if self._lease is not None:
                lease, self._lease = self._lease, None
                lease.close()

    def _hold(self) -> None:
        """Begin the lease before the first thing that is made under it."""
        with self._beginning:
            if self._lease is None and isinstance(self._client, Client):
                self._lease = Lease(self._client, DURATION, self._process if self._worker else None)

    def _since(self, proxy: str, view: Mapping[str, object]) -> bool:
        mark = _mark(view)
        known = bool(mark[1])  # a Toxiproxy tells no time of others' toxics
        return known and self._is_own(view) and (proxy, mark) not in self._before

    def _is_own(self, view: Mapping[str, object]) -> bool:
        """Say whether an injection is not another worker's."""
        return _receipt(view)["worker"] == self._worker

    def _own(self, label: str) -> str:
        """Return the name of what is this worker's own over there."""
        return label.removesuffix(f"@{self._worker}") if self._worker else label

    def _seen(self, views: Iterable[View]) -> Iterator[View]:
        """Yield what this worker's processes did, each with the names of its faults; without a worker everything."""
        for view in views:
            if self._worker in ("", view["worker"]):
                view["faults"] = [self._own(name) for name in view["faults"]]
                yield view

    def _heal(self, proxy: str, view: Mapping[str, object]) -> int:
        try:
            self._client.heal_one(proxy, str(view["name"]))
        except NotFoundError:  # it has just healed itself
            return 0
        return 1


def _receipt(view: Mapping[str, object]) -> Receipt:
    return cast(Receipt, view["receipt"])


class _Placed:
    """An injection over there, with its last receipt; `own` makes its name of its label."""

    def __init__(self, client: AnyClient, proxy: str, view: dict[str, object], own: Callable[[str], str]) -> None:
        self.proxy = proxy
        self._client = client
        self._label = str(view["name"])
        self.name = own(self._label)
        self._own = own
        self._mark = _mark(view)
        self._last = view

    def view(self) -> dict[str, object]:
        if not self._there() and _receipt(self._last)["healed_at"] is None:
            self._read_journal()
        receipt = _receipt(self._last)
        named = {"name": self.name, "receipt": {**receipt, "profile": self._own(receipt["profile"])}}
        return {**self._last, **named}

    def change(self, values: Mapping[str, object]) -> None:
        if not self._there():
            raise NotFoundError(f"{self.name} on {self.proxy} is healed", "inject it again")
        self._last = self._client.change(self.proxy, self._label, values)

    def heal(self) -> None:
        if self._there():
            self._last = self._client.heal_one(self.proxy, self._label)

    def _there(self) -> bool:
        """Look it up; another one may have its name by now."""
        try:
            found = self._client.injection(self.proxy, self._label)
        except NotFoundError:
            return False
        if _mark(found) != self._mark:
            return False
        self._last = found
        return True

    def _read_journal(self) -> None:
        """Take the last counts of one that healed itself, or was healed by others."""
        receipt = _receipt(self._last)
        try:
            events = self._client.journal(proxy=self.proxy, kind="healed")
        except UnsupportedError:
            receipt["healed_at"] = moment(time.time())  # at the latest
            return
        for event in events:
            detail = event["detail"]
            if detail["name"] == self._label and event["at"] >= self._mark[1]:
                receipt["matched"] = max(receipt["matched"], int(str(detail["matched"])))
                receipt["chosen"] = max(receipt["chosen"], int(str(detail["chosen"])))
                receipt["fired"] = max(receipt["fired"], int(str(detail["fired"])))
                receipt["cause"], receipt["reason"] = str(detail["cause"]), str(detail["reason"])
                receipt["healed_at"] = event["at"]
                return


def _mark(view: Mapping[str, object]) -> tuple[str, str]:
    """Return what tells an injection from others of its proxy, of any time."""
    return str(view["name"]), _receipt(view)["armed_at"]
