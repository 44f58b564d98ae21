"""What is kept in Postgres."""

from __future__ import annotations

import asyncpg


class Database:
    """A connection for what is read, and one for each statement that writes."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def open(self) -> None:
        """Connect."""
        self._connection = await asyncpg.connect(self._url, ssl=False)

    async def close(self) -> None:
        """Close what is open."""
        self._connection.terminate()

    async def read(self, query: str, *values: object) -> list[asyncpg.Record]:
        """Return the rows of a query."""
        # MISTAKE restart-unnoticed: after a restart of the database this connection stays closed.
        return list(await self._connection.fetch(query, *values))

    async def write(self, query: str, *values: object) -> None:
        """Run a statement."""
        connection = await asyncpg.connect(self._url, ssl=False)
        try:
            await connection.execute(query, *values)
        finally:
            connection.terminate()
