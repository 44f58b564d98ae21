"""What is kept in Postgres."""

from __future__ import annotations

import asyncio
import contextlib

import asyncpg

from ..web import UnavailableError

TIMEOUT = 1.0
BROKEN = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class Database:
    """A pool, which replaces connections that are broken."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        """Open the pool, which connects when it is asked; a first question fills it, if it can."""
        self._pool = await asyncpg.create_pool(self._url, min_size=0, max_size=4, ssl=False)
        with contextlib.suppress(UnavailableError):
            await self.read("SELECT 1")

    async def close(self) -> None:
        """Close what is open."""
        self._pool.terminate()

    async def read(self, query: str, *values: object) -> list[asyncpg.Record]:
        """Return the rows of a query."""
        return await self._run(query, values)

    async def write(self, query: str, *values: object) -> None:
        """Run a statement, which may be run twice."""
        await self._run(query, values)

    async def _run(self, query: str, values: tuple[object, ...]) -> list[asyncpg.Record]:
        """Run it within the deadline. What was idle may have been cut, so one that fails runs once more."""
        try:
            async with asyncio.timeout(TIMEOUT):
                try:
                    return await self._once(query, values)
                except BROKEN:
                    return await self._once(query, values)
        except BROKEN as error:
            raise UnavailableError(f"the database: {error!r}") from error

    async def _once(self, query: str, values: tuple[object, ...]) -> list[asyncpg.Record]:
        connection = await self._pool.acquire()
        try:
            return list(await connection.fetch(query, *values))
        except BaseException:
            connection.terminate()  # else the pool would wait until its query is cancelled
            raise
        finally:
            await self._pool.release(connection)
