"""Runs that know of an earlier one: held against a baseline, and going on after ctrl-C."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from ..serving import serving
from .running import DEADLINE, PROGRAM, Verified, verify

pytestmark = pytest.mark.slow

SHOP = """
    import json, os, urllib.request

    def rates():
        with urllib.request.urlopen(os.environ["RATES"], timeout=1) as reply:
            return json.load(reply)["rates"]

    def prices():
        try:
            return rates()
        except Exception:
            if "prices" in os.environ.get("MISTAKES", ""):
                raise
            return []

    def labels():
        try:
            return rates()
        except Exception:
            if "labels" in os.environ.get("MISTAKES", ""):
                raise
            return []
"""
SUITE = """
    import shop

    def test_prices():
        assert isinstance(shop.prices(), list)

    def test_labels():
        assert isinstance(shop.labels(), list)
"""
WORDS = ("--seed", "7", "--cell-timeout", "3s")
COMMAND = ("--", sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_shop.py")


class Rates(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        data = b'{"rates": [1, 2]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "shop.py").write_text(textwrap.dedent(SHOP))
    (tmp_path / "test_shop.py").write_text(textwrap.dedent(SUITE))
    with serving(Rates) as url:
        monkeypatch.setenv("RATES", url)
        yield tmp_path


def run(folder: Path, *words: str, mistakes: str = "") -> Verified:
    return verify(folder, *WORDS, *words, *COMMAND, MISTAKES=mistakes)


def wait_for(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_regression_fails_and_an_improvement_is_listed(folder: Path) -> None:
    only = ("--only", "*/error", "--only", "*/refused")
    assert run(folder, *only, mistakes="prices").code == 1
    shutil.copy(folder / "report/verify.json", folder / "before.json")

    other = run(folder, *only, "--baseline", "before.json", mistakes="labels")
    assert other.code == 1
    assert "error in test_shop.py::test_labels: failed, resilient before" in other.out
    assert "error in test_shop.py::test_prices: resilient, failed before" in other.out
    assert {tuple(each["cell"][2:]) for each in other.document["compared"]["worse"]} == {
        ("error", "test_shop.py::test_labels"),
        ("refused", "test_shop.py::test_labels"),
    }

    old = json.loads((folder / "before.json").read_text()) | {"schema": "brownout.verify/0"}
    (folder / "before.json").write_text(json.dumps(old))
    refused = run(folder, *only, "--baseline", "before.json")
    assert refused.code == 2
    assert "before.json is brownout.verify/0, and this Brownout reads brownout.verify/1" in refused.err


def test_a_cell_has_what_happened_and_when(folder: Path) -> None:
    ran = run(folder, "--only", "*/error/*prices", mistakes="prices")
    [each] = [each for each in ran.document["cells"] if each["failure"] == "error"]
    [[began, healed]] = each["timeline"]["broken"]
    broken, well = each["calls"]
    assert began == 0
    assert began < broken["at"] + broken["seconds"]
    assert -5 < broken["at"] < healed, "a wide bound: the clock of the machine began long ago"
    assert healed <= well["at"]
    first, second = [each for each in each["timeline"]["attempts"] if each["what"]]
    assert (first["what"], first["faults"], first["number"]) == ("GET /", ["http.status"], 1)
    assert first["outcome"].startswith("503")  # cut, where its body was not read
    assert began <= first["at"] <= first["at"] + first["seconds"] <= healed
    assert (second["outcome"], second["faults"], second["number"]) == ("200", [], 1)
    assert well["at"] <= second["at"]


def test_a_run_that_was_interrupted_goes_on_and_has_the_same_matrix(folder: Path) -> None:
    whole = run(folder, mistakes="prices")
    shutil.rmtree(folder / "report")

    words = [*PROGRAM, "verify", "--report-dir", "report", "--history", "runs", *WORDS, *COMMAND]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("BROWNOUT_", "PYTEST_XDIST"))}
    with (
        subprocess.Popen(
            words,
            cwd=folder,
            env=env | {"MISTAKES": "prices"},
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(process.kill)
        assert process.stderr is not None
        for line in process.stderr:
            if " slow " in line and "resilient" in line:  # two rows of the matrix are done
                break
        wait_for(lambda: (folder / "report/verify.json").exists())
        looked = json.loads((folder / "report/verify.json").read_text())
        assert looked["under_way"]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)
        assert process.returncode == 130
    half = json.loads((folder / "report/verify.json").read_text())
    done = [each for each in half["cells"] if each["state"] != "not run"]
    assert 4 <= len(done) < len(half["cells"])

    refused = verify(folder, "--resume", "--seed", "8", "--cell-timeout", "3s", *COMMAND, MISTAKES="prices")
    assert refused.code == 2
    assert "the report is that of seed 7, and this is seed 8" in refused.err

    rest = verify(folder, "--resume", "--history", "runs", "--cell-timeout", "3s", *COMMAND, MISTAKES="prices")
    assert f"{len(done)} of {len(half['cells'])} cells are done" in rest.err
    assert rest.code == whole.code == 1
    assert rest.states == whole.states
    assert rest.document["began"] == half["began"]
    assert [each for each in rest.document["cells"] if each in done] == done
    assert not rest.document["under_way"]
    assert len([*(folder / "runs").iterdir()]) == 1  # the half is not kept
