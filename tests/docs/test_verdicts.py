"""docs/verdicts.md: its example passes, and fails as the page says; its tables are complete."""

import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from brownout.control.verdicts.expectations import Expectations
from brownout.faults.settings import fields

from .conftest import DOCS, blocks

PAGE = DOCS["verdicts.md"]
DEADLINE = 60.0
ENV = {key: value for key, value in os.environ.items() if not key.startswith("BROWNOUT_")}


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

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
    _, code = blocks(PAGE, "python")
    assert "2 passed" in run(tmp_path, code, port)


def test_the_table_has_every_rule_with_its_levels() -> None:
    folder = Path(__file__).parents[2] / "control" / "verdicts"
    source = "".join(path.read_text() for path in folder.glob("*.py"))
    rules = set(re.findall(r'Finding\(\s*"([a-z-]+)"', source))
    table = re.findall(r"^\| (?:`([a-z-]+)`)? ?\| (error|warning) \|", PAGE, re.MULTILINE)
    assert {name for name, _ in table if name} == rules
    assert len(rules) == 11


def test_the_table_has_every_expectation() -> None:
    names = {field.name for field in fields(Expectations)}
    assert set(re.findall(r"`([a-z_]+)=", PAGE.partition("| expectation |")[2])) == names
