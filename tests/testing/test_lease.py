"""What is injected in a running Brownout does not outlive the process that asked for it."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from brownout.control.client import Client
from brownout.testing import Chaos
from brownout.wire.errors import BrownoutError

from ..cli.conftest import Lines, Run

DEADLINE = 60.0


@pytest.fixture
def running(echo: str) -> Iterator[Run]:
    running = Run("-p", f"echo={echo}", "-p", f"other={echo}", "--api", "127.0.0.1:0")
    with contextlib.closing(running):
        yield running


def placed(client: Client) -> list[str]:
    return [str(each["name"]) for view in client.proxies() for each in view["injections"]]


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


SUITE = """
import socket, sys
from brownout.control.client import Client
from brownout.testing import lease, remote

remote.DURATION, lease.RENEWALS = {duration}, {renewals}
renew = Client.renew_lease

def renewed(client):
    renew(client)
    print("renewed", flush=True)

Client.renew_lease = renewed

def test_it(chaos):
    chaos["echo"].inject("latency:10ms")
    with socket.create_connection((chaos["echo"].host, chaos["echo"].port), timeout=60) as client:
        client.sendall(b"x")
        assert client.recv(1) == b"x"
    chaos["other"].disable()
    chaos.proxy("made", upstream="127.0.0.1:9")
    print(flush=True)
    print("broken", flush=True)
    sys.stdin.read()  # as at a debugger's prompt
"""


class Broken:
    """A pytest that has broken what runs, and now sits in its test until its input ends."""

    def __init__(self, api: str, folder: Path, duration: float, renewals: int) -> None:
        (folder / "test_it.py").write_text(SUITE.format(duration=duration, renewals=renewals))
        words = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", "test_it.py", "--brownout-api", api]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(words, cwd=folder, stdin=pipe, stdout=pipe)
        self.out = Lines(self.process.stdout)
        self.out.until("broken")

    def close(self) -> None:
        self.process.kill()
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(DEADLINE)
        self.out.close()

    def let_end(self) -> int:
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(DEADLINE)


def test_what_a_killed_pytest_has_broken_is_undone_within_the_lease(running: Run, tmp_path: Path) -> None:
    client = Client(running.api)
    with contextlib.closing(Broken(running.api, tmp_path, 5, 3)) as broken:
        broken.process.send_signal(signal.SIGKILL)
        until(lambda: placed(client) == [])
        until(lambda: [view["name"] for view in client.proxies() if view["enabled"]] == ["echo", "other"])
        until(lambda: len(client.proxies()) == 2)
        running.out.until("a client with a lease is gone (silent for 5s): what it made is undone")


def test_a_test_that_waits_for_input_is_alive(running: Run, tmp_path: Path) -> None:
    client = Client(running.api)
    with contextlib.closing(Broken(running.api, tmp_path, 60, 600)) as broken:
        for _ in range(3):
            broken.out.next("renewed")
        assert placed(client) == ["latency"]
        assert broken.let_end() == 0
        assert placed(client) == []
        assert [view["name"] for view in client.proxies() if view["enabled"]] == ["echo", "other"]
        assert client.journal(kind="lease_expired") == []


def test_a_pytest_that_was_stopped_for_too_long_is_red(running: Run, tmp_path: Path) -> None:
    client = Client(running.api)
    with contextlib.closing(Broken(running.api, tmp_path, 5, 3)) as broken:
        broken.process.send_signal(signal.SIGSTOP)
        until(lambda: placed(client) == [])
        broken.process.send_signal(signal.SIGCONT)
        assert broken.let_end() == 1
        out = "\n".join(broken.out.all())
        assert "nothing was heard of this client for 5s: what it had made was undone at 20" in out
        assert "INTERNALERROR" not in out


def threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "brownout-lease"]


def test_the_thread_comes_with_the_first_injection_and_goes_at_once(running: Run) -> None:
    with Chaos(api=running.api) as chaos:
        chaos.reset()
        assert chaos["echo"].address
        assert threads() == []
        with chaos["echo"].inject("latency:1ms"):
            (thread,) = threads()
        chaos["other"].inject("latency:1ms")
        assert threads() == [thread]
    thread.join(DEADLINE)
    assert not thread.is_alive()


def test_after_a_lease_that_ended_the_next_test_begins_another(running: Run) -> None:
    with Chaos(api=running.api) as chaos:
        chaos["echo"].inject("latency:1ms")
        client = Client(running.api)
        other = Client(running.api)
        other.lease = chaos._driver._client.lease
        other.end_lease()
        with pytest.raises(BrownoutError, match="there is no such lease"):
            chaos.reset()
        chaos.reset()
        chaos["echo"].inject("latency:1ms")
        assert placed(client) == ["latency"]
    assert placed(client) == []


def test_a_forked_child_does_not_end_the_lease(running: Run) -> None:
    with Chaos(api=running.api) as chaos:
        chaos["echo"].inject("latency:1ms")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside a thread, from Python 3.12 on
            child = os.fork()
        if not child:
            chaos._driver._lease.close()
            os._exit(0 if threads() == [] else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert placed(Client(running.api)) == ["latency"]
