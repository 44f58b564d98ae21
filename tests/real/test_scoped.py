"""Faults by caller with real servers: workers of pytest-xdist side by side, and two services before one database."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from brownout.testing import servers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="--intercept needs Linux"),
]

SUITE = Path(__file__).with_name("scoped_suite.py")
DEADLINE = 150.0


def environment(**more: str) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith(("BROWNOUT_", "PYTEST_"))} | more


def test_a_hundred_tests_meet_their_own_faults_and_the_same_with_any_number_of_workers(tmp_path: Path) -> None:
    suite = shutil.copy(SUITE, tmp_path / "test_suite.py")  # away from the conftest.py here
    found = []
    with servers.postgres() as postgres, servers.redis() as redis:
        for workers in (1, 2, 4):
            folder = tmp_path / str(workers)
            folder.mkdir()
            words = ["-m", "pytest", "-q", "-n", str(workers), "-p", "no:cacheprovider"]
            done = subprocess.run(
                [sys.executable, "-m", "brownout.cli", "run", "--intercept", "--seed", "7", "-q",
                 "--", sys.executable, *words, suite],
                env=environment(MET=str(folder), POSTGRES=postgres.url, REDIS=redis.url),
                capture_output=True, text=True, timeout=DEADLINE, cwd=tmp_path,
            )  # fmt: skip
            assert "100 passed" in done.stdout, done.stdout + done.stderr
            found.append({path.name: json.loads(path.read_text()) for path in folder.iterdir()})
    assert len(found[0]) == 100
    assert found[0] == found[1] == found[2]
    fired = [told[2] for told in found[0].values() if told]
    assert (len(fired), sum(fired) > 100) == (75, True)
