"""Calls that end a moment after their time."""

import sys
from pathlib import Path

import pytest

from ..serving import serving
from .running import Prices, verify

pytestmark = pytest.mark.slow

SHOP = """
import os
import time
import urllib.request


def price():
    try:
        with urllib.request.urlopen(os.environ["PRICES"], timeout=1) as answer:
            return answer.read()
    except OSError:
        time.sleep(9)
        return b"5"
"""
TESTS = """
import time

import shop


def test_price():
    assert shop.price() == b"5"
    time.sleep(2.5)
"""


def test_what_ends_a_moment_too_late_is_called_again_undisturbed(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "test_price.py").write_text(TESTS)
    with serving(Prices) as url:
        words = ("--cell-timeout", "2s", "--only", "*/refused", "--")
        found = verify(tmp_path, *words, sys.executable, "-m", "pytest", "-p", "no:asyncio", PRICES=url)
    (cell,) = found.document["cells"]
    assert cell["state"] == "hung"
    assert [each["outcome"] for each in cell["calls"]] == ["failed", "passed"]
