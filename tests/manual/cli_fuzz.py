"""Type nonsense at the command line, and give `check` files that were damaged: no traceback, no hang, exit code 0 or 2.

    python tests/manual/cli_fuzz.py [--words 20000] [--files 2000] [--processes 200] [--seed N]

Words go through the commands in this process, to a Brownout that runs beside; those of `run` are planned and not run. A
part of the lines is run as processes whose descriptors are closed or full, on odd terminals and in odd folders. One
process at a time; everything stays on this machine.
"""

import argparse
import contextlib
import os
import pty
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from click.testing import CliRunner

from brownout.cli import session
from brownout.cli.main import cli
from brownout.control.client import Client

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "brownout.cli"]
LIMIT = 30
"""Seconds after which a line counts as hanging."""
OWN = ("redis", "web")

COMMANDS = """run inject change heal profile status log proxy faults check schema version help list ls logs stop start add rm
apply show enable disable kill reset slow latency""".split()  # noqa: SIM905 (words, as they are typed)
OPTIONS = """--api --json --token --probability --quota --after --every --times --start --for --stream --match --name -p --proxy
--profile --watch --strict -q --report --seed --dial-timeout --show-values --allow-host --env --file --listen --disabled -n
--lines --help -h --version --jitter --path -- - -x --=""".split()  # noqa: SIM905
GOOD = """redis web * all latency latency:300ms latency=1s 300ms http.status:503 http.status reset bandwidth:1MB/s drip bytes=1KB
interval=1s jitter=5ms probability=30% 30% 0.5 3/10 3 5 10s slow down delay delay:1s hang noop name=x stream=both both match
method=POST path=/a* json.a.b=1 header.x-a=~b body=* 127.0.0.1:1 redis://127.0.0.1:6379 redis=6379 a=:1 :6379 a=unix:///tmp/x
postgres://u:p@127.0.0.1/x?host=/y mongodb+srv://127.0.0.1 a=127.0.0.1:0=127.0.0.1:1 slow-network flaky-api none null true
127.0.0.1:0 report.json A={a.url} brownout.yaml true echo""".split()  # noqa: SIM905
BAD = [
    "", " ", "\t", "\n", "\x00x"[1:], "\x1b[31m", "\udcff", "a\udc80b", "é", "日本", "\u202e", "\U0001f4a5", "a" * 5000, "=" * 50, ":", "::",
    "://", "=x", "x=", "a=b=c=d", "{}", "[]", "{a", "'", '"', "\\", "%", "%s", "%n", "${HOME}", "$(x)", "`x`", "../..", "/", ".", "~", "~(",
    "match.x=1", "json.=1", "header.=1", "-1", "1e309", "nan", "inf", "0x10", "1_000", "9" * 400, "1" * 30 + "ms", "ms", "-5s", "5 s",
    "[::1", "[::1]:99999", "a:b:c", "@", "u:p@", "http://[", "http://h:x", "redis://:p@ss/w", "unix://", "unix:///" + "x" * 200, "\u0661s",
    "@file", "file=/", "file=nowhere", "body={", "json={", "headers=x", "status=999", "--name=", "--api=", "--=x", "---", "\ufeff",
]  # fmt: skip


def line(random_: random.Random) -> list[str]:
    """One command line: mostly a command, then words of all kinds."""
    words = [random_.choice(COMMANDS)] if random_.random() < 0.95 else []
    if words == ["inject"] and random_.random() < 0.7:
        words += ["redis", random_.choice(GOOD)]
    for _ in range(random_.randint(0, 9)):
        kind = random_.random()
        word = random_.choice(OPTIONS if kind < 0.3 else GOOD if kind < 0.7 else BAD)
        if kind > 0.95:
            word = f"{random_.choice(OPTIONS)}={word}"
        if kind > 0.9 and word:
            at = random_.randrange(len(word))
            word = word[:at] + random_.choice(BAD)[:3] + word[at + random_.randint(0, 1) :]
        words.append(word.replace("\x00", ""))
    return words


def damaged(text: bytes, random_: random.Random) -> bytes:
    """A file with a few bytes taken out, doubled or put in."""
    data = bytearray(text)
    for _ in range(random_.randint(1, 6)):
        at, size = random_.randrange(len(data) + 1), random_.choice([1, 1, 2, 5, 40])
        match random_.randrange(5):
            case 0:
                del data[at : at + size]
            case 1:
                data[at:at] = data[at : at + size] * random_.choice([1, 2, 30])
            case 2:
                data[at:at] = random_.choice(BAD).encode(errors="surrogateescape")
            case 3:
                data[at : at + 1] = bytes([random_.randrange(256)])
            case 4:
                tokens = [
                    b"\n",
                    b": ",
                    b"- ",
                    b"{",
                    b"[",
                    b"}",
                    b"&a ",
                    b"*a",
                    b"<<: ",
                    b"!!python/object:os.system ",
                    b"|\n",
                    b"---\n",
                    b"#",
                ]
                data[at:at] = random_.choice(tokens)
    return bytes(data[: random_.randrange(len(data) + 1)] if random_.random() < 0.1 else data)


class HangError(Exception):
    """A line took too long."""


def late(number: int, frame: FrameType | None) -> None:
    raise HangError("".join(traceback.format_stack(frame)[-6:]))


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """A Brownout beside, and where its API is."""
    words = [
        *PROGRAM,
        "run",
        "-p",
        "redis=127.0.0.1:1",
        "-p",
        "web=http://127.0.0.1:1",
        "--api",
        "127.0.0.1:0",
        "--seed",
        "7",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder) as process:
        try:
            assert process.stdout
            api = next(each for each in process.stdout if each.startswith("api ")).split()[1]
            with open(folder / "brownout.log", "w") as log:
                reader = subprocess.Popen(["cat"], stdin=process.stdout, stdout=log)
                yield api
                process.terminate()
                reader.wait()
        finally:
            process.terminate()
    said = (folder / "brownout.log").read_text(errors="replace")
    assert "Traceback" not in said, said[-3000:]


def type_words(count: int, random_: random.Random, client: Client, failures: list[str]) -> Counter[str]:
    """Type this many words, in lines."""
    codes: Counter[str] = Counter()
    runner = CliRunner(env={"BROWNOUT_API": client.where, "COLUMNS": "80"})
    session.run = lambda plan: 0
    typed = 0
    while typed < count:
        words = line(random_)
        typed += len(words)
        codes[invoke(runner, words, failures)] += 1
        if codes.total() % 50 == 0:
            client.heal()
            for view in client.proxies():
                if view["name"] not in OWN:
                    client.remove(view["name"])
            for name, upstream in zip(OWN, ("127.0.0.1:1", "http://127.0.0.1:1"), strict=True):
                with contextlib.suppress(Exception):
                    client.add(name, upstream)
    codes["words"] = typed
    return codes


def invoke(runner: CliRunner, words: list[str], failures: list[str]) -> str:
    """Run a line in this process, and return its exit code."""
    signal.alarm(LIMIT)
    try:
        done = runner.invoke(cli, words, catch_exceptions=False)
    except BaseException as error:
        failures.append(f"{words!r}\n{''.join(traceback.format_exception(error))[-1500:]}")
        return type(error).__name__
    finally:
        signal.alarm(0)
    if done.exit_code not in (0, 2):
        failures.append(f"{words!r}: exit code {done.exit_code}")
    elif done.exit_code == 2 and "error: " not in done.stderr and '"problems": [' not in done.stdout:
        failures.append(f"{words!r}: 2 and no error: {done.output!r}")
    if "Traceback" in done.output:
        failures.append(f"{words!r}: {done.output[-1500:]}")
    return str(done.exit_code)


def check_files(count: int, random_: random.Random, folder: Path, failures: list[str]) -> Counter[str]:
    """Give damaged files to `check`."""
    codes: Counter[str] = Counter()
    runner = CliRunner()
    sources = [path.read_bytes() for path in [*ROOT.glob("configs/*.yaml"), *ROOT.glob("tests/faults/broken/*.yaml")]]
    for _ in range(count):
        (folder / "damaged.yaml").write_bytes(damaged(random_.choice(sources), random_))
        before = len(failures)
        codes[invoke(runner, ["check", "damaged.yaml"], failures)] += 1
        if len(failures) > before:
            failures[-1] += f"\n{(folder / 'damaged.yaml').read_bytes()!r}"
    return codes


SURROUNDINGS = [
    "<&-",
    ">&-",
    "2>&-",
    "<&- >&- 2>&-",
    "> /dev/full",
    "2> /dev/full",
    "> /dev/full 2>&1",
    "| head -c 1",
    "< /dev/null",
]
ENVIRONMENTS = [
    {}, {"TERM": "dumb"}, {"TERM": ""}, {"COLUMNS": "1"}, {"COLUMNS": "-3"}, {"COLUMNS": "x"}, {"LC_ALL": "C"}, {"NO_COLOR": "1"},
    {"PYTHONIOENCODING": "ascii"}, {"LANG": "nowhere"}, {"BROWNOUT_API": "::"}, {"BROWNOUT_TOKEN": "a b"}, {"HOME": "/nowhere"},
]  # fmt: skip


def run_processes(count: int, random_: random.Random, api: str, folder: Path, failures: list[str]) -> Counter[str]:
    """Run lines as processes, in odd surroundings."""
    codes: Counter[str] = Counter()
    for number in range(count):
        words = [word for word in line(random_) if "\x00" not in word]
        if words[:1] == ["run"]:
            words = [word for word in words if word != "--"] + ["--", "true"]
        env = {**os.environ, "BROWNOUT_API": api, **random_.choice(ENVIRONMENTS)}
        argv = [word.encode(errors="surrogateescape") for word in words]
        if number % 3:
            shell = f'exec 9>&2; "$@" {random_.choice(SURROUNDINGS)}'
            gone = "mkdir gone && cd gone && rmdir ../gone; " if random_.random() < 0.1 else ""
            done = subprocess.run(
                ["bash", "-c", gone + shell, "bash", *PROGRAM, *argv],
                cwd=folder,
                env=env,
                capture_output=True,
                timeout=LIMIT,
            )
            code, said = done.returncode, done.stdout + done.stderr
        else:
            code, said = on_a_terminal([*PROGRAM, *argv], env, folder)
        codes[str(code)] += 1
        if b"Traceback" in said or code not in (0, 2, 127, 126, 1):
            failures.append(f"{words!r} {code}: {said[-1500:]!r}")
    return codes


def on_a_terminal(words: list[str | bytes], env: dict[str, str], folder: Path) -> tuple[int, bytes]:
    """Run a line on a terminal of its own."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=folder, start_new_session=True
    )
    os.close(theirs)
    said, end = b"", time.monotonic() + LIMIT
    with contextlib.suppress(OSError):
        while time.monotonic() < end and (data := os.read(ours, 65536)):
            said += data
    os.close(ours)
    return process.wait(LIMIT), said


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    for name, default in (("words", 20_000), ("files", 2_000), ("processes", 200), ("seed", random.randrange(10**6))):
        options.add_argument(f"--{name}", type=int, default=default)
    asked = options.parse_args()
    random_, failures = random.Random(asked.seed), []
    signal.signal(signal.SIGALRM, late)
    print(f"seed {asked.seed}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        with running(folder) as api:
            print("words", dict(type_words(asked.words, random_, Client(api), failures)), flush=True)
            print("files", dict(check_files(asked.files, random_, folder, failures)), flush=True)
            print("processes", dict(run_processes(asked.processes, random_, api, folder, failures)), flush=True)
        os.chdir("/")
    for each in failures[:20]:
        print(each)
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
