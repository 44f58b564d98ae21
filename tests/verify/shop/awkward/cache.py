"""What is kept in Redis, which is asked in the background as well, over the same connections."""

from __future__ import annotations

import contextlib
import json
import threading

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry
from web import Reply

TIMEOUT = 0.5
PERIOD = 0.2
CATALOG = ["tea", "cups"]


class Cache:
    """The catalog, which could be made again, and the sessions."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(ExponentialBackoff(cap=0.1, base=0.02), 1),
            retry_on_error=[redis.ConnectionError],
        )
        self._closing = threading.Event()
        self.flags = b""
        self._poller = threading.Thread(target=self._poll, name="poller", daemon=True)
        self._poller.start()

    def close(self) -> None:
        """End the poller, and close the connections."""
        self._closing.set()
        self._poller.join()
        self._redis.close()

    def catalog(self) -> Reply:
        """Return the catalog."""
        try:
            cached = self._redis.get("catalog")
        except redis.RedisError:
            return 200, {"catalog": CATALOG}
        if cached is None:
            cached = json.dumps(CATALOG)
            with contextlib.suppress(redis.RedisError):
                self._redis.set("catalog", cached, px=50)
        return 200, {"catalog": json.loads(cached)}

    def session(self) -> Reply:
        """Count a visit."""
        try:
            return 200, {"visits": self._redis.incr("visits")}
        except redis.RedisError:
            return 200, {"visits": 0}

    def is_there(self) -> bool:
        """Say whether it answers."""
        try:
            return bool(self._redis.ping())
        except redis.RedisError:
            return False

    def _poll(self) -> None:
        """Look for flags that operators set."""
        while not self._closing.wait(PERIOD):
            with contextlib.suppress(redis.RedisError):
                self.flags = self._redis.get("flags") or b""
