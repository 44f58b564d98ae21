"""An upstream that says what it hears, and tests that no Brownout of the outside reaches."""

import contextlib
import http.server
import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from .suites import CONFTEST, DEADLINE, WITHOUT, Run


@pytest.fixture(autouse=True, scope="session")
def alone() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BROWNOUT_API", raising=False)
        patch.delenv("BROWNOUT_TOKEN", raising=False)
        yield


@pytest.fixture(scope="session")
def echo() -> Iterator[str]:
    """The address of an echo server that lives in threads."""

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=answer, args=(client,), daemon=True).start()

    def answer(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while data := client.recv(65536):
                client.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers every request with ok."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_POST = do_GET  # noqa: N815 - http.server's name

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def web() -> Iterator[str]:
    """The URL of an HTTP server that lives in threads."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def run(pytester: pytest.Pytester, echo: str, web: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Write a suite and run it, with every warning an error: here, or as a process that is started by other words."""
    monkeypatch.setenv("ECHO", echo)
    (pytester.path / "conftest.py").write_text(CONFTEST.replace("{echo}", echo).replace("{web}", web))

    def run(
        *args: str, suite: str | None = None, within: tuple[str, ...] | None = None, plugins: tuple[str, ...] = ()
    ) -> pytest.RunResult:
        if suite is not None:
            pytester.makepyfile(
                test_it=f"import socket, pytest\nfrom conftest import ECHO, WEB, ask, hits, trip\n{suite}"
            )
        options = ["-W", "error", "-p", "no:cacheprovider", "--strict-markers", "--strict-config"]
        options += [option for option in WITHOUT if option.removeprefix("-pno:") not in plugins]
        options += args
        if within is None:
            return pytester.runpytest_inprocess(*options)
        return pytester.run(*within, sys.executable, "-m", "pytest", *options, timeout=DEADLINE)

    return run
