"""What customers do: register, sign in, search, check out."""

from __future__ import annotations

import asyncio
import hmac
import uuid
from collections.abc import AsyncIterator

from aiohttp import ClientSession, web

from ..passwords import hashed
from ..web import Settings, UnavailableError, bearer, fields
from .cache import Cache
from .calls import Service
from .database import Database
from .events import Events
from .payments import Payments
from .products import Products
from .tokens import Tokens


class Shop:
    """The handlers, and what they need."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def running(self, app: web.Application) -> AsyncIterator[None]:
        """Start without waiting for anybody: what is down now may be up when a customer comes."""
        settings = self._settings
        async with ClientSession() as session:
            self._cache = Cache(settings.redis)
            self._database = Database(settings.postgres)
            self._tokens = Tokens(Service(settings.tokens, session))
            self._payments = Payments(Service(settings.gateway, session))
            self._events = Events(self._database, Service(settings.notifications, session))
            self._products = Products(self._database, self._cache)
            await asyncio.gather(self._cache.open(), self._database.open(), self._payments.rate())
            relay = asyncio.create_task(self._events.relay())
            yield
            relay.cancel()
            await self._database.close()
            await self._cache.close()

    async def register(self, request: web.Request) -> web.StreamResponse:
        """Open an account."""
        mail, password = await fields(request, "mail", "password")
        await self._database.write(
            # The event is written in the same statement: neither is there without the other.
            "WITH account AS (INSERT INTO accounts (mail, secret) VALUES ($1, $2) ON CONFLICT DO NOTHING) "
            "INSERT INTO outbox (id, kind, mail) VALUES ($3, 'registered', $1) ON CONFLICT DO NOTHING",
            *(mail, hashed(mail, password), uuid.uuid4()),
        )
        await self._events.flush()
        return web.json_response({"state": "registered"}, status=201)

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """Return a token."""
        mail, password = await fields(request, "mail", "password")
        found = await self._database.read("SELECT secret FROM accounts WHERE mail = $1", mail)
        if not found or not hmac.compare_digest(found[0]["secret"], hashed(mail, password)):
            return web.json_response({"error": "wrong mail or password"}, status=401)
        token = await self._tokens.issue(mail)
        await self._cache.put(f"session:{token}", mail)
        await self._events.note("signed in", mail)
        await self._events.flush()
        return web.json_response({"token": token})

    async def search(self, request: web.Request) -> web.StreamResponse:
        """Return products, with what is in stock."""
        products = await self._products.found(request.query.get("q", ""))
        try:
            stock = {each["name"]: each["count"] for each in await self._database.read("SELECT * FROM stock")}
        except UnavailableError:
            stock = {}  # each is `null` in the answer
        rate = await self._payments.rate()
        told = [
            {"name": name, "price": round(price * rate, 2), "stock": stock.get(name)}
            for name, price in products.items()
        ]
        return web.json_response({"products": told})

    async def checkout(self, request: web.Request) -> web.StreamResponse:
        """Order a product. An order that could not be paid for is kept, and is settled by its key later."""
        (product,), order = await fields(request, "product"), uuid.uuid4()
        mail = await self._customer(bearer(request))
        found = await self._database.read("SELECT price FROM products WHERE name = $1", product)
        if not found:
            return web.json_response({"error": "no such product"}, status=404)
        await self._database.write(
            "INSERT INTO orders (id, mail, product) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", order, mail, product
        )
        try:
            receipt = await self._payments.charge(str(order), float(found[0]["price"]))
            await self._database.write(
                "WITH paid AS (UPDATE orders SET receipt = $2 WHERE id = $1) "
                "INSERT INTO outbox (id, kind, mail) VALUES ($1, 'ordered', $3) ON CONFLICT DO NOTHING",
                *(order, receipt, mail),
            )
        except UnavailableError:
            return web.json_response({"order": str(order), "state": "pending"}, status=202)
        await self._events.flush()
        return web.json_response({"order": str(order), "state": "paid"}, status=201)

    async def _customer(self, token: str) -> str:
        """Return whose token it is."""
        mail = await self._cache.get(f"session:{token}") or await self._tokens.owner(token)
        if mail is None:
            raise web.HTTPUnauthorized(text="sign in again")
        return mail
