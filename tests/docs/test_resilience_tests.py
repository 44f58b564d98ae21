"""docs/resilience-tests.md: its files, as they stand there, fail and pass as the page says."""

import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import DOCS, blocks

PAGE = DOCS["resilience-tests.md"]
FILES = [
    (found[1], text)
    for text in blocks(PAGE, "(?:python|yaml)")
    if (found := re.match(r"# ([\w.]+)\n", text)) is not None
]
FIRST, MENDED = (text for name, text in FILES if name == "shop.py")
DEADLINE = 120.0
ENV = {key: value for key, value in os.environ.items() if not key.startswith("BROWNOUT_")}

Run = Callable[..., str]


class Payments(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(201)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Run a file of tests with a shop, against a payment service."""
    for name, text in FILES:
        (tmp_path / name).write_text(text)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Payments) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environ = {**ENV, "PAYMENTS_URL": f"http://127.0.0.1:{server.server_port}", "PYTHONPATH": str(tmp_path)}

        def run(file: str, shop: str) -> str:
            (tmp_path / "shop.py").write_text(shop)
            words = ["-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), file]
            return subprocess.run(
                [sys.executable, "-B", *words], cwd=tmp_path, env=environ, capture_output=True, text=True,
                timeout=DEADLINE,
            ).stdout  # fmt: skip

        yield run
        server.shutdown()


@pytest.mark.slow
def test_the_shop_that_people_have_fails_under_each_failure(run: Run) -> None:
    said = run("test_shop.py", FIRST)
    assert "brownout: PAYMENTS_URL points at the proxies" in said
    assert "1 passed" in said
    said = run("test_failures.py", FIRST)
    for line in re.findall(r"^(test_failures\.py .*|requests\..*|the test hung .*)$", PAGE, re.MULTILINE):
        assert line in said, said


@pytest.mark.slow
def test_the_mended_shop_passes_everything(run: Run) -> None:
    assert "4 passed" in run("test_failures.py", MENDED)
    assert "2 passed" in run("test_verdicts.py", MENDED)


@pytest.mark.slow
def test_without_its_key_it_charges_twice(run: Run) -> None:
    said = run("test_verdicts.py", MENDED.replace('                headers={"Idempotency-Key": key},\n', ""))
    assert "1 failed, 1 passed" in said
    for line in blocks(PAGE, "text")[0].splitlines():
        assert line in said
