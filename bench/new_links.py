"""How long a new connection takes while 5 000 others are open and parsed: what garbage collections hold up.

    python bench/new_links.py [--links 5000] [--connects 4000]

Each is connected, asks once over HTTP, has its reply, and is closed. `brownout run` lets collections pass over what is
there from the start on (`gc.freeze`); beside it the same command without that.
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

from rig import HOST, REPLY, REQUEST, Http, percentile, process, server, table

from brownout.proxy.system.sockets import raise_file_limit

COMMANDS = {
    "brownout run": ("-m", "brownout.cli"),
    "without gc.freeze": ("-c", "import gc; gc.freeze = lambda: None; from brownout.cli.main import main; main()"),
}
DEADLINE = 60.0


@contextlib.contextmanager
def proxy(command: tuple[str, ...], upstream: int) -> Iterator[int]:
    """Run a proxy before an HTTP upstream; yield its port."""
    words = [sys.executable, *command, "run", "-p", f"web=http://{HOST}:{upstream}", "--api", f"{HOST}:0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        api = next(line.split()[1] for line in run.stdout if line.startswith("api "))
        connection = http.client.HTTPConnection(api, timeout=DEADLINE)
        connection.request("GET", "/v1/proxies/web")
        address = json.loads(connection.getresponse().read())["address"]
        yield int(address.rpartition(":")[2])
        run.terminate()
        run.stdout.read()


def asked(port: int) -> socket.socket:
    """Connect, ask, and return the connection when the reply is here."""
    link = socket.create_connection((HOST, port), timeout=DEADLINE)
    link.sendall(REQUEST)
    assert link.recv(4096) == REPLY
    return link


def measure(command: tuple[str, ...], links: int, connects: int) -> list[float]:
    """Return how many milliseconds each new connection took."""
    took = []
    with process(server, Http) as upstream, proxy(command, upstream.recv()) as port, contextlib.ExitStack() as stack:
        for _ in range(links):
            stack.enter_context(asked(port))
        for _ in range(connects):
            began = time.perf_counter()
            asked(port).close()
            took.append((time.perf_counter() - began) * 1e3)
    return took


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--links", type=int, default=5000)
    parser.add_argument("--connects", type=int, default=4000)
    asked_for = parser.parse_args()
    raise_file_limit()
    rows = []
    for name, command in COMMANDS.items():
        took = measure(command, asked_for.links, asked_for.connects)
        figures = (percentile(took, 0.5), percentile(took, 0.99), percentile(took, 0.999), max(took))
        rows.append((name, *(f"{each:.1f}" for each in figures)))
    table((f"{asked_for.links} connections open", "p50 ms", "p99 ms", "p99.9 ms", "longest ms"), rows)


if __name__ == "__main__":
    main()
