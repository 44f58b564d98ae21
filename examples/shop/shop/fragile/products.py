"""The products, of which the cache knows what was searched for."""

from __future__ import annotations

import json

from .cache import Cache
from .database import Database


class Products:
    """The products."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    async def found(self, words: str) -> dict[str, float]:
        """Return the products that match, with their prices in dollars."""
        if (kept := await self._cache.get(f"search:{words}")) is not None:
            return dict(json.loads(kept))
        rows = await self._database.read("SELECT name, price FROM products WHERE name ILIKE $1", f"%{words}%")
        found = {row["name"]: float(row["price"]) for row in rows}
        await self._cache.put(f"search:{words}", json.dumps(found))
        return found
