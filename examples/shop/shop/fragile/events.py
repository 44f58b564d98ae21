"""What the notification service is told."""

from __future__ import annotations

from .calls import Service

TAKEN = 202


class Events:
    """Tells it at once."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def send(self, kind: str, mail: str) -> None:
        """Send an event."""
        # MISTAKE notify-in-path: a customer who has paid sees an error because a mail was not sent.
        status, _ = await self._service.ask("POST", "/events", {"kind": kind, "mail": mail})
        if status != TAKEN:
            raise RuntimeError(f"the notification service answered {status}")
