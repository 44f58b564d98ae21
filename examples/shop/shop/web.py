"""What both builds have in common: the routes and the settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler


class Settings(NamedTuple):
    """Where the dependencies are."""

    redis: str
    postgres: str
    tokens: str
    gateway: str
    notifications: str

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Return the settings of an environment: REDIS_URL, POSTGRES_URL and so on. Raises KeyError."""
        return cls(*(environ[f"{name.upper()}_URL"] for name in cls._fields))


class Shop(Protocol):
    """What a build has to offer."""

    def running(self, app: web.Application) -> AsyncIterator[None]:
        """Start what the handlers need, and stop it when the server stops."""

    async def register(self, request: web.Request) -> web.StreamResponse:
        """Open an account: `{"mail": ..., "password": ...}`. Whether it existed already is not told."""

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """Return a token for a mail and its password."""

    async def search(self, request: web.Request) -> web.StreamResponse:
        """Return the products that match `q`, with prices in euros and what is in stock."""

    async def checkout(self, request: web.Request) -> web.StreamResponse:
        """Order a product, `{"product": ...}`, and pay for it. The customer is that of the bearer token."""


def application(shop: Shop) -> web.Application:
    """Return the web application of a build."""
    app = web.Application(middlewares=[_later])
    app.cleanup_ctx.append(shop.running)
    app.add_routes(
        [
            web.post("/register", shop.register),
            web.post("/sign-in", shop.sign_in),
            web.get("/search", shop.search),
            web.post("/checkout", shop.checkout),
            web.get("/health", _health),
        ]
    )
    return app


class UnavailableError(Exception):
    """A dependency that does not do its work. `status` is what it answered, 0 for nothing of use."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


async def fields(request: web.Request, *names: str) -> list[str]:
    """Return fields of a JSON body. Raises HTTPBadRequest."""
    try:
        body = await request.json()
        return [str(body[name]) for name in names]
    except (ValueError, TypeError, KeyError):
        raise web.HTTPBadRequest(text=f"a JSON object with {' and '.join(names)} is due") from None


def bearer(request: web.Request) -> str:
    """Return the token of a request. Raises HTTPUnauthorized."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise web.HTTPUnauthorized(text="a bearer token is due")
    return token


@web.middleware
async def _later(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Say that it is our fault where a dependency is needed and is not there, and when to come again."""
    try:
        return await handler(request)
    except UnavailableError:
        return web.json_response({"error": "please try again"}, status=503, headers={"Retry-After": "5"})


async def _health(request: web.Request) -> web.StreamResponse:
    return web.json_response({"status": "up"})
