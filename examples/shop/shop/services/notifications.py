"""The notification service: it is told what customers did, each event once, and writes to them."""

from __future__ import annotations

from aiohttp import web


class Notifications:
    """The events that came."""

    def __init__(self) -> None:
        self._events: list[dict[str, object]] = []
        self._keys: set[str] = set()

    async def take(self, request: web.Request) -> web.Response:
        """Take an event; one with a key that is known already is dropped."""
        key = request.headers.get("Idempotency-Key", "")
        if not key or key not in self._keys:
            self._keys.add(key)
            self._events.append(await request.json())
        return web.json_response({"state": "taken"}, status=202)

    async def events(self, request: web.Request) -> web.Response:
        """Return all events, or those of a customer."""
        mail = request.query.get("mail")
        return web.json_response([each for each in self._events if mail is None or each["mail"] == mail])


def application() -> web.Application:
    """Return the web application."""
    notifications, app = Notifications(), web.Application()
    app.add_routes([web.post("/events", notifications.take), web.get("/events", notifications.events)])
    return app
