import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from brownout.control.client import Client
from brownout.wire.errors import BrownoutError

from .conftest import DEADLINE, PROGRAM, Run, command, environment

Start = Callable[..., Run]
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])


def python(code: str) -> tuple[str, ...]:
    return ("--", sys.executable, "-c", code)


@SIGNALS
def test_a_signal_ends_it_with_0(run: Start, echo: str, number: signal.Signals, reserve: Callable[[], str]) -> None:
    process = run("-p", f"echo={reserve()}={echo}", "--api", "127.0.0.1:0", "--seed", "7")
    with socket.create_connection(process.address("echo"), timeout=DEADLINE) as link:
        link.sendall(b"ping")
        assert link.recv(4) == b"ping"
        assert process.end(number) == 0
        assert link.recv(1) == b""
    host, port = process.address("echo")
    assert process.out.all() == [f"proxy echo {host}:{port} -> tcp://{echo}", f"api {process.api}", "seed 7"]
    assert process.err.all() == []
    with pytest.raises(ConnectionRefusedError), socket.create_connection((host, port)):
        pass


def test_a_follower_does_not_hold_up_the_end(run: Start) -> None:
    process = run("--api", "127.0.0.1:0")
    host, port = process.api.split(":")
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as follower:
        follower.sendall(b"GET /v1/journal?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert follower.recv(15) == b"HTTP/1.1 200 OK"
        begun = time.monotonic()
        assert process.end() == 0
        assert time.monotonic() - begun < 15  # aiohttp would wait 60 s for it


def test_news_are_lines(run: Start, reserve: Callable[[], str]) -> None:
    dead = reserve()
    process = run("-p", f"dead={dead}", "--api", "127.0.0.1:0")
    client = Client(process.api)
    client.inject("dead", "connect_delay:100ms")
    address = process.address("dead")
    with pytest.raises(ConnectionError), socket.create_connection(address, timeout=DEADLINE) as link:
        link.recv(1)
    process.out.until("no connection")
    client.heal()
    process.out.until("healed")
    lines = [line.partition(" ")[2] for line in process.out.seen[3:]]
    assert lines[0] == "dead: injected connect_delay delay=100ms"
    assert lines[1] == "dead: connect_delay fired for the first time, on connection 1"
    assert lines[2].startswith(f"dead: no connection to {dead}: ")
    assert lines[3:] == ["dead: healed connect_delay: matched 1, fired 1"]


def test_without_proxies_it_says_how_to_add_one(run: Start) -> None:
    process = run("--api", "127.0.0.1:0", "--seed", "1")
    process.out.until("no proxies yet")
    assert process.end() == 0
    hint = "no proxies yet; add one: brownout proxy add redis redis://127.0.0.1:6379"
    assert process.out.all() == [f"api {process.api}", "seed 1", hint]


def test_without_an_api_nobody_answers(run: Start, echo: str) -> None:
    process = run("-p", f"echo={echo}", "--api", "none")
    process.out.until("seed ")
    assert process.out.seen[1] == "api none"
    assert process.end() == 0


def test_the_environment_says_where_its_api_listens(run: Start, reserve: Callable[[], str]) -> None:
    address = reserve()
    assert run(BROWNOUT_API=address).api == address


def test_a_drawn_seed_is_printed_and_told(run: Start) -> None:
    process = run("--api", "127.0.0.1:0")
    assert process.out.until("seed ") == f"seed {Client(process.api).health()['seed']}"


def test_a_unix_socket_is_listened_on_and_removed(run: Start, echo: str, tmp_path: Path) -> None:
    path = tmp_path / "echo.sock"
    process = run("-p", f"echo=unix://{path}={echo}", "--api", "none")
    process.out.until(f"proxy echo unix://{path} -> tcp://{echo}")
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(DEADLINE)
        link.connect(str(path))
        link.sendall(b"ping")
        assert link.recv(4) == b"ping"
    assert process.end() == 0
    assert not path.exists()


def test_a_busy_api_port_says_who_has_it(run: Start, echo: str) -> None:
    first = run("--api", "127.0.0.1:0")
    second = run("-p", f"echo={echo}", "--api", first.api)
    assert second.wait() == 2
    assert second.out.all() == []
    assert second.err.all() == [
        f"error: the API cannot listen at {first.api}: another Brownout (pid {first.process.pid}) has that port",
        "hint:  take another one: --api 127.0.0.1:0 (a free one), or end the other",
    ]


def test_all_busy_ports_are_said_at_once(run: Start, echo: str) -> None:
    process = run("-p", f"a={echo}={echo}", "-p", f"b={echo}", "-p", f"c={echo}={echo}", "--api", echo)
    assert process.wait() == 2
    errors = [line for line in process.err.all() if line.startswith("error: ")]
    assert errors[:2] == [f"error: a: {echo} is in use", f"error: c: {echo} is in use"]
    assert errors[2].startswith(f"error: the API cannot listen at {echo}: ")
    assert process.out.all() == []


def test_bad_words_start_nothing() -> None:
    result = command("run", "-p", "a", "-p", "b=redsi://h", "--api", "none")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "error: -p a is not NAME=UPSTREAM",
        "hint:  write it like -p redis=redis://127.0.0.1:6379",
        "error: unknown scheme in 'redsi://h'",
        "hint:  did you mean redis://? known: tcp, auto, amqp, amqps, http, https, kafka, mongodb, mssql, mysql, nats, postgres, postgresql, redis,"
        " rediss, smtp, tls",
    ]


def test_the_command_finds_the_proxies_and_the_api(run: Start, echo: str, tmp_path: Path) -> None:
    show = "import os\nfor key in sorted(os.environ):\n if key.startswith('BROWNOUT_'): print(key, os.environ[key])"
    path = tmp_path / "s"
    process = run(
        *("-p", f"my-db=redis://me:secret@{echo}/0", "-p", f"u=unix://{path}={echo}", "--seed", "7"),
        *("-p", f"all=0.0.0.0:0={echo}"),
        *python(show),
        BROWNOUT_API="127.0.0.1:1",
    )
    assert process.wait() == 0
    lines = process.err.all()
    my_db, everywhere = lines[0].split()[2], lines[2].split()[2].replace("0.0.0.0", "127.0.0.1")
    api = lines[3].removeprefix("api ")
    assert lines == [
        f"proxy my-db {my_db} -> redis://me:***@{echo}/0",
        f"proxy u unix://{path} -> tcp://{echo}",
        f"proxy all {everywhere.replace('127.0.0.1', '0.0.0.0')} -> tcp://{echo}",
        f"api {api}",
        "seed 7",
        "brownout: nothing was injected",
    ]
    assert api != "127.0.0.1:1"
    assert process.out.all() == [
        f"BROWNOUT_ALL_ADDRESS {everywhere}",
        "BROWNOUT_ALL_HOST 127.0.0.1",
        f"BROWNOUT_ALL_PORT {everywhere.split(':')[1]}",
        f"BROWNOUT_ALL_URL tcp://{everywhere}",
        f"BROWNOUT_API {api}",
        f"BROWNOUT_MY_DB_ADDRESS {my_db}",
        "BROWNOUT_MY_DB_HOST 127.0.0.1",
        f"BROWNOUT_MY_DB_PORT {my_db.split(':')[1]}",
        f"BROWNOUT_MY_DB_URL redis://me:secret@{my_db}/0",
        f"BROWNOUT_U_ADDRESS {path}",
        f"BROWNOUT_U_URL unix://{path}",
    ]


def test_the_command_finds_the_variables_of_env(run: Start, echo: str, tmp_path: Path) -> None:
    file = tmp_path / "brownout.yaml"
    file.write_text('proxies: {db: "${DATABASE_URL}"}\nenv: {DATABASE_URL: "{db.url}", PORT: "{db.port}"}')
    show = "import os; print(*(os.environ[name] for name in ('DATABASE_URL', 'PORT', 'HOST')))"
    process = run(
        str(file), "--env", "PORT=<{db.port}>", "--env", "HOST={db.host}", *python(show),
        DATABASE_URL=f"postgresql+psycopg://me:secret@{echo}/shop",
    )  # fmt: skip
    assert process.wait() == 0
    lines = process.err.all()
    at = lines[0].split()[2]
    assert lines[0] == f"proxy db {at} -> postgresql+psycopg://me:***@{echo}/shop"
    assert lines[3] == "env DATABASE_URL, PORT and HOST point at the proxies"
    assert process.out.all() == [f"postgresql+psycopg://me:secret@{at}/shop <{at.split(':')[1]}> 127.0.0.1"]
    assert "secret" not in "".join(lines)


def test_a_run_beneath_a_run_stands_before_what_the_user_has_set(run: Start, echo: str, tmp_path: Path) -> None:
    file = tmp_path / "brownout.yaml"
    file.write_text("proxies: {db: '${DATABASE_URL}'}\nenv: {DATABASE_URL: '{db.url}'}")
    inner = [*PROGRAM, "run", str(file), *python("pass")]
    process = run(str(file), "--", *inner, DATABASE_URL=f"redis://{echo}")
    assert process.wait() == 0
    assert [line.split(" -> ")[1] for line in process.err.all() if "->" in line] == [f"redis://{echo}"] * 2


def test_without_an_api_the_command_finds_none(run: Start) -> None:
    process = run("--api", "none", *python("import os; print(os.environ.get('BROWNOUT_API'))"), BROWNOUT_API="h:1")
    assert process.wait() == 0
    assert process.out.all() == ["None"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [("", 0), ("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137), ("raise SystemExit(255)", 255)],
)
def test_the_commands_exit_code_is_ours(run: Start, code: str, expected: int) -> None:
    assert run(*python(code)).wait() == expected


def test_a_command_that_cannot_be_run_is_said(run: Start, tmp_path: Path) -> None:
    missing = run("--", "no-such-command")
    assert (missing.wait(), missing.err.all()[-1]) == (127, "error: no-such-command: command not found")
    text = tmp_path / "text"
    text.write_text("")
    refused = run("--", str(text))
    assert (refused.wait(), refused.err.all()[-1]) == (126, f"error: {text}: cannot be run: Permission denied")


def test_options_after_the_command_are_the_commands(run: Start) -> None:
    process = run("--api", "none", *python("import sys; print(sys.argv[1:])"), "--api", "-p", "x", "--", "y")
    assert process.wait() == 0
    assert process.out.all() == ["['--api', '-p', 'x', '--', 'y']"]


WAITS = "import os, signal, time\n{}\nos.write(1, b'up\\n')\ntime.sleep(60)"
"""A command that says that it is up. Not by print(): a handler that prints meanwhile would raise."""


def test_sigterm_is_handed_to_the_command(run: Start) -> None:
    handler = "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'term\\n'), exit(5)))"
    process = run(*python(WAITS.format(handler)))
    process.out.until("up")
    assert process.end() == 5
    assert process.out.all() == ["up", "term"]


def test_a_command_that_a_signal_ends_is_128_and_the_signal(run: Start) -> None:
    process = run(*python(WAITS.format("")))
    process.out.until("up")
    assert process.end() == 143


def test_a_second_sigterm_kills_a_command_that_does_not_listen(run: Start) -> None:
    process = run(*python(WAITS.format("signal.signal(signal.SIGTERM, lambda *_: os.write(1, b'no\\n'))")))
    process.out.until("up")
    process.process.send_signal(signal.SIGTERM)
    process.out.until("no")
    assert process.end() == 137


def test_ctrl_c_leaves_the_end_to_the_command(run: Start) -> None:
    """The terminal has told the command as well; only a second one is handed on."""
    process = run(*python(WAITS.format("signal.signal(signal.SIGTERM, lambda *_: exit(6))")))
    process.out.until("up")
    process.process.send_signal(signal.SIGINT)
    assert Client(process.err.until("api ").removeprefix("api ")).health()["status"] == "ok"
    assert process.end(signal.SIGINT) == 6


LIMIT = "resource.getrlimit(resource.RLIMIT_NOFILE)"


def limited(code: str, *args: str) -> list[str]:
    """Run Python code where 200 files may be open, softly, and return the words that it prints."""
    shell = ["sh", "-c", 'ulimit -Sn 200; exec "$@"', "sh", sys.executable, "-c", code, *args]
    return subprocess.check_output(
        shell, stderr=subprocess.DEVNULL, env=environment(), timeout=DEADLINE, text=True
    ).split()


def test_the_limit_of_open_files_is_raised() -> None:
    code = f"import resource; from brownout.proxy.system.sockets import raise_file_limit; raise_file_limit(); print(*{LIMIT})"
    soft, hard = map(int, limited(code))
    assert soft == (65536 if hard < 0 else hard)
    assert soft != 200


def test_the_command_keeps_its_own_limit_of_open_files() -> None:
    code = "import sys; from brownout.cli.main import main; main()"
    show = f"import resource; print({LIMIT}[0])"
    assert limited(code, "run", "--api", "none", "--", sys.executable, "-c", show) == ["200"]


def test_the_limit_is_raised_beside_a_command_too() -> None:
    code = "import sys; from brownout.cli.main import main; main()"
    look = (
        "import os, resource, sys, time\n"
        "look = getattr(resource, 'prlimit', None) or (lambda *_: resource.getrlimit(resource.RLIMIT_NOFILE)[::-1])\n"
        "deadline = time.monotonic() + 10\n"
        "while (limit := look(os.getppid(), resource.RLIMIT_NOFILE))[0] == 200 and time.monotonic() < deadline:\n"
        "    time.sleep(0.01)\n"
        "print(limit[0])"
    )
    assert limited(code, "run", "--api", "none", "--", sys.executable, "-c", look) != ["200"]


def test_a_second_signal_ends_an_ending_that_takes_long() -> None:
    code = (
        "import asyncio, os, signal\n"
        "from brownout.cli.signals import Signals\n"
        "async def end():\n"
        "    with Signals() as signals:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        print(await signals.next() == signal.SIGINT, flush=True)\n"
        "        signals.let_go()\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(end())"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, timeout=DEADLINE)
    assert (done.returncode, done.stdout) == (130, b"True\n")


def test_nothing_answers_after_the_end(run: Start, reserve: Callable[[], str]) -> None:
    process = run("--api", reserve())
    api = process.api
    process.end(signal.SIGINT)
    with pytest.raises(BrownoutError, match=r"^no Brownout answers"):
        Client(api).health()


class TestOutputThatCannotBeWritten:
    """The proxies, the API and the end are what they are otherwise."""

    def check(self, process: subprocess.Popen[bytes], address: str) -> None:
        """Check that a client of a dead upstream is reset, that calls are answered, and that SIGTERM ends it with 0."""
        client, deadline = Client(address), time.monotonic() + DEADLINE
        while True:
            try:
                (proxy,) = client.proxies()
                break
            except BrownoutError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        host, port = proxy["address"].split(":")
        with (  # it may be reset before connect() has returned
            pytest.raises(ConnectionError),
            socket.create_connection((host, int(port)), timeout=DEADLINE) as sock,
        ):
            sock.recv(1)
        client.add("more", "127.0.0.1:1")
        client.inject("more", "noop")
        assert client.heal() == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0

    def start(self, reserve: Callable[[], str], **streams: object) -> tuple[subprocess.Popen[bytes], str]:
        address, dead = reserve(), reserve()
        words = [*PROGRAM, "run", "-p", f"dead={dead}", "--api", address]
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, env=environment(TERM="xterm"), **streams), address

    def test_a_full_disk(self, reserve: Callable[[], str]) -> None:
        with open("/dev/full", "wb", buffering=0) as full:
            self.check(*self.start(reserve, stdout=full, stderr=full))

    def test_a_terminal_that_is_gone(self, reserve: Callable[[], str]) -> None:
        ours, theirs = pty.openpty()
        process, address = self.start(reserve, stdout=theirs, stderr=theirs)
        os.close(theirs)
        assert os.read(ours, 1)
        os.close(ours)
        self.check(process, address)

    def test_closed_descriptors(self, reserve: Callable[[], str]) -> None:
        words = [*PROGRAM, "run", "-p", f"dead={reserve()}", "--api", (address := reserve())]
        process = subprocess.Popen(["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *words], env=environment())
        self.check(process, address)

    def test_a_command_says_so(self) -> None:
        with open("/dev/full", "wb", buffering=0) as full:
            done = subprocess.run(
                [*PROGRAM, "faults"], stdout=full, stderr=subprocess.PIPE, env=environment(), check=False
            )
        assert (done.returncode, done.stderr) == (2, b"error: the output cannot be written: No space left on device\n")
