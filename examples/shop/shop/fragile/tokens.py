"""What the token service is asked."""

from __future__ import annotations

import json

from .calls import Service

CREATED = 201
ATTEMPTS = 10


class Tokens:
    """The token service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def issue(self, mail: str) -> str:
        """Return a token."""
        for _ in range(ATTEMPTS):  # MISTAKE blind-retries: ten requests without a pause.
            status, text = await self._service.ask("POST", "/tokens", {"mail": mail})
            if status == CREATED:
                return str(json.loads(text)["token"])
        raise RuntimeError(f"the token service answered {status}")
