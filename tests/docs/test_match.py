"""What the configuration's page says of matches: its table of keys is generated, its examples are right."""

import re

import pytest
import yaml

from brownout.faults.match import Match
from brownout.faults.pattern import Pattern
from brownout.wire.http1 import HTTP

from .conftest import DOCS, write_or_compare

PAGE = DOCS["configuration.md"]
TABLE = r"(?<=\| key \| what it looks at \|\n\| --- \| --- \|\n)(\|.*\n)+"
EXAMPLES = [text.replace("\\|", "|") for text in re.findall(r"^\| `(\{\S+: .*\})` \|", PAGE, re.MULTILINE)]


def test_the_page_has_the_keys_of_a_match() -> None:
    rows = "".join(f"| `{key.name}` | {key.meaning} |\n" for key in HTTP.keys)
    write_or_compare("configuration.md", re.sub(TABLE, lambda _: rows, PAGE, count=1))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 5


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_right(example: str) -> None:
    assert Match.parse("http", yaml.safe_load(example)).conditions


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [("/a[*]b", "/a*b", True), ("/a[*]b", "/axb", False), ("[~]a", "~a", True), ("/charge*", "/charge/a/b", True)],
)
def test_what_the_page_says_of_patterns_is_so(pattern: str, value: str, fits: bool) -> None:
    assert Pattern.parse(pattern).fits(value) is fits
