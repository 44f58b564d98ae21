"""An ASGI application for uvicorn: each request asks Redis, by a connection of its own."""

import os
from collections.abc import Awaitable, Callable

import redis.asyncio

Message = dict[str, object]


async def application(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    if scope["type"] != "http":
        return
    try:
        async with redis.asyncio.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True) as client:
            said = str(await client.echo("pong"))
    except redis.RedisError as error:
        said = type(error).__name__
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": said.encode()})
