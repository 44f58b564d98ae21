"""What the kernel says of TCP sockets, and /proc where it does not."""

import contextlib
import os
import socket
from collections.abc import Callable

import pytest

from brownout.supervisor import tcp_sockets
from brownout.supervisor.tcp_sockets import is_held, listening


def _refuse(*_: object, **__: object) -> None:
    raise PermissionError


def by_netlink(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_sockets, "_read", _refuse)


def by_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_sockets, "_asked", _refuse)


def where_there_is_no_netlink(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_NETLINK")


Way = Callable[[pytest.MonkeyPatch], None]
each_way = pytest.mark.parametrize("way", [by_netlink, by_proc, where_there_is_no_netlink])


def inode(sock: socket.socket) -> int:
    return os.fstat(sock.fileno()).st_ino


@each_way
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_what_listens_is_told_by_inode_with_where(way: Way, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    way(monkeypatch)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener, socket.socket(family) as bound:
        bound.bind((host, 0))
        client = socket.create_connection(listener.getsockname()[:2])
        with client, listener.accept()[0] as served:
            found = dict(listening() or ())
            assert found[inode(listener)] == (host, listener.getsockname()[1])
            assert not {inode(each) for each in (bound, client, served)} & found.keys()
        number = inode(listener)
    assert number not in dict(listening() or ())


@each_way
def test_very_many_are_told(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    way(monkeypatch)
    with contextlib.ExitStack() as stack:
        mine = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(500)]
        assert {inode(each) for each in mine} <= dict(listening() or ()).keys()


def test_where_nothing_tells_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    by_proc(monkeypatch)
    monkeypatch.setattr(tcp_sockets, "_TABLES", ("/nowhere", "/nowhere"))
    assert listening() is None


def test_what_the_kernel_refuses_is_an_error() -> None:
    with pytest.raises(OSError, match="sock_diag"):
        list(tcp_sockets._asked(200, bytes(4)))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_who_has_a_socket_is_told_from_who_has_closed_it(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        client = socket.create_connection(listener.getsockname()[:2])
        own, peer = client.getsockname()[:2], client.getpeername()[:2]
        with listener.accept()[0]:
            assert is_held(own, peer)
            client.shutdown(socket.SHUT_WR)
            assert is_held(own, peer)
            client.close()
            assert not is_held(own, peer)
        assert not is_held(peer, ("::1" if ":" in host else "127.0.0.1", 1)), "the one that listens is no connection"


def test_without_an_answer_nobody_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    by_proc(monkeypatch)
    assert not is_held(("127.0.0.1", 1), ("127.0.0.1", 2))
