"""Workers of pytest-xdist that share one running Brownout: each test meets its own faults, and sees its own clients."""

import contextlib
import json
import os
import sys
from pathlib import Path

import pytest

from ..cli.conftest import Run as BrownoutRun
from .suites import Run, header

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="whose a connection is is known on Linux")

CONFIG = """
seed: 7
proxies: {echo: "ECHO", web: "WEB"}
profiles: {slow: {echo: [{fault: latency, latency: 1ms, per: turn}]}}
"""
SUITE = """
import json, os, subprocess, sys
from urllib.request import build_opener, ProxyHandler
from urllib.error import HTTPError

def get(url):
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=30) as reply:
            reply.read()
            return reply.status
    except HTTPError as error:
        with error:
            error.read()
            return error.code

@pytest.mark.parametrize("code", range(500, 524))
def test_it(chaos, code, worker_id):
    shared = os.environ["PYTEST_XDIST_WORKER_COUNT"] != "1"
    web, echo = chaos["web"], chaos["echo"]
    busy = web.inject("http.status", status=code, probability="50%")
    with socket.create_connection(echo.address, timeout=30) as client:
        late = echo.inject("latency", latency="1ms", per="turn", probability="50%")
        hit = [get(web.url) for _ in range(6)]
        for _ in range(6):
            trip(client)
        with chaos.profile("slow") as slow:
            trip(client)
    assert set(hit) <= {200, code}
    assert (busy.name, busy.receipt.worker, busy.receipt.matched) == ("http.status", worker_id if shared else "", 6)
    assert busy.receipt.fired == sum(each == code for each in hit)
    assert [(handle.name, handle.receipt.profile) for handle in slow] == [("latency-2", "slow")]
    requests, (connection,) = web.requests, echo.connections
    assert [request.status for request in requests] == hit
    assert [request.faults for request in requests] == [("http.status",) if each == code else () for each in hit]
    if shared:
        assert {(each.worker, each.test) for each in requests} == {(worker_id, f"test_it.py::test_it[{code}]")}
        assert (connection.worker, connection.process) == (worker_id, os.getpid())
    assert len(web.wait_for("*", 6)) == 6
    with open(f"{os.environ['MET']}-{code}", "w") as file:
        json.dump([each == code for each in hit] + [late.receipt.fired], file)

def test_what_a_worker_has_started_is_its_own(chaos, worker_id):
    with chaos["web"].inject("http.status", status=599):
        code = "import sys; from urllib.request import urlopen; urlopen(sys.argv[1])"
        done = subprocess.run([sys.executable, "-c", code, chaos["web"].url], capture_output=True, text=True)
        assert "HTTP Error 599" in done.stderr
    (request,) = chaos["web"].requests
    assert (request.worker, request.caller) in ((worker_id, os.path.basename(sys.executable)), ("", ""))

def test_what_is_for_all_stays_for_all(chaos):
    if os.environ["PYTEST_XDIST_WORKER_COUNT"] == "1":
        return
    with pytest.raises(Exception, match="web is for all workers, so a worker cannot switch it off"):
        chaos["web"].disable()
    with pytest.raises(Exception, match="refuse closes the port, for every caller"):
        chaos["web"].inject("refuse")

def test_nobody_of_this_worker_came(chaos):
    chaos["web"].inject("http.status", status=598, allow_unused=True)
    assert chaos["web"].requests == []
"""


@pytest.fixture
def running(run: Run, web: str):
    Path("brownout.yaml").write_text(CONFIG.replace("ECHO", os.environ["ECHO"]).replace("WEB", web))
    running = BrownoutRun("brownout.yaml", "--api", "127.0.0.1:0")
    with contextlib.closing(running):
        yield running


def test_no_test_meets_a_fault_of_another_and_chances_do_not_know_the_workers(
    run: Run, running: BrownoutRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    met = []
    for workers in (1, 4):
        monkeypatch.setenv("MET", str(tmp_path / str(workers)))
        result = run("-n", str(workers), "--brownout-api", running.api, suite=SUITE)
        result.assert_outcomes(passed=27)
        met.append([json.loads((tmp_path / f"{workers}-{code}").read_text()) for code in range(500, 524)])
    assert met[0] == met[1]
    assert {True, False} <= set(met[0][0])


def test_a_brownout_that_cannot_tell_whose_a_connection_is_cannot_be_shared(run: Run, running: BrownoutRun) -> None:
    elsewhere = f"import os\nif os.getpid() != {os.getpid()}: os.getpid = lambda: 1\n"  # in workers, and not here
    Path("conftest.py").write_text(elsewhere + Path("conftest.py").read_text())
    result = run("-n", "2", "--brownout-api", running.api, suite="def test_it(chaos): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["Brownout cannot tell which connections are those of process 1", "hint: *"])


def test_a_test_is_told_also_without_workers(run: Run, running: BrownoutRun) -> None:
    result = run(
        "--brownout-api",
        running.api,
        suite="""
@pytest.fixture(scope="module")
def client(brownout):
    with socket.create_connection(brownout["echo"].address, timeout=30) as client:
        yield client
@pytest.mark.parametrize("number", range(4))
def test_it(chaos, client, number):
    late = chaos["echo"].inject("latency:1ms", caller={"test": "test_it[2]"}, allow_unused=True)
    trip(client)
    assert late.receipt.fired == (number == 2)
def test_here(chaos, client):
    late = chaos["echo"].inject("latency:1ms", caller={"test": "test_here", "program": "py*"})
    trip(client)
    assert late.receipt.fired == 1
""",
    )
    result.assert_outcomes(passed=5)
    assert header(result) == f"brownout: the one at {running.api}, seed 7"
