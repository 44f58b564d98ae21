import asyncio
import errno
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from brownout.control.holder import holder
from brownout.control.serve import serve
from brownout.proxy import Fleet
from brownout.proxy.record.event import ListenFailed
from brownout.wire.address import Address
from brownout.wire.errors import BrownoutError, ConflictError

from .conftest import DEADLINE, Running


def refused(address: str) -> BrownoutError:
    async def attempt() -> None:
        async with Fleet(seed=1) as fleet:
            await (await serve(fleet, address)).close()

    with pytest.raises(BrownoutError) as caught:
        asyncio.run(attempt())
    return caught.value


def test_a_port_that_another_brownout_has_is_said(running: Running) -> None:
    error = refused(running.api)
    assert isinstance(error, ConflictError)
    assert error.message == (
        f"the API cannot listen at {running.api}: another Brownout (pid {os.getpid()}) has that port"
    )
    assert error.hint == "take another one: --api 127.0.0.1:0 (a free one), or end the other"


def test_a_port_that_another_process_has_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        error = refused(address)
        who = "another process"
        if sys.platform == "linux":
            who = f"{Path('/proc/self/comm').read_text().strip()} (pid {os.getpid()})"
    assert error.message == f"the API cannot listen at {address}: {who} has that port"


def test_who_has_a_free_port_is_nobody(reserve: Callable[[], str]) -> None:
    assert holder(Address.listen(reserve())) == ""


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("192.0.2.1:0", f"the API cannot listen at 192.0.2.1:0: {os.strerror(errno.EADDRNOTAVAIL)}"),
        ("unix:///tmp/api.sock", "the API cannot listen at unix:///tmp/api.sock"),
        ("nowhere", "'nowhere' has no port"),
    ],
)
def test_an_address_that_cannot_be_is_said(address: str, message: str) -> None:
    assert refused(address).message == message


def test_the_real_port_is_reported(running: Running) -> None:
    assert running.server.address.port > 0
    assert running.client.health()["status"] == "ok"


def test_a_stopping_server_waits_for_nobody(running: Running) -> None:
    idle = running.connect()
    half = socket.create_connection((running.server.address.host, running.server.address.port), timeout=DEADLINE)
    try:
        idle.request("GET", "/v1/health")
        idle.getresponse().read()
        half.sendall(b"PUT /v1/proxies/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        begun = time.monotonic()
        running.call(running.server.close())
        assert time.monotonic() - begun < 15  # aiohttp would wait 60 s for it
    finally:
        idle.close()
        half.close()


def test_a_follower_that_does_not_read_does_not_hold_up_the_end(running: Running) -> None:
    for _ in range(5000):
        running.fleet.journal.write(ListenFailed("x", "y" * 2000))
    with socket.create_connection(
        (running.server.address.host, running.server.address.port), timeout=DEADLINE
    ) as follower:
        follower.sendall(b"GET /v1/journal?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert follower.recv(15) == b"HTTP/1.1 200 OK"
        begun = time.monotonic()
        running.call(running.server.close())
        assert time.monotonic() - begun < 15  # aiohttp would wait 60 s for it
