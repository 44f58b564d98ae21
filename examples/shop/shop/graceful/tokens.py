"""What the token service is asked."""

from __future__ import annotations

from ..web import UnavailableError
from .calls import Service

UNKNOWN = 404


class Tokens:
    """The token service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def issue(self, mail: str) -> str:
        """Return a token."""
        return await self._service.ask("POST", "/tokens", "token", {"mail": mail})

    async def owner(self, token: str) -> str | None:
        """Return the mail of a token, None for one that was not issued."""
        try:
            return await self._service.ask("GET", f"/tokens/{token}", "mail")
        except UnavailableError as error:
            if error.status == UNKNOWN:
                return None
            raise
