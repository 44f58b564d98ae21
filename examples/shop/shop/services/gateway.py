"""The payment gateway: it charges once for each idempotency key, and says what a dollar is in euros."""

from __future__ import annotations

import uuid

from aiohttp import web

RATE = 0.9


class Gateway:
    """What was charged."""

    def __init__(self) -> None:
        self._charges: list[dict[str, object]] = []
        self._by_key: dict[str, dict[str, object]] = {}

    async def charge(self, request: web.Request) -> web.Response:
        """Take money; a request with a key that is known already takes none."""
        key = request.headers.get("Idempotency-Key", "")
        if key and key in self._by_key:
            return web.json_response(self._by_key[key], status=201)
        body = await request.json()
        charge = {"receipt": uuid.uuid4().hex, "order": body["order"], "amount": body["amount"]}
        self._charges.append(charge)
        if key:
            self._by_key[key] = charge
        return web.json_response(charge, status=201)

    async def charges(self, request: web.Request) -> web.Response:
        """Return all charges, or those of an order."""
        order = request.query.get("order")
        return web.json_response([each for each in self._charges if order is None or each["order"] == order])

    async def rate(self, request: web.Request) -> web.Response:
        """Return the exchange rate."""
        return web.json_response({"eur": RATE})


def application() -> web.Application:
    """Return the web application."""
    gateway, app = Gateway(), web.Application()
    app.add_routes(
        [
            web.post("/charges", gateway.charge),
            web.get("/charges", gateway.charges),
            web.get("/rate", gateway.rate),
        ]
    )
    return app
