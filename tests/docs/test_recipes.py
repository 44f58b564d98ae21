"""docs/recipes.md: its files are a suite that passes, and its faults do what it says."""

import http.client
import re
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from brownout.faults.config import file as config
from brownout.testing import Chaos, servers

from .conftest import DEADLINE, DOCS, ENV, blocks

PAGE = DOCS["recipes.md"]
LATE = 0.3


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b"x" * 3000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def service():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(DEADLINE)
    server.server_close()


def test_the_files_are_a_suite_that_passes(tmp_path: Path) -> None:
    with servers.redis() as redis:
        for code in blocks(PAGE, "python"):
            name = re.match(r"# (\w+\.py)\n", code)[1]
            (tmp_path / name).write_text(code.replace("6379", str(redis.port)))
        words = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
            str(tmp_path),
        ]
        done = subprocess.run(words, cwd=tmp_path, env=ENV, capture_output=True, text=True, timeout=DEADLINE)
    assert (done.returncode, "6 passed" in done.stdout) == (0, True), done.stdout


def test_a_reply_stops_in_the_middle(service: str) -> None:
    with Chaos() as chaos:
        api = chaos.proxy("api", upstream=service)
        drip = api.inject("http.drip", bytes="1KB", interval="1h")
        with socket.create_connection(api.address, timeout=DEADLINE) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            head, _, body = read_until(client, 1000).partition(b"\r\n\r\n")
            assert (head.startswith(b"HTTP/1.1 200"), len(body)) == (True, 1000)
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(1)
            client.settimeout(DEADLINE)
            drip.heal()
            assert len(read_until(client, 2000)) == 2000


def read_until(client: socket.socket, size: int) -> bytes:
    """Read until this much of a body is there, or this much, where there is no head."""
    data = b""
    while len(data.partition(b"\r\n\r\n")[2] if data.startswith(b"HTTP") else data) < size:
        data += client.recv(65536)
    return data


def test_one_host_of_several(service: str) -> None:
    with Chaos() as chaos:
        api = chaos.proxy("api", upstream=service)
        api.inject("http.status:503", match={"host": "shop.test"})
        assert [ask(api, host).status for host in ("shop.test", "shop.test:8080", "other.test")] == [503, 503, 200]


def test_shares_exclude_each_other(service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = blocks(PAGE, "yaml")
    (tmp_path / "brownout.yaml").write_text(file)
    with Chaos(config=config.read(tmp_path / "brownout.yaml")) as chaos:
        api = chaos.proxy("api", upstream=service)
        profile = chaos.profile("mixed")
        statuses = [ask(api, "a").status for _ in range(22)]
        assert [n for n, status in enumerate(statuses, 1) if status == 503] == [10, 20]
        assert {each.name: each.receipt.fired for each in profile} == {"http.status": 2, "late-1": 2, "late-2": 2}


def ask(api, host: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(*api.address, timeout=DEADLINE)
    try:
        connection.request("GET", "/", headers={"Host": host})
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()
