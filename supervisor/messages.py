"""What the answering process and the proxies say to each other: JSON objects with descriptors, each a packet.

From the proxies:   policy    what is to become of connections from now on (`Policy`)
From the process:   ready     it answers; with a descriptor that stands for the command's process
                    failed    it cannot: `step`, `errno`
                    unknown   the command cannot be run: `errno`
                    connect   a connection comes, or would have come (`Connect`)
                    gone      one that was said to come does not: `ticket`
                    unseen    connections that pass by untouched: `what`, `detail`
                    inside    one of the command's processes, `client`, has connected to another one, `server`
                    exited    the command has ended: `status`
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from typing import Any, NamedTuple

from .scope import Scope

_MOST_DESCRIPTORS = 2
LARGEST = 65_536
"""Bytes of a packet. A larger message goes in a file, of which the packet has the descriptor."""
_IN_FILE = b"file"
_encoded = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps() would make one for each message


class Route(NamedTuple):
    """What becomes of connections to one destination.

    `how`: `carry` dials the destination and then brings the connection to the proxies; `wait` brings it without, since
    a fault keeps new connections waiting; `port` connects it to the `port` of the proxy, which does what a fault has it
    do; `fail` ends connect() with an `errno`; `pass` leaves it alone, and so does `inside`, where a `process` listens
    that the command has started. `scope`: the callers that it is for, None: all.
    """

    how: str
    port: int = 0
    errno: int = 0
    process: int = 0
    scope: Scope | None = None


class UnderTest(NamedTuple):
    """A process that runs tests, 0 for none, whether an application handles a request in it by now, and at which port.

    The port is 0 where it is called without one.
    """

    process: int = 0
    handles: bool = False
    port: int = 0


class Policy(NamedTuple):
    """What is to become of connections. Patterns are globs of `HOST:PORT`, or of paths of unix sockets.

    `door` is the port at which the proxies take what is brought to them, at every address of 127.0.0.0/8; `door6` the
    one at ::1, 0 without IPv6; `door_path` the unix socket at which they take those to unix sockets. `refusing` is a
    port of 127.0.0.1 at which nobody listens. `routes` are by endpoint; `ours` are ports at which the proxies and the
    API listen; these and the doors are left alone. `only` and `spared` are the globs of --only and --not. `scoped`, by
    endpoint, is what becomes of the connections of some callers instead: the first that fits. `tested` is the
    process of the tests, if there are any.
    """

    door: int
    door6: int
    refusing: int
    routes: dict[str, Route]
    door_path: str
    ours: Sequence[int]
    only: Sequence[str] = ()
    spared: Sequence[str] = ()
    scoped: dict[str, list[tuple[Scope, Route]]] = {}
    tested: UnderTest = UnderTest()


class Connect(NamedTuple):
    """A connection of a process: to where, from whom, and what came of it.

    `ticket` is the address at which it is brought to the proxies, `HOST:PORT` of its own end where that is not
    possible, or empty where it is not brought: `errno` is what connect() said then. `dialled` says that a descriptor is
    with this: a socket to the destination, whose connecting may still be under way. `seconds`: how long dialling took.
    `how` and `scope` are those of its route: the process was in that scope, and may have ended since. `since`: when a
    process of the command began to listen there, by `time.monotonic()`; 0 where nobody did.
    """

    ticket: str
    host: str
    port: int
    path: str
    process: int
    program: str
    dialled: bool = False
    errno: int = 0
    seconds: float = 0.0
    how: str = "carry"
    since: float = 0.0
    scope: Sequence[Any] | None = None


def packed(kind: str, values: dict[str, Any]) -> bytes:
    """Return a message as a packet."""
    return _encoded({"kind": kind, **values}).encode()


def send(sock: socket.socket, packet: bytes, descriptors: Sequence[int] = ()) -> None:
    """Send a packet. Raises OSError: BlockingIOError where it must wait."""
    if len(packet) > LARGEST:
        with open(os.memfd_create("brownout"), "wb") as file:
            file.write(packet)
            file.flush()
            socket.send_fds(sock, [_IN_FILE], [file.fileno()])
    elif descriptors:
        socket.send_fds(sock, [packet], list(descriptors))
    else:
        sock.send(packet)


def receive(sock: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Return the next message with its descriptors; None where the other side is gone. Raises BlockingIOError."""
    data, descriptors, _, _ = socket.recv_fds(sock, LARGEST, _MOST_DESCRIPTORS)
    if data == _IN_FILE:
        with open(descriptors.pop(), "rb") as file:
            data = os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
    return (json.loads(data), descriptors) if data else None
