"""Conversations recorded from a real Toxiproxy 2.12: the same requests get the same answers.

Left out is what the recording marks as its bugs, and the stray key `Logger`. What is compared is the bytes, too.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Answer, Toxiproxy

SCENARIOS = json.loads((Path(__file__).parent / "golden.json").read_text())
PORT = re.compile(r"\b26\d{3}\b")
"""Those on which the recording listens; each test has others in their place."""
OTHERWISE = {"/metrics"}
"""`brownout run`, which is what is served here, has metrics always."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
def test_answers_are_those_of_toxiproxy(
    toxiproxy: Toxiproxy, scenario: dict[str, Any], reserve: Callable[[], str]
) -> None:
    wrong, text = [], json.dumps(scenario)
    ours = {port: reserve().rpartition(":")[2] for port in set(PORT.findall(text))}
    for number, step in enumerate(json.loads(PORT.sub(lambda found: ours[found[0]], text))["steps"]):
        answer = toxiproxy.ask(step["method"], step["path"], step.get("body"), step.get("headers"))
        if step["level"] != "bug" and step["path"] not in OTHERWISE and (differences := list(compare(step, answer))):
            wrong.append((number, step["method"], step["path"], differences))
    assert wrong == []


def compare(step: dict[str, Any], answer: Answer) -> Any:
    """What is not as it was recorded."""
    if answer.status != step["expect_status"]:
        yield answer.status, step["expect_status"], answer.body
    accepted = [step["expect_body"], *step.get("also_accept", [])]
    if not any(same(expected, body(answer, expected), step.get("error_prefix")) for expected in accepted):
        yield answer.body, step["expect_body"]
    if answer.headers.get("content-type") != step.get("expect_content_type"):
        yield answer.headers.get("content-type"), step.get("expect_content_type")
    for name, expected in step.get("expect_headers", {}).items():
        if not same(expected, answer.headers.get(name.lower())):
            yield name, answer.headers.get(name.lower()), expected
    raw = step.get("reference_raw", "").replace('"Logger":{},', "")
    if raw and "error_prefix" not in step and "also_accept" not in step and answer.body.decode() != raw:
        yield answer.body, raw


def body(answer: Answer, expected: object) -> object:
    return answer.body.decode() if isinstance(expected, str) else answer.json


def same(expected: Any, found: Any, error_prefix: str | None = None) -> bool:
    if isinstance(expected, str) and expected.startswith("regex:"):
        return isinstance(found, str) and re.search(expected.removeprefix("regex:"), found) is not None
    if isinstance(expected, dict):
        if not isinstance(found, dict) or expected.keys() - {"Logger"} != found.keys():
            return False
        if error_prefix is not None:
            return str(found["error"]).startswith(error_prefix) and all(
                same(expected[key], found[key]) for key in found if key != "error"
            )
        return all(same(expected[key], found[key]) for key in found)
    if isinstance(expected, list):
        return isinstance(found, list) and len(expected) == len(found) and all(map(same, expected, found))
    return bool(expected == found and isinstance(expected, bool) == isinstance(found, bool))
