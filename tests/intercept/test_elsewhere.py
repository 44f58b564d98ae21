"""Processes that see something else than Brownout does: another network, another root, another folder."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Done

SERVED = """
    def serve(path, answer):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()

        def run():
            while True:
                sock, _ = listener.accept()
                sock.recv(64)
                sock.sendall(answer)
                sock.close()

        threading.Thread(target=run, daemon=True).start()

    def ask(path):
        with socket.socket(socket.AF_UNIX) as sock:
            try:
                sock.connect(path)
            except OSError as error:
                return errno.errorcode[error.errno]
            sock.sendall(b"*1\\r\\n$4\\r\\nPING\\r\\n")
            return sock.recv(64).decode()
"""


def test_a_relative_path_is_one_of_the_callers_folder(run: Callable[..., Done], tmp_path: Path) -> None:
    done = run(
        SERVED
        + """
    os.mkdir("inner")
    serve("redis.sock", b"+OUTER\\r\\n")
    os.chdir("inner")
    absent = ask("redis.sock")
    serve("redis.sock", b"+INNER\\r\\n")
    say(absent=absent, found=ask("redis.sock"))
    """
    )
    assert done.one == {"absent": "ENOENT", "found": "+INNER\r\n"}, done.err
    assert done.proxies["redis"]["upstream"].endswith(f"{tmp_path}/inner/redis.sock")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change its root")
def test_a_path_beneath_another_root_is_found(run: Callable[..., Done], tmp_path: Path) -> None:
    done = run(
        SERVED
        + """
    os.mkdir("jail")
    serve("jail/redis.sock", b"+JAIL\\r\\n")
    os.chroot("jail")
    say(found=ask("/redis.sock"), absent=ask("/none.redis.sock"))
    """
    )
    assert done.one == {"found": "+JAIL\r\n", "absent": "ENOENT"}, done.err
    assert done.proxies["redis"]["upstream"].endswith(f"{tmp_path}/jail/redis.sock")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a network namespace")
def test_another_network_is_left_alone_and_told(run: Callable[..., Done], echo: int) -> None:
    done = run(
        """
        port = int(sys.argv[1])
        assert libc.unshare(0x40000000) == 0  # CLONE_NEWNET
        assert os.system("ip link set lo up") == 0
        with socket.create_server(("127.0.0.1", 0)) as inner, socket.socket() as sock:
            say(outer=connect(socket.socket(), v4(port)), inner=connect(sock, inner.getsockname() and v4(inner.getsockname()[1])))
        """,
        args=(echo,),
    )  # fmt: skip
    assert done.one == {"outer": 111, "inner": 0}, done.err
    assert done.proxies == {}
    assert "not seen: python program.py has a network of its own" in done.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every process")
def test_a_process_that_is_closed_to_others_is_left_alone_and_told(run: Callable[..., Done], echo: int) -> None:
    done = run(
        """
        libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
        with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
            say(found=trip(sock))
        """,
        args=(echo,),
    )
    assert done.one == {"found": True}
    assert "not seen: python program.py does not let itself be looked into" in done.err


DEVICES = [name for _, name in socket.if_nameindex() if name != "lo"]


@pytest.mark.skipif(not DEVICES, reason="there is no device but lo")
def test_a_socket_of_another_device_is_left_alone_and_told(
    run: Callable[..., Done], alone: Callable[..., list[dict[str, Any]]], echo: int
) -> None:
    program = """
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[2].encode())
            sock.settimeout(5)
            say(found=connect(sock, v4(int(sys.argv[1]))))
        """
    done = run(program, args=(echo, DEVICES[0]))
    assert done.one == alone(program, echo, DEVICES[0])[0]
    assert f"not seen: 127.0.0.1:{echo} (its socket cannot reach Brownout: Network is unreachable)" in done.err
