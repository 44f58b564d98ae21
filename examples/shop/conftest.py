"""Starts the shop, and lets tests ask it. What the shop depends on runs elsewhere: see `shop.outside`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

Ask = Callable[..., tuple[int, Any]]
HERE = Path(__file__).parent
DEADLINE = 30.0


@pytest.fixture(scope="session")
def variables() -> dict[str, str]:
    """Variables for the shop beside those of the environment, which say where its dependencies are."""
    return {}


@pytest.fixture(scope="session")
def shop(variables: dict[str, str]) -> Iterator[str]:
    """The URL of a shop that was started for these tests; SHOP_BUILD says which build."""
    with socket.socket() as held:  # the shop binds this port as well, and nobody else can
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        environment = {**os.environ, **variables, "PYTHONPATH": str(HERE), "SHOP_PORT": str(port)}
        with subprocess.Popen([sys.executable, "-m", "shop"], env=environment) as process:
            try:
                _await(process, port)
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the shop did not start")


@pytest.fixture
def ask(shop: str) -> Ask:
    """Asks the shop: `ask(method, path, body, token)` returns the status and the JSON."""

    def ask(method: str, path: str, body: object = None, token: str = "") -> tuple[int, Any]:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(shop + path, data, headers, method=method)) as reply:
                return reply.status, json.load(reply)
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return ask
