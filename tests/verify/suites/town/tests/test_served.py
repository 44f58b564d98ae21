import socket
import subprocess
import sys
import time

import httpx
import pytest


@pytest.fixture
def url():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "town.serve", str(port)])
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            break
        except ConnectionRefusedError:
            time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait()


def test_served(url):
    assert httpx.get(f"{url}/visits").status_code == 200


def test_served_and_dies(url):
    assert httpx.get(f"{url}/exits").status_code == 200


def test_served_and_fails(url):
    httpx.get(f"{url}/fails").raise_for_status()
