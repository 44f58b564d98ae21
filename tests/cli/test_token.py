"""Who may use the API of a `run`: --token, BROWNOUT_TOKEN, --allow-host, and the warning where neither helps."""

import http.client
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from brownout.testing import Chaos

from .conftest import DEADLINE, PROGRAM, Run, command, environment

TOKEN = "s3cret-0123456789"
Start = Callable[..., Run]


def status(api: str, host: str) -> int:
    connection = http.client.HTTPConnection(api, timeout=DEADLINE)
    try:
        connection.request("GET", "/v1/health", headers={"Host": host})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


@pytest.mark.parametrize(("args", "env"), [(("--token", TOKEN), {}), ((), {"BROWNOUT_TOKEN": TOKEN})])
def test_commands_need_the_token_of_a_run(run: Start, echo: str, args: tuple[str, ...], env: dict[str, str]) -> None:
    process = run("-p", f"echo={echo}", "--api", "127.0.0.1:0", *args, **env)
    api = process.api
    for words in (["status"], ["inject", "echo", "noop"], ["heal"], ["profile", "list"], ["proxy", "rm", "echo"]):
        refused = command(*words, "--api", api)
        assert (refused.exit_code, refused.stdout, refused.stderr) == (
            2,
            "",
            "error: this API asks for a token\n"
            "hint:  give it with --token or BROWNOUT_TOKEN; over HTTP, Authorization: Bearer TOKEN\n",
        )
    wrong = command("status", "--api", api, "--token", "wrong")
    assert wrong.stderr.startswith("error: the token is not the one of this API\n")
    assert command("status", "--api", api, "--token", TOKEN).exit_code == 0
    assert command("status", "--token", TOKEN, "--api", api).exit_code == 0
    assert command("status", "--api", api, BROWNOUT_TOKEN=TOKEN).exit_code == 0
    assert command("status", "--api", api, "--token", TOKEN, BROWNOUT_TOKEN="wrong").exit_code == 0
    assert process.end() == 0
    assert TOKEN not in "\n".join(process.out.all() + process.err.all())


SHOW = "import os; print(os.environ.get('BROWNOUT_API') is None, os.environ.get('BROWNOUT_TOKEN'))"


@pytest.mark.parametrize(
    ("args", "env", "expected"),
    [
        (("--token", TOKEN), {}, f"False {TOKEN}"),
        ((), {"BROWNOUT_TOKEN": TOKEN}, f"False {TOKEN}"),
        (("--token", TOKEN), {"BROWNOUT_TOKEN": "other"}, f"False {TOKEN}"),
        ((), {"BROWNOUT_TOKEN": ""}, "False None"),
        (("--api", "none"), {"BROWNOUT_TOKEN": TOKEN}, "True None"),
    ],
)
def test_the_command_finds_the_token(run: Start, args: tuple[str, ...], env: dict[str, str], expected: str) -> None:
    process = run(*args, "--", sys.executable, "-c", SHOW, **env)
    assert process.wait() == 0
    assert process.out.all() == [expected]


def test_the_command_uses_it_unasked(run: Start, echo: str) -> None:
    process = run("-p", f"echo={echo}", "--token", TOKEN, "--", *PROGRAM, "inject", "echo", "latency:300ms")
    assert process.wait() == 0
    assert process.out.all() == ["injected latency on echo: latency=300ms"]


def test_chaos_uses_the_environments(run: Start, echo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    process = run("-p", f"echo={echo}", "--api", "127.0.0.1:0", "--token", TOKEN)
    monkeypatch.setenv("BROWNOUT_TOKEN", TOKEN)
    with Chaos(api=process.api) as chaos:
        assert chaos.proxy("echo").inject("noop").name == "noop"


def test_a_report_does_not_tell_it(run: Start, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    process = run("--token", TOKEN, "--report", str(path), "--", sys.executable, "-c", "", f"--token={TOKEN}")
    assert process.wait() == 0
    assert json.loads(path.read_text())["command"] == [sys.executable, "-c", "", "--token=***"]
    assert TOKEN not in path.read_text() + "\n".join(process.err.all())


def test_a_token_that_cannot_be_is_an_error_that_does_not_tell_it() -> None:
    for words in (["run", "--token", "two words", "--api", "127.0.0.1:0"], ["status", "--token", "two words"]):
        result = command(*words)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.splitlines() == [
            "error: the token is empty, or contains a space or a character beyond ASCII",
            'hint:  create one: "$(openssl rand -hex 16)"',
        ]
    assert command("run", "--token", "").stderr.startswith("error: the token is empty")


def test_the_shell_completes_with_the_token(run: Start, echo: str) -> None:
    process = run("-p", f"echo={echo}", "--api", "127.0.0.1:0", "--token", TOKEN)
    api = process.api
    for given in ("--token s3cret-0123456789", "--token wrong"):
        line = f"brownout heal --api {api} {given} e"
        env = {"_BROWNOUT_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
        shown = subprocess.check_output(PROGRAM, env=environment(**env), text=True)
        assert shown.split() == ([] if "wrong" in given else ["plain,echo"])


def test_an_api_that_others_reach_is_warned_of(run: Start) -> None:
    for args, warned in (
        (("--api", "0.0.0.0:0"), True),
        (("--api", "0.0.0.0:0", "--token", TOKEN), False),
        (("--api", "127.0.0.1:0"), False),
        (("--api", "localhost:0"), False),
    ):
        process = run(*args)
        process.out.until("no proxies yet")
        warning = f"warning: everyone who reaches {process.api} can change all of this; a --token prevents that"
        assert [line for line in process.out.seen if "warning" in line] == [warning] * warned
        assert process.end() == 0


def test_a_warning_beside_a_command_goes_to_stderr(run: Start) -> None:
    process = run("--api", "0.0.0.0:0", "--", sys.executable, "-c", "")
    assert process.wait() == 0
    assert process.out.all() == []
    assert [line.partition(" ")[0] for line in process.err.all()] == ["api", "warning:", "seed", "brownout:"]


def test_allow_host_names_the_api(run: Start) -> None:
    process = run("--api", "127.0.0.1:0", "--allow-host", "a.example", "--allow-host", "B.example")
    api = process.api
    assert [status(api, host) for host in ("a.example:80", "b.example", "c.example")] == [200, 200, 403]


def test_what_is_no_host_is_said() -> None:
    result = command("run", "--allow-host", "a.example:80", "--api", "127.0.0.1:0")
    assert result.stderr == (
        "error: 'a.example:80' is not a host name\nhint:  write it like --allow-host chaos.example.com\n"
    )
