"""What the notification service is told."""

from __future__ import annotations

import asyncio
import contextlib
import uuid

from ..web import UnavailableError
from .calls import Service
from .database import Database

PATIENCE = 0.5
"""Seconds that a customer waits for an event to be taken, at most."""
PERIOD = 30.0
SOME = 20


class Events:
    """The outbox: a table in which events wait until the service has taken them."""

    def __init__(self, database: Database, service: Service) -> None:
        self._database = database
        self._service = service
        self._one_at_a_time = asyncio.Lock()
        self._under_way: set[asyncio.Task[None]] = set()

    async def note(self, kind: str, mail: str) -> None:
        """Write an event to the outbox, if the database can be written to."""
        with contextlib.suppress(UnavailableError):
            await self._database.write(
                "INSERT INTO outbox (id, kind, mail) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                *(uuid.uuid4(), kind, mail),
            )

    async def flush(self) -> None:
        """Send what waits. It goes on in the background where that takes longer than a customer should wait."""
        task = asyncio.create_task(self._send())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        await asyncio.wait({task}, timeout=PATIENCE)

    async def relay(self) -> None:
        """Send again and again what could not be sent before."""
        while True:
            await asyncio.sleep(PERIOD)
            await self._send()

    async def _send(self) -> None:
        """Send the oldest events first, each under its id, so that none is taken twice."""
        async with self._one_at_a_time:
            with contextlib.suppress(UnavailableError):
                for event in await self._database.read("SELECT * FROM outbox ORDER BY at LIMIT $1", SOME):
                    body = {"kind": event["kind"], "mail": event["mail"]}
                    await self._service.ask("POST", "/events", "state", body, key=str(event["id"]))
                    await self._database.write("DELETE FROM outbox WHERE id = $1", event["id"])
