"""The README, done as it says: each of its blocks runs, on other ports where somebody may have those that it names."""

import itertools
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from brownout.testing import servers
from brownout.verify.document import SCHEMA, Answer, Call, Cell, Dependency, Document, Journey, Place
from brownout.verify.findings import causes
from brownout.verify.writers.text import summary

from .conftest import DEADLINE, ENV, README, ROOT, blocks, play, said_by


def test_it_is_short_and_begins_with_something_to_copy() -> None:
    assert len(README.splitlines()) <= 150
    assert "```sh" in README.splitlines()[:15]


def test_every_block_has_a_test() -> None:
    assert {
        language: len(blocks(README, language)) for language in re.findall(r"^```(\w+)$", README, re.MULTILINE)
    } == {
        "sh": 2,
        "text": 1,
        "console": 1,
        "python": 1,
        "yaml": 1,
    }


def test_the_finding_is_written_as_the_program_writes_it() -> None:
    """And of a line of the shop that is there; that it is found there is the demo's to show."""
    place = Place("shop/fragile/payments.py", 23, "rate")
    error = "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"
    why = f"still broken after the dependency was healthy again: GET /search returned 500: {error}"
    calls = (
        Call("passed", 0.0, answers=(Answer("GET /search", 200, 0.021),)),
        Call("failed", 0.0, answers=(Answer("GET /search", 500, 0.003),)),
        Call("failed", 0.0, answers=(Answer("GET /search", 500, 0.003),)),
    )
    repeat = "brownout verify brownout.yaml --seed 7 --only gateway/error/search -- python -m shop"
    cells = [
        Cell("gateway", "", name, "search", "not recovered", why, 1, 4.0, calls, place=place, repeat=repeat)
        for name in ("error", "wrong")
    ]
    document = Document(
        schema=SCHEMA, brownout="", seed=7, level="smoke", command=(), began="", seconds=1.0, ended="",
        dependencies=(Dependency("gateway", "http", ""),), journeys=(Journey("search", 0.0),), used=(),
        cells=tuple(cells), causes=tuple(causes(cells)), coverage=(), notes=(),
    )  # fmt: skip
    lines = list(summary(document, 121))
    begun = next(number for number, line in enumerate(lines) if line.startswith("1. "))
    assert blocks(README, "text") == ["\n".join(itertools.takewhile(bool, lines[begun:])) + "\n"]
    source = (ROOT / "examples/shop" / place.file).read_text().splitlines()
    assert "json.loads" in source[place.line - 1]


@pytest.mark.slow
def test_the_session_goes_as_it_is_shown(tmp_path: Path, reserve: Callable[[], str]) -> None:
    (tmp_path / "index.html").write_text("hello")
    play(blocks(README, "console"), tmp_path, reserve)


def test_the_test_passes_beside_a_redis(tmp_path: Path) -> None:
    (code,) = blocks(README, "python")
    with servers.redis() as redis:
        (tmp_path / "test_cache.py").write_text(code.replace("6379", str(redis.port)))
        words = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
            str(tmp_path),
        ]
        done = subprocess.run(words, cwd=tmp_path, env=ENV, capture_output=True, text=True, timeout=DEADLINE)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout


def test_the_profile_is_applied_around_a_command(tmp_path: Path) -> None:
    (file,) = blocks(README, "yaml")
    (tmp_path / "brownout.yaml").write_text(file.replace("127.0.0.1:15432", "127.0.0.1:0"))
    said = said_by(blocks(README, "sh")[1], ENV, folder=tmp_path)
    assert re.search(r"^BROWNOUT_CACHE_URL=redis://127\.0\.0\.1:\d+$", said, re.MULTILINE)
    assert re.search(r"^BROWNOUT_DB_PORT=\d+$", said, re.MULTILINE)
    assert (tmp_path / "report.json").exists()


def test_the_links_lead_somewhere() -> None:
    root = Path(__file__).parents[2]
    for page in [root / "README.md", *root.glob("docs/*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
