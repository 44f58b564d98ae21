"""A proxy as tests see it: an address to give to the client, and faults to inject."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

from ..control.observations import Connection, Request
from ..control.views import MarkView, ProxyView
from ..faults.config.template import Field
from ..faults.fault import Fault
from ..faults.spec import Spec
from ..wire.address import Address
from ..wire.errors import BrownoutError, cut
from ..wire.protocols import AUTO
from .driver import Driver, hidden
from .handle import Handle
from .observer import ANY, Observer

__tracebackhide__ = hidden


class Proxied:
    """A proxy in front of one upstream. Clients connect to its `address`, and tests inject faults on it."""

    def __init__(
        self,
        driver: Driver,
        view: ProxyView,
        upstream: Address,
        placed: Callable[[Handle], None],
        since: Callable[[], MarkView],
    ) -> None:
        self.name = view["name"]
        self._driver = driver
        self._upstream = upstream
        self._placed = placed
        self._observer = Observer(driver, self.name, lambda: self.protocol, since)
        self._address: Address | None = None
        self._look(view)

    def __repr__(self) -> str:
        """Show where it is."""
        at = self._address.endpoint if self._address else "disabled"
        return f"<proxy {self.name} {at} -> {self.upstream}>"

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port, as `socket.create_connection` takes them. They stay the same while it is disabled.

        Raises BrownoutError for a unix socket, which has neither; use `endpoint`.
        """
        reached = self._reached()
        if reached.path:
            raise BrownoutError(f"{self.name} listens at {reached.endpoint}, which has no port", "take its endpoint")
        return reached.host, reached.port

    @property
    def endpoint(self) -> str:
        """The same as text: `HOST:PORT`, an IPv6 host in brackets, or `unix:///path`."""
        return self._reached().endpoint

    @property
    def host(self) -> str:
        """The host to connect to; empty for a unix socket."""
        return self._reached().host

    @property
    def port(self) -> int:
        """The port to connect to; 0 for a unix socket."""
        return self._reached().port

    @property
    def url(self) -> str:
        """The upstream's URL, user, password and path included, with the proxy's address in it.

        Raises BrownoutError if the password is not known here, because the API of a running Brownout does not tell it.
        """
        if self._upstream.masked == self._upstream.url and "***" in self._upstream.url:
            raise BrownoutError(
                f"{self.name} is in front of {self.upstream}, and the API does not tell passwords",
                f'name the upstream here too: chaos.proxy("{self.name}", upstream=...)',
            )
        return self._upstream.url_at(self._reached())

    def filled(self, field: Field) -> str:
        """Return what a template of `env:` has in the place of one of our fields."""
        return self.url if field.field == "url" else field.of(self._upstream, self._reached())

    @property
    def upstream(self) -> str:
        """The upstream, without its password."""
        return self._upstream.masked

    @property
    def protocol(self) -> str:
        """The protocol of the upstream: `http`, `redis`, `tcp`; `auto` until it is known."""
        spoken = self._upstream.protocol
        return self._driver.find(self.name)["protocol"] if spoken == AUTO else spoken

    @property
    def turns(self) -> int | None:
        """How many turns have begun on it: the client spoke, after the server or for the first time.

        None for a Toxiproxy, which does not count turns.
        """
        return self._driver.find(self.name)["turns"]

    def inject(self, fault: str | Fault, /, *, allow_unused: bool = False, **settings: object) -> Handle:
        """Inject a fault: `inject("latency", latency="300ms", probability="30%", for_="5s")`.

        `fault` is a name, the short form `latency:300ms`, or an instance of a fault of your own. `settings` are the
        keys of a profile, such as `match={"path": "/charge*"}`; `for_` stands for `for`. With `allow_unused` a test
        may pass although the fault never fires. Raises SettingsError with everything that is wrong, ConflictError if
        the name is taken.
        """
        handle = Handle(self._driver.inject(self.name, spec_of(fault, settings)), allow_unused=allow_unused)
        self._placed(handle)
        return handle

    @property
    def requests(self) -> list[Request]:
        """The requests of clients since the last reset, oldest first, including those under way and those that failed.

        Raises BrownoutError if the upstream's protocol is not parsed, or if some requests are no longer known: the
        last 10 000 are kept.
        """
        return self._observer.requests()

    @property
    def connections(self) -> list[Connection]:
        """The connections that clients have made since the last reset, oldest first, including those that are open.

        Raises BrownoutError if some connections are no longer known: the last 10 000 that ended are kept.
        """
        return self._observer.connections()

    def wait_for(self, operation: str = ANY, count: int = 1, within: float | str = 5.0) -> list[Request]:
        """Wait until `count` requests are over, with a reply or because their clients gave up, and return them.

        `operation` is the name in reports (`POST /charge/{}`), the method and path that were sent (`POST /charge/17`),
        or a pattern of either, as in a match: `POST /charge*`. What happened since the last reset counts. `within` is
        in seconds, or text like `500ms`. Raises NotSeenError, an AssertionError that says what was seen instead.
        """
        try:
            return self._observer.wait_for_requests(operation, count, within)
        except BrownoutError as error:  # where it was found out helps nobody
            raise error.with_traceback(None) from None

    async def wait_for_async(self, operation: str = ANY, count: int = 1, within: float | str = 5.0) -> list[Request]:
        """Do what `wait_for` does, in an asyncio coroutine."""
        try:
            return await self._observer.wait_for_requests_async(operation, count, within)
        except BrownoutError as error:
            raise error.with_traceback(None) from None

    def wait_for_connections(self, count: int = 1, within: float | str = 5.0) -> list[Connection]:
        """Wait until `count` connections have ended, and return them. Raises NotSeenError as `wait_for` does."""
        try:
            return self._observer.wait_for_connections(count, within)
        except BrownoutError as error:
            raise error.with_traceback(None) from None

    async def wait_for_connections_async(self, count: int = 1, within: float | str = 5.0) -> list[Connection]:
        """Do what `wait_for_connections` does, in an asyncio coroutine."""
        try:
            return await self._observer.wait_for_connections_async(count, within)
        except BrownoutError as error:
            raise error.with_traceback(None) from None

    def serves(self, upstream: str) -> bool:
        """Say whether it is known to be in front of this upstream."""
        return Address.upstream(upstream) == self._upstream

    def heal(self) -> int:
        """Heal all injections of this proxy, and return how many there were."""
        return self._driver.heal(self.name)

    def disable(self) -> None:
        """Release the port (clients get "connection refused") and close the open connections."""
        self._driver.enable(self.name, False)

    def enable(self) -> None:
        """Listen again, on the same port."""
        self._look(self._driver.enable(self.name, True))

    def _look(self, view: ProxyView) -> None:
        if view["address"] is not None:
            address = Address.listen(view["address"])
            reachable = address.reachable
            if reachable != address and self._driver.host:
                reachable = address._replace(host=self._driver.host)
            self._address = reachable

    def _reached(self) -> Address:
        return self._address or self._nowhere()

    def _nowhere(self) -> NoReturn:
        raise BrownoutError(f"{self.name} is disabled and was never enabled", f'chaos["{self.name}"].enable()')


def spec_of(fault: str | Fault, settings: Mapping[str, object]) -> Spec:
    """Return what `inject` makes of its arguments. Raises SettingsError with all that is wrong."""
    try:
        return _parsed(fault, {"for" if key == "for_" else key: value for key, value in settings.items()})
    except BrownoutError as error:  # where it was found out helps nobody
        raise error.with_traceback(None) from None


def _parsed(fault: str | Fault, settings: dict[str, object]) -> Spec:
    if isinstance(fault, str):
        short = Spec.parse(fault).to_mapping() if ":" in fault else {"fault": fault}
        return Spec.parse({**short, **settings})
    if isinstance(fault, Fault):
        return Spec.of(fault, settings)
    hint = "give a name such as 'latency', the short form 'latency:300ms', or an instance of a fault"
    raise BrownoutError(f"{cut(repr(fault))} is not a fault", hint)
