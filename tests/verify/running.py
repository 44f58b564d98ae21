"""A `brownout verify` as users run it, and what it found."""

import fcntl
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import pytest

DEADLINE = 900.0
PROGRAM = (sys.executable, "-m", "brownout.cli")


T = TypeVar("T")


class Prices(BaseHTTPRequestHandler):
    """A service that always answers `5`."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"5")

    def log_message(self, *args: object) -> None:
        pass


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[], T]) -> T:
    """Return what is made by the first worker that asks for it; the others wait for that."""
    folder = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    kept = folder / f"{name}.pickle"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_bytes(pickle.dumps(make()))
    return cast(T, pickle.loads(kept.read_bytes()))


class Verified(NamedTuple):
    """A run that has ended; `document` is empty where it wrote none."""

    code: int
    out: str
    err: str
    document: dict[str, Any]
    log: str = ""
    """What the command wrote."""

    @property
    def states(self) -> dict[tuple[str, str, str], str]:
        """The state of each cell, by dependency, failure and journey, without the path of its file."""
        return {
            (each["dependency"], each["failure"], each["journey"].rpartition("::")[2]): each["state"]
            for each in self.document["cells"]
        }

    def cell(self, dependency: str, failure: str, journey: str) -> dict[str, Any]:
        """The cell of a journey, by the end of its name."""
        (found,) = [
            each
            for each in self.document["cells"]
            if (each["dependency"], each["failure"]) == (dependency, failure) and each["journey"].endswith(journey)
        ]
        return dict(found)


def verify(folder: Path, *words: str, program: Sequence[str] = PROGRAM, **env: str) -> Verified:
    """Run it in a folder, where it leaves its report."""
    report = folder / "report"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("BROWNOUT_", "PYTEST_XDIST"))}
    done = subprocess.run(
        [*program, "verify", "--report-dir", str(report), *words],
        cwd=folder,
        env=kept | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    written = report / "verify.json"
    document = json.loads(written.read_text()) if written.exists() else {}
    log = report / "command.log"
    told = log.read_text(errors="replace") if log.exists() else ""
    return Verified(done.returncode, done.stdout, done.stderr, document, told)
