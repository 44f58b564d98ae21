"""docs/writing-a-protocol.md, followed to the letter: the package that it writes is installed, tested and used."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from brownout.wire.protocol import Protocol

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/writing-a-protocol.md").read_text()


def block(language: str, number: int = 0) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[number]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment in which the package of the page is installed, with the entry points that it names."""
    (tmp_path / "kv.py").write_text(block("python"))
    (tmp_path / "test_kv.py").write_text(block("python", 1))
    project = tomllib.loads(block("toml"))["project"]
    info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    )
    (info / "entry_points.txt").write_text(points)
    return os.environ | {"PYTHONPATH": str(tmp_path), "COLUMNS": "100"}


def run(env: dict[str, str], *words: str) -> str:
    done = subprocess.run([sys.executable, *words], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_has_the_fields_of_a_protocol() -> None:
    table = PAGE.partition("| field | meaning |\n")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(Protocol._fields)


def test_its_tests_pass(env: dict[str, str]) -> None:
    folder = env["PYTHONPATH"]
    assert "4 passed" in run(env, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, folder)


def test_its_fault_is_shown_with_the_scheme_that_it_acts_on(env: dict[str, str]) -> None:
    assert "kv://HOST:PORT" in run(env, "-m", "brownout.cli", "faults", "kv.busy")


def test_a_file_may_name_it(env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "brownout.yaml"
    file.write_text(
        'proxies: {store: "keyvalue://h"}\nprofiles: {busy: {"kv:": [{fault: kv.busy, match: {name: "a*"}}]}}\n'
    )
    run(env, "-m", "brownout.cli", "check", str(file))


def test_its_commands_are_broken_one_at_a_time(env: dict[str, str]) -> None:
    code = """
import socket, threading
from brownout.testing import Chaos
from kv import Busy
def serve(listener):
    with listener.accept()[0] as link, link.makefile("rw") as lines:
        for line in lines:
            print(f"OK {line.split()[1]}", file=lines, flush=True)
with Chaos(seed=7) as chaos, socket.create_server(("127.0.0.1", 0)) as listener:
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    store = chaos.proxy("store", upstream=f"keyvalue://127.0.0.1:{listener.getsockname()[1]}")
    busy = store.inject("kv.busy", match={"name": "user:*"})
    with socket.create_connection((store.host, store.port), 20) as link, link.makefile("rw") as lines:
        for name in ("a", "user:1", "b"):
            print(f"GET {name}", file=lines, flush=True)
            print(lines.readline(), end="")
    print(busy.receipt.matched, busy.receipt.fired, store.url.partition(":")[0])
"""
    assert run(env, "-c", code) == "OK a\nERROR busy\nOK b\n1 1 keyvalue\n"
