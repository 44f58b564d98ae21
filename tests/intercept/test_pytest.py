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


SHARED = """
import http.server
import os
import socket
import subprocess
import sys
import time
from urllib.request import ProxyHandler, build_opener

import pytest

CODE = '''
import http.server, socket, sys
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30) as redis:
            redis.sendall(bytes.fromhex("2a310d0a24340d0a50494e470d0a"))  # PING
            redis.recv(64)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), App)
print(server.server_port, flush=True)
server.serve_forever()
'''

def start():
    app = subprocess.Popen([sys.executable, "-c", CODE, "{port}"], stdout=subprocess.PIPE, text=True)
    return app, int(app.stdout.readline())

def call(port):
    build_opener(ProxyHandler({{}})).open(f"http://127.0.0.1:{{port}}/", timeout=30).close()

def meet(there, worker, count):
    open(f"{{there}}-{{worker}}", "w").close()
    deadline = time.monotonic() + 30
    while len([each for each in os.listdir() if each.startswith(f"{{there}}-")]) < count:
        assert time.monotonic() < deadline, there
        time.sleep(0.01)

def test_a_server_that_workers_share_takes_no_faults_of_one(chaos, worker_id):  # once in each
    if worker_id == "gw0":
        app, port = start()
        call(port)
        with chaos["redis"].inject("latency:1ms") as own:
            call(port)
        assert own.receipt.fired == 1
        with open("port", "w") as file: file.write(str(port))
    meet("started", worker_id, 2)
    port = int(open("port").read())
    call(port)
    meet("shared", worker_id, 2)
    late = chaos["redis"].inject("latency:1ms", allow_unused=True)
    test = chaos["redis"].inject("latency:1ms", caller={{"test": "test_a_server*"}}, allow_unused=True)
    chaos["redis"].inject("latency:1ms", name="program", caller={{"program": "nobody"}}, allow_unused=True)
    call(port)
    for each in (late, test):
        assert (each.receipt.matched, each.receipt.cause) == (0, "other_callers")
        assert "(shared by gw0, gw1)" in each.receipt.hint, each.receipt.hint
    meet("done", worker_id, 2)
    if worker_id == "gw0":
        app.kill()
        app.wait()
        app.stdout.close()
"""


def test_a_server_that_workers_share_is_told_and_takes_no_faults_of_one(tmp_path: Path, echo: int) -> None:
    (tmp_path / "test_it.py").write_text(SHARED.format(port=echo))
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "--dist", "each"]
    done = subprocess.run(
        [sys.executable, "-m", "brownout.cli", "run", "--intercept", "--", sys.executable, *words],
        capture_output=True, text=True, timeout=DEADLINE, env=environment(), cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout + done.stderr
    told = "is used by gw0 and gw1: a fault for one worker, or one test, leaves its connections alone"
    assert done.stderr.count(told) == 1, done.stderr
