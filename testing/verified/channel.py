"""What the tests and `brownout verify` say to each other: lines of JSON over a unix socket, each answered.

A session says `hello` and gets an order; whoever runs one says on a connection of its own what happens, and waits for
each answer: faults are placed and healed meanwhile. The end of a connection without a `done` is a crash.
"""

from __future__ import annotations

import json
import signal
import socket
from typing import Any, Literal, TypedDict

VARIABLE = "BROWNOUT_VERIFY"
"""The environment variable with the path of the socket."""
TAKEN = "BROWNOUT_VERIFY_TAKEN"
"""One that is set in a session that has been handed over: those that its tests start run as they are."""
_REAL_TIME = getattr(signal, "SIGRTMIN", 0)
DUMP = _REAL_TIME + 5 if _REAL_TIME else signal.SIGUSR1
"""The signal at which the stacks of all threads and tasks are written down."""
CUT = _REAL_TIME + 6 if _REAL_TIME else signal.SIGUSR2
"""The signal that ends a test that hangs."""


Renewed = Literal["nothing", "function", "all"]
"""Which fixtures are set up again before a call: none, the function-scoped ones, or all."""


class Frame(TypedDict):
    """A line of the project's own code. `test`: it is the tests' code, not the application's."""

    file: str
    line: int
    function: str
    test: bool


class Failure(TypedDict):
    """An exception: the last words of its type, what it says, and the project's frames, innermost last.

    `libraries` are the top packages of what the application had called. `handed` is the class of an object of these
    libraries that the test had handed to the application, empty where there is none.
    """

    type: str
    text: str
    frames: list[Frame]
    libraries: list[str]
    handed: str
    shown: str
    """The failure as pytest shows it, its last lines."""


class Ended(TypedDict):
    """A process that has ended: its exit code, or the signal as a negative number; None where that is not known."""

    program: str
    status: int | None


class Phase(TypedDict):
    """A part of a test that has ended: when it began, by the machine's `time.monotonic()`, and how long it took."""

    outcome: Literal["passed", "failed", "skipped"]
    at: float
    seconds: float
    failure: Failure | None
    reason: str
    """Why it was skipped, or that it is expected to fail; empty where neither is so."""
    ended: list[Ended]
    """What the test's process had started before this part, and ended in it."""
    log: str


class Hello(TypedDict):
    """What a session says at first: the ids of its tests, why it does not fork (empty: it does), which options of the
    user it has taken back, and what is the project's and what its tests' (see `traces.Project`).
    """

    tests: list[str]
    errors: int
    """How many files could not be collected."""
    cannot_fork: str
    taken_back: list[str]
    root: str
    test_folders: list[str]
    test_files: list[str]


class Order(TypedDict):
    """What is to be run: tests by their ids, and for each of the `calls` which fixtures are set up again before it.

    Those in `red` follow as long as the last call was red. Fixtures are not used again if their set-up failed, or if
    the call was ended because its time was over.
    """

    run: str
    tests: list[str]
    calls: list[Renewed]
    red: list[Renewed]
    dump: str
    """The file into which the stacks of all threads go at the signal for it."""


class EndedError(Exception):
    """The other side has gone."""


class Channel:
    """A connection to `brownout verify`."""

    def __init__(self, path: str) -> None:
        """Connect. Raises OSError."""
        self.path = path
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.connect(path)
        self._file = self._sock.makefile("rb")

    def tell(self, kind: str, **values: object) -> None:
        """Say something. Raises EndedError."""
        try:
            self._sock.sendall(json.dumps({"kind": kind, **values}).encode() + b"\n")
        except OSError as error:
            raise EndedError from error

    def ask(self, kind: str, **values: object) -> Any:
        """Say something and wait for the answer. Raises EndedError."""
        self.tell(kind, **values)
        line = self._file.readline()
        if not line:
            raise EndedError
        return json.loads(line)

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._sock.close()
