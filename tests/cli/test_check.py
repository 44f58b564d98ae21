"""`brownout check` and `brownout schema`: the whole output for every broken file, and what they say of good ones."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from brownout.cli.main import cli

from .conftest import command

BROKEN = Path(__file__).parents[1] / "faults" / "broken"
CASES = sorted(path.stem for path in BROKEN.glob("*.yaml"))
GOOD = """
seed: 7
proxies:
  cache: redis://127.0.0.1:6379
  db: {upstream: "postgres://127.0.0.1:5432", listen: "127.0.0.1:15432"}
profiles:
  slow:
    "*": [latency:300ms]
"""


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("BROWNOUT_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("case", CASES)
def test_a_broken_file_gets_all_its_errors_at_once(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BROKEN)
    result = command("check", f"{case}.yaml")
    assert result.stderr == (BROKEN / f"{case}.txt").read_text()
    assert (result.exit_code, result.stdout) == (2, "")


def test_there_are_at_least_thirty_broken_files_and_none_without_its_errors() -> None:
    assert len(CASES) >= 30
    assert sorted(path.stem for path in BROKEN.glob("*.txt")) == CASES


def test_every_error_has_the_form_that_editors_jump_to_and_nearly_every_one_a_hint() -> None:
    bare = []
    for case in CASES:
        lines = (BROKEN / f"{case}.txt").read_text().splitlines()
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            assert line.startswith((f"error: {case}.yaml:", "hint:  ")), line
            if line.startswith("error:") and not following.startswith("hint:  "):
                bare.append(line)
    assert bare == ["""error: units.yaml:7: profiles.slow."*"[3].probability: '130%' is more than 100%"""]


def test_no_password_and_no_control_character_is_shown() -> None:
    for case in CASES:
        text = (BROKEN / f"{case}.txt").read_text()
        assert "hunter" not in text
        assert text.replace("\n", "").isprintable()


def test_a_good_file_says_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(GOOD)
    Path("b.yaml").write_text("proxies: {cache: 127.0.0.1:6379}")
    result = command("check", "a.yaml", "b.yaml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "a.yaml: 2 proxies, 1 profile, seed 7\nb.yaml: 1 proxy, 0 profiles, no seed\n"


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{command: pytest}", "verify of its command"),
        ("{journeys: {a: ./a}}", "verify of 1 journey"),
        ("{journeys: {a: ./a, b: {url: 'http://127.0.0.1:1/'}}}", "verify of 2 journeys"),
    ],
)
def test_a_section_of_verify_is_told(tmp_path: Path, section: str, said: str) -> None:
    (tmp_path / "a.yaml").write_text(f"verify: {section}\n")
    result = command("check", str(tmp_path / "a.yaml"))
    assert result.stdout.endswith(f"a.yaml: 0 proxies, 0 profiles, no seed, {said}\n")


def test_variables_are_shown_as_they_are_written_without_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET", "hunter2")
    Path("a.yaml").write_text(
        'proxies: {db: "postgres://h"}\n'
        'env: {URL: "{db.url}", DSN: "x://me:hunter2@{db.address}", OTHER: "{db.host} ${SECRET}"}\n'
    )
    result = command("check", "a.yaml")
    assert result.stdout == (
        "a.yaml: 1 proxy, 0 profiles, no seed\n  URL={db.url}\n  DSN=x://me:***@{db.address}\n  OTHER={db.host} ${SECRET}\n"
    )
    shown = {"URL": "{db.url}", "DSN": "x://me:***@{db.address}", "OTHER": "{db.host} ${SECRET}"}
    assert json.loads(command("check", "--json", "a.yaml").stdout)["files"][0]["env"] == shown


def test_a_good_file_is_reported_beside_a_broken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text("seed: x")
    Path("b.yaml").write_text(GOOD)
    result = command("check", "a.yaml", "b.yaml", "c.yaml")
    assert result.exit_code == 2
    assert result.stdout == "b.yaml: 2 proxies, 1 profile, seed 7\n"
    assert result.stderr == (
        "error: a.yaml:1: seed: 'x' is not a seed\nhint:  write a whole number, like seed: 7\n"
        "error: c.yaml: there is no such file\nhint:  did you mean b.yaml?\n"
    )


def test_json_has_the_contents_and_the_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(GOOD)
    Path("b.yaml").write_text("seed: 7\nprofils: {}")
    result = command("check", "--json", "a.yaml", "b.yaml")
    assert (result.exit_code, result.stderr) == (2, "")
    assert json.loads(result.stdout) == {
        "files": [
            {
                "file": "a.yaml", "proxies": ["cache", "db"], "env": {}, "profiles": ["slow"], "seed": 7,
                "problems": [],
            },
            {
                "file": "b.yaml", "proxies": None, "env": None, "profiles": None, "seed": None,
                "problems": [
                    {
                        "file": "b.yaml", "line": 2, "column": 1, "key": "profils", "message": "unknown key",
                        "hint": "did you mean profiles?",
                    }
                ],
            },
        ]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "code", "stdout", "stderr"),
    [
        (GOOD.encode(), 0, "stdin: 2 proxies, 1 profile, seed 7\n", ""),
        (b"seed: x", 2, "", "error: stdin:1: seed: 'x' is not a seed\nhint:  write a whole number, like seed: 7\n"),
        (b"\xff", 2, "", "error: stdin:1: this is not UTF-8\nhint:  save the file in the encoding UTF-8\n"),
    ],
)
def test_a_dash_is_the_standard_input(given: bytes, code: int, stdout: str, stderr: str) -> None:
    result = CliRunner().invoke(cli, ["check", "-"], input=given)
    assert (result.exit_code, result.stdout, result.stderr) == (code, stdout, stderr)


def test_schema_writes_a_json_schema() -> None:
    result = command("schema")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
