import json
import signal
import socket
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import redis

from brownout.cli import report
from brownout.control.client import Client
from brownout.testing import servers
from brownout.wire.errors import BrownoutError

from .conftest import DEADLINE, Run, command

Start = Callable[..., Run]


def test_a_report_says_what_happened(run: Start, tmp_path: Path, reserve: Callable[[], str]) -> None:
    path, config = tmp_path / "report.json", tmp_path / "brownout.yaml"
    with servers.redis() as server:
        config.write_text(
            f'seed: 7\nproxies: {{cache: "redis://127.0.0.1:{server.port}", dead: "{reserve()}"}}\n'
            "profiles: {p: {cache: [{fault: latency, latency: 1ms}, {fault: reset, start: 1h}]}}"
        )
        process = run(str(config), "--profile", "p", "--report", str(path), "--api", "127.0.0.1:0")
        client = Client(process.api)
        cache = redis.Redis(*process.address("cache"), single_connection_client=True)
        assert cache.set("key", "x" * 1000)
        with (
            pytest.raises(ConnectionError),
            socket.create_connection(process.address("dead"), timeout=DEADLINE) as link,
        ):
            link.recv(1)  # where connect() was not told already
        client.heal_one("cache", "latency")
        client.inject("dead", "noop")
        client.add("short", "127.0.0.1:1")
        client.inject("short", "noop")
        client.remove("short")
        assert not path.exists()
        assert process.end() == 0
        cache.close()
    assert process.out.all()[-1] == f"report {path}"
    found = json.loads(path.read_text())
    assert list(found) == [
        "version",
        "seed",
        "started",
        "ended",
        "command",
        "exit_code",
        "profiles",
        "asked",
        "findings",
        "proxies",
    ]
    assert (found["seed"], found["command"], found["exit_code"], found["profiles"]) == (7, [], 0, ["p"])
    assert datetime.fromisoformat(found["started"]) < datetime.fromisoformat(found["ended"])
    assert [(each["profile"], each["key"], each["cause"]) for each in found["asked"]] == [
        ("p", "cache", ""), ("", "", ""), ("", "", ""),
    ]  # fmt: skip
    assert [
        (line["proxy"], line["injection"]["name"], line["placed"], line["vacuous"], line["fired"], line["cause"])
        for each in found["asked"]
        for line in each["injections"]
    ] == [
        ("cache", "latency", 1, 0, 1, ""), ("cache", "reset", 1, 1, 0, "not_begun"),
        ("short", "noop", 1, 0, 0, ""), ("dead", "noop", 1, 0, 0, ""),
    ]  # fmt: skip
    mine, dead, short = found["proxies"]
    assert [each["removed"] for each in found["proxies"]] == [False, False, True]
    assert mine["proxy"]["name"] == "cache"
    assert mine["proxy"]["connections"] == {"open": 1, "total": 1}
    assert mine["proxy"]["bytes"]["upstream"] > 1000
    assert [(each["name"], each["receipt"]["fired"]) for each in mine["healed"]] == [("latency", 1)]
    assert [(each["name"], each["receipt"]["active"]) for each in mine["proxy"]["injections"]] == [("reset", False)]
    assert dead["proxy"]["errors"] == {"dial_refused": 1}
    assert [each["name"] for each in dead["proxy"]["injections"]] == ["noop"]
    assert short["proxy"]["name"] == "short"
    assert [each["name"] for each in short["healed"]] == ["noop"]
    assert [each.name for each in tmp_path.iterdir() if "report" in each.name] == ["report.json"]


@pytest.mark.parametrize(
    ("words", "code"), [((sys.executable, "-c", "raise SystemExit(3)"), 3), (("no-such-command",), 127)]
)
def test_the_commands_exit_code_is_ours_and_in_the_report(
    run: Start, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    process = run("--report", str(path), "--api", "none", "--", *words, "redis://me:secret@h/0")
    assert process.wait() == code
    found = json.loads(path.read_text())
    assert found["exit_code"] == code
    assert found["command"] == [*words, "redis://me:***@h/0"]


def test_ctrl_c_leaves_a_report(run: Start, echo: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    process = run("-p", f"echo=redis://me:secret@{echo}", "--report", str(path), "--api", "none")
    process.out.until("seed ")
    assert process.end(signal.SIGINT) == 0
    text = path.read_text()
    assert json.loads(text)["proxies"][0]["proxy"]["upstream"] == f"redis://me:***@{echo}"
    assert "secret" not in text


def test_a_report_that_cannot_be_written_starts_nothing(tmp_path: Path) -> None:
    there = tmp_path / "ran"
    code = f"open({str(there)!r}, 'w')"
    for path, message in (
        (tmp_path, "it is not a file"),
        (tmp_path / "missing" / "report.json", "cannot be written: No such file or directory"),
        ("/dev/null", "it is not a file"),
    ):
        result = command("run", "--api", "none", "--report", str(path), "--", sys.executable, "-c", code)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.splitlines()[0] == f"error: --report {path}: {message}"
    assert not there.exists()


def test_a_report_that_cannot_be_written_at_the_end_is_said(run: Start, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "report.json"
    gone = f"import shutil; shutil.rmtree({str(folder)!r})"
    process = run("--report", str(path), "--api", "none", "--", sys.executable, "-c", gone)
    assert process.wait() == 2
    assert f"error: --report {path}: cannot be written: No such file or directory" in process.err.all()
    folder.mkdir()
    process = run("--report", str(path), "--api", "none", "--", sys.executable, "-c", f"{gone}; raise SystemExit(5)")
    assert process.wait() == 5


def test_a_link_to_a_file_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert report.check(str(tmp_path / "link")) == tmp_path / "real"
    with pytest.raises(BrownoutError):
        report.check(str(tmp_path))
