"""How long `brownout toxiproxy` takes to start, and to add and remove a toxic while idle connections are open.

    python bench/toxiproxy.py [--pairs 500] [--links 100] [--starts 5]

Toxiproxy (f48fd7f) starts in 0.03 s and takes 0.9 s for 500 pairs over 100 connections. Aims: 0.6 s, and 2.7 s.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

DEADLINE = 60.0


@contextlib.contextmanager
def started() -> Iterator[tuple[str, float]]:
    """Start a process; yield its API's address, and the seconds until it answered."""
    began = time.monotonic()
    words = [sys.executable, "-m", "brownout.cli", "toxiproxy", "-host=127.0.0.1", "-port=0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = next(each for each in process.stdout if "HTTP server" in each)
        yield json.loads(line)["address"], time.monotonic() - began
        process.terminate()
        process.stdout.read()


class Api:
    """The API at an address, over one connection."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=DEADLINE)

    def ask(self, method: str, path: str, body: object = None) -> bytes:
        """Send a request that must succeed, and return the body of its answer."""
        self._connection.request(method, path, None if body is None else json.dumps(body))
        response = self._connection.getresponse()
        answer = response.read()
        assert response.status < 300, answer
        return answer


def pairs(address: str, count: int, links: int) -> float:
    """Return how many seconds it takes to add and remove a toxic that often."""
    api = Api(address)
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=links + 1))
        entry = {"name": "p", "upstream": f"127.0.0.1:{upstream.getsockname()[1]}", "listen": "127.0.0.1:0"}
        host, port = json.loads(api.ask("POST", "/proxies", entry))["listen"].split(":")
        for _ in range(links):
            stack.enter_context(socket.create_connection((host, int(port)), timeout=DEADLINE))
            stack.enter_context(upstream.accept()[0])
        began = time.monotonic()
        for _ in range(count):
            api.ask("POST", "/proxies/p/toxics", {"name": "t", "type": "latency", "attributes": {"latency": 10}})
            api.ask("DELETE", "/proxies/p/toxics/t")
        return time.monotonic() - began


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--links", type=int, default=100)
    parser.add_argument("--starts", type=int, default=5)
    asked = parser.parse_args()
    took = []
    for _ in range(asked.starts):
        with started() as (_, seconds):
            took.append(seconds)
    print(f"start: {min(took):.2f} to {max(took):.2f} s")
    with started() as (address, _):
        seconds = pairs(address, asked.pairs, asked.links)
    print(f"{asked.pairs} times a toxic added and removed, {asked.links} idle connections: {seconds:.2f} s")


if __name__ == "__main__":
    main()
