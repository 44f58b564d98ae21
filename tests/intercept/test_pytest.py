"""pytest beneath an intercepted run: tests name what they have not yet connected to."""

import os
import subprocess
import sys
from pathlib import Path

from .conftest import DEADLINE, environment

SUITE = """
import os
import socket
import time

import pytest

PORT = {port}

def ping():
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", PORT), timeout=30) as sock:
        sock.sendall(b"*1\\r\\n$4\\r\\nPING\\r\\n")
        sock.recv(64)
    return time.monotonic() - began

def test_a_fault_waits_for_what_is_named_by_its_protocol(chaos):
    with chaos["redis"].inject("latency:400ms") as slow:
        assert ping() >= 0.4
    assert slow.receipt.fired == 1
    (connection,) = chaos["redis"].connections
    assert (connection.caller, connection.process) == ("python3 -m pytest", os.getpid())

def test_a_proxy_of_ones_own_is_found_as_well(chaos):
    mine = chaos.proxy("mine", upstream="redis://127.0.0.1:1")
    with chaos["redis"].inject("refuse"), pytest.raises(ConnectionRefusedError):
        ping()
    assert ping() < 30

def test_what_never_comes_is_said(chaos):
    chaos["postgres"].inject("reset")
"""


def test_names_wait_in_tests(tmp_path: Path, echo: int) -> None:
    (tmp_path / "test_it.py").write_text(SUITE.format(port=echo))
    done = subprocess.run(
        [sys.executable, "-m", "brownout.cli", "run", "--intercept", "--", "python3", "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        capture_output=True, text=True, timeout=DEADLINE, env=environment() | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, "1 failed, 2 passed" in done.stdout) == (1, True), done.stdout + done.stderr
    assert "reset on postgres never fired: the command has not connected to it" in done.stdout
    assert "proxy postgres waits for COMMAND to connect there\n" in done.stderr
