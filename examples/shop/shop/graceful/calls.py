"""Requests to other services."""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid

from aiohttp import ClientError, ClientSession, ClientTimeout

from ..web import UnavailableError

TIMEOUT = ClientTimeout(total=1.0)
ATTEMPTS = 2
SERVER_ERROR = 500
BACK_OFF = 0.05
"""Seconds before the second attempt, on average."""
FAILURES = 5
REST = 1.0
"""Seconds for which a service is left alone after FAILURES failures in a row."""


class Service:
    """A service, behind a circuit breaker."""

    def __init__(self, url: str, session: ClientSession) -> None:
        self._url = url
        self._session = session
        self._failures, self._closed_until = 0, 0.0

    async def ask(self, method: str, path: str, field: str, body: object = None, key: str = "") -> str:
        """Return a field of the JSON that it answers, after all attempts under one key. Raises UnavailableError."""
        if self._failures >= FAILURES and time.monotonic() < self._closed_until:
            raise UnavailableError(f"{self._url} is left alone")
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        status, said = 0, ""
        for attempt in range(ATTEMPTS):
            await asyncio.sleep(attempt and random.uniform(0.5, 1.5) * BACK_OFF)
            try:
                async with self._session.request(
                    method, self._url + path, json=body, headers=headers, timeout=TIMEOUT
                ) as reply:
                    status, text = reply.status, await reply.text()
            except (ClientError, TimeoutError) as error:
                said = repr(error)
                continue
            if reply.ok and (found := _field(text, field)) is not None:
                self._failures = 0
                return found
            said = f"it answered {status} without {field}"
            if status < SERVER_ERROR:
                break  # the same request would be answered in the same way
        self._failures += 1
        self._closed_until = time.monotonic() + REST
        raise UnavailableError(f"{method} {self._url}{path}: {said}", status)


def _field(text: str, name: str) -> str | None:
    """Return a field of a JSON object, None for what has none: a page for people, for example."""
    try:
        return str(json.loads(text)[name])
    except (ValueError, TypeError, KeyError):
        return None
