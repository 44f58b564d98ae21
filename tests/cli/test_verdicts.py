"""`run --verdicts -- COMMAND`: what the clients of a command did."""

import json
import sys
from pathlib import Path

import pytest

from .conftest import Run, command
from .test_strict import ASK, Start

CHARGE = """
import http.client, os
for _ in range(2):
    client = http.client.HTTPConnection("127.0.0.1", int(os.environ["BROWNOUT_WEB_PORT"]), timeout=60)
    client.request("POST", "/charge", "5 EUR")
    assert client.getresponse().status == 500
    client.close()
"""


def said(process: Run) -> list[str]:
    process.wait()
    return process.err.all()


def test_what_clients_did_is_said_at_the_end(run: Start, web: str, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    (tmp_path / "brownout.yaml").write_text("profiles: {down: {web: ['http.status:500']}}")
    words = [str(tmp_path / "brownout.yaml"), "-p", f"web=http://{web}", "--profile", "down", "--report", str(report)]
    lines = said(run(*words, "--verdicts", "--", sys.executable, "-c", CHARGE))
    start = next(nth for nth, line in enumerate(lines) if "error on web" in line)
    assert lines[start].startswith("brownout: error on web: unsafe-repeat: the client tried again after '500' without ")
    assert lines[start + 1].startswith("  POST /charge: 500 at 0.00 s, 500 at ")
    (finding,) = json.loads(report.read_text())["findings"]
    assert (finding["proxy"], finding["rule"], finding["level"]) == ("web", "unsafe-repeat", "error")


def test_it_says_that_nothing_was_found(run: Start, web: str) -> None:
    process = run("-p", f"web=http://{web}", "--verdicts", "--", sys.executable, "-c", f"{ASK}\nask()")
    assert "brownout: verdicts: nothing was found" in said(process)


def test_what_is_expected_is_said_on_the_command_line(run: Start, web: str, tmp_path: Path) -> None:
    (tmp_path / "brownout.yaml").write_text("profiles: {down: {web: ['http.status:500']}}")
    words = [str(tmp_path / "brownout.yaml"), "-p", f"web=http://{web}", "--profile", "down"]
    expected = ["--expect", "idempotent=POST /charge", "--expect", "max_attempts=1"]
    lines = said(run(*words, *expected, "--", sys.executable, "-c", CHARGE))
    assert [line for line in lines if " on web: " in line and "brownout: error" in line] == [
        "brownout: error on web: bounded-attempts: the client tried 2 times; at most 1 are expected"
    ]


def test_expectations_that_are_wrong_are_said_at_once() -> None:
    done = command("run", "-p", "web=http://127.0.0.1:9", "--expect", "max_atempts=4", "--", "true")
    assert (done.exit_code, done.stderr) == (
        2,
        "error: --expect: unknown setting 'max_atempts'\nhint:  did you mean max_attempts?\n",
    )


@pytest.mark.parametrize(("option", "words"), [("--verdicts", ["--verdicts"]), ("--expect", ["--expect", "probes=1"])])
def test_it_needs_a_command(option: str, words: list[str]) -> None:
    done = command("run", "-p", "web=http://127.0.0.1:9", *words)
    assert (done.exit_code, done.stderr) == (
        2,
        f"error: {option} needs a COMMAND\n"
        "hint:  brownout run brownout.yaml --profile flaky-api --verdicts -- ./serve\n",
    )
