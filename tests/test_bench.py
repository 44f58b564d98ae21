"""The benchmarks start: what they measure is for people to read, but a script that broke is found here."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"


@pytest.mark.parametrize(
    "script",
    [
        "accuracy.py",
        "callers.py",
        "exchanges.py",
        "idle_links.py",
        "intercept.py",
        "new_links.py",
        "pairs.py",
        "plugin.py",
        "scrape.py",
        "stalled.py",
        "throughput.py",
        "toxiproxy.py",
    ],
)
def test_a_benchmark_says_what_it_takes(script: str) -> None:
    done = subprocess.run([sys.executable, BENCH / script, "--help"], capture_output=True, text=True, check=True)
    assert "usage:" in done.stdout
