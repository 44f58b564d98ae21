"""The clients: real libraries with one connection each, one attempt, and a time-out."""

from __future__ import annotations

import contextlib
import http.client
from typing import TYPE_CHECKING, Protocol

from ....wire.errors import BrownoutError
from .story import CLIENT_TIMEOUT, PAGE

if TYPE_CHECKING:
    import psycopg

LIBRARIES = ("redis", "psycopg")


class Client(Protocol):
    """What the story asks of a client."""

    errors: tuple[type[Exception], ...]
    """What its library raises where a dependency fails."""
    small: str
    large: str
    """The two requests, as people write them."""

    def ask(self, *, large: bool = False) -> None:
        """Ask, and take the whole answer; connects where no connection is open. Raises `errors`."""

    def close(self) -> None:
        """Close the connection; the next request opens one."""


class Redis:
    """redis-py."""

    small, large = "PING", "GET page"

    def __init__(self, url: str) -> None:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self.errors: tuple[type[Exception], ...] = (redis.RedisError, OSError)
        # One attempt is to be measured, however often this version tries by itself.
        retry = Retry(NoBackoff(), 0)
        self._redis = redis.Redis.from_url(
            url, socket_timeout=CLIENT_TIMEOUT, socket_connect_timeout=CLIENT_TIMEOUT, retry=retry
        )

    def fill(self) -> None:
        """Set the page. Raises BrownoutError."""
        try:
            self._redis.set("page", b"x" * PAGE)
        except self.errors as error:
            raise BrownoutError(f"Redis does not take the page: {error}") from None

    def ask(self, *, large: bool = False) -> None:
        """PING, or GET the page."""
        if large:
            _whole(self._redis.get("page"))
        else:
            self._redis.ping()

    def close(self) -> None:
        """Empty its pool of one."""
        self._redis.connection_pool.disconnect()


class Postgres:
    """psycopg, in the hands of somebody who replaces a broken connection, as a pool does."""

    small, large = "SELECT 1", f"SELECT lpad('',{PAGE})"

    def __init__(self, url: str) -> None:
        import psycopg

        self.errors: tuple[type[Exception], ...] = (psycopg.Error, OSError)
        self._url = url
        self._connection: psycopg.Connection | None = None

    def ask(self, *, large: bool = False) -> None:
        """Run a SELECT."""
        import psycopg

        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=CLIENT_TIMEOUT,
                prepare_threshold=None,  # the sixth round trip would be two
                sslmode="disable",
            )
        row = self._connection.execute(self.large if large else self.small).fetchone()
        if large:
            _whole(row and row[0])

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


class Http:
    """http.client."""

    small, large = "GET /", "GET /page"
    errors: tuple[type[Exception], ...] = (OSError, http.client.HTTPException)

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=CLIENT_TIMEOUT)

    def ask(self, *, large: bool = False) -> None:
        """GET a path."""
        try:
            self._connection.request("GET", "/page" if large else "/")
            body = self._connection.getresponse().read()
        except self.errors:
            self.close()
            raise
        if large:
            _whole(body)

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._connection.close()


def _whole(page: object) -> None:
    if not isinstance(page, (bytes, str)) or len(page) != PAGE:
        raise OSError(f"the page did not come as it was sent: {page!r:.80}")
