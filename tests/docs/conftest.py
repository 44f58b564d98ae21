"""What the documents hold, and what it takes to do as they say."""

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = {path.name: path.read_text() for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])}
README = DOCS["README.md"]
ENV = {key: value for key, value in os.environ.items() if not key.startswith("BROWNOUT_")} | {
    "LC_ALL": "C",
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
}
DEADLINE = 30.0
WRITE = bool(os.environ.get("BROWNOUT_WRITE_DOCS"))
"""Whether what is generated is written into the documents, rather than compared with what they hold."""


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def write_or_compare(document: str, text: str) -> None:
    """Write a document that holds what is generated, if asked to; else it must hold it already."""
    path = ROOT / ("README.md" if document == "README.md" else f"docs/{document}")
    if WRITE:
        path.write_text(text)
    assert DOCS[document].splitlines() == text.splitlines() or WRITE, f"make docs writes {document} anew"


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
        (r"\d+ B\b", "N B"),
    ):  # fmt: skip
        text = re.sub(changing, name, text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def said_by(command: str, env: dict[str, str], *, folder: Path | None = None, code: int = 0) -> str:
    argv, both = ["bash", "-c", command], {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(argv, env=env, timeout=DEADLINE, text=True, cwd=folder, **both)
    assert done.returncode == code, done.stdout
    return done.stdout
