"""Literals, globs and regular expressions."""

import pytest

from brownout.faults.pattern import Pattern
from brownout.wire.errors import BrownoutError


@pytest.mark.parametrize(
    ("text", "kind", "fitting", "others"),
    [
        ("/charge", "literal", ["/charge"], ["/charges", "/Charge", "a/charge", ""]),
        ("/a.c", "literal", ["/a.c"], ["/abc"]),
        ("", "literal", [""], ["a"]),
        ("/charge*", "glob", ["/charge", "/charge/a/b", "/charge\nx"], ["/Charge", "x/charge"]),
        ("5??", "glob", ["500", "5xx"], ["50", "5000"]),
        ("shard-[0-9]", "glob", ["shard-1"], ["shard-x", "shard-12"]),
        ("[!a]*", "glob", ["b", "bc"], ["a", ""]),
        ("[*]", "glob", ["*"], ["a"]),
        ("*", "glob", ["", "anything"], []),
        ("~", "regex", ["", "anything"], []),
        ("~charge/[0-9]+", "regex", ["/charge/17/a"], ["/charge/x"]),
        ("~^/a$", "regex", ["/a"], ["/ab", "/A"]),
        ("~(?i)^/a$", "regex", ["/A"], ["/ab"]),
    ],
)
def test_a_pattern_fits(text: str, kind: str, fitting: list[str], others: list[str]) -> None:
    pattern = Pattern.parse(text)
    assert pattern.kind == kind
    assert [value for value in fitting + others if pattern.fits(value)] == fitting


def test_patterns_are_values() -> None:
    for text in ("/a", "/a*", "~^/a"):
        assert Pattern.parse(text) == Pattern.parse(text)
        assert len({Pattern.parse(text), Pattern.parse(text)}) == 1
    assert Pattern.parse("a*") != Pattern.parse("~a*")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("~/charge(", "'~/charge(' is not a regular expression: missing ), unterminated subpattern at position 7"),
        ("~*.html", "'~*.html' is not a regular expression: nothing to repeat at position 0"),
        ("~a{99999999999}", "'~a{99999999999}' is not a regular expression: the repetition number is too large"),
    ],
)
def test_what_is_no_regular_expression_is_refused(text: str, message: str) -> None:
    with pytest.raises(BrownoutError) as caught:
        Pattern.parse(text)
    assert caught.value.message == message
    assert caught.value.hint == "after ~ stands a regular expression of Python; without ~ * stands for any characters"
