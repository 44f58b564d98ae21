"""Commands where something is missing that is nearly always there: one line and a code, never a traceback."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import DEADLINE, PROGRAM, command, environment

BROWNOUT = shlex.join(PROGRAM)
FAULTS = f"{BROWNOUT} faults latency"
RUN = f"{BROWNOUT} run --api none"


def shell(line: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment(**env), capture_output=True, text=True, timeout=DEADLINE,
        errors="surrogateescape",
    )  # fmt: skip


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_a_closed_descriptor_is_an_absent_reader(tmp_path: Path, closed: str) -> None:
    done = shell(f"{FAULTS} {closed}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    done = shell(f"{RUN} --report r.json -p a=127.0.0.1:1 -- bash -c 'exit 7' {closed}", tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (7, False)
    assert json.loads((tmp_path / "r.json").read_text())["exit_code"] == 7


def test_a_full_disk_is_said_once(tmp_path: Path) -> None:
    for words in (FAULTS, f"{BROWNOUT} --help", f"{BROWNOUT} schema", f"{BROWNOUT} version --json"):
        done = shell(f"{words} > /dev/full", tmp_path)
        assert (done.returncode, done.stderr) == (2, "error: the output cannot be written: No space left on device\n")
    assert shell(f"{BROWNOUT} nope 2> /dev/full", tmp_path).returncode == 2
    done = shell(f"{RUN} --report r.json -- bash -c 'exit 7' > /dev/full 2> /dev/full", tmp_path)
    assert (done.returncode, json.loads((tmp_path / "r.json").read_text())["exit_code"]) == (7, 7)


@pytest.mark.parametrize(
    "words",
    [
        r"inject a$'\xff' noop",
        r"inject a noop --name $'\xff'",
        r"inject a http.status:503 body=$'\xff'",
        r"log $'\xff'",
        r"heal a $'\xff'",
        r"status --api $'\xff':1",
        r"proxy add $'\xff' 127.0.0.1:1",
        r"$'\xff'",
    ],
)
def test_words_that_are_not_utf_8_are_refused(tmp_path: Path, words: str) -> None:
    done = shell(f"{BROWNOUT} {words}", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: '")
    assert done.stderr.splitlines()[0].endswith("is not UTF-8")


def test_files_may_have_names_that_are_not_utf_8(tmp_path: Path) -> None:
    done = shell(f"echo 'proxies: {{a: 127.0.0.1:1}}' > $'\\xff'; {BROWNOUT} check $'\\xff'", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    done = shell(f"{BROWNOUT} check --json $'\\xff' $'\\xfe'", tmp_path)
    files = json.loads(done.stdout)["files"]
    assert (done.returncode, [each["file"] for each in files]) == (2, ["\udcff", "\udcfe"])
    done = shell(f"{RUN} $'\\xff' --report $'r\\xff' -- printf $'\\xff'", tmp_path)
    assert (done.returncode, done.stdout, os.path.exists(tmp_path / "r\udcff")) == (0, "\udcff", True)
    assert json.loads((tmp_path / "r\udcff").read_text())["command"] == ["printf", "\ufffd"]
    done = shell(f"{RUN} -p x=$'\\xff':1 -- true", tmp_path)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, r"error: '\udcff:1' is not an address")


def test_a_removed_working_directory_is_said(tmp_path: Path) -> None:
    gone = "mkdir gone && cd gone && rmdir ../gone && "
    assert shell(f"{gone}{FAULTS}", tmp_path).returncode == 0
    assert shell(f"{gone}{RUN} -- true", tmp_path).returncode == 0
    done = shell(f"{gone}{RUN} --report r.json -- true", tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "error: --report r.json: cannot be written: No such file or directory\n"
        "hint:  name a file in a folder that you may write to\n",
    )
    assert shell(f"{gone}{BROWNOUT} check x.yaml", tmp_path).returncode == 2


def test_a_report_whose_name_is_too_long_is_said(tmp_path: Path) -> None:
    done = shell(f"{RUN} --report {'a' * 300} -- true", tmp_path)
    assert (done.returncode, done.stderr.count("\n"), "File name too long" in done.stderr) == (2, 2, True)


def test_an_api_with_a_name_that_no_host_has_is_said() -> None:
    for host in ("a" * 64, "a..b"):
        done = command("status", "--api", f"{host}:1")
        assert (done.exit_code, done.stderr.splitlines()[0]) == (2, f"error: {host}:1 is not an address")


def test_check_reads_nothing_where_there_is_no_input(tmp_path: Path) -> None:
    for stdin in ("< /dev/null", "<&-"):
        done = shell(f"{BROWNOUT} check - {stdin}", tmp_path)
        assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error: stdin: the file is empty")


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("brownout.cli.main", -signal.SIGINT),
        ("click", -signal.SIGINT),
        ("brownout.cli.session", 130),
        ("uvloop", 130),
    ],
)
def test_a_ctrl_c_before_it_is_ready_says_nothing(tmp_path: Path, moment: str, code: int) -> None:
    interrupted = (
        "import os, signal, sys\n"
        "class AtThat:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {moment!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, AtThat())\n"
        "from brownout.cli.start import main\n"
        "main()\n"
    )
    words = [sys.executable, "-c", interrupted, "run", "--api", "none", "--", "touch", "ran"]
    done = subprocess.run(words, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=DEADLINE)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (code, "", "")
    assert not (tmp_path / "ran").exists()
