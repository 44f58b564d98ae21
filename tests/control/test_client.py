import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from brownout.control.client import Client
from brownout.faults.settings import Problem, SettingsError
from brownout.wire.errors import BrownoutError, ConflictError, NotFoundError

from .conftest import Running


@contextlib.contextmanager
def stranger(answer: bytes | None) -> Iterator[str]:
    """A server that answers so to one request, or not at all."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        connection = listener.accept()[0]
        with connection:
            connection.recv(65536)
            if answer is None:
                done.wait(10)
            else:
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        done.set()
        thread.join(10)
        listener.close()


def test_nobody_listening_is_said(reserve: Callable[[], str]) -> None:
    address = reserve()
    with pytest.raises(BrownoutError) as caught:
        Client(address).health()
    assert caught.value.message == f"no Brownout answers at {address}"
    assert caught.value.hint == "start one: brownout run -p NAME=UPSTREAM, or say where it is: --api HOST:PORT"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n\xff\xff",
    ],
)
def test_a_stranger_is_not_taken_for_a_brownout(answer: bytes) -> None:
    with (
        stranger(answer) as address,
        pytest.raises(BrownoutError, match=f"^what answers at {address} is not a Brownout\\n"),
    ):
        Client(address).health()


def test_silence_is_an_error_in_time() -> None:
    with stranger(None) as address, pytest.raises(BrownoutError, match=f"^no answer from {address} within 0.1 s\\n"):
        Client(address, timeout=0.1).health()


def test_the_environment_says_where_the_api_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BROWNOUT_API", raising=False)
    assert Client().address.endpoint == "127.0.0.1:8474"
    monkeypatch.setenv("BROWNOUT_API", "[::1]:99")
    assert Client().address.endpoint == "[::1]:99"
    assert Client("127.0.0.1:1").address.endpoint == "127.0.0.1:1"


@pytest.mark.parametrize("address", ["nowhere", "unix:///tmp/api.sock", "toxiproxy://127.0.0.1:8474", "a:70000"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(BrownoutError):
        Client(address)


def test_errors_come_back_as_they_were_raised(running: Running) -> None:
    client = running.client
    client.add("echo", running.echo)
    with pytest.raises(NotFoundError) as missing:
        client.proxy("eco")
    assert (missing.value.message, missing.value.hint) == ("there is no proxy named 'eco'", "did you mean echo?")
    assert missing.value.status == 404
    with pytest.raises(ConflictError) as conflict:
        client.add("echo", "127.0.0.1:1")
    assert conflict.value.status == 409
    with pytest.raises(SettingsError) as wrong:
        client.inject("echo", {"fault": "latency", "latency": 5})
    assert wrong.value.problems == [
        Problem("latency", "latency: 5 has no unit", "a duration is written like 5ms or 5s")
    ]
    assert str(wrong.value) == "latency: 5 has no unit"


def test_the_verbs(running: Running) -> None:
    client = running.client
    made = client.add("echo", running.echo, enabled=False)
    assert (made["enabled"], made["address"]) == (False, None)
    assert client.update("echo", enabled=True)["enabled"] is True
    assert client.inject("echo", "latency:1s")["name"] == "latency"
    assert client.inject("echo", {"fault": "latency", "latency": "2s"})["name"] == "latency-2"
    assert client.change("echo", "latency", {"latency": "3s"})["latency"] == "3s"
    assert [each["latency"] for each in client.injections("echo")] == ["3s", "2s"]
    assert client.heal_one("echo", "latency")["latency"] == "3s"
    assert (client.heal("echo"), client.heal()) == (1, 0)
    assert client.fault("noop")["settings"] == []
    assert "noop" in [fault["name"] for fault in client.faults()]
    assert [event["kind"] for event in client.journal(since=5)] == ["healed", "healed"]
    client.remove("echo")
    assert client.proxies() == []


def test_the_client_needs_no_server_side_and_no_loop() -> None:
    code = (
        "import sys, brownout.control, brownout.control.client\n"
        "print([name for name in ('aiohttp', 'prometheus_client', 'asyncio', 'rich', 'click') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
