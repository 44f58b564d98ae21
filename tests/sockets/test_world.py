"""What these tests run in, and what they rely on."""

import asyncio
import socket

from .conftest import echo


async def test_connections_that_are_just_being_accepted_end_with_the_test(world) -> None:
    host, port = (await world.serve(echo)).split(":")
    for _ in range(300):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex((host, int(port)))
        world.sockets.append(sock)
    await asyncio.sleep(0)  # some are accepted now, some are not
