"""docs/writing-a-fault.md, followed to the letter: the package that it writes is installed, tested and used."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/writing-a-fault.md").read_text()


def block(language: str, number: int = 0) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[number]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment in which the package of the page is installed, with the entry points that it names."""
    (tmp_path / "coldstart.py").write_text(block("python"))
    (tmp_path / "test_coldstart.py").write_text(block("python", 1))
    (tmp_path / "detour.py").write_text(block("python", 2))
    (tmp_path / "test_detour.py").write_text(block("python", 3))
    project = tomllib.loads(block("toml"))["project"]
    info = tmp_path / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    )
    (info / "entry_points.txt").write_text(points)
    return os.environ | {"PYTHONPATH": str(tmp_path), "COLUMNS": "100"}


def run(env: dict[str, str], *words: str) -> str:
    done = subprocess.run([sys.executable, "-m", *words], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_tests_pass(env: dict[str, str]) -> None:
    folder = env["PYTHONPATH"]
    assert "4 passed" in run(env, "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, folder)


def test_it_is_shown_as_the_page_says(env: dict[str, str]) -> None:
    command, _, shown = block("console").partition("\n")
    assert command == "$ brownout faults cold_start"
    assert run(env, "brownout.cli", "faults", "cold_start") == shown
    assert "cold_start" in run(env, "brownout.cli", "faults")


def test_it_is_injected_by_name(env: dict[str, str]) -> None:
    said = run(
        env, "brownout.cli", "run", "-p", "p=127.0.0.1:1", "--", "sh", "-c",
        f"{sys.executable} -m brownout.cli inject p cold_start:300ms && {sys.executable} -m brownout.cli status",
    )  # fmt: skip
    assert "injected cold_start on p: latency=300ms" in said
    assert re.search(r"cold_start +matched 0, fired 0 \(no connection\) +latency=300ms", said)


def test_its_faults_of_requests_act_on_a_proxy(env: dict[str, str]) -> None:
    code = """
import http.client, socket
from brownout.faults import Duration
from brownout.testing import Chaos
from detour import Detour, SlowPages
with Chaos(seed=7) as chaos, socket.create_server(("127.0.0.1", 0)) as nobody:
    api = chaos.proxy("api", upstream=f"http://127.0.0.1:{nobody.getsockname()[1]}")
    detour = api.inject(Detour(), match={"path": "/cart"})
    slow = api.inject(SlowPages(delay=Duration(1)))
    link = http.client.HTTPConnection(api.host, api.port, timeout=20)
    link.request("GET", "/cart")
    reply = link.getresponse()
    print(reply.status, reply.headers["location"], detour.receipt.fired, slow.receipt.chosen, slow.receipt.fired)
    link.close()
"""
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("307 /cart 1 1 0\n", "")  # an empty page is not late
