"""Requests to other services."""

from __future__ import annotations

from aiohttp import ClientSession, ClientTimeout

NO_TIMEOUT = ClientTimeout(total=None)


class Service:
    """A service."""

    def __init__(self, url: str, session: ClientSession) -> None:
        self._url = url
        self._session = session

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Return the status and the text that it answers."""
        # MISTAKE no-timeout: while a service hangs, every request that asks it hangs too.
        async with self._session.request(method, self._url + path, json=body, timeout=NO_TIMEOUT) as reply:
            return reply.status, await reply.text()
