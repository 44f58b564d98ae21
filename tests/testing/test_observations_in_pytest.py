"""What tests learn of their clients is the same in this process, beside other workers, and beneath `brownout run`."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from brownout.testing.chaos import Chaos
from brownout.testing.failure import section

from .suites import WITHOUT

pytest_plugins = ["pytester"]

DEADLINE = 60.0
SUITE = """
import http.client
import http.server
import threading
import pytest

class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()

@pytest.fixture(scope="session")
def shop(brownout):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield brownout.proxy("shop", upstream=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()

def ask(shop, times):
    for _ in range(times):
        connection = http.client.HTTPConnection(shop.host, shop.port, timeout=20)
        connection.request("GET", "/cart")
        connection.getresponse().read()
        connection.close()

@pytest.mark.parametrize("times", range(2, 6))
def test_each_sees_its_own(chaos, shop, times):
    shop.inject("http.status", status=503, times=times - 1)
    ask(shop, times)
    found = shop.wait_for("GET /cart", count=times, within=20)
    assert [(each.status, each.attempt) for each in found] == [(503, n + 1) for n in range(times - 1)] + [(204, times)]
    assert len(shop.connections) == times
"""
FAILING = """
def test_it_fails(chaos, shop):
    ask(shop, 12)
    assert [each.status for each in shop.requests] == [503]
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [[], ["-n", "2"], "brownout run"])
def test_each_test_sees_what_its_own_clients_did(tmp_path: Path, how: list[str] | str) -> None:
    (tmp_path / "test_shop.py").write_text(SUITE)
    pytest_argv = [sys.executable, "-m", "pytest", *WITHOUT, "-p", "no:cacheprovider", "-W", "error"]
    if how == "brownout run":
        argv = [sys.executable, "-m", "brownout.cli", "run", "-q", "--", *pytest_argv]
    else:
        argv = [*pytest_argv, *how]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert "4 passed" in done.stdout, done.stdout + done.stderr


def test_a_failed_test_shows_the_last_requests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE + FAILING)
    result = pytester.runpytest_inprocess("-k", "it_fails", "-p", "no:cacheprovider", *WITHOUT)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["nothing was injected", "shop saw 12 requests, the last 10 of them:"])
    assert result.stdout.str().count("  GET /cart 204 in 0.") == 10


def test_a_failed_test_shows_the_connections_of_what_is_not_parsed(echo: str) -> None:
    with Chaos(seed=7, api="none") as chaos:
        proxy = chaos.proxy("cache", upstream=echo)
        assert "cache saw" not in section(chaos, "test_it.py::test_it")
        with socket.create_connection((proxy.host, proxy.port), timeout=DEADLINE) as client:
            client.sendall(b"x")
            assert client.recv(1) == b"x"
            assert section(chaos, "test_it.py::test_it").splitlines()[1:] == [
                "nothing was injected",
                "cache saw 1 connection:",
                "  connection 1 open, attempt 1",
            ]
