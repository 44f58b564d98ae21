"""What becomes of a connection, by its destination."""

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from brownout.supervisor.messages import Policy, UnderTest
from brownout.supervisor.process import program_of
from brownout.supervisor.routes import Routes
from brownout.supervisor.sockaddr import Destination

POLICY = Policy(door=41000, door6=42000, refusing=43000, routes={}, door_path="", ours=[8474])


@pytest.mark.parametrize(
    ("to", "kind"),
    [
        (Destination("127.0.0.1", 41000), "pass"),
        (Destination("127.3.2.1", 41000), "pass"),
        (Destination("::1", 42000), "pass"),
        (Destination("127.0.0.1", 8474), "pass"),
        (Destination("127.0.0.1", 42000), "carry"),  # the other door has this port by chance
        (Destination("::1", 41000), "carry"),
        (Destination("10.0.0.1", 41000), "carry"),
        (Destination("127.0.0.1", 9000), "carry"),
    ],
)
def test_the_doors_are_left_alone_and_no_other_port_of_that_number(to: Destination, kind: str) -> None:
    routes = Routes()
    routes.policy = POLICY
    assert routes.to(to, 0)[0] == kind


class Run:
    """This process as one that runs tests; it listens at `port`."""

    def __init__(self, listener: socket.socket) -> None:
        listener.listen()
        self.port = listener.getsockname()[1]
        self.routes = Routes()
        self.routes.opened.add(os.getpid(), listener.fileno())
        self.now(UnderTest(os.getpid()))

    def now(self, tested: UnderTest) -> None:
        self.routes.policy = POLICY._replace(tested=tested)

    def how(self, thread: int) -> str:
        return self.routes.to(Destination("127.0.0.1", self.port), thread).how


@pytest.fixture
def running() -> Iterator[Run]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Run(listener)


@pytest.fixture
def thread() -> Iterator[int]:
    """Another thread of this process."""
    end = threading.Event()
    running = threading.Thread(target=end.wait)
    running.start()
    try:
        yield running.native_id or 0
    finally:
        end.set()
        running.join()


@contextlib.contextmanager
def started(folder: Path, name: str) -> Iterator[int]:
    """Start a program of that name."""
    program = folder / name
    program.symlink_to("/bin/sleep")
    until = time.monotonic() + 60
    with subprocess.Popen([str(program), "1000"]) as child:
        try:
            while program_of(child.pid) != name and time.monotonic() < until:
                time.sleep(0.001)  # it has not become the program yet
            yield child.pid
        finally:
            child.kill()


def test_what_tests_have_started_is_broken_for_the_application_alone(running: Run, thread: int) -> None:
    assert running.how(thread) == "carry"
    assert running.how(os.getpid()) == "inside", "a test asks it itself"
    assert running.how(thread) == "inside", "so it is the application, whoever asks it"
    running.now(UnderTest(os.getpid(), handles=True))
    assert running.how(os.getpid()) == "carry", "the application asks while it handles a request"
    running.now(UnderTest(os.getpid(), handles=True, port=running.port))
    assert running.how(os.getpid()) == "inside", "its own port is where it is asked"
    running.now(UnderTest())
    assert running.how(thread) == "inside", "no tests are run"
    running.now(UnderTest(os.getpid()))
    assert running.how(thread) == "carry", "another run may have given the port to something else"


@pytest.mark.parametrize(
    ("name", "how"), [("service", "carry"), ("chromium", "inside"), ("geckodriver", "inside"), ("nginx", "inside")]
)
def test_another_process_is_the_application_unless_it_stands_in_front(
    running: Run, tmp_path: Path, name: str, how: str
) -> None:
    with started(tmp_path, name) as process:
        assert running.how(process) == how
