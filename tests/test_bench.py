"""The benchmarks start: what they measure is for people to read, but a script that broke is found here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"


@pytest.mark.parametrize(
    "script",
    [
        "accuracy.py",
        "exchanges.py",
        "idle_links.py",
        "pairs.py",
        "plugin.py",
        "scrape.py",
        "stalled.py",
        "throughput.py",
    ],
)
def test_a_benchmark_says_what_it_takes(script: str) -> None:
    done = subprocess.run([sys.executable, BENCH / script, "--help"], capture_output=True, text=True, check=True)
    assert "usage:" in done.stdout


def test_pairs_divide_each_figure_of_the_new_by_that_of_the_old(tmp_path: Path) -> None:
    for name, factor in (("old", 1.0), ("new", 1.5)):
        (tmp_path / name / ".venv/bin").mkdir(parents=True)
        (tmp_path / name / ".venv/bin/python").symlink_to(sys.executable)
        (tmp_path / name / "bench").mkdir()
        rows = [
            f"{row}  {figure * factor:,.0f}  {figure:.2f}" for row, figure in (("no rule", 30_000), ("a rule", 20_000))
        ]
        printed = "\n".join(["uvloop, same  requests/s  ratio", *rows])
        (tmp_path / name / "bench/fake.py").write_text(f"print({printed!r}, end='\\n\\n'); raise SystemExit(1)")
    done = subprocess.run(
        [sys.executable, BENCH / "pairs.py", tmp_path / "old", tmp_path / "new", "--pairs", "2", "--", "fake.py"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [re.split(r" {2,}", line) for line in done.stdout.splitlines() if line]
    assert lines == [
        ["uvloop, same: new / old", "median", "quartiles", "all"],
        ["no rule, requests/s", "1.500", "1.500 to 1.500", "1.500 to 1.500"],
        ["no rule, ratio", "1.000", "1.000 to 1.000", "1.000 to 1.000"],
        ["a rule, requests/s", "1.500", "1.500 to 1.500", "1.500 to 1.500"],
        ["a rule, ratio", "1.000", "1.000 to 1.000", "1.000 to 1.000"],
    ]
