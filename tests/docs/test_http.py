"""docs/http.md, done as it says: its sessions, its test, its file, its table."""

import contextlib
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from brownout.faults import CATALOGUE
from brownout.faults.config import file as config
from brownout.faults.exchange import ExchangeFault
from brownout.faults.fault import opening_line
from brownout.proxy.exchanges.conversation import MOST_OPEN
from brownout.proxy.record.request_log import KEPT
from brownout.proxy.record.tally import OPERATIONS
from brownout.proxy.shaping.budget import LIMITS
from brownout.wire.http1.reader import HEAD_LIMIT

from .conftest import DEADLINE, DOCS, ENV, blocks, play

PAGE = DOCS["http.md"]


def test_the_sessions_go_as_they_are_shown(tmp_path: Path, reserve: Callable[[], str]) -> None:
    play(blocks(PAGE, "console"), tmp_path, reserve)


class Shop(BaseHTTPRequestHandler):
    """A server that takes every order."""

    orders = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        Shop.orders += 1
        self.send_response(201)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def shop() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join(DEADLINE)


def test_the_test_passes_and_its_order_is_placed_twice(tmp_path: Path) -> None:
    (code,) = blocks(PAGE, "python")
    words = ["-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    with shop() as port:
        (tmp_path / "test_api.py").write_text(code.replace("8000", str(port)))
        done = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=ENV, capture_output=True, text=True, timeout=DEADLINE
        )
    assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout
    assert Shop.orders == 2


def test_the_file_is_right(tmp_path: Path) -> None:
    (text,) = blocks(PAGE, "yaml")
    (tmp_path / "brownout.yaml").write_text(text)
    (tmp_path / "maintenance.html").write_text("<h1>Back soon</h1>")
    read = config.read(tmp_path / "brownout.yaml")
    told = {
        name: [spec.fault.name for _, spec, _ in each.resolve({"api": "http"})] for name, each in read.profiles.items()
    }
    assert told == {"busy": ["http.status", "http.delay"], "maintenance": ["http.status"]}
    (maintenance,) = read.profiles["maintenance"].resolve({"api": "http"})
    assert maintenance.spec.to_mapping()["body"] == "<h1>Back soon</h1>"


def test_every_fault_of_http_is_in_the_table_with_what_it_does_and_its_class() -> None:
    rows = re.findall(r"^\| `(http\.\w+)` \| (.*?) \| (.*) \|$", PAGE, re.MULTILINE)
    known = [fault for fault in CATALOGUE.values() if issubclass(fault, ExchangeFault)]
    assert [row[:2] for row in rows] == [(fault.name, opening_line(fault)) for fault in known]
    assert all(re.match("safe to retry|ambiguous|looks like success", row[2]) for row in rows)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (HEAD_LIMIT == 64 * 2**10, "A head may have 64 KiB"),
        (MOST_OPEN == 1000, "a connection 1000 requests that wait for their replies"),
        (LIMITS.body == 2**20, "Bodies are looked at up to 1 MiB"),
        (KEPT == 10_000, "shows the last 10 000 requests"),
        (OPERATIONS == 100, "After the first 100 of a proxy the others share one."),
    ],
)
def test_limits_are_what_they_are(number: bool, text: str) -> None:
    assert number
    assert text in PAGE
