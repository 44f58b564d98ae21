import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result

from brownout.cli.main import cli
from brownout.control.client import Client

DEADLINE = 60.0
PROGRAM = (sys.executable, "-m", "brownout.cli")


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("BROWNOUT_")}
    kept.pop("PYTHONUNBUFFERED", None)  # what stays in a buffer until Python exits is what users have
    return kept | more


class Run:
    """A `brownout run` as a process of its own, and the lines that it wrote."""

    command = "run"

    def __init__(self, *args: str, **env: str) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [*PROGRAM, self.command, *args], stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment(**env)
        )
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)

    def wait(self) -> int:
        return self.process.wait(DEADLINE)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE)
        self.out.close()
        self.err.close()

    @property
    def api(self) -> str:
        return self.out.until("api ").removeprefix("api ")

    def address(self, proxy: str) -> tuple[str, int]:
        """Where a proxy listens, as it was announced."""
        host, port = self.out.until(f"proxy {proxy} ").split()[2].split(":")
        return host, int(port)


class Lines:
    """What comes out of a pipe, to be waited for."""

    def __init__(self, pipe: object) -> None:
        self._pipe = pipe
        self._coming: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.seen: list[str] = []
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        for line in self._pipe:
            self._coming.put(line.decode().rstrip("\n"))
        self._coming.put(None)

    def until(self, part: str) -> str:
        """Wait for a line that holds a text, or return the one that came before."""
        for line in self.seen:
            if part in line:
                return line
        return self.next(part)

    def next(self, part: str) -> str:
        """Wait for a line that holds a text, of those that are still to come."""
        while (line := self._coming.get(timeout=DEADLINE)) is not None:
            self.seen.append(line)
            if part in line:
                return line
        raise AssertionError(f"{part!r} is not in {self.seen}")

    def all(self) -> list[str]:
        """Wait for the end and return every line."""
        while (line := self._coming.get(timeout=DEADLINE)) is not None:
            self.seen.append(line)
        return self.seen

    def close(self) -> None:
        self._thread.join(DEADLINE)
        self._pipe.close()


@pytest.fixture
def run() -> Iterator[Callable[..., Run]]:
    with contextlib.ExitStack() as stack:

        def start(*args: str, **env: str) -> Run:
            process = Run(*args, **env)
            stack.callback(process.close)
            return process

        yield start


class Brownout(NamedTuple):
    """A running Brownout with a proxy `echo`, and the commands that talk to it."""

    process: Run
    api: str
    address: tuple[str, int]
    upstream: str

    def __call__(self, *args: str) -> Result:
        return command(*args, BROWNOUT_API=self.api)

    def says(self, *args: str) -> str:
        result = self(*args)
        assert (result.exit_code, result.stderr) == (0, "")
        return result.stdout

    def link(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=DEADLINE)


def command(*args: str, **env: str) -> Result:
    """Run a command in this process."""
    return CliRunner(env={"BROWNOUT_API": None, "BROWNOUT_TOKEN": None, "COLUMNS": "80", **env}).invoke(cli, args)


@pytest.fixture(scope="module")
def process() -> Iterator[Run]:
    """The Brownout of a module's tests."""
    with contextlib.closing(Run("--api", "127.0.0.1:0", "--seed", "7")) as process:
        yield process


@pytest.fixture
def brownout(process: Run, echo: str) -> Iterator[Brownout]:
    client = Client(process.api)
    host, port = str(client.add("echo", echo)["address"]).split(":")
    yield Brownout(process, process.api, (host, int(port)), echo)
    for proxy in client.proxies():
        client.remove(str(proxy["name"]))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *args: object) -> None: ...


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(DEADLINE)
