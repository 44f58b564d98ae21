"""Who a process is, and where it listens."""

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from brownout.supervisor.process import named, program_of
from brownout.supervisor.processes import Opened, inode_of

SECRET = "--password=hunter2"


@pytest.mark.parametrize(
    ("words", "program"),
    [
        (("cat", SECRET), "cat"),
        (("/usr/local/bin/psql", SECRET), "psql"),
        (("postgres: writer process",), "postgres"),
        (("python3.12", "/srv/app.py", SECRET), "python3.12 app.py"),
        (("/usr/bin/python3", "-m", "gunicorn", SECRET), "python3 -m gunicorn"),
        (("python3", "-c", SECRET), "python3"),
        (("node", "server.js", SECRET), "node server.js"),
        (("java", "-jar", SECRET), "java"),
        (("sh", "-c", SECRET), "sh"),
        (("a\x1b[31mb",), "a[31mb"),
        (("x" * 200,), "x" * 60),
    ],
)
def test_a_program_is_named_without_its_settings(words: tuple[str, ...], program: str) -> None:
    assert named([*words, ""]) == program


def test_a_process_is_named_by_its_command_line(tmp_path: Path) -> None:
    script = tmp_path / "wait.sh"
    script.write_text("read _\n")
    until = time.monotonic() + 60
    with subprocess.Popen(["sh", str(script), SECRET], stdin=subprocess.PIPE) as child:
        while (found := program_of(child.pid)) != "sh wait.sh" and time.monotonic() < until:
            time.sleep(0.001)  # it has not become the program yet
    assert found == "sh wait.sh"


def test_a_process_that_is_gone_has_no_name() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    assert program_of(child.pid) == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_where_it_listens_is_looked_up_when_it_is_wanted(host: str) -> None:
    opened = Opened()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener, socket.socket() as other:
        listener.bind((host, 0))
        opened.add(os.getpid(), listener.fileno())  # it does not listen yet
        listener.listen()
        other.bind(("127.0.0.1", 0))
        at = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        server = opened.server_at(at, listener.getsockname()[1])
        assert server is not None
        assert (server.number, server.program) == (os.getpid(), program_of(os.getpid()))
        assert opened.server_at(at, other.getsockname()[1]) is None


def test_a_file_is_no_socket() -> None:
    with open(os.devnull) as file, pytest.raises(OSError, match="is no socket"):
        inode_of(os.getpid(), file.fileno())
