"""docs/verdicts.md: its example passes, and fails as the page says; its tables are complete."""

import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from brownout.control.verdicts.expectations import Expectations
from brownout.faults.settings import fields
from brownout.testing import Chaos

from .conftest import DOCS, blocks

PAGE = DOCS["verdicts.md"]
DEADLINE = 60.0
ENV = {key: value for key, value in os.environ.items() if not key.startswith("BROWNOUT_")}


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.send_response(200)
        self.end_headers()

    do_POST = do_GET  # noqa: N815 (the name that http.server looks for)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def run(folder: Path, code: str, port: int) -> str:
    (folder / "test_verdict.py").write_text(code.replace("8000", str(port)))
    words = ["-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    return subprocess.run([sys.executable, *words], cwd=folder, env=ENV, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_the_example_passes_and_fails_as_the_page_says(tmp_path: Path, port: int) -> None:
    code = blocks(PAGE, "python")[0]
    assert "1 passed" in run(tmp_path, code, port)
    said = run(tmp_path, re.sub(r"time\.sleep\(.*", "time.sleep(0.1)", code), port)
    for line in blocks(PAGE, "text")[0].splitlines():  # a busy machine makes a pause longer
        assert re.search(re.sub(r"0\.1\d", r"\\d\\.\\d\\d", line.strip()), said), said


@pytest.mark.slow
def test_the_examples_of_probes_pass(tmp_path: Path, port: int) -> None:
    code = blocks(PAGE, "python")[-1]
    assert "2 passed" in run(tmp_path, code, port)


RULES = dict(re.findall(r"^### ([a-z-]+)\n\n(.*?\n```)$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_one_client_keeps_each_rule_and_one_does_not(rule: str, port: int) -> None:
    fault, *settings = re.search(r"^Under `(.*)`", RULES[rule]).group(1).partition("`, with `")[0].split()
    expected = re.search(r"with `(.*)`:", RULES[rule])
    clients: dict[str, Any] = {}
    exec(blocks(RULES[rule], "python")[0], clients)
    wanted = _mapping(expected.group(1).split() if expected else [])

    def found(name: str) -> list[str]:
        with Chaos(seed=7) as chaos:
            proxy = chaos.proxy("web", f"http://127.0.0.1:{port}")
            proxy.inject(fault, **_mapping(settings))
            kept = clients[name](proxy.url)
            rules = [each.rule for each in chaos.verdict(proxy, **wanted).findings]
            if kept is not None and name == "breaks":
                kept.close()
            return rules

    assert found("keeps") == []
    # A machine that stands still makes pauses where the client makes none, and nobody is blamed for what may be one.
    assert any(rule in found("breaks") for _ in range(5))


def _mapping(words: list[str]) -> dict[str, Any]:
    pairs = (word.split("=") for word in words)
    return {"for_" if key == "for" else key: int(value) if value.isdigit() else value for key, value in pairs}


def test_the_table_has_every_rule_with_its_levels() -> None:
    folder = Path(__file__).parents[2] / "control" / "verdicts"
    source = "".join(path.read_text() for path in folder.glob("*.py"))
    rules = set(re.findall(r'Finding\(\s*"([a-z-]+)"', source))
    table = re.findall(r"^\| (?:`([a-z-]+)`)? ?\| (error|warning) \|", PAGE, re.MULTILINE)
    assert {name for name, _ in table if name} == rules
    assert len(rules) == 11
    assert set(RULES) == rules


def test_the_table_has_every_expectation() -> None:
    names = {field.name for field in fields(Expectations)}
    assert set(re.findall(r"`([a-z_]+)=", PAGE.partition("| expectation |")[2])) == names
