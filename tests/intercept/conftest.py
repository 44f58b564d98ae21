"""Programs whose connections are caught: each says as JSON what it met."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

DEADLINE = 60.0
PRELUDE = """
import asyncio, ctypes, errno, fcntl, json, os, signal, socket, struct, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)

def say(**found):
    print(json.dumps(found), flush=True)

def v4(port, host="127.0.0.1"):
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)

def connect(sock, address, length=None):
    result = libc.connect(sock if isinstance(sock, int) else sock.fileno(), address, length or len(address or b""))
    return ctypes.get_errno() if result < 0 else 0

def trip(sock):
    sock.sendall(b"ping")
    return sock.recv(4) == b"ping"
"""


class Done(NamedTuple):
    """A run that has ended: what the program said, line by line, and what Brownout said."""

    code: int
    said: list[dict[str, Any]]
    err: str
    report: dict[str, Any]

    @property
    def one(self) -> dict[str, Any]:
        """The only thing that the program said."""
        assert len(self.said) == 1, f"{self.said}\n{self.err}"
        return self.said[0]

    @property
    def proxies(self) -> dict[str, dict[str, Any]]:
        return {each["proxy"]["name"]: each["proxy"] for each in self.report["proxies"]}


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("BROWNOUT_")}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Done]:
    """Run a Python program under `brownout run --intercept` with options; `before` is what runs Brownout itself.

    It has an API, which takes a third of the time that a start takes, only if the program asks for it.
    """

    def start(program: str, *options: str, args: tuple[object, ...] = (), before: tuple[str, ...] = ()) -> Done:
        script = tmp_path / "program.py"
        script.write_text(PRELUDE + textwrap.dedent(program))
        report = tmp_path / "report.json"
        words = [sys.executable, "-m", "brownout.cli", "run", "--intercept", "--report", report, *options]
        if "BROWNOUT_API" not in program:
            words += ["--api", "none"]
        done = subprocess.run(
            [*before, *words, "--", sys.executable, script, *map(str, args)],
            capture_output=True, text=True, timeout=DEADLINE, env=environment(), cwd=tmp_path,
        )  # fmt: skip
        said = [json.loads(line) for line in done.stdout.splitlines()]
        return Done(done.returncode, said, done.stderr, json.loads(report.read_text()) if report.exists() else {})

    return start


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[dict[str, Any]]]:
    """Run a Python program by itself."""
    folder = tmp_path_factory.mktemp("alone")

    def start(program: str, *args: object) -> list[dict[str, Any]]:
        script = folder / "program.py"
        script.write_text(PRELUDE + textwrap.dedent(program))
        done = subprocess.run(
            [sys.executable, str(script), *map(str, args)], capture_output=True, text=True, timeout=DEADLINE, check=True
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    return start


def serve(listener: socket.socket) -> None:
    """Send back what comes, each connection in a thread."""

    def echo(sock: socket.socket) -> None:
        with sock, contextlib.suppress(ConnectionError):
            while data := sock.recv(65536):
                sock.sendall(data)

    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=echo, args=(sock,), daemon=True).start()


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of an echo server on 127.0.0.1 and ::1, outside of any command."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
