"""Getting started, done as it says, on other ports."""

import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from .conftest import DEADLINE, DOCS, ENV, blocks, said_by, steady


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def steps(session: str) -> list[tuple[str, str]]:
    """The commands of a session, each with what it says."""
    return [(command, said) for command, said in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE)]


def same(said: str) -> list[str]:
    """What was said, without what differs from run to run."""
    said = re.sub(r"after \d+ m|\d\d\d\d milliseconds|[\d.]+ KB", "N", said)
    return steady(said)


def test_the_sessions_go_as_they_are_shown(tmp_path: Path) -> None:
    ports = dict(zip(("8000", "8080", "8474"), free_ports(3), strict=True))
    env = ENV | {"BROWNOUT_API": f"127.0.0.1:{ports['8474']}"}
    running: list[subprocess.Popen[str]] = []
    try:
        for session in blocks(DOCS["getting-started.md"], "console"):
            for command, shown in steps(session):
                for port, free in ports.items():
                    command, shown = command.replace(port, str(free)), shown.replace(port, str(free))
                if command.endswith("&"):
                    words = command.removesuffix("&").replace("brownout run", "brownout run --seed 568612").split()
                    out = subprocess.PIPE if shown else subprocess.DEVNULL
                    running.append(
                        subprocess.Popen(words, env=env, cwd=tmp_path, stdout=out, stderr=subprocess.DEVNULL, text=True)
                    )
                    if shown:
                        assert running[-1].stdout
                        said = "".join(running[-1].stdout.readline() for _ in shown.splitlines())
                        assert steady(said) == steady(shown)
                    else:
                        listening(ports["8000"])
                else:
                    assert same(said_by(command, env, folder=tmp_path)) == same(shown), command
    finally:
        for each in reversed(running):
            each.send_signal(signal.SIGINT)
            each.wait(DEADLINE)
            if each.stdout:
                each.stdout.close()


def listening(port: int) -> None:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"nothing listens on {port}")
