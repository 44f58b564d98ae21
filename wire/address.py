"""Addresses: where a proxy listens and what it stands before.

    127.0.0.1:6379   [::1]:6379   unix:///tmp/redis.sock                      (listen and upstream)
    redis://user:secret@localhost:6379/0   postgres://db/shop   redis+unix:///tmp/redis.sock   (upstream)
    postgresql+psycopg://db/shop                                              (upstream, as SQLAlchemy writes it)
    auto://localhost:6379   auto+unix:///tmp/redis.sock                       (upstream, protocol left open)

The scheme of an upstream says which protocol is spoken there, by its name or an alias; none is `tcp`, and `auto` is
learnt from the first bytes. After a `+`
stands how it is reached (`unix`), or the client's driver, which means nothing here. A scheme that nobody knows is
carried as tcp, unless it looks like a slip of the pen.
"""

from __future__ import annotations

import difflib
import re
from typing import NamedTuple, Self
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

from .errors import BrownoutError
from .mask import mask
from .protocol import Protocol
from .protocols import PROTOCOLS, SCHEME, UNIX, broken, canonical, find, known

LONGEST = 2048
"""The longest address, in characters."""
NO_DRIVERS = ("cluster", "sentinel", "socket", "srv", "ssl", "tls")
"""What, after a `+`, says that there is more between than a host and port, as DNS records or TLS; no driver's name."""
NOT_MET = "not met yet"
"""What stands in place of an upstream that an intercepted command is yet to connect to."""
_DETOURS = {
    "postgres": ("host", "hostaddr", "port", "service"),
    "mysql": ("host", "port", "socket", "unix_socket"),
}
"""Parameters of a URL by which clients go elsewhere than to its host and port."""
_SLIP = 0.7
"""How alike a scheme is to a known one that was meant (difflib's ratio): `redsi`, and not `kafkaesque`."""
_ENCODE = "percent-encode what is special in a password: / is %2F, ? is %3F, # is %23, @ is %40"
_DRIVER = re.compile(r"[a-z][a-z0-9_]*")
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (where others listen)


class AddressError(BrownoutError):
    """Text that is not an address."""


class Address(NamedTuple):
    """Where to listen or to connect: a host and port, or the path of a unix socket (then host is empty and port 0)."""

    host: str
    port: int
    path: str = ""
    scheme: str = "tcp"
    """As it was written, for clients: some take `postgresql` and not `postgres`, or want `postgresql+psycopg`. What is
    spoken is the `protocol`."""
    url: str = ""
    """The URL as given, for upstreams that came as one; it may hold a password: print `masked`."""
    wrong: str = ""
    """Why it can never be reached: what was given, in `url`, is not an address."""
    unknown: bool = False
    """Whether nobody knows its scheme, so that it is carried as tcp."""

    @classmethod
    def listen(cls, text: str) -> Self:
        """Read `HOST:PORT`, `PORT` (then on 127.0.0.1) or `unix:///path`. Port 0 is a free one. Raises AddressError."""
        _check_text(text)
        if text.startswith("unix://"):
            return cls._unix(text, "tcp", urlsplit(text).path)
        host, port = _host_port(f":{text}" if text.isdecimal() else text, mask(text))
        if port is None:
            raise AddressError(f"'{mask(text)}' has no port", f"write {mask(text) or '127.0.0.1'}:0 for any free port")
        return cls(host or "127.0.0.1", port)

    @classmethod
    def upstream(cls, text: str) -> Self:
        """Read `HOST:PORT` or a URL whose scheme names the protocol.

        Raises AddressError, and PluginError for a protocol of another package that cannot be used.
        """
        _check_text(text)
        shown = mask(text)
        if "://" not in text:
            text = f"tcp://{text}"
        written = text.partition("://")[0].lower()
        scheme, plus, reached = written.partition("+")
        if scheme == UNIX:
            scheme, plus, reached = "tcp", "+", UNIX
        protocol = find(scheme)
        if (plus and reached != UNIX and not _is_driver(reached)) or (protocol is None and _is_slip(scheme)):
            raise AddressError(f"unknown scheme in '{shown}'", _instead(scheme, reached))
        try:
            parts = urlsplit(text)
        except ValueError:  # whose text may hold the password
            raise AddressError(f"'{shown}' is not an address", "write it like redis://HOST:PORT") from None
        if _has_stray_at(parts):
            raise AddressError(f"'{shown}' is not an address: there is an @ behind the host", _ENCODE)
        if reached == UNIX:
            return cls._unix(text, scheme, parts.path, unknown=protocol is None)
        _check_one_server(parts, protocol, shown)
        host, port = _host_port(parts.netloc.rpartition("@")[2], shown)
        port = protocol.port if port is None and protocol is not None else port
        if not host or not port:
            missing, like = ("port" if host else "host"), f"{host or 'HOST'}:PORT"
            if not host and port:
                like = f"127.0.0.1:{port}"
            elif host.isdecimal():
                missing, like = "host", f"127.0.0.1:{host}"
            hint = f"write it like {like if written == 'tcp' else f'{written}://{like}'}"
            raise AddressError(f"'{shown}' has no {missing}", hint)
        return cls(host, port, scheme=written, url=text, unknown=protocol is None)

    @classmethod
    def _unix(cls, text: str, scheme: str, path: str, *, unknown: bool = False) -> Self:
        if not path.startswith("/"):
            raise AddressError(f"'{mask(text)}' has no path", "write it with three slashes: unix:///tmp/name.sock")
        if len(path.encode()) > 103:  # sun_path: 108 bytes on Linux, 104 on macOS, one of them the final zero
            raise AddressError(f"the path in '{mask(text)}' is too long for a unix socket", "at most 103 bytes")
        return cls("", 0, path, scheme, text, unknown=unknown)

    @property
    def protocol(self) -> str:
        """The name of the protocol that is spoken there: `postgres` for `postgresql://` and `postgresql+psycopg://`.

        `auto` where the address leaves it open; a proxy may have learnt it.
        """
        return "tcp" if self.unknown else canonical(self.scheme.partition("+")[0])

    @property
    def endpoint(self) -> str:
        """`HOST:PORT`, an IPv6 host in brackets, or `unix:///path`; text that is not an address, as it was given."""
        if self.wrong:
            return self.masked
        if self.path:
            return f"unix://{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def reachable(self) -> Address:
        """Where to connect to reach a listener: one on all addresses is reached by loopback."""
        return self._replace(host=_ANYWHERE.get(self.host, self.host))

    @property
    def masked(self) -> str:
        """The text as given, without its password."""
        return mask(self.url) if self.url else self.endpoint

    def url_at(self, other: Address) -> str:
        """Return this upstream's URL with its host and port replaced by another address: what a client is to use."""
        if other.path:
            scheme = "unix" if self.scheme == "tcp" else f"{self.scheme.partition('+')[0]}+unix"
            return f"{scheme}://{other.path}"
        if self.path or not self.url:
            return f"{self.scheme}://{other.endpoint}"
        parts = urlsplit(self.url)
        user, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{user}{at}{other.endpoint}"))


def check_length(text: str) -> None:
    """Check that a text is not too long for an address. Raises AddressError."""
    if len(text) > LONGEST:
        raise AddressError(f"an address of {len(text)} characters is too long", f"at most {LONGEST}")


def _check_text(text: str) -> None:
    """Check that a text is not too long for an address, and can be printed. Raises AddressError."""
    check_length(text)
    if not text.isprintable():
        raise AddressError(f"{mask(text)!r} is not an address", "write it like HOST:PORT, IPv6 as [::1]:PORT")


def _is_driver(word: str) -> bool:
    """Say whether what follows a `+` in a scheme can be the name of a driver."""
    return _DRIVER.fullmatch(word) is not None and word not in NO_DRIVERS


def _has_stray_at(parts: SplitResult) -> bool:
    """Say whether an `@` stands where a password ended too early, at a `/`, `?` or `#`."""
    if not parts.netloc:
        return False  # unix:///tmp/a@b.sock
    early = "@" not in parts.netloc or not parts.path
    return "@" in parts.path or "@" in parts.fragment or ("@" in parts.query and early)


def _is_slip(scheme: str) -> bool:
    """Say whether a scheme that nobody knows cannot be one, or is nearly a known one."""
    return SCHEME.fullmatch(scheme) is None or bool(difflib.get_close_matches(scheme, known(), 1, _SLIP))


def _instead(scheme: str, reached: str) -> str:
    """Return the hint for a scheme that cannot be taken: a known one, or another way to the server.

    Packages whose protocols could not be asked are named.
    """
    if reached == "socket":
        return f"write it like {scheme}+unix:///PATH"
    if reached in ("ssl", "tls"):
        encrypted = next((each.name for each in PROTOCOLS.values() if each.encrypts == canonical(scheme)), "tcp")
        return f"what is encrypted passes as it is: {encrypted}://HOST:PORT"
    if reached in NO_DRIVERS:
        return f"clients find several servers by it, past a proxy; name one of them: {scheme}://HOST:PORT"
    schemes = known()
    near = difflib.get_close_matches(scheme, schemes, 1) or ["tcp"]
    hint = f"did you mean {near[0]}://? known: {', '.join(schemes)}"
    return "; ".join([hint, *(error.message for error in broken())])


def _check_one_server(parts: SplitResult, protocol: Protocol | None, shown: str) -> None:
    """Check that a URL leads to one server, by its host and port. Raises AddressError."""
    host = parts.netloc.rpartition("@")[2]
    if "," in host:
        hint = (
            f"a proxy is in front of one server: make one for each, such as {parts.scheme}://{host.partition(',')[0]}"
        )
        raise AddressError(f"'{shown}' names several servers", hint)
    if protocol is None or protocol.name not in _DETOURS:
        return
    given = parse_qs(parts.query, keep_blank_values=True)
    for key in _DETOURS[protocol.name]:
        path = next((value for value in given.get(key, ()) if value.startswith("/")), "")
        if path:
            file = f"{path}/.s.PGSQL.{protocol.port}" if protocol.name == "postgres" else path
            hint = f"write the socket as the upstream: {protocol.name}+unix://{file}"
            raise AddressError(f"'{shown}' sends clients to the socket in {key}=, past a proxy", hint)
        if key in given:
            hint = f"write it before the path: {parts.scheme}://HOST:PORT"
            raise AddressError(f"'{shown}' sends clients elsewhere with {key}=, past a proxy", hint)


def _host_port(text: str, shown: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]/@\s]*))(?::(\d*))?", text)
    if match is None:
        raise AddressError(f"'{shown}' is not an address", "write it like HOST:PORT, IPv6 as [::1]:PORT")
    digits = match[3] or ""
    if len(digits) > 5 or int(digits or 0) > 65535:
        raise AddressError(f"{digits} in '{shown}' is not a port", "a port is at most 65535")
    port = int(digits) if digits else None
    return match[1] or match[2] or "", port
