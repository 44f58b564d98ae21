"""What is asked of the kernel: the filter, its notifications, sockets of other processes. Numbers are those of Linux.

Sources: seccomp(2), seccomp_unotify(2), pidfd_open(2), pidfd_getfd(2), prctl(2); linux/seccomp.h, linux/filter.h.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import socket
import struct
from typing import NamedTuple


class Calls(NamedTuple):
    """The numbers of system calls on one processor, and how the kernel names the processor (linux/audit.h)."""

    audit: int
    connect: int
    listen: int
    seccomp: int
    io_uring_setup: int = 425
    pidfd_open: int = 434
    pidfd_getfd: int = 438


CALLS = {
    "x86_64": Calls(0xC000003E, connect=42, listen=50, seccomp=317),
    "aarch64": Calls(0xC00000B7, connect=203, listen=201, seccomp=277),
}
"""By processor. Only these can be asked."""
NOTIFIED = ("connect", "listen", "io_uring_setup")
"""The calls of which the filter tells; they are in the notification's `call` by these names."""

PR_SET_NO_NEW_PRIVS = 38
PR_SET_CHILD_SUBREAPER = 36
_SET_MODE_FILTER = 1
_NEW_LISTENER = 1 << 3
WAIT_KILLABLE_RECV = 1 << 5
_RET_ALLOW = 0x7FFF0000
_RET_USER_NOTIF = 0x7FC00000
_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
_OFFSET_CALL, _OFFSET_AUDIT = 0, 4  # struct seccomp_data
_NOTIF_RECV = 0xC0502100
_NOTIF_SEND = 0xC0182101
_NOTIF_ID_VALID = 0x40082102
_CONTINUE = 1
_NOTIF = struct.Struct("=QIIiIQ6Q")  # id, pid, flags; nr, arch, instruction_pointer, args
_RESPONSE = struct.Struct("=QqiI")
_ADDRESS_BYTES = 128
"""The longest address of a socket (struct sockaddr_storage)."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _Filter(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Filter))]


class Notification(NamedTuple):
    """A call that a thread makes and that waits for our answer; `arguments` are the call's own."""

    id: int
    thread: int
    call: str
    arguments: tuple[int, ...]

    @property
    def descriptor(self) -> int:
        """The first argument, where it is a descriptor of the caller."""
        return self.arguments[0] & 0xFFFFFFFF


def calls() -> Calls | None:
    """Return the numbers for this machine; None where they are not known."""
    return CALLS.get(platform.machine())


def program(numbers: Calls) -> list[tuple[int, int, int, int]]:
    """Return the filter: notify of NOTIFIED, allow everything else, also of programs for another processor."""
    wanted = [getattr(numbers, name) for name in NOTIFIED]
    rows = [
        (_LOAD, 0, 0, _OFFSET_AUDIT),
        (_JUMP_EQUAL, 0, len(wanted) + 1, numbers.audit),  # to the last row but one
        (_LOAD, 0, 0, _OFFSET_CALL),
    ]
    rows += [(_JUMP_EQUAL, len(wanted) - at, 0, number) for at, number in enumerate(wanted)]
    return [*rows, (_RETURN, 0, 0, _RET_ALLOW), (_RETURN, 0, 0, _RET_USER_NOTIF)]


def install(numbers: Calls) -> tuple[int, bool]:
    """Let the kernel tell of this process's calls, and those of all that it starts. Raises OSError.

    Return the listener's descriptor, and whether a call that we have heard of cannot be interrupted by signals any more
    (Linux 5.19; older kernels do without).
    """
    rows = program(numbers)
    filled = _Program(len(rows), (_Filter * len(rows))(*(_Filter(*row) for row in rows)))
    for flags in (_NEW_LISTENER | WAIT_KILLABLE_RECV, _NEW_LISTENER):
        listener = _libc.syscall(numbers.seccomp, _SET_MODE_FILTER, flags, ctypes.byref(filled))
        if listener >= 0 or ctypes.get_errno() != errno.EINVAL:
            break
    if listener < 0:
        raise _error()
    return int(listener), bool(flags & WAIT_KILLABLE_RECV)


def set_process(option: int) -> None:
    """Set a flag of this process (prctl). Raises OSError."""
    if _libc.prctl(option, 1, 0, 0, 0) < 0:
        raise _error()


def receive(listener: int, names: dict[int, str]) -> Notification | None:
    """Return the next notification; None where its caller is gone by now. `names`: calls by number. Raises OSError."""
    data = bytearray(_NOTIF.size)
    try:
        fcntl.ioctl(listener, _NOTIF_RECV, data)
    except OSError as error:
        if error.errno in (errno.EINTR, errno.ENOENT):
            return None
        raise
    number, thread, _, call, _, _, *arguments = _NOTIF.unpack(data)
    return Notification(number, thread, names.get(call, ""), tuple(arguments))


def is_waiting(listener: int, number: int) -> bool:
    """Say whether the caller still waits for the answer to a notification."""
    try:
        fcntl.ioctl(listener, _NOTIF_ID_VALID, struct.pack("=Q", number))
    except OSError:
        return False
    return True


def answer(listener: int, number: int, error: int) -> bool:
    """End a call with an errno, 0 for success; return whether the caller was still there."""
    return _send(listener, _RESPONSE.pack(number, 0, -error, 0))


def let_pass(listener: int, number: int) -> bool:
    """Let the kernel do the call; return whether the caller was still there."""
    return _send(listener, _RESPONSE.pack(number, 0, 0, _CONTINUE))


def _send(listener: int, response: bytes) -> bool:
    try:
        fcntl.ioctl(listener, _NOTIF_SEND, response)
    except OSError:
        return False
    return True


def open_process(thread: int) -> tuple[int, int]:
    """Return the process of a thread, and a descriptor that stands for it. Raises OSError where it is gone.

    The first thread of a process has its number; whether one is that is asked in a fifth of the time.
    """
    with contextlib.suppress(OSError):
        return thread, os.pidfd_open(thread)
    with open(f"/proc/{thread}/status", "rb") as status:
        process = next(int(line.split()[1]) for line in status if line.startswith(b"Tgid:"))
    return process, os.pidfd_open(process)


def process_of(thread: int) -> int:
    """Return the process of a thread. Raises OSError where it is gone."""
    process, pidfd = open_process(thread)
    os.close(pidfd)
    return process


def descriptor_of(numbers: Calls, pidfd: int, descriptor: int) -> int:
    """Return a descriptor of ours for what one of another process stands for. Raises OSError."""
    ours = _libc.syscall(numbers.pidfd_getfd, pidfd, descriptor, 0)
    if ours < 0:
        raise _error()
    return int(ours)


def connect(descriptor: int, address: bytes) -> int:
    """Connect a socket; return 0 or the errno."""
    if _libc.connect(descriptor, address, len(address)) < 0:
        return ctypes.get_errno()
    return 0


def connect_by_now(descriptor: int, address: bytes) -> int:
    """Connect a socket that does not block; return 0, the errno, or EALREADY while it is not decided.

    On this machine it has ended within the call, and a second one is told how.
    """
    result = connect(descriptor, address)
    return connect(descriptor, address) if result == errno.EINPROGRESS else result


def hold_ack(sock: socket.socket) -> None:
    """Let the ACK that ends a connect() wait for `send_ack()`, or for the first byte; 200 ms at most (tcp(7)).

    The ACK wakes the server, which is likely to run in our place at once, for as long as the system lets it.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)


def send_ack(sock: socket.socket) -> None:
    """Send an ACK that waits; a unix socket has none."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def read_address(thread: int, pointer: int, length: int) -> bytes:
    """Return the address that a call of a thread points to, and nothing else of its memory. Raises OSError."""
    memory = os.open(f"/proc/{thread}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(memory, min(length, _ADDRESS_BYTES), pointer)
    finally:
        os.close(memory)


def write_address(thread: int, pointer: int, address: bytes) -> None:
    """Put an address in the place of one of the same length in a thread's memory. Raises OSError."""
    with open(f"/proc/{thread}/mem", "r+b", 0) as memory:
        os.pwrite(memory.fileno(), address, pointer)


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
