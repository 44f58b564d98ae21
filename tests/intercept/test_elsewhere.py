"""Processes that see something else than Brownout does: another network, another root, another folder."""

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..somebody import as_somebody
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_path_that_leads_elsewhere_by_a_mount_is_left_alone_and_told(run: Callable[..., Done]) -> None:
    done = run(
        SERVED
        + """
    os.mkdir("shared")
    os.mkdir("hidden")
    serve("shared/redis.sock", b"+SHARED\\r\\n")
    serve("hidden/redis.sock", b"+OUTER\\r\\n")
    if not os.fork():
        assert libc.unshare(0x00020000) == 0  # CLONE_NEWNS
        assert libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None) == 0  # MS_REC | MS_PRIVATE
        assert libc.mount(b"tmpfs", b"hidden", b"tmpfs", 0, None) == 0
        serve("hidden/redis.sock", b"+INNER\\r\\n")
        say(shared=ask(os.path.abspath("shared/redis.sock")), hidden=ask(os.path.abspath("hidden/redis.sock")))
        os._exit(0)
    os.wait()
    """
    )
    assert done.one == {"shared": "+SHARED\r\n", "hidden": "+INNER\r\n"}, done.err
    (proxy,) = done.proxies.values()
    assert proxy["upstream"].endswith("/shared/redis.sock")
    assert re.search(r"not seen: python\S* program\.py has mounts of its own", done.err), done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a network namespace")
def test_another_network_is_left_alone_and_told(run: Callable[..., Done], echo: int) -> None:
    done = run(
        """
        port = int(sys.argv[1])
        assert libc.unshare(0x40000000) == 0  # CLONE_NEWNET
        with socket.socket() as sock:
            fcntl.ioctl(sock, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
        with socket.create_server(("127.0.0.1", 0)) as inner, socket.socket() as sock:
            say(outer=connect(socket.socket(), v4(port)), inner=connect(sock, inner.getsockname() and v4(inner.getsockname()[1])))
        """,
        args=(echo,),
    )  # fmt: skip
    assert done.one == {"outer": 111, "inner": 0}, done.err
    assert done.proxies == {}
    assert re.search(r"not seen: python\S* program\.py has a network of its own", done.err), done.err


def test_a_process_that_is_closed_to_others_is_left_alone_and_told(
    run: Callable[..., Done], tmp_path: Path, echo: int
) -> None:
    tmp_path.chmod(0o777)
    done = run(
        """
        libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
        with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
            say(found=trip(sock))
        """,
        args=(echo,),
        before=as_somebody(),
    )
    assert done.one == {"found": True}, done.err
    assert re.search(r"not seen: python\S* program\.py does not let Brownout look into it", done.err), done.err


DEVICE = next((name for _, name in socket.if_nameindex() if name != "lo"), "lo")


def test_a_socket_of_another_device_is_left_alone_and_told(
    run: Callable[..., Done], alone: Callable[..., list[dict[str, Any]]], echo: int
) -> None:
    program = """
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[2].encode())
            sock.settimeout(5)
            say(found=connect(sock, v4(int(sys.argv[1]))))
        """
    done = run(program, args=(echo, DEVICE))
    assert done.one == alone(program, echo, DEVICE)[0]
    unseen = f"not seen: 127.0.0.1:{echo} (its socket cannot reach Brownout: Network is unreachable)"
    assert (unseen in done.err) == (DEVICE != "lo")
