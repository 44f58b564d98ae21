"""What becomes of connections to a destination: what the proxies say, and what is left alone without that."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from .kernel import process_of
from .messages import Policy, Route
from .process import Process
from .processes import Opened
from .sockaddr import Destination

_UNIX = ("*/.s.PGSQL.*", "*redis*.sock", "*redis*.socket", "*mysqld.sock")
"""Paths of unix sockets at which dependencies are."""
SERVERS = {
    "beam.smp", "clickhouse", "cockroach", "consul", "etcd", "influxd", "mariadbd", "memcached", "minio",
    "mongod", "mosquitto", "mysqld", "nats-server", "postgres", "redis-server", "valkey-server", "vault",
}  # fmt: skip
"""Programs that are dependencies also where the command itself has started them."""
_IN_FRONT = {
    "apache2", "caddy", "chrome", "chrome-headless-shell", "chromedriver", "chromium", "envoy", "firefox",
    "firefox-esr", "geckodriver", "haproxy", "headless_shell", "httpd", "minibrowser", "msedge", "msedgedriver",
    "nginx", "traefik", "webkitnetworkprocess",
}  # fmt: skip
"""Browsers and reverse proxies, by which tests use the application: what they connect to is no dependency of it."""
_CARRY = Route("carry")
_PASS = Route("pass")


class Routes:
    """The `policy` of the proxies, and what the command itself has `opened`."""

    def __init__(self) -> None:
        self.policy = Policy(0, 0, 0, {}, "", ())
        self.opened = Opened()
        self._tests_own: tuple[int, set[int]] = 0, set()
        """The process of the tests, and the ports to which they have connected themselves."""

    def to(self, to: Destination, thread: int) -> Route:
        """Return what becomes of a connection there that a thread opens. Raises OSError where it is gone."""
        policy = self.policy
        endpoint = to.endpoint
        door = policy.door6 if ":" in to.host else policy.door
        if _fits(endpoint, policy.spared) or ((to.port == door or to.port in policy.ours) and to.is_local):
            return _PASS
        if (scoped := policy.scoped.get(endpoint)) is not None:
            caller = Process(process_of(thread))
            for scope, meant in scoped:
                if scope.fits(caller):
                    return meant._replace(scope=scope)
        route = policy.routes.get(endpoint)
        if route is not None:
            return route
        if policy.only:
            return _CARRY if _fits(endpoint, policy.only) else _PASS
        if to.path:
            return _CARRY if _fits(to.path, _UNIX) else _PASS
        server = self.opened.server_at(to.host, to.port)
        if server is None or server.program in SERVERS or self._is_the_applications(to, thread):
            return _CARRY
        return Route("inside", process=server.number)

    def _is_the_applications(self, to: Destination, thread: int) -> bool:
        """Say whether an application that is tested connects to a service that the tests have started.

        What the tests connect to themselves is the application: in their first thread, or in others after that.
        """
        tested = self.policy.tested
        if tested.process != self._tests_own[0]:
            self._tests_own = tested.process, set()
        if not tested.process:
            return False
        if (process := process_of(thread)) != tested.process:
            return Process(process).program.lower() not in _IN_FRONT
        if tested.handles:
            return to.port != tested.port
        own = self._tests_own[1]
        if thread == process:
            own.add(to.port)
        return to.port not in own


def _fits(text: str, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(text, each) for each in globs)
