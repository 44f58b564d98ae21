"""A `brownout verify` on a build of the shop."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

from ....control.api_address import VARIABLE as API
from ....testing.servers import guard
from ....verify.document import Document, read
from ....wire.errors import BrownoutError
from .seeded import ROWS

PROGRAM = (sys.executable, "-P", "-m", "brownout.cli")
"""The Brownout of this Python, whatever PATH and the folder say."""
OPTIONS = ("--seed", "7", "--cell-timeout", "4s")
WIRED = """
env:
  POSTGRES_URL: "{postgres.url}"
  REDIS_URL: "{redis.url}"
  TOKENS_URL: "{tokens.url}"
  GATEWAY_URL: "{gateway.url}"
  NOTIFICATIONS_URL: "{notifications.url}"
"""
"""What the verify file needs besides where connections cannot be intercepted."""
_LEFT_OUT = (API, "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY")
_SURVIVED, _NOT_SURVIVED = 0, 1
_DEADLINE = 20.0
_ROW = re.compile(r"(\w+) (\w+) +\S+  .*\d \w")
"""A finished row, as `verify` writes it: `redis hangs  HHHH  4 hung`."""
_TAIL = 15


def intercepted() -> bool:
    """Say whether the connections of a command can be caught here."""
    done = subprocess.run(  # noqa: S603 - every word is written here
        [*PROGRAM, "deps", "--", sys.executable, "-c", ""], env=_environment({}), capture_output=True, check=False
    )
    return done.returncode == 0


class Run:
    """One that is under way; `told` gets its finished rows."""

    def __init__(self, name: str, process: subprocess.Popen[str], folder: Path, told: Callable[[str], None]) -> None:
        self._name = name
        self._process = process
        self._report = folder / name
        self._lines: list[str] = []
        assert process.stderr is not None
        self._reader = threading.Thread(target=self._read, args=(process.stderr, told), daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str], told: Callable[[str], None]) -> None:
        for line in stream:
            self._lines.append(line)
            if (found := _ROW.match(line)) and f"{found[1]}/{found[2]}" in ROWS:
                told(line.rstrip())

    @property
    def page(self) -> Path:
        """The page of its report."""
        return self._report / "verify.html"

    def document(self) -> Document:
        """Wait for its end, and return what it found. Raises BrownoutError where it did not come to that."""
        code = self._process.wait()
        self._reader.join(_DEADLINE)
        if code not in (_SURVIVED, _NOT_SURVIVED) or not self.page.exists():
            said = "".join(self._lines[-_TAIL:]).strip()
            raise BrownoutError(f"verify of the {self._name} build ended with exit code {code}:\n{said}")
        return read(self._report / "verify.json")


@contextlib.contextmanager
def running(name: str, folder: Path, variables: Mapping[str, str], told: Callable[[str], None]) -> Iterator[Run]:
    """Verify a build while the block runs, in a folder with the shop. It ends with the block, or with this process."""
    words = [*OPTIONS, "--report-dir", name, *(word for row in ROWS for word in ("--only", row))]
    with (
        _held_port() as port,
        guard(signal.SIGTERM, folder) as tell,
        subprocess.Popen(  # noqa: S603 - every word is written here
            [*PROGRAM, "verify", "brownout.yaml", *words, "--", sys.executable, "-m", "shop"],
            cwd=folder,
            env=_environment({**variables, "SHOP_BUILD": name, "SHOP_PORT": str(port), "PYTHONPATH": str(folder)}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a ctrl-C is for us
        ) as process,
    ):
        tell.write(b"%d\n" % process.pid)
        try:
            yield Run(name, process, folder, told)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_DEADLINE)
            process.kill()


@contextlib.contextmanager
def _held_port() -> Iterator[int]:
    """Keep a free port, at which the shop alone may listen: it binds it in the same way."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in _LEFT_OUT} | dict(more)
