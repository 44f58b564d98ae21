"""The connections, the requests that are open, and the moment since when, over the API."""

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from brownout.control.client import Hangup, NoAnswerError
from brownout.control.views import ConnectionView, MarkView, RequestView
from brownout.wire.errors import NotFoundError

from .conftest import DEADLINE, Running


@pytest.fixture
def address(running: Running) -> tuple[str, int]:
    """Where a proxy `echo` listens, for clients on TCP."""
    return listen(running, running.echo)


def listen(running: Running, upstream: str) -> tuple[str, int]:
    view = running.client.add("echo", upstream)
    assert view["address"]
    host, _, port = view["address"].rpartition(":")
    return host, int(port)


def trip(client: socket.socket, data: bytes = b"hello") -> None:
    client.sendall(data)
    assert client.recv(100) == data


def test_a_connection_is_listed_with_all_that_is_known_of_it(running: Running, address: tuple[str, int]) -> None:
    with socket.create_connection(address, DEADLINE) as client:
        trip(client)
        [view] = running.client.connections(proxy="echo", since=0)
        assert (view["seq"], view["end"], view["left_seconds"]) == (0, "", None)
    [view] = running.client.connections(proxy="echo", since=0)
    assert list(view) == list(ConnectionView.__annotations__)
    assert (view["proxy"], view["connection"], view["opened"], view["faults"]) == ("echo", 1, True, [])
    assert (view["end"], view["sent"], view["received"]) == ("closed by client", 5, 5)
    assert running.ask("GET", "/v1/connections") == (200, [view])
    assert running.ask("GET", "/v1/connections?proxy=echo&since=1") == (200, [])


def test_a_proxy_that_is_not_there_has_none(running: Running, address: tuple[str, int]) -> None:
    with pytest.raises(NotFoundError, match=r"^there is no proxy named 'ecko'"):
        running.client.connections(proxy="ecko", since=0)
    assert running.ask("GET", "/v1/connections?snce=1")[1]["hint"] == "did you mean since?"


def test_a_mark_says_what_comes_after_it(running: Running, address: tuple[str, int]) -> None:
    before = running.client.mark()
    assert list(before) == list(MarkView.__annotations__)
    assert (before["requests"], before["connections"]) == (0, 0)
    with socket.create_connection(address, DEADLINE) as client:
        trip(client)
    [view] = running.client.connections(proxy="echo", since=0)
    after = running.client.mark()
    assert before["clock"] <= view["began"] <= after["clock"]
    assert after["connections"] == 1


@contextlib.contextmanager
def followed(coming: Iterator[object]) -> Iterator[list[object]]:
    """What comes, read on a thread, which has ended with the block."""
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.extend(iter_into(found, coming)))
    thread.start()
    yield found
    thread.join(DEADLINE)
    assert not thread.is_alive()


def iter_into(found: list[object], coming: Iterator[object]) -> list[object]:
    for each in coming:
        found.append(each)
    return []


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def wait(found: list[object], count: int) -> None:
    until(lambda: len(found) >= count)


def test_a_follower_of_connections_hears_of_open_ones_and_of_each_that_ends(
    running: Running, address: tuple[str, int]
) -> None:
    hangup = Hangup()
    with socket.create_connection(address, DEADLINE) as client:
        trip(client)
        with followed(running.client.follow_connections(proxy="echo", since=0, hangup=hangup)) as found:
            wait(found, 1)
            client.close()
            wait(found, 3)
            hangup()
    assert [(view["seq"], view["end"]) for view in found] == [
        (0, ""),
        (0, "closed by client"),
        (1, "closed by client"),
    ]


def test_a_hangup_before_the_connection_ends_it_too(running: Running) -> None:
    hangup = Hangup()
    hangup()
    with pytest.raises(NoAnswerError):
        next(running.client.follow_connections(proxy="echo", since=0, hangup=hangup))
    running.client.health()  # the server has taken that connection as well by now


def test_open_requests_are_listed_where_they_are_asked_for(running: Running) -> None:
    hangup = Hangup()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = listen(running, f"http://127.0.0.1:{silent.getsockname()[1]}")
        with socket.create_connection(address, DEADLINE) as client:
            client.sendall(b"GET /a?token=secret HTTP/1.1\r\nHost: x\r\n\r\n")
            upstream, _ = silent.accept()
            assert upstream.recv(1000)
            assert running.client.requests() == []
            [view] = running.client.open_requests(proxy="echo", since=0)
            assert list(view) == list(RequestView.__annotations__)
            assert (view["seq"], view["request"], view["status"], view["end"]) == (0, "GET /a?token=***", "", "")
            with followed(running.client.follow_open_requests(proxy="echo", since=0, hangup=hangup)) as found:
                wait(found, 1)
                client.close()
                wait(found, 2)
                upstream.close()
                wait(found, 3)
                hangup()
    assert [(view["seq"], view["end"], view["left_seconds"] is not None) for view in found] == [
        (0, "", False),
        (0, "", True),
        (1, "closed", True),
    ]


def test_who_follows_the_log_hears_of_a_request_when_it_ends(running: Running) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = listen(running, f"http://127.0.0.1:{silent.getsockname()[1]}")
        with socket.create_connection(address, DEADLINE) as client:
            client.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            upstream, _ = silent.accept()
            assert upstream.recv(1000)
            with followed(itertools.islice(running.client.follow_requests(), 1)) as found:
                until(lambda: bool(running.fleet.request_log.listeners))
                client.close()
                assert upstream.recv(1000) == b""
                upstream.close()
    assert [view["seq"] for view in found] == [1]
