"""An ASGI application on an engine that is made when the module is imported."""

import os

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

URL = os.environ["DATABASE_URL"].replace("postgres://", "postgresql+asyncpg://")
engine = create_async_engine(URL, poolclass=NullPool)
engines = {path: create_async_engine(URL, pool_size=2) for path in ("/pooled", "/one-loop")}


async def app(scope, receive, send):
    status, body = 200, b"ok"
    chosen = engines.get(scope["path"], engine)
    try:
        async with chosen.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (OSError, DBAPIError):
        status, body = 503, b"later"
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})
