"""What is kept in Redis: sessions, and what was searched for."""

from __future__ import annotations

import contextlib

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

TIMEOUT = 0.5
FRESH = 3600
"""Seconds that a value is kept."""
LOST = (RedisError, OSError, AttributeError, TypeError)
"""How Redis is lost. The last two are what asyncio may raise where a connection is gone by the time that it is written
to, before Python 3.13.6 (github.com/python/cpython/issues/136234).
"""


class Cache:
    """The cache."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )

    async def open(self) -> None:
        """Connect."""
        await self.get("hello")

    async def close(self) -> None:
        """Close its connections."""
        await self._redis.aclose()

    async def get(self, key: str) -> str | None:
        """Return a value, None where there is none."""
        with contextlib.suppress(*LOST):
            value = await self._redis.get(key)
            return None if value is None else str(value)
        return None

    async def put(self, key: str, value: str) -> None:
        """Keep a value."""
        with contextlib.suppress(*LOST):
            await self._redis.set(key, value, ex=FRESH)
