"""A test that failed is called again when all is well: what it asks then is no retry of its client."""

import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from ..serving import serving
from .running import verify

pytestmark = pytest.mark.slow

SHOP = """
import os, urllib.request

def charge():
    asked = urllib.request.Request(os.environ["PAY"] + "/charge", data=b"{}")
    with urllib.request.urlopen(asked, timeout=2) as reply:
        return reply.read()
"""

TESTS = """
from shop import charge

def test_pays_once():
    assert charge()

def test_pays_twice():
    try:
        charge()
    except OSError:
        charge()
"""


class Payments(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", "16")
        self.end_headers()
        self.wfile.write(b'{"charged": 120}')

    def log_message(self, *args: object) -> None:
        pass


def test_a_call_after_a_failed_one_is_no_retry(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "test_pay.py").write_text(TESTS)
    with serving(Payments) as url:
        found = verify(
            tmp_path, "--level", "full", "--only", "*/broken", "--only", "*/lost", "--",
            sys.executable, "-m", "pytest", "-p", "no:asyncio", PAY=url,
        )  # fmt: skip
    states = {(failure, test): state for (_, failure, test), state in found.states.items()}
    assert states == {
        ("broken", "test_pays_once"): "failed",
        ("broken", "test_pays_twice"): "doubled",
        ("lost", "test_pays_once"): "failed",
        ("lost", "test_pays_twice"): "doubled",
    }
    assert found.code == 1
