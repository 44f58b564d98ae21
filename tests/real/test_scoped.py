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
    return {key: value for key, value in os.environ.items() if not key.startswith(("BROWNOUT_", "PYTEST_XDIST"))} | more


def test_a_hundred_tests_meet_their_own_faults_and_the_same_with_any_number_of_workers(tmp_path: Path) -> None:
    suite = shutil.copy(SUITE, tmp_path / "test_suite.py")  # away from the conftest.py here
    found = []
    with servers.postgres() as postgres, servers.redis() as redis:
        for workers in (1, 4):
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
    assert found[0] == found[1]
    fired = [told["counts"][2] for told in found[0].values() if told["counts"]]
    assert (len(fired), sum(fired) > 100) == (75, True)


SERVICE = """
import sys, time, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as table:
    for line in sys.stdin:
        began = time.monotonic()
        table.execute("SELECT 1")
        print("late" if time.monotonic() - began >= 1.5 else "well", flush=True)
"""
RUN = """
import subprocess, sys
services = {name: subprocess.Popen([sys.executable, f"{name}.py", sys.argv[1]], stdin=-1, stdout=-1, text=True, bufsize=1)
            for name in ("orders", "payments")}
def ask(name):
    services[name].stdin.write("go\\n")
    return services[name].stdout.readline().strip()
def brownout(*words):
    subprocess.run([sys.executable, "-m", "brownout.cli", *words], check=True, stdout=2)
asked = ["orders", "payments", "orders"]
first = [ask(name) for name in asked]  # on connections that stay open
brownout("inject", "postgres", "latency:1500ms", "--caller", "orders")
second = [ask(name) for name in asked]
brownout("heal")
print(first, second, [ask(name) for name in asked])
for service in services.values():
    service.communicate()
"""


def test_one_database_is_slow_for_one_of_two_services(tmp_path: Path) -> None:
    for name in ("orders", "payments"):
        (tmp_path / f"{name}.py").write_text(SERVICE)
    (tmp_path / "run.py").write_text(RUN)
    with servers.postgres() as postgres:
        done = subprocess.run(
            [sys.executable, "-m", "brownout.cli", "run", "--intercept", "-q", "--", sys.executable, "run.py", postgres.url],
            env=environment(), capture_output=True, text=True, timeout=DEADLINE, cwd=tmp_path,
        )  # fmt: skip
    well, late = ["well"] * 3, ["late", "well", "late"]
    assert done.stdout == f"{well} {late} {well}\n", done.stdout + done.stderr
