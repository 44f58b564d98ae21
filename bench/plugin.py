"""What the pytest plugin costs: if you do not use it, if you do, and for each fault.

    python -m bench.plugin [--rounds 7] [--tests 1000] [--faults 1000]

Start: a pytest run of one empty test, alternately with and without the plugin; and what importing the plugin alone
takes according to `python -X importtime`, with pytest loaded already. Per test: runs of N empty tests, which ask for
nothing, for a fixture that does nothing, and for `chaos`; the difference to the first, divided by N. Faults: the calls
of a test on a fleet of this process, without links.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from .rig import median, percentile, table

PLUGIN = "brownout.testing.plugin"
SUITES = {
    "no fixture": "",
    "a fixture that does nothing": "nothing",
    "chaos": "chaos",
}
ENVIRON = {key: value for key, value in os.environ.items() if key not in ("BROWNOUT_API", "PYTEST_ADDOPTS")}


def run(folder: Path, *options: str) -> float:
    """Return the seconds of a pytest run."""
    alone = ["-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:rerunfailures"]
    argv = [sys.executable, "-m", "pytest", "-q", *alone, *options]
    start = time.monotonic()
    subprocess.run(argv, cwd=folder, env=ENVIRON, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def start(rounds: int) -> list[tuple[str, ...]]:
    """Return the row of the start, without and with the plugin."""
    took: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_empty.py").write_text("def test_empty(): pass\n")
        run(folder)  # compiles what is not yet
        for _ in range(rounds):
            for wanted, seconds in took.items():
                seconds.append(run(folder, *([] if wanted else ["-p", "no:brownout"])))
    without, with_ = median(took[False]), median(took[True])
    row = (
        "pytest with one empty test",
        f"{without * 1e3:.0f}",
        f"{with_ * 1e3:.0f}",
        f"{with_ / without:.3f}",
        f"{imported(rounds):.2f}",
    )
    return [row]


def imported(rounds: int) -> float:
    """Return the milliseconds that the import takes, with all that comes with it and is not there yet."""
    argv = [sys.executable, "-X", "importtime", "-c", f"import pytest, {PLUGIN}"]
    found = []
    for _ in range(rounds):
        said = subprocess.run(argv, check=True, capture_output=True, text=True).stderr
        ours = re.findall(r"\| +(\d+) \| +(brownout[\w.]*)$", said, re.MULTILINE)
        found.append(sum(int(own) for own in re.findall(r"time: +(\d+) \| +\d+ \| +brownout", said)) / 1e3)
        if {name for _, name in ours} > {"brownout", "brownout.testing", "brownout.testing.pytest_session", PLUGIN}:
            raise RuntimeError(f"the plugin imports more than it says: {ours}")
    return median(found)


def per_test(rounds: int, count: int) -> list[tuple[str, ...]]:
    """Return the rows of suites of `count` tests."""
    took: dict[str, list[float]] = {name: [] for name in SUITES}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conftest.py").write_text("import pytest\n@pytest.fixture\ndef nothing(): yield\n")
        for number, fixture in enumerate(SUITES.values()):
            tests = "".join(f"def test_{each}({fixture}): pass\n" for each in range(count))
            (folder / f"test_{number}.py").write_text(tests)
        for _ in range(rounds):
            for number, seconds in enumerate(took.values()):
                seconds.append(run(folder, f"test_{number}.py"))
    least = median(took["no fixture"])
    return [
        (name, f"{took_by:.2f}", f"{(took_by - least) / count * 1e3:.3f}", f"{took_by / least:.2f}")
        for name, took_by in ((name, median(seconds)) for name, seconds in took.items())
    ]


def faults(count: int) -> list[tuple[str, ...]]:
    """Return the rows of the calls of a test."""
    begin = time.monotonic()
    from brownout.testing import Chaos

    chaos = Chaos(seed=1, api="none")
    first = time.monotonic() - begin
    with chaos:
        proxy = chaos.proxy("bench", upstream="127.0.0.1:9")
        handle = proxy.inject("latency:1ms")
        rows: list[tuple[str, ...]] = [("the first Chaos, with its imports", f"{first * 1e3:.1f} ms", "")]
        calls: dict[str, Callable[[], object]] = {
            "inject and heal": lambda: proxy.inject("latency", latency="300ms", probability="30%").heal(),
            "change": lambda: handle.change(latency="2ms"),
            "receipt": lambda: handle.receipt,
            "reset": chaos.reset,
        }
        for name, call in calls.items():
            took = []
            for _ in range(count):
                start = time.monotonic()
                call()
                took.append(time.monotonic() - start)
            rows.append((name, f"{percentile(took, 0.5) * 1e3:.3f} ms", f"{percentile(took, 0.99) * 1e3:.3f} ms"))
        return rows


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="runs of each, of which the median counts")
    parser.add_argument("--tests", type=int, default=1000, help="empty tests of a suite")
    parser.add_argument("--faults", type=int, default=1000, help="calls of each kind")
    options = parser.parse_args()
    table(("start", "without ms", "with ms", "ratio", "import ms"), start(options.rounds))
    heads = (f"{options.tests} empty tests", "seconds", "ms per test more", "ratio")
    table(heads, per_test(max(1, options.rounds // 2), options.tests))
    table(("calls", "p50", "p99"), faults(options.faults))


if __name__ == "__main__":
    main()
