"""The first demo: a real Redis becomes slow on command, and well again.

    python examples/demo.py

Runs what you would type, prints it with what it says, and measures on one open connection what a client feels. Exits
with 0 where that is what was injected, with 1 where it is not, with 2 where something that it needs is not there.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from brownout.testing import servers
from brownout.wire.errors import BrownoutError

INJECTED = 0.300
TOLERANCE = 0.250
"""How much more than the injected may be measured: the machine has other things to do as well."""
PINGS = 5
DEADLINE = 15.0

COLOR = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
BOLD, DIM, GREEN, RED = "1", "2", "32", "31"


class DemoError(Exception):
    """The demo cannot go on."""


class Row(NamedTuple):
    """A line of the last table: what was measured, and between which bounds it must be."""

    what: str
    injected: float
    measured: float
    least: float
    most: float

    @property
    def good(self) -> bool:
        return self.least <= self.measured <= self.most


class Run:
    """`brownout run`, in the background."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def line(self, start: str) -> str:
        """Print what comes, to the line that starts so, and return it."""
        end = time.monotonic() + DEADLINE
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise DemoError(f"brownout run did not print its {start} within {DEADLINE:g} s") from None
            if line is None:
                raise DemoError(f"brownout run ended with {self._process.wait()}")
            say(f"  {line}")
            if line.startswith(start):
                return line

    def rest(self) -> None:
        """Print what came since."""
        with contextlib.suppress(queue.Empty):
            while (line := self._lines.get_nowait()) is not None:
                say(f"  {line}")


def main() -> int:
    title("A real Redis, and a proxy before it")
    with servers.redis() as redis:
        say(f"  {redis.program.name}, process {redis.pid}, at {redis.host}:{redis.port}")
        with started(["run", "-p", f"redis={redis.url}", "--api", "127.0.0.1:0"]) as run:
            host, _, port = run.line("proxy ").split()[2].rpartition(":")
            os.environ["BROWNOUT_API"] = run.line("api ").split()[1]
            run.line("seed ")
            with socket.create_connection((host, int(port)), timeout=DEADLINE) as sock:
                return story(sock, run)


def story(sock: socket.socket, run: Run) -> int:
    title("One connection through it: PING, and how long PONG takes")
    healthy = measured(sock)
    title("Make it slow, on that same connection")
    command("inject", "redis", "latency", "latency=300ms")
    slow = measured(sock)
    command("status")
    title("And well again")
    command("heal", "redis")
    healed = measured(sock)
    title("What brownout run said meanwhile")
    run.rest()
    # Healthy and healed are bounded by what was injected: any machine can do a round trip in a sixth of it.
    rows = [
        Row("healthy", 0.0, healthy, 0.0, INJECTED / 6),
        Row("latency injected", INJECTED, slow, INJECTED, INJECTED + TOLERANCE),
        Row("healed", 0.0, healed, 0.0, INJECTED / 6),
    ]
    return judged(rows)


def judged(rows: list[Row]) -> int:
    title("Measured beside injected")
    say(paint(DIM, f"  {'':18}{'injected':>10}{'measured':>12}    must be"))
    for row in rows:
        bounds = f"{row.least * 1000:.0f} to {row.most * 1000:.0f} ms"
        mark = paint(GREEN, "as injected") if row.good else paint(RED, "NOT as injected")
        figures = f"{row.injected * 1000:>7.0f} ms{row.measured * 1000:>9.2f} ms"
        say(f"  {row.what:18}{figures}    {bounds:14}  {mark}")
    say("")
    wrong = [row for row in rows if not row.good]
    for row in wrong:
        complain(f"{row.what}: {row.measured * 1000:.2f} ms were measured, {row.injected * 1000:.0f} ms were injected")
    return 1 if wrong else 0


def measured(sock: socket.socket) -> float:
    """Print some round trips and return their median in seconds."""
    times = []
    for _ in range(PINGS):
        start = time.perf_counter()
        sock.sendall(b"PING\r\n")
        answer = sock.recv(64)
        times.append(time.perf_counter() - start)
        if answer != b"+PONG\r\n":
            raise DemoError(f"Redis answered {answer!r} to PING")
    say(f"  PING  {' '.join(f'{each * 1000:8.2f}' for each in times)}  ms")
    return statistics.median(times)


def command(*words: str) -> None:
    """Run a command as a user would, and print it with what it says."""
    prompt(words)
    done = subprocess.run(  # noqa: S603 - the words stand in this file
        [*program(), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=DEADLINE
    )
    for line in done.stdout.splitlines():
        say(f"  {line}".rstrip())
    if done.returncode:
        raise DemoError(f"{shlex.join(('brownout', *words))} exited with {done.returncode}")


@contextlib.contextmanager
def started(words: list[str]) -> Iterator[Run]:
    """Run a command in the background while the block runs; ctrl-C is ours to pass on."""
    prompt((*words, "&"))
    with subprocess.Popen(  # noqa: S603 - the words stand in this file
        [*program(), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            yield Run(process)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()


def program() -> list[str]:
    """The brownout of this Python, whatever PATH says."""
    return [sys.executable, "-m", "brownout.cli"]


def prompt(words: tuple[str, ...]) -> None:
    """Print a command as it would be typed, broken before an option where a line is too short."""
    text = " ".join(word if word == "&" else shlex.quote(word) for word in ("brownout", *words))
    if len(text) > 76 and " --" in text:
        text = text.replace(" --", " \\\n      --", 1)
    say(paint(BOLD, f"  $ {text}"))


def title(text: str) -> None:
    say(f"\n{paint(BOLD, text)}")


def paint(code: str, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if COLOR else text


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def complain(line: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"error: {line}\n")


def stopped(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stopped)
    try:
        sys.exit(main())
    except BrownoutError as error:
        complain(error.message)
        if error.hint:
            sys.stderr.write(f"hint:  {error.hint}\n")
        sys.exit(2)
    except (DemoError, OSError, subprocess.SubprocessError) as error:
        complain(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
