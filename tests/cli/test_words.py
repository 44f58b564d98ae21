"""What people type in their first five minutes, and what they are told: words.txt has it as a session.

BROWNOUT_WRITE_DOCS=1 writes the file anew; read every answer in it.
"""

import contextlib
import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from brownout.cli.upstream import named, split
from brownout.control.client import Client
from brownout.wire.errors import BrownoutError

from .conftest import DEADLINE, PROGRAM, Run, command, environment

SESSION = Path(__file__).with_name("words.txt")
PROGRAMS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
"""Where pytest is found, which the steps name as a command."""
STEP = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


@pytest.fixture
def there(process: Run, echo: str) -> Iterator[Client]:
    """A Brownout with a proxy of bytes and one whose requests are parsed."""
    client = Client(process.api)
    client.add("redis", f"redis://{echo}")
    client.add("web", f"http://{echo}")
    yield client
    client.remove("redis")
    client.remove("web")


def answer(words: str, client: Client) -> str:
    """What is said, and the exit code where it is not 0."""
    done = command(*shlex.split(words)[1:], BROWNOUT_API=client.where, PATH=PROGRAMS)
    client.heal()
    for name in {view["name"] for view in client.proxies()} - {"redis", "web"}:
        client.remove(name)
    said = re.sub(r"127\.0\.0\.1:(?!6379)\d{4,5}", "HOST:PORT", done.output)
    said = re.sub(r"^( +)kill \d+$", r"\1kill PID", said, flags=re.MULTILINE)
    return said + (f"[{done.exit_code}]\n" if done.exit_code else "")


def test_every_word_has_its_answer(there: Client) -> None:
    old = SESSION.read_text()
    new = "".join(f"$ {words}\n{answer(words, there)}" for words, _ in STEP.findall(old))
    if os.environ.get("BROWNOUT_WRITE_DOCS"):
        SESSION.write_text(new)
    assert new == old


def test_a_word_for_a_fault_of_requests_fits_a_proxy_whose_protocol_is_not_known(there: Client) -> None:
    there.add("open", "auto://127.0.0.1:6379")
    assert "       brownout inject open http.status:503\n" in answer("brownout inject open 503", there)


def test_every_line_to_type_can_be_typed(there: Client) -> None:
    """No answer leads to another refusal, but for what no Brownout can know."""
    lines = re.findall(
        r"^       (brownout (?:inject|heal|status|faults|proxy|change).*)$", SESSION.read_text(), re.MULTILINE
    )
    assert len(lines) > 50
    for line in lines:
        if not re.search(r"PROXY|TOKEN|\*\*\*|proxy rm", line):
            said = answer(line, there)
            assert "error:" not in said or "exists already" in said, line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis=6379", ("redis", "127.0.0.1:0", "redis://127.0.0.1:6379")),
        ("redis=:6379", ("redis", "127.0.0.1:0", "redis://127.0.0.1:6379")),
        ("Postgresql=5432", ("Postgresql", "127.0.0.1:0", "postgresql://127.0.0.1:5432")),
        ("cache=6379", ("cache", "127.0.0.1:0", "tcp://127.0.0.1:6379")),
        ("http=8080=8000", ("http", "8080", "http://127.0.0.1:8000")),
        ("redis=localhost:6379", ("redis", "127.0.0.1:0", "localhost:6379")),
        ("a=unix:///a.sock=unix:///b.sock", ("a", "unix:///a.sock", "unix:///b.sock")),
        ("a=http://h/?b=c", ("a", "127.0.0.1:0", "http://h/?b=c")),
    ],
)
def test_a_port_alone_is_on_this_machine_in_the_protocol_of_the_name(text: str, expected: tuple[str, str, str]) -> None:
    assert split(text) == expected


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (":6379", "redis=redis://127.0.0.1:6379"),
        ("5432", "postgres=postgres://127.0.0.1:5432"),
        ("8000", "app=127.0.0.1:8000"),
        ("db:5432", "postgres=postgres://db:5432"),
        ("db:1234", "app=db:1234"),
        ("auto://db:1", "app=auto://db:1"),
        ("redis", "redis=redis://127.0.0.1:6379"),
        ("mysql=", "redis=redis://127.0.0.1:6379"),
        ("redis://h", "redis=redis://h"),
        ("redis+unix:///a.sock", "redis=redis+unix:///a.sock"),
        ("unix:///a.sock", "app=unix:///a.sock"),
        ("nonsense", "redis=redis://127.0.0.1:6379"),
    ],
)
def test_a_proxy_without_a_name_is_refused_with_one(text: str, meant: str) -> None:
    assert named(text) == meant
    with pytest.raises(BrownoutError) as error:
        split(text)
    assert error.value.hint == f"write it like -p {meant}"


def test_a_second_injection_of_a_fault_says_that_both_act(there: Client) -> None:
    env = {"BROWNOUT_API": there.where}
    assert command("inject", "redis", "latency:1s", **env).stderr == ""
    again = command("inject", "redis", "latency:1s", **env)
    assert (again.stdout, again.stderr) == (
        "injected latency-2 on redis: latency=1s\n",
        "note:  latency and latency-2 act together; to take the last one back\n       brownout heal redis latency-2\n",
    )
    assert command("inject", "redis", "latency:1s", "--json", **env).stderr == ""
    assert command("inject", "redis", "latency:1s", "--name", "mine", **env).stderr == ""


def test_everywhere_is_all_or_nothing(there: Client) -> None:
    env = {"BROWNOUT_API": there.where}
    assert command("inject", "*", "latency:1s", **env).stdout == (
        "injected latency on redis: latency=1s\ninjected latency on web: latency=1s\n"
    )
    again = command("inject", "*", "latency:1s", **env)
    assert again.stderr.splitlines()[1::2] == [
        "       brownout heal redis latency-2",
        "       brownout heal web latency-2",
    ]
    there.heal()
    there.inject("web", {"fault": "noop", "name": "mine"})
    done = command("inject", "*", "latency:1s", "--name", "mine", **env)
    assert (done.exit_code, there.injections("redis")) == (2, [])
    assert "mine" in done.stderr


def test_everywhere_is_where_the_fault_can_act(there: Client) -> None:
    done = command("inject", "*", "http.status:503", BROWNOUT_API=there.where)
    assert done.stdout == "injected http.status on web: status=503\n"
    there.remove("web")
    done = command("inject", "*", "http.status:503", BROWNOUT_API=there.where)
    assert (done.exit_code, done.stderr.splitlines()[0]) == (2, "error: there is no proxy on which http.status can act")
    there.add("web", "http://127.0.0.1:1")


def test_no_line_to_type_shows_a_secret(there: Client) -> None:
    for words in (
        ("inject", "redis", "latency:1s", "--for", "5", "--token", "hunter2"),
        ("inject", "redis", "slow", "--token=hunter2"),
        ("add", "db", "postgres://me:hunter2@db"),
        ("run", "postgres://me:hunter2@db"),
        ("run", "-p", "postgres://me:hunter2@db"),
    ):
        done = command(*words, BROWNOUT_API=there.where)
        assert (done.exit_code, "hunter2" in done.output) == (2, False), done.output


def test_hints_are_wrapped_at_the_terminal_and_lines_to_type_are_not(there: Client) -> None:
    words = ["inject", "redis", "drip", "bytes=1KB", "interval=300ms", "fuor=5", "--for", "5"]
    shown = on_a_terminal([*words, "--name", "a" * 60], 60, BROWNOUT_API=there.where).splitlines()
    assert max(len(line) for line in shown if "brownout" not in line) <= 60
    shown = on_a_terminal(["lst"], 60, BROWNOUT_API=there.where).splitlines()
    assert (len(shown), {len(line) <= 60 for line in shown}) == (4, {True})
    assert all(line.startswith("       ") for line in shown[2:])
    words = ["inject", "redis", "latency:1s", "--name", "a" * 60, "--for", "5"]
    shown = on_a_terminal(words, 60, BROWNOUT_API=there.where).splitlines()
    assert shown[2:] == [
        f"       brownout inject redis latency:1s --name {'a' * 60} --for 5ms",
        f"       brownout inject redis latency:1s --name {'a' * 60} --for 5s",
    ]


def on_a_terminal(words: list[str], columns: int, **env: str) -> str:
    """What a command says on a terminal of its own, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    said = []
    with os.fdopen(ours, "rb", buffering=0) as screen:
        process = subprocess.Popen(
            [*PROGRAM, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=environment(**env)
        )
        os.close(theirs)
        with contextlib.suppress(OSError):  # the terminal is gone with its last user
            while data := screen.read(4096):
                said.append(data)
        process.wait(DEADLINE)
    return re.sub(r"\x1b\[[0-9;]*m", "", b"".join(said).decode()).replace("\r\n", "\n")


def test_a_scheme_that_is_not_known_is_noted(there: Client) -> None:
    done = command("proxy", "add", "mq", "mqtt://127.0.0.1:1883", BROWNOUT_API=there.where)
    note = "note:  mqtt:// is not known, so it is carried as tcp\n"
    assert (done.exit_code, done.stderr, there.proxy("mq")["protocol"]) == (0, note, "tcp")
    there.remove("mq")
    words = [*PROGRAM, "run", "-p", "mq=mqtt://127.0.0.1:1883", "--api", "none", "--", "true"]
    ran = subprocess.run(words, env=environment(), capture_output=True, text=True, timeout=DEADLINE)
    assert (ran.returncode, note in ran.stderr) == (0, True)
