"""toxiproxy-node-client, from npm, through its whole life against `brownout run`."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import DEADLINE

HERE = Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def installed(npm_install: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the script and the package."""
    place = tmp_path_factory.mktemp("node") / "compat"
    shutil.copytree(HERE, place, ignore=shutil.ignore_patterns("node_modules"))
    npm_install(place)
    return place


@pytest.mark.slow
def test_the_life_cycle(installed: Path, api: str, echo: str, program: Callable[..., str]) -> None:
    argv = [program("node", "apt-get install nodejs"), "life.js", f"http://{api}", echo]
    run = subprocess.run(argv, cwd=installed, capture_output=True, text=True, timeout=3 * DEADLINE)
    assert (run.returncode, run.stderr) == (0, "")
    said = json.loads(run.stdout)
    times = {step: said.pop(step) for step in ("healthy", "slow", "slower", "healed")}
    assert said.pop("reset")[0] is True
    toxic = {
        "name": "slow", "type": "latency", "stream": "downstream", "toxicity": 1,
        "attributes": {"latency": 1000, "jitter": 0},
    }  # fmt: skip
    slower = {**toxic, "attributes": {"latency": 2000, "jitter": 0}}
    assert said == {
        "version": "string",
        "created": {"name": "echo", "listen": "of its own", "upstream": echo, "enabled": True},
        "again": "Request failed with status code 409",
        "toxic": toxic,
        "updated": slower,
        "found": slower,
        "gone": "Request failed with status code 404",
        "wrong": "Request failed with status code 400",
        "timeout": "closed",
        "disabled": [False, True, "ECONNREFUSED"],
        "populated": ["echo", "other"],
        "all": ["echo", "other"],
        "left": [],
        "missing": "Request failed with status code 404",
    }
    assert times["slow"] >= 1000 > times["healthy"]
    assert times["slower"] >= 2000 > times["healed"]
