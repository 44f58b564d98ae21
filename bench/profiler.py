"""Where Brownout's time goes under one kind of traffic: the functions of py-spy, and the share of the kernel."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from brownout.cli.columns import align

from .candidates import found
from .drives import Drive
from .load import Load
from .processes import modes
from .results import BROWNOUT
from .target import Target

SHOWN = 15
SECONDS = 3


def profiled(drive: Drive, targets: list[Target], load: Load) -> str:
    """Return the functions that were running most often, of samples in which Brownout used the processor."""
    pid = next(each.pid for each in targets if each.candidate.name == BROWNOUT)
    sampler = found("py-spy")
    if sampler is None:
        raise SystemExit("missing: py-spy (pip install py-spy)")
    assert pid is not None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "stacks")
        words = [
            sampler,
            "record",
            "-p",
            str(pid),
            "-r",
            "500",
            "-F",
            "-d",
            str(SECONDS + 5),
            "-f",
            "raw",
            "-o",
            str(file),
        ]
        user, kernel = modes(pid)
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as recording:
            drive(targets[[each.pid for each in targets].index(pid)], load, SECONDS)
            after = modes(pid)
            recording.send_signal(signal.SIGINT)
        stacks = file.read_text().splitlines()
    alone: Counter[str] = Counter()
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        alone[frames.rpartition(";")[2]] += int(count)
    total = sum(alone.values())
    rows = [[f"  {count / total:.1%}", name] for name, count in alone.most_common(SHOWN)]
    user, kernel = after[0] - user, after[1] - kernel
    return "\n".join([f"  {kernel / (user + kernel):.0%} of the CPU time in the kernel", *align(rows, right=(0,))])
