"""Suites of users: what theirs begin with, and what a run of one says."""

from collections.abc import Callable

import pytest

WITHOUT = tuple(
    f"-pno:{each}" for each in ("asyncio", "rerunfailures", "pytest_cov", "faker", "hypothesispytest", "anyio")
)
"""The plugins that a run has only if it asks for them: they take more than half of the time in which pytest starts."""
Run = Callable[..., pytest.RunResult]

CONFTEST = """
import http.client
import socket
import pytest

ECHO = "{echo}"
WEB = "{web}"

@pytest.fixture
def proxy(chaos):
    return chaos.proxy("echo", upstream=ECHO)

@pytest.fixture
def client(proxy):
    with socket.create_connection((proxy.host, proxy.port), timeout=20) as client:
        yield client

@pytest.fixture
def web(chaos):
    return chaos.proxy("web", upstream=WEB)

@pytest.fixture
def browser(web):
    browser = http.client.HTTPConnection(web.host, web.port, timeout=20)
    yield browser
    browser.close()

def ask(browser, path="/", method="GET"):
    browser.request(method, path)
    reply = browser.getresponse()
    reply.read()
    return reply.status

def trip(client):
    client.sendall(b"x")
    assert client.recv(1) == b"x"

def hits(proxy, count=50):
    found = []
    for number in range(1, count + 1):
        try:
            with socket.create_connection((proxy.host, proxy.port), timeout=20) as client:
                trip(client)
        except ConnectionError:
            found.append(number)
    return found
"""
PROFILES = """
seed: 7
profiles:
  slow: {"*": ["latency:100ms"]}
  slower: {"*": [{fault: latency, latency: 200ms, name: slower}]}
"""
ALONE: tuple[str, ...] = ()
"""The words that start a process of its own: none but those of pytest."""
DEADLINE = 120.0


def header(result: pytest.RunResult) -> str:
    return next(line for line in result.outlines if line.startswith("brownout: "))


def told(result: pytest.RunResult) -> str:
    return "\n".join(result.outlines)


def reports(result: pytest.RunResult) -> list[str]:
    """Return the lines before the summary, which repeats them on CI and where the terminal is wide."""
    return told(result).partition(" short test summary info ")[0].splitlines()
