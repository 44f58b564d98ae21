"""docs/ci.md and action.yml: pipelines fit their schemas, what they call exists, and a report looks as it is shown."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from brownout.cli.run import run
from brownout.cli.verify import verify
from brownout.faults.config import file as config
from brownout.testing import servers

from .conftest import DEADLINE, DOCS, ENV, ROOT, blocks

VERIFY, RUN = DOCS["ci.md"].split("\n## A profile on CI\n")
FILE, *PIPELINES = blocks(RUN, "yaml")
ACTION, *RECIPES = blocks(VERIFY, "yaml")
[SHELL] = blocks(VERIFY, "sh")
WRITTEN = {"report", "report/", "report/verify.xml", "report/verify.prom"}


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


@pytest.mark.parametrize("text", PIPELINES)
def test_pipelines_are_yaml_whose_commands_are_right(text: str) -> None:
    lines = [line for each in strings(yaml.safe_load(text)) for line in each.splitlines() if "brownout run" in line]
    assert lines
    for line in lines:
        words = shlex.split(re.sub(r"\$\{\{.*?\}\}|\$\w+", "7", line))
        assert words[:2] == ["brownout", "run"]
        found = run.make_context("run", words[2:], help_option_names=["-h", "--help"]).params
        assert found["file"] == "brownout.yaml"
        assert found["command"][0] == "pytest"
        assert found["profiles"] == ("7",)
        assert found["report"] == "report.json"


def test_there_is_a_pipeline_for_each_system() -> None:
    assert ["jobs" in yaml.safe_load(text) for text in PIPELINES] == [True, False]


def test_the_file_and_the_profiles_of_the_pipelines_are_right() -> None:
    read = config.parse(FILE, environ={"REDIS_HOST": "redis"})
    assert read.proxies["cache"].upstream == "redis://redis:6379"
    known = {**config.shipped(), **read.profiles}
    for text in PIPELINES:
        [names] = re.findall(r"(?i)profile: \[(.*)\]", text)
        assert names.split(", ") == ["slow-network", "brownout", "blackout", "cache-restarts"]
        assert all(known[name].resolve({"cache": "redis"}) for name in names.split(", "))


def verify_lines(texts: Iterable[str]) -> list[str]:
    """The lines that call `brownout verify`, as a shell gets them."""
    lines = [line.strip() for text in texts for line in text.splitlines() if "brownout verify" in line]
    assert lines
    return lines


@pytest.mark.parametrize("text", [*RECIPES, SHELL])
def test_recipes_call_verify_with_words_that_there_are(text: str) -> None:
    texts = [text] if text == SHELL else strings(yaml.safe_load(text))
    [line] = verify_lines(texts)
    words = shlex.split(line.partition("||")[0].replace(".venv/bin/", ""))
    assert words[:2] == ["brownout", "verify"]
    found = verify.make_context("verify", words[2:], help_option_names=["-h", "--help"]).params
    assert (found["baseline"], found["history"], found["report_dir"]) == ("baseline.json", "runs", "report")
    assert found["budget"] == "15m"
    assert " ".join(found["command"]) in ("pytest", "python -m pytest")


def test_there_is_a_recipe_for_each_system_and_what_it_keeps_is_written() -> None:
    github, gitlab, compose = map(yaml.safe_load, RECIPES)
    assert [*github["jobs"]] == ["verify"]
    steps = {each.get("uses", "").partition("@")[0]: each for each in github["jobs"]["verify"]["steps"]}
    assert steps["actions/upload-artifact"]["if"] == "always()"
    assert steps["actions/upload-artifact"]["with"]["path"] in WRITTEN
    assert steps["actions/cache"]["with"]["path"] == gitlab["verify"]["cache"]["paths"][0] == "runs"
    kept = gitlab["verify"]["artifacts"]
    assert {*kept["paths"], *kept["reports"].values()} <= WRITTEN
    assert [*compose["services"]] == ["redis", "verify"]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project with a baseline, in which a test survives what it meets, but for an answer of 503."""
    (tmp_path / "shop.py").write_text(
        "import os, redis\n"
        "def cached():\n"
        "    cache = redis.from_url(os.environ['REDIS_URL'], socket_timeout=1, retry=None)\n"
        "    try: return cache.get('x') or b'nothing'\n"
        "    except redis.RedisError:\n"
        "        if os.path.exists('mistaken'): raise\n"
        "        return b'nothing'\n"
        "    finally: cache.close()\n"
    )
    (tmp_path / "test_shop.py").write_text("import shop\ndef test_cached(): assert shop.cached() == b'nothing'\n")
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
    with servers.redis() as server:
        env = ENV | {"REDIS_URL": server.url}
        words = ["brownout", "verify", "--report-dir", ".", "--only", "*/lost", "--", "pytest", "-q"]
        subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, timeout=4 * DEADLINE, check=True)
        (tmp_path / "baseline.json").write_bytes((tmp_path / "verify.json").read_bytes())
        (tmp_path / "env.sh").write_text(f"export REDIS_URL={server.url}\n")
        yield tmp_path


SCHEMAS = {
    "github-actions": [(ROOT / "action.yml").read_text()],
    "github-workflows": [ACTION, RECIPES[0], PIPELINES[0]],
    "gitlab-ci": [RECIPES[1], PIPELINES[1]],
    "compose-spec": [RECIPES[2]],
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_pipelines_and_the_action_fit_the_schemas_of_their_systems(schema: str, tmp_path: Path) -> None:
    for number, text in enumerate(SCHEMAS[schema]):
        (tmp_path / f"{number}.yml").write_text(text)
    words = ["-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, tmp_path.iterdir())]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stdout


def steps_of_the_action() -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    return steps


def test_the_recipe_of_the_action_gives_it_what_it_takes() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    given = yaml.safe_load(ACTION)["jobs"]["verify"]["steps"][-1]["with"]
    assert {*given} <= {*action["inputs"]}
    words = [*shlex.split(given["options"]), "--", *shlex.split(given["command"])]
    assert verify.make_context("verify", words).params["command"] == ("python", "-m", "pytest")
    install, _, upload = steps_of_the_action()
    assert install["run"] == '"$PYTHON" -m pip install --quiet "$GITHUB_ACTION_PATH"\n'
    assert (upload["if"], upload["with"]["path"]) == ("always()", "${{ steps.verify.outputs.report }}")


@pytest.mark.slow
@pytest.mark.parametrize("code", [0, 1])
def test_the_action_runs_the_tests_and_says_where_the_report_is(project: Path, code: int) -> None:
    if code:
        (project / "mistaken").touch()
    script = steps_of_the_action()[1]["run"]
    env = ENV | {
        "PYTHON": sys.executable,
        "OPTIONS": "--only */lost",
        "COMMAND": "python -m pytest -q",
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(project),
        "GITHUB_OUTPUT": str(project / "output"),
        "RUNNER_TEMP": str(project / "temp"),
    }
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", f". ./env.sh\n{script}"]  # as a runner does
    done = subprocess.run(words, cwd=project, env=env, capture_output=True, text=True, timeout=DEADLINE * 5)
    assert done.returncode == code, done.stdout + done.stderr
    report = project / "temp/brownout-report"
    assert (project / "output").read_text() == f"report={report}\nexit-code={code}\n"
    assert (report / "verify.html").exists()
    assert bool(re.search(r"^::error file=shop\.py,line=4,", done.stdout, re.MULTILINE)) == bool(code)


@pytest.mark.slow
def test_the_shell_recipe_runs(project: Path) -> None:
    script = SHELL.partition("\n.venv/bin/pip install -r requirements.txt\n")[2]  # all is installed already
    (project / "stage.sh").write_text(f"set -eu\n. ./env.sh\n{script}")
    done = subprocess.run(
        ["sh", "stage.sh"], cwd=project, env=ENV, capture_output=True, text=True, timeout=DEADLINE * 5
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing is worse than in baseline.json" in done.stdout
    assert len([*(project / "runs").iterdir()]) == 1
    assert (project / "report/verify.html").exists()


@pytest.mark.slow
def test_the_command_of_the_pipelines_runs_with_summary_and_annotations(project: Path) -> None:
    (project / "mistaken").touch()
    lines = {line for text in RECIPES for line in verify_lines(strings(yaml.safe_load(text)))}
    [line] = lines
    env = ENV | {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(project),
        "GITHUB_STEP_SUMMARY": str(project / "s.md"),
    }
    done = subprocess.run(
        ["sh", "-c", f". ./env.sh; {line}"], cwd=project, env=env, capture_output=True, text=True, timeout=DEADLINE * 5
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Worse than in the baseline" in (project / "s.md").read_text()
    assert re.search(r"^::error file=shop\.py,line=4,title=failed%3A redis ", done.stdout, re.MULTILINE)


@pytest.mark.slow
def test_a_report_looks_as_it_is_shown(tmp_path: Path) -> None:
    with servers.redis() as server:
        (tmp_path / "brownout.yaml").write_text(FILE.replace("6379", str(server.port)))
        words = shlex.split("brownout run brownout.yaml --profile cache-restarts --seed 7 --report report.json --")
        code = (
            "import os, redis, time\n"
            "cache = redis.from_url(os.environ['BROWNOUT_CACHE_URL'], single_connection_client=True)\n"
            "deadline = time.monotonic() + 20\n"
            "try:\n while time.monotonic() < deadline: cache.ping()\n"
            "except redis.ConnectionError:\n"
            " while time.monotonic() < deadline:\n"
            "  try: exit(1 if cache.ping() else 2)\n"
            "  except redis.ConnectionError: time.sleep(0.05)"
        )
        done = subprocess.run(
            [*words, "python", "-c", code], env=ENV, cwd=tmp_path, capture_output=True, timeout=DEADLINE
        )
    assert done.returncode == 1, done.stderr
    [shown] = blocks(RUN, "json")
    assert shape(json.loads((tmp_path / "report.json").read_text())) == shape(json.loads(shown))


def shape(value: object) -> object:
    """Which keys and which kinds of values something has; of a list, its first element."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return value if isinstance(value, bool) else type(value)
