"""Tests that fail by themselves now and then."""

import sys
from pathlib import Path

import pytest

from ..serving import serving
from .running import Prices, verify

pytestmark = pytest.mark.slow

SHOP = """
import os
import urllib.request


def price():
    with urllib.request.urlopen(os.environ["PRICES"], timeout=1) as answer:
        return answer.read()
"""
TESTS = """
import pathlib

import shop


def test_price():
    runs = pathlib.Path("runs")
    number = len(runs.read_text()) if runs.exists() else 0
    runs.write_text("." * (number + 1))
    assert number != 3, "the name is taken"
    assert shop.price() == b"5"
"""


def test_what_fails_before_the_failure_is_met_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "test_price.py").write_text(TESTS)
    with serving(Prices) as url:
        words = ("--only", "*/refused", "--", sys.executable, "-m", "pytest", "-p", "no:asyncio")
        found = verify(tmp_path, *words, PRICES=url)
    (cell,) = found.document["cells"]
    assert (cell["state"], cell["fired"]) == ("failed", 1)
    assert "the name is taken" not in cell["why"]
