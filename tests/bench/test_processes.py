"""What is read from /proc of a process that burns a known CPU time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # bench is no package that is installed

from bench.processes import cpu, descriptors, elsewhere, memory, tree

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {BURN + "print(flush=True); input()"!r}], stdout=subprocess.PIPE)
child.stdout.readline()
{BURN}
print(child.pid, flush=True)
input()
"""


def test_children_count() -> None:
    before = elsewhere()
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert tree(parent.pid) == [parent.pid, child]
        assert 0.6 <= cpu(parent.pid) < 5
        assert memory(parent.pid) > memory(child) > 2**20
        assert descriptors(parent.pid) >= descriptors(child) + 3
        assert parent.stdin is not None
        parent.stdin.write(b"\n\n")
    assert elsewhere() - before >= -0.05  # what this process and its children used is not counted


def test_a_process_that_has_gone_costs_nothing() -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    assert cpu(ended.pid) == 0
    assert tree(os.getpid())[0] == os.getpid()
