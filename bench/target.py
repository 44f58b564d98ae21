"""A candidate that runs, with one route before the upstream."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from .candidates import DIRECT, Candidate
from .route import DEADLINE, HOST, Place, Route

_ENVIRON = {
    **{key: value for key, value in os.environ.items() if not key.startswith("BROWNOUT_")},
    "LOG_LEVEL": "error",  # Toxiproxy's
}


class Target:
    """A candidate that runs, or the upstream itself."""

    def __init__(self, candidate: Candidate, route: Route, upstream: int, folder: Path) -> None:
        self.candidate = candidate
        self.port = upstream
        self.api = 0
        self._route = route
        self._process: subprocess.Popen[bytes] | None = None
        self._command: list[str] | None = None
        if candidate is DIRECT:
            return
        self._reserved = [socket.socket() for _ in range(2)]
        for each in self._reserved:  # bound with SO_REUSEADDR: the candidate can listen there and nobody else gets it
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind((HOST, 0))
        self.port, self.api = (each.getsockname()[1] for each in self._reserved)
        self._folder = folder / candidate.name
        self._folder.mkdir(exist_ok=True)
        assert candidate.program is not None
        self._place = Place(candidate.program, route, upstream, self.port, self.api, self._folder)
        self._command = candidate.command(self._place)

    @property
    def able(self) -> bool:
        """Whether the candidate can do what the route asks for; no proxy does nothing."""
        return self._command is not None or (self.candidate is DIRECT and not self._route.injections)

    @property
    def pid(self) -> int | None:
        """The process, None of the upstream itself."""
        return None if self._process is None else self._process.pid

    @property
    def output(self) -> str:
        """What it has printed."""
        return "" if self._command is None else (self._folder / "output").read_text(errors="replace")

    def start(self) -> float:
        """Start it; return how many seconds it took until it accepted a connection."""
        if self._command is None:
            return 0.0
        began = time.monotonic()
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=_ENVIRON
            )
        self._accepts(self.port)
        took = time.monotonic() - began
        if self.candidate.has_api:
            self._accepts(self.api)
        self.candidate.arm(self._place)
        return took

    def _accepts(self, port: int) -> None:
        assert self._process is not None
        end = time.monotonic() + DEADLINE
        while True:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection((HOST, port), DEADLINE):
                return
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.candidate.name} did not start:\n{self.output}")
            time.sleep(0.001)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it, and give its ports back."""
        self.stop()
        if self._command is not None:
            for each in self._reserved:
                each.close()


@contextlib.contextmanager
def running(candidates: list[Candidate], route: Route, upstream: int, folder: Path) -> Iterator[list[Target]]:
    """Start those of the candidates that can do what the route asks for."""
    targets: list[Target] = []
    with contextlib.ExitStack() as stack:
        for each in candidates:
            target = Target(each, route, upstream, folder)
            if not target.able:
                continue
            stack.callback(target.close)
            try:
                target.start()
            except RuntimeError as error:
                print(error, file=sys.stderr)
            else:
                targets.append(target)
        yield targets
