"""`run` on a terminal: a pseudo-terminal of a given size, and what arrives there."""

import fcntl
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator

import pytest

from brownout.control.client import Client

from .conftest import DEADLINE, PROGRAM, Brownout, environment

CONTROLLING = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)

SHELL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if not job:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGUSR1, lambda *_: os.tcsetpgrp(0, job))
signal.signal(signal.SIGUSR2, lambda *_: os.tcsetpgrp(0, os.getpgrp()))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(job, 0)[1]))
"""
"""A shell with one job, in the background until SIGUSR1 (`fg`), and there again after SIGUSR2."""


class Terminal:
    def __init__(self, columns: int, rows: int, *args: str, session: str = CONTROLLING, **env: str) -> None:
        self._ours, theirs = pty.openpty()
        self.resize(columns, rows)
        self.raw = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", session, *PROGRAM, *args],
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={key: value for key, value in environment(**{"TERM": "xterm-256color", **env}).items()
                 if key not in ("COLUMNS", "LINES", "NO_COLOR") or key in env},
        )  # fmt: skip
        os.close(theirs)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def until(self, part: str, since: int = 0) -> str:
        """Read until a text has arrived, and return everything after `since`, without escape sequences."""
        deadline = time.monotonic() + DEADLINE
        while part not in (shown := plain(self.raw[since:])):
            assert time.monotonic() < deadline, f"{part!r} is not in {shown!r}"
            assert self._read(), f"{part!r} is not in {shown!r}"
        return shown

    def until_foreground(self, group: int) -> None:
        """Wait until the terminal belongs to a process group."""
        deadline = time.monotonic() + DEADLINE
        while os.tcgetpgrp(self._ours) != group:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self._read():
            pass
        return self.process.wait(DEADLINE)

    def _read(self) -> bool:
        if not select.select([self._ours], [], [], DEADLINE)[0]:
            return False
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # Linux: the other side is closed
            return False
        self.raw += data.decode()
        return bool(data)

    def hang_up(self) -> None:
        """Close it, as a window is closed."""
        os.close(self._ours)
        self._ours = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE)
        if self._ours >= 0:
            os.close(self._ours)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r\n", "\n")


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*args: object, **env: str) -> Terminal:
        opened.append(Terminal(*args, **env))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def api(terminal: Terminal) -> Client:
    return Client(re.search(r"api (\S+:\d+)\n", terminal.until("seed "))[1])


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_the_table_fits_the_terminal(
    terminal: Callable[..., Terminal], echo: str, columns: int, reserve: Callable[[], str]
) -> None:
    name = "a-name-that-is-longer-than-anyone-would-type"
    screen = terminal(columns, 24, "run", "-p", f"{name}={echo}", "-p", f"dead={reserve()}", "--api", "127.0.0.1:0")
    client = api(screen)
    client.inject(name, {"fault": "latency", "latency": "300ms", "jitter": "50ms", "probability": "30%", "for": "1h"})
    host, port = str(client.proxy("dead")["address"]).split(":")
    with pytest.raises(ConnectionResetError), socket.create_connection((host, int(port)), timeout=DEADLINE) as link:
        link.recv(1)  # where connect() was not told already
    shown = screen.until("dial refused: 1")
    assert "PROXY" in shown
    assert "  latency  matched 0, fired 0" in shown
    screen.type("\x03")
    assert screen.end() == 0
    table = plain(screen.raw).replace("^C", "").split("PROXY", 1)[1].splitlines()
    assert max(map(len, table)) < columns
    assert name[:38] in "".join(table)


def test_the_table_shows_links_and_rates(terminal: Callable[..., Terminal], echo: str) -> None:
    screen = terminal(80, 24, "run", "-p", f"echo={echo}", "--api", "127.0.0.1:0")
    host, port = str(api(screen).proxy("echo")["address"]).split(":")
    screen.until("echo           0/0      0       0 B          -       0 B           -")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as link:
        link.sendall(b"x" * 5000)
        shown = screen.until("KB/s")
        assert re.search(r"\necho           1/1      1   5.00 KB +\d\S* KB/s ", shown)
        screen.until("echo           1/1      1   5.00 KB          -   5.00 KB           -")
    screen.until("echo           0/1      1   5.00 KB")


def test_a_proxy_that_is_added_is_written_above(terminal: Callable[..., Terminal], echo: str) -> None:
    screen = terminal(80, 24, "run", "-p", f"echo={echo}", "--api", "127.0.0.1:0")
    client = api(screen)
    screen.until("echo           0/0")
    since = len(screen.raw)
    made = client.add("more", echo)
    shown = screen.until("more           0/0", since)
    assert shown.index(f"proxy more {made['address']} -> tcp://{echo}") < shown.index("PROXY")
    client.inject("more", "noop")
    screen.until("more: injected noop", since)


def test_a_table_that_is_too_high_says_how_much_is_left_out(terminal: Callable[..., Terminal], echo: str) -> None:
    proxies = [word for number in range(30) for word in ("-p", f"p{number}={echo}")]
    screen = terminal(80, 24, "run", *proxies, "--api", "127.0.0.1:0")
    shown = screen.until("lines more: brownout status")
    assert "... and 11 lines more: brownout status" in shown
    assert "p18 " in shown
    assert "p19  " not in shown.split("PROXY")[1]


def test_an_idle_table_is_not_written_again(terminal: Callable[..., Terminal], echo: str) -> None:
    screen = terminal(80, 24, "run", "-p", f"echo={echo}", "--api", "127.0.0.1:0")
    client = api(screen)
    screen.until("echo           0/0")
    client.add("mark", echo)
    screen.until("mark           0/0")
    time.sleep(1.2)  # two periods of the table
    client.add("end", echo)
    screen.until("end            0/0")
    assert plain(screen.raw).count("PROXY  ") <= 5  # at first, and twice for each line that was written above it


def test_in_the_background_the_screen_is_the_shells(
    terminal: Callable[..., Terminal], echo: str, reserve: Callable[[], str]
) -> None:
    words = ("run", "-p", f"echo={echo}", "-p", f"dead={reserve()}", "--api", "127.0.0.1:0")
    screen = terminal(80, 24, *words, session=SHELL)
    client = api(screen)
    host, port = str(client.proxy("dead")["address"]).split(":")
    client.inject("echo", "noop")
    fail_to_connect(host, int(port))
    shown = screen.until("dead: no connection to")
    assert ("PROXY" in shown, "injected" in shown, "\x1b" in screen.raw) == (False, False, False)

    screen.process.send_signal(signal.SIGUSR1)
    shown = screen.until("dead: no connection to", len(screen.raw))
    assert shown.startswith("\nPROXY")
    assert "echo: injected noop" in shown

    screen.process.send_signal(signal.SIGUSR2)
    screen.until_foreground(screen.process.pid)
    client.add("mark", echo)
    screen.until("proxy mark")
    since = len(screen.raw)
    client.heal()
    time.sleep(1.2)  # in which a table would be written twice
    made = client.add("more", echo)
    assert f"proxy more {made['address']} -> tcp://{echo}\n" == screen.until("-> tcp", since)
    screen.process.send_signal(signal.SIGUSR1)
    screen.until("more           0/0", since)
    screen.type("\x03")
    assert screen.end() == 0


def fail_to_connect(host: str, port: int) -> None:
    with pytest.raises(ConnectionResetError), socket.create_connection((host, port), timeout=DEADLINE) as link:
        link.recv(1)


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": ""}])
def test_a_dumb_terminal_gets_plain_lines(terminal: Callable[..., Terminal], echo: str, env: dict[str, str]) -> None:
    dumb = terminal(80, 24, "run", "-p", f"echo={echo}", "--api", "127.0.0.1:0", **env)
    client = api(dumb)
    client.inject("echo", "noop")
    dumb.until("echo: injected noop")
    dumb.process.send_signal(signal.SIGINT)
    assert dumb.end() == 0
    assert "\x1b" not in dumb.raw
    assert "PROXY" not in dumb.raw


def test_a_command_owns_the_terminal(terminal: Callable[..., Terminal], echo: str) -> None:
    wait = "try: print('up', flush=True); input()\nexcept KeyboardInterrupt: print('interrupted'); exit(4)"
    screen = terminal(80, 24, "run", "-p", f"echo={echo}", "--", sys.executable, "-c", wait)
    client = api(screen)
    screen.until("up")
    client.inject("echo", "noop")
    assert "PROXY" not in screen.until("echo: injected noop")
    screen.type("\x03")
    assert screen.end() == 4
    assert plain(screen.raw).endswith("interrupted\nbrownout: noop on echo  matched 0, fired 0\n")


def test_no_color_is_respected(terminal: Callable[..., Terminal], brownout: Brownout) -> None:
    brownout.says("inject", "echo", "noop")
    for env, colour in (({}, True), ({"NO_COLOR": "1"}, False)):
        screen = terminal(80, 24, "status", BROWNOUT_API=brownout.api, **env)
        assert screen.end() == 0
        assert "noop" in screen.raw
        assert ("\x1b[33m" in screen.raw) == colour
        screen = terminal(80, 24, "heal", "nobody", BROWNOUT_API=brownout.api, **env)
        assert screen.end() == 2
        assert ("\x1b[31m" in screen.raw) == colour
        screen = terminal(80, 24, "run", "-p", f"echo={brownout.upstream}", "--api", "127.0.0.1:0", **env)
        api(screen).inject("echo", "noop")
        screen.until("matched 0, fired 0")
        screen.type("\x03")
        assert screen.end() == 0
        assert ("\x1b[33m" in screen.raw) == colour


def test_status_fits_the_terminal(terminal: Callable[..., Terminal], brownout: Brownout) -> None:
    brownout.says("proxy", "add", "db", f"postgres://a-user:a-password@{brownout.upstream}/a-database-with-a-long-name")
    for columns in (80, 120):
        screen = terminal(columns, 24, "status", BROWNOUT_API=brownout.api)
        assert screen.end() == 0
        lines = plain(screen.raw).splitlines()
        assert max(map(len, lines)) <= columns
        assert lines[4].endswith("          0/0      0   0 B       0 B")
