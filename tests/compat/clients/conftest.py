"""A running Brownout for clients of Toxiproxy."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

DEADLINE = 60.0


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("BROWNOUT_")}


COMMANDS = {
    "run": (("run", "--api", "127.0.0.1:0"), r"^api (\S+)"),
    "toxiproxy": (("toxiproxy", "--host=127.0.0.1", "--port=0"), r'Starting Toxiproxy HTTP server.*"([\d.]+:\d+)"'),
}


@pytest.fixture(scope="module", params=COMMANDS)
def api(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the API of a `brownout run`, or of a `brownout toxiproxy`, without proxies is: HOST:PORT."""
    args, announced = COMMANDS[request.param]
    argv = [sys.executable, "-m", "brownout.cli", *args]
    with subprocess.Popen(argv, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        late = threading.Timer(DEADLINE, process.kill)
        late.start()
        assert process.stdout
        found = next(found for line in process.stdout if (found := re.search(announced, line)))
        late.cancel()
        yield found[1]
        process.send_signal(signal.SIGTERM)


Trip = Callable[[str], float]


@pytest.fixture(scope="session")
def trip() -> Trip:
    """Measure the seconds from connecting to the echo of a byte. Raises EOFError where the link ends instead."""

    def measure(address: str) -> float:
        host, _, port = address.rpartition(":")
        began = time.monotonic()
        with socket.create_connection((host, int(port)), timeout=DEADLINE) as link:
            link.sendall(b"x")
            if link.recv(1) != b"x":
                raise EOFError
        return time.monotonic() - began

    return measure
