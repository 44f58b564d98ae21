"""The files of a report, read back by those who read them: JUnit, JSON Schema, Markdown, Prometheus, GitHub."""

import json
import re
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner
from junitparser import Failure, JUnitXml, Skipped
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from brownout.cli.main import cli
from brownout.verify import shown
from brownout.verify.document import Document, encode, read, schema
from brownout.verify.writers import append_summary, write
from brownout.verify.writers.annotations import annotate
from brownout.verify.writers.junit import junit
from brownout.verify.writers.markdown import markdown
from brownout.verify.writers.metrics import metrics
from brownout.wire.errors import BrownoutError

from .documents import HOSTILE, PLACE, cell, document, hostile, large, small

MADE = pytest.mark.parametrize(
    "made", [small, large, hostile, lambda: document([])], ids=["small", "large", "hostile", "empty"]
)


def test_all_files_are_written(tmp_path: Path) -> None:
    write(small(), tmp_path)
    assert {each.name for each in tmp_path.iterdir()} == {
        "verify.json",
        "verify.xml",
        "verify.md",
        "verify.prom",
        "verify.svg",
        "verify.txt",
        "verify.html",
    }


def test_a_thousand_cells_take_less_than_a_second(tmp_path: Path) -> None:
    given = large()
    began = time.process_time()
    write(shown.struct(given), tmp_path)
    assert time.process_time() - began < 1


# JUnit


def test_junit_has_a_suite_for_each_failure_and_a_case_for_each_test() -> None:
    found = JUnitXml.fromstring(junit(small()))
    assert (found.tests, found.failures, found.skipped) == (5, 3, 1)
    assert [(suite.name, suite.tests) for suite in found] == [
        ("redis refused", 1),
        ("redis slow", 1),
        ("redis hangs", 1),
        ("pay hangs", 1),
        ("pay lost", 1),
    ]
    refused, slow, hangs, vacuous, _ = (case for suite in found for case in suite)
    assert (hangs.classname, hangs.name, hangs.time) == ("redis hangs", "tests/test_shop.py::test_search", 1.504)
    (failure,) = hangs.result
    assert isinstance(failure, Failure)
    assert (failure.type, failure.message) == ("hung", "GET /search was still waiting when its time was over")
    assert "at shop/app.py:25 in handle" in failure.text
    assert (
        "repeat: brownout verify --seed 7 --only redis/hangs/tests/test_shop.py::test_search -- pytest tests"
        in failure.text
    )
    assert failure.text.endswith("E  ValueError")
    assert slow.result == []
    assert refused.system_out.startswith("warning: bounded-attempts: the client tried 12 times")
    (skipped,) = vacuous.result
    assert isinstance(skipped, Skipped)
    assert skipped.message == "vacuous: the dependency was not asked while it was failing"


def test_junit_says_with_which_seed_and_version() -> None:
    (suite, *_) = JUnitXml.fromstring(junit(small()))
    assert {each.name: each.value for each in suite.properties()} == {
        "seed": "7",
        "level": "smoke",
        "brownout": "0.2.0",
    }


@pytest.mark.parametrize(
    ("state", "tag"),
    [
        ("crashed", "failure"),
        ("hung", "failure"),
        ("not recovered", "failure"),
        ("doubled", "failure"),
        ("failed", "failure"),
        ("first request failed", "failure"),
        ("inconclusive", "skipped"),
        ("vacuous", "skipped"),
        ("not available", "skipped"),
        ("not run", "skipped"),
        ("degraded", None),
        ("resilient", None),
    ],
)
def test_each_outcome_is_a_failure_or_skipped_or_neither(state: str, tag: str | None) -> None:
    case = ET.fromstring(junit(document([cell("redis slow", "a::b", state, judged=())]))).find(".//testcase")
    assert case is not None
    assert [each.tag for each in case] == ([] if tag is None else [tag])


def test_junit_holds_whatever_tests_are_called() -> None:
    found = JUnitXml.fromstring(junit(shown.struct(hostile())))
    names = [case.name for case in next(iter(found))]
    assert names[0] == HOSTILE[0]
    assert names[1:3] == [r"tests/test_a.py::test_line\nbreak", r"tests/test_a.py::test_red\x07\x00"]
    assert len(names) == len(HOSTILE)


# JSON


@MADE
def test_json_is_valid_against_its_schema(made: type[Document]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(json.loads(encode(shown.struct(made()))), schema())


def test_the_schema_refuses_what_is_none() -> None:
    wrong = json.loads(encode(small()))
    wrong["cells"][0]["state"] = "fine"
    with pytest.raises(jsonschema.ValidationError, match="'fine' is not one of"):
        jsonschema.validate(wrong, schema())


def test_a_command_prints_the_schema() -> None:
    result = CliRunner().invoke(cli, ["schema", "verify"])
    assert json.loads(result.output) == json.loads(msgspec.json.encode(schema()))


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    given = shown.struct(hostile())
    write(given, tmp_path)
    assert read(tmp_path / "verify.json") == given


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"schema": "brownout.verify/2", "cells": 5}', "verify.json is brownout.verify/2, and this Brownout reads brownout.verify/1"),
        (b'{"schema": "brownout.verify/1"}', "verify.json is not what verify writes: Object missing required field"),
        (b'{"cells": []}', "verify.json is not what verify writes: Object missing required field `schema`"),
        (b"\xff{}", "verify.json is not what verify writes: JSON is malformed"),
        (b"", "verify.json is not what verify writes: Input data was truncated"),
        (None, "verify.json: No such file or directory"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_its_name(tmp_path: Path, data: bytes | None, message: str) -> None:
    path = tmp_path / "verify.json"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(BrownoutError, match=re.escape(message)):
        read(path)


# Markdown


def rendered(text: str) -> str:
    return str(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))


def test_markdown_has_the_matrix_and_the_findings() -> None:
    found = markdown(small())
    assert found.startswith("## brownout verify: 3 findings in 3 of 5 cells\n\n| | 1 | 2 |\n")
    assert "| `redis hangs` | **hung** |  |\n| `pay hangs` |  | vacuous |" in found
    assert "### 1. hung: `redis hangs`\n" in found
    assert "* seen at `shop/app.py:25 in handle`\n" in found
    assert (
        "```sh\nbrownout verify --seed 7 --only redis/hangs/tests/test_shop.py::test_search -- pytest tests\n```"
        in found
    )
    assert (
        "* warning in 2 cells: `redis: the client tried 12 times; at most 10 are expected` (bounded-attempts)" in found
    )
    html = rendered(found)
    assert html.count("<tr>") == 6
    assert "<td><strong>hung</strong></td>" in html
    assert html.count("<details>") == html.count("</details>") == 3


@MADE
def test_markdown_has_no_markup_but_ours(made: type[Document]) -> None:
    html = rendered(markdown(shown.struct(made())))
    without_code = re.sub(r"<code[^>]*>.*?</code>", "", html, flags=re.DOTALL)
    assert html.count("<details>") == html.count("</details>")
    for sign in ("script", "@bob", "#1", "alert"):
        assert sign not in without_code
    assert "&lt;script&gt;" in html or "script" not in html


def test_a_name_with_a_bar_stays_in_its_field() -> None:
    html = rendered(markdown(shown.struct(hostile())))
    (row,) = [line for line in html.splitlines() if "/a|b" in line and "<td>" in line]
    assert row == "<td><code>pay POST /a|b lost</code></td>"


def test_a_name_with_backticks_is_code_to_its_end() -> None:
    html = rendered(markdown(shown.struct(hostile())))
    assert "<li><code>tests/test_[a].py::test_x[a/b-&lt;b&gt;|`c``d`]</code></li>" in html


def test_markdown_fits_what_github_takes_for_a_step() -> None:
    cells = [
        cell(f"{'d' * 300}{number} slow", f"{'t' * 400}{number}::x", "failed", why=f"{'w' * 3000} {chr(65 + number % 26)}", place=PLACE)
        for number in range(300)
    ]  # fmt: skip
    found = markdown(document(cells))
    assert len(found.encode()) < 1 << 20
    assert "## brownout verify: 300 findings in 300 of 300 cells" in found
    assert "... and 250 more, in `verify.json`." in found
    assert "200 more rows are in `verify.json`." in found


def test_the_summary_of_a_step_is_appended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    append_summary(small())
    assert path.read_text() == f"before\n{markdown(small())}"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    append_summary(small())  # a folder: it cannot be shown, which is no reason to fail


def test_there_is_no_summary_outside_of_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.chdir(tmp_path)
    append_summary(small())
    assert list(tmp_path.iterdir()) == []


# Annotations


def actions(tmp_path: Path) -> dict[str, str]:
    return {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(tmp_path)}


def test_annotations_stand_at_the_line(tmp_path: Path) -> None:
    assert list(annotate(small(), actions(tmp_path))) == [
        "::error file=shop/app.py,line=25,title=hung%3A redis hangs::GET /search was still waiting when its time was over (in handle)"
        "%0Atests/test_shop.py::test_search%0Aredis hangs (hit 3 times): GET /search 503 after 1.2 s (5.0 s allowed, it ended "
        "when redis was healed), the test failed; healthy again: GET /search 200 after 4 ms, the test passed%0Arepeat: brownout verify --seed 7 --only "
        "redis/hangs/tests/test_shop.py::test_search -- pytest tests",
        "::warning title=bounded-attempts%3A redis::the client tried 12 times; at most 10 are expected%0Aconnect: refused at 0.0 s",
    ]


def test_there_are_no_annotations_elsewhere() -> None:
    assert list(annotate(small(), {})) == []
    assert list(annotate(small(), {"GITHUB_ACTIONS": "false"})) == []


def test_what_is_hostile_is_escaped(tmp_path: Path) -> None:
    found = list(annotate(shown.struct(hostile()), actions(tmp_path)))
    assert found[0].startswith("::error file=a%2Cb%3Ac%25.py,line=3,title=failed%3A pay POST /a|b lost::</code>")
    assert " 50%25 http://bob:***@h/?card=***" in found[0]
    assert not any("\n" in line or "\r" in line for line in found)


def test_ten_annotations_of_a_kind(tmp_path: Path) -> None:
    cells = [cell("redis slow", "a::b", "hung", place=PLACE.__class__("a.py", line, "f")) for line in range(15)]
    assert [line.split(",")[1] for line in annotate(document(cells), actions(tmp_path))] == [
        f"line={n}" for n in range(10)
    ]


def test_a_file_is_named_from_the_root_of_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = tmp_path / "backend"
    (backend / "shop").mkdir(parents=True)
    (backend / "shop/app.py").touch()
    monkeypatch.chdir(backend)
    assert next(annotate(small(), actions(tmp_path))).startswith("::error file=backend/shop/app.py,line=25,")


# Metrics


def test_metrics_are_read_by_prometheus() -> None:
    families = {each.name: each for each in text_string_to_metric_families(metrics(small()).decode())}
    labels = ("dependency", "operation", "failure", "state")
    samples = families["brownout_verify_coverage"].samples
    covered = {tuple(each.labels[label] for label in labels): each.value for each in samples}
    assert covered["redis", "", "hangs", "tested"] == 1
    assert covered["redis", "", "cut", "untested"] == 1
    assert covered["pay", "POST /charge", "hangs", "vacuous"] == 1
    cells = {each.labels["state"]: each.value for each in families["brownout_verify_cells"].samples}
    assert len(cells) == 12
    assert (cells["hung"], cells["resilient"], cells["crashed"]) == (1, 1, 0)
    assert families["brownout_verify_findings"].samples[0].value == 3
    assert families["brownout_verify_duration_seconds"].samples[0].value == 61


def test_metrics_hold_whatever_dependencies_are_called() -> None:
    made = document([cell('re"d\\is\nx slow', "a::b")])
    (first, *_) = text_string_to_metric_families(metrics(shown.struct(made)).decode())
    assert first.samples[0].labels["dependency"] == 're"d\\is\\nx'
