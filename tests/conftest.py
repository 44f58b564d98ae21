"""What tests share: programs that may be missing, an echo server, the corpus of conversations."""

import contextlib
import gc
import http.server
import importlib.metadata
import importlib.util
import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from brownout.faults import catalogue
from brownout.wire import protocols

from .keeper import keeper
from .serving import serving
from .testing.suites import WITHOUT

ON_CI = bool(os.environ.get("CI"))


settings.register_profile(
    "brownout",
    deadline=None,  # no example is wrong because the machine was busy
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("thorough", settings.get_profile("brownout"), max_examples=5000)
settings.load_profile("brownout")

_SAY = socketserver.BaseServer.handle_error


def _handle_error(server: socketserver.BaseServer, request: Any, client: Any) -> None:
    """Say nothing of a client that is gone: faults see to that.

    To show a traceback its source is parsed. Python 3.11 ends with a SystemError in whoever else parses at that moment
    (github.com/python/cpython/issues/106905), which is pytest.
    """
    if not isinstance(sys.exception(), ConnectionError):
        _SAY(server, request, client)


socketserver.BaseServer.handle_error = _handle_error  # of all servers here

# aiohttp reads all certificates of the system at each start of a Brownout, in a third of the time that a start takes.
_CERTIFICATES = os.environ.get("SSL_CERT_FILE")
os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("nobody.pem"))

os.environ["PYTEST_ADDOPTS"] = " ".join(WITHOUT)  # for the processes that run pytest


def pytest_xdist_auto_num_workers() -> int:
    """Two workers for a core, and not too many: half of the time a test waits, for a server, a process or a fault."""
    return min(16, (os.cpu_count() or 1) * 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow ones, the slowest first, so that no worker is alone with one at the end."""
    items.sort(
        key=lambda item: (item.get_closest_marker("slow") is None, "tests/verify/test_builds" not in item.nodeid)
    )


def pytest_collection_finish() -> None:
    """Let the garbage collector pass by what is there until the end: that would take a tenth of this process's time."""
    gc.freeze()


@pytest.fixture(scope="session")
def program() -> Callable[..., str]:
    """Find a program on PATH or in other folders; without it a test skips and says how to install it, on CI it fails."""

    def find(name: str, hint: str, folders: Iterable[Path] = ()) -> str:
        path = shutil.which(name, path=os.pathsep.join([*os.get_exec_path(), *map(str, folders)]))
        if path is None:
            (pytest.fail if ON_CI else pytest.skip)(f"{name} is not there; install it: {hint}")
        return path

    return find


@pytest.fixture(scope="session")
def npm_install(program: Callable[..., str]) -> Callable[..., None]:
    """Install packages of node into a folder: those that are named, or those of its package.json.

    npm gets the certificates of the system, by which it knows who it speaks with.
    """
    npm = program("npm", "apt-get install npm")
    words = ("install", "--loglevel=error", "--no-audit", "--no-fund", "--no-package-lock")
    environment = {name: value for name, value in os.environ.items() if name != "SSL_CERT_FILE"}
    environment |= {} if _CERTIFICATES is None else {"SSL_CERT_FILE": _CERTIFICATES}

    def install(folder: Path, *packages: str) -> None:
        done = subprocess.run(
            [npm, *words, *packages], cwd=folder, env=environment, capture_output=True, text=True, timeout=180
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return install


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why tests were skipped, whatever the options."""
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.write_line(f"skipped {report.nodeid}: {reason}", yellow=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail on CI if anything was skipped: everything is there, or the run says what is not."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if ON_CI and exitstatus == 0 and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def conversations() -> tuple[Any, ...]:
    """The HTTP/1 conversations of tests/wire/conversations.py."""
    spec = importlib.util.spec_from_file_location("conversations", Path(__file__).parent / "wire/conversations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CONVERSATIONS


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    """The address of a server that echoes."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionError):
            while data := connection.recv(65536):
                connection.sendall(data)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threads.append(threading.Thread(target=serve, args=(listener.accept()[0],)))
                threads[-1].start()

    threads.append(threading.Thread(target=accept))
    threads[0].start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def reserve() -> Iterator[Callable[[], str]]:
    """Gives addresses that are this test's until it ends, though nobody listens there yet."""
    with contextlib.ExitStack() as stack:
        yield lambda: f"127.0.0.1:{stack.enter_context(keeper()).getsockname()[1]}"


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Have a package with an entry point of a group, and what it names: nothing, where that is None."""
    entries: list[importlib.metadata.EntryPoint] = []
    module = types.ModuleType("other_package")
    monkeypatch.setitem(sys.modules, "other_package", module)
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda group: [each for each in entries if each.group == group]
    )

    def add(group: str, name: str, thing: object = None) -> None:
        attribute = f"the_{name.replace('.', '_')}"  # a dot in it would be one more attribute
        if thing is not None:
            setattr(module, attribute, thing)
        entries.append(importlib.metadata.EntryPoint(name, f"other_package:{attribute}", group))

    known = (catalogue.PLUGINS, protocols.PLUGINS)
    for each in known:
        each.forget()
    yield add
    for each in known:
        each.forget()


class Shop(http.server.BaseHTTPRequestHandler):
    """Says ok to all, and keeps connections open."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    with serving(Shop) as url:
        yield url
