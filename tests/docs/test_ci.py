"""docs/ci.md: its pipelines are YAML, what they call exists, and a report looks as it is shown."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from brownout.cli.run import run
from brownout.faults.config import file as config
from brownout.testing import servers

from .conftest import DEADLINE, DOCS, ENV, blocks

FILE, *PIPELINES = blocks(DOCS["ci.md"], "yaml")


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
    [shown] = blocks(DOCS["ci.md"], "json")
    assert shape(json.loads((tmp_path / "report.json").read_text())) == shape(json.loads(shown))


def shape(value: object) -> object:
    """Which keys and which kinds of values something has; of a list, its first element."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return value if isinstance(value, bool) else type(value)
