"""The tables of numbers, and the filter, as the kernel would run it."""

import platform
import re
import socket
import struct
import sys
from pathlib import Path

import pytest

from brownout.supervisor import kernel

HEADERS = {
    "x86_64": ("asm/unistd_64.h", "AUDIT_ARCH_X86_64", 62 | 0x80000000 | 0x40000000),
    "aarch64": ("asm-generic/unistd.h", "AUDIT_ARCH_AARCH64", 183 | 0x80000000 | 0x40000000),
}
"""By processor: where its calls are listed, its name in linux/audit.h, and what that is made of (EM_*, 64 bit, LE)."""
INCLUDE = [Path("/usr/include"), *Path("/usr/include").glob("*-linux-gnu")]
ALLOWED, NOTIFIED = 0x7FFF0000, 0x7FC00000

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")


def defined(file: str) -> dict[str, int]:
    """Return what a header of the system defines as a number."""
    text = next((path / file).read_text() for path in INCLUDE if (path / file).exists())
    return {name: int(value, 0) for name, value in re.findall(r"#define (\w+)\s+(0x[0-9a-fA-F]+|\d+)\s", text)}


def verdict(rows: list[tuple[int, int, int, int]], call: int, audit: int) -> int:
    """Run a filter on one call, as the kernel's machine does."""
    data, at, value = struct.pack("=iI", call, audit), 0, 0
    while True:
        code, yes, no, k = rows[at]
        at += 1
        if code == 0x20:
            value = struct.unpack_from("=I", data, k)[0]
        elif code == 0x15:
            at += yes if value == k else no
        else:
            return k


@pytest.mark.parametrize("machine", HEADERS)
def test_the_filter_tells_of_what_it_should_and_allows_all_else(machine: str) -> None:
    numbers = kernel.CALLS[machine]
    rows = kernel.program(numbers)
    told = {call for call in range(600) if verdict(rows, call, numbers.audit) == NOTIFIED}
    assert told == {numbers.connect, numbers.listen, numbers.io_uring_setup}
    assert {verdict(rows, call, numbers.audit) for call in set(range(600)) - told} == {ALLOWED}
    assert verdict(rows, numbers.connect, 0x40000003) == ALLOWED  # a program of 32 bits
    assert verdict(rows, numbers.connect | 0x40000000, numbers.audit) == ALLOWED  # and one of x32


@pytest.mark.parametrize("machine", HEADERS)
def test_the_numbers_are_those_of_the_system(machine: str) -> None:
    file, _, audit = HEADERS[machine]
    numbers = kernel.CALLS[machine]
    assert numbers.audit == audit
    known = defined("asm-generic/unistd.h" if machine == "aarch64" else file)
    names = [name for name in numbers._fields if name != "audit"]
    assert {name: getattr(numbers, name) for name in names} == {name: known[f"__NR_{name}"] for name in names}


def test_the_constants_are_those_of_the_system() -> None:
    prctl = defined("linux/prctl.h")
    assert prctl["PR_SET_NO_NEW_PRIVS"] == kernel.PR_SET_NO_NEW_PRIVS
    assert prctl["PR_SET_CHILD_SUBREAPER"] == kernel.PR_SET_CHILD_SUBREAPER
    seccomp = next((path / "linux/seccomp.h").read_text() for path in INCLUDE if (path / "linux/seccomp.h").exists())
    shifts = dict(re.findall(r"#define SECCOMP_FILTER_FLAG_(\w+)\s+\(1UL << (\d+)\)", seccomp))
    assert 1 << int(shifts["NEW_LISTENER"]) == 1 << 3
    if "WAIT_KILLABLE_RECV" in shifts:  # headers of 5.19
        assert 1 << int(shifts["WAIT_KILLABLE_RECV"]) == kernel.WAIT_KILLABLE_RECV


def test_this_machine_is_known() -> None:
    assert (kernel.calls() is not None) == (platform.machine() in HEADERS)


def test_the_ack_of_a_connect_waits_for_its_word() -> None:
    def held() -> bool:
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as sock:
            listener.setblocking(False)
            kernel.hold_ack(sock)
            sock.connect(listener.getsockname())
            try:
                listener.accept()[0].close()
            except BlockingIOError:
                kernel.send_ack(sock)
                listener.settimeout(60)
                listener.accept()[0].close()
                return True
            return False

    assert any(held() for _ in range(50))  # an ACK waits for 200 ms at most, for which a busy machine may stand


def test_a_unix_socket_has_no_ack() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        kernel.send_ack(ours)
