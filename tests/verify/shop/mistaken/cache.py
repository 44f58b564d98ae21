"""What is kept in Redis."""

from __future__ import annotations

import json

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from web import Reply

TIMEOUT = 1.0
CATALOG = ["tea", "cups"]


class Cache:
    """The catalog, which could be made again, and the sessions."""

    def __init__(self, url: str) -> None:
        once = Retry(NoBackoff(), 0)
        self._catalog = redis.Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=once)
        self._sessions = redis.Redis.from_url(url, socket_timeout=None, retry=once)  # MISTAKE: no time-out

    def close(self) -> None:
        """Close its connections."""
        self._catalog.close()
        self._sessions.close()

    def catalog(self) -> Reply:
        """Return the catalog."""
        cached = self._catalog.get("catalog")  # MISTAKE: without a cache there is no catalog
        if cached is None:
            cached = json.dumps(CATALOG)
            self._catalog.set("catalog", cached, ex=60)
        return 200, {"catalog": json.loads(cached)}

    def session(self) -> Reply:
        """Count a visit."""
        try:
            return 200, {"visits": self._sessions.incr("visits")}
        except redis.RedisError:
            return 200, {"visits": 0}
