"""Where Brownout's time goes: perf tells kernel, interpreter and event loop apart, py-spy names functions.

py-spy stops the process for each sample. On a busy machine its samples gather at system calls, so the share of the
kernel is perf's. Compare only those functions of py-spy with each other that make no system call.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from brownout.cli.columns import align

from .candidates import found
from .drives import Drive
from .load import Load
from .results import BROWNOUT
from .target import Target

PROFILERS = {"perf": "apt-get install linux-perf", "py-spy": "pip install py-spy"}
SHOWN = 15
SECONDS = 3


def profiled(drive: Drive, targets: list[Target], load: Load) -> str:
    """Return what was running, of samples in which Brownout used the processor."""
    target = next(each for each in targets if each.candidate.name == BROWNOUT)
    perf, spy = (found(each) for each in PROFILERS)
    if perf is None or spy is None:
        raise SystemExit(f"missing: {', '.join(f'{name} ({get})' for name, get in PROFILERS.items())}")
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder, "samples"))
        pid = str(target.pid)
        with _recording([perf, "record", "-q", "-e", "cpu-clock", "-F", "999", "-p", pid, "-o", file]):
            drive(target, load, SECONDS)
        words = [perf, "report", "-q", "-i", file, "--stdio", "--sort", "dso", "--percent-limit", "1"]
        shares = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\n")
        with _recording([spy, "record", "-p", pid, "-r", "500", "-F", "-f", "raw", "-o", file, "-d", "60"]):
            drive(target, load, SECONDS)
        stacks = Path(file).read_text().splitlines()
    alone: Counter[str] = Counter()
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        alone[frames.rpartition(";")[2]] += int(count)
    rows = [[f"  {count / alone.total():.1%}", name] for name, count in alone.most_common(SHOWN)]
    return "\n".join([*(line.rstrip() for line in shares if line.strip()), "", *align(rows, right=(0,))])


@contextlib.contextmanager
def _recording(words: list[str]) -> Iterator[None]:
    """Let a profiler run as long as the block."""
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(0.5)  # until it samples
        yield
        process.send_signal(signal.SIGINT)
