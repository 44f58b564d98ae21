"""What the documents hold, and what it takes to do as they say."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = {path.name: path.read_text() for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])}
README = DOCS["README.md"]
ENV = {key: value for key, value in os.environ.items() if not key.startswith("BROWNOUT_")} | {
    "LC_ALL": "C",
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
}
DEADLINE = 60.0
WRITE = bool(os.environ.get("BROWNOUT_WRITE_DOCS"))
"""Whether what is generated is written into the documents, rather than compared with what they hold."""


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def write_or_compare(document: str, text: str) -> None:
    """Write a document that holds what is generated, if asked to; else it must hold it already."""
    path = ROOT / ("README.md" if document == "README.md" else f"docs/{document}")
    if WRITE:
        path.write_text(text)
    assert DOCS[document].splitlines() == text.splitlines() or WRITE, f"make docs rewrites {document}"


@contextlib.contextmanager
def running(*args: str) -> Iterator[tuple[list[str], dict[str, str]]]:
    """A `brownout run`: the lines with which it begins, and the environment in which commands find it."""
    env = ENV | {"BROWNOUT_API": "127.0.0.1:0"}
    with subprocess.Popen(["brownout", "run", *args], env=env, stdout=subprocess.PIPE, text=True) as process:
        late = threading.Timer(DEADLINE, process.kill)
        late.start()
        try:
            assert process.stdout
            lines = [process.stdout.readline().rstrip() for _ in range(args.count("-p") + 2)]
            yield lines, env | {"BROWNOUT_API": lines[-2].removeprefix("api ")}
        finally:
            late.cancel()
            process.terminate()


def steady(text: str) -> list[str]:
    """The lines of an output without what differs from run to run."""
    for changing, name in (
        (r"127\.0\.0\.1:\d+", "HOST:PORT"), (r"PORT=\d+", "PORT=PORT"), (r"seed \d+", "seed N"),
        (r"\d+m\d+\.\d+s", "TIME"), (r" \d+/(\d+) ", r" OPEN/\1 "), (r"Brownout \S+ at", "Brownout VERSION at"),
        (r"\d+ B\b", "N B"), (r"\d\d:\d\d:\d\d\.\d{3}", "CLOCK"), (r"[\d.]+ ms\b", "N ms"),
    ):  # fmt: skip
        text = re.sub(changing, name, text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def said_by(command: str, env: dict[str, str], *, folder: Path | None = None, check: bool = True) -> str:
    argv, both = ["bash", "-c", command], {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(argv, env=env, timeout=DEADLINE, text=True, cwd=folder, **both)
    assert done.returncode == 0 or not check, done.stdout
    return done.stdout


def steps(session: str) -> list[tuple[str, str]]:
    """The commands of a session, each with what it says."""
    return [(command, said) for command, said in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, re.MULTILINE)]


def same(said: str) -> list[str]:
    """What was said, without what differs from run to run."""
    said = re.sub(r"after \d+ m|\d\d\d\d milliseconds|[\d.]+ KB|^2\.\d+ s$", "N", said, flags=re.MULTILINE)
    return steady(said)


def play(sessions: list[str], folder: Path, reserve: Callable[[], str]) -> None:
    """Do what sessions show, on reserved ports, and compare what is said; a command that ends with & goes on to the end."""
    ports = {port: reserve().rpartition(":")[2] for port in ("8000", "8080", "8474")}
    env = ENV | {"BROWNOUT_API": f"127.0.0.1:{ports['8474']}"}
    with contextlib.ExitStack() as stack:
        for command, shown in [step for session in sessions for step in steps(session)]:
            for port, ours in ports.items():
                command, shown = command.replace(port, ours), shown.replace(port, ours)
            if not command.endswith("&"):
                assert same(said_by(command, env, folder=folder, check=False)) == same(shown), command
                continue
            words = command.removesuffix("&").replace("brownout run", "brownout run --seed 568612").split()
            out = subprocess.PIPE if shown else subprocess.DEVNULL
            process = subprocess.Popen(words, env=env, cwd=folder, stdout=out, stderr=subprocess.DEVNULL, text=True)
            stack.callback(ended, process)
            if process.stdout:
                assert same("".join(process.stdout.readline() for _ in shown.splitlines())) == same(shown)
            else:
                listening(int(ports["8000"]))


def ended(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    process.wait(DEADLINE)
    if process.stdout:
        process.stdout.close()


def listening(port: int) -> None:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"nothing listens on {port}")
