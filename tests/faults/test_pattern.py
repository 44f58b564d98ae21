"""Literals, globs and regular expressions."""

import contextlib
import random
import re
import time
from collections.abc import Callable

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
        ("a*b*c", "glob", ["abc", "a-b-c", "abbcbc"], ["acb", "ab", "xabc", "abcx"]),
        ("a*a", "glob", ["aa", "aba"], ["a"]),
        ("*aab*", "glob", ["aaab", "xaaby"], ["aa-b"]),
        ("a**b", "glob", ["ab", "a-b"], ["a"]),
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
    assert caught.value.hint == "~ begins a Python regular expression; without ~, * stands for any characters"


@pytest.mark.parametrize(
    "text",
    [
        "(a+)+",
        "(a*)*b",
        "(.*)*",
        "([a-z]+)*$",
        "(a|a)*b",
        "(a|ab)*c",
        "((ab)*)*",
        "(x+x+)+y",
        r"^(\w+\s?)*$",
        "(a+){10}",
    ],
)
def test_a_repeat_within_a_repeat_is_refused(text: str) -> None:
    with pytest.raises(BrownoutError) as caught:
        Pattern.parse(f"~{text}")
    assert caught.value.message == f"'~{text}' repeats what can itself be read in several ways"
    assert caught.value.hint == (
        "leave out one of * + ? { where one is within another, and let alternatives begin with different letters"
    )


@pytest.mark.parametrize(
    "text", ["(a?){30}a", "a?" * 12 + "a" * 12, "(?:a[ab]?){60}!", "^.*a.*b.*c.*d.*e", ".*a.*b.*c.*d"]
)
def test_an_expression_with_too_many_ways_is_refused(text: str) -> None:
    with pytest.raises(BrownoutError) as caught:
        Pattern.parse(f"~{text}")
    assert caught.value.message == f"'~{text}' can share a text among its parts in too many ways"
    assert caught.value.hint == "begin it with ^, or use fewer of * + ? { and |"


@pytest.mark.parametrize(
    "text",
    [
        *("/charge", "x$", "^a+$", r"^/users(/[0-9]+)?$", "^(foo|bar)*", '"amount":\\s*0', '"a":\\s*"[^"]*"'),
        *("^/a/[^/]+/b/[^/]+/c/[^/]+/d/[^/]+$", r"^([0-9]{1,3}\.){3}[0-9]{1,3}$", r"^(?!/health)", "(?i)^/a$"),
        *("https?://[^/]+/v[12]/users/?$", r"([0-9a-f]{4}-){3}", r"^[\w.+-]+@[\w-]+\.[a-z]{2,}$", "^(a|ab|abc)$"),
    ],
)
def test_what_people_write_looks_at_eight_kilobytes(text: str) -> None:
    assert Pattern.parse(f"~{text}").reach == 8192


@pytest.mark.parametrize(
    ("text", "reach"),
    [
        *(
            (r"\w+\d", 2048),
            (r"\s+?\b", 1024),
            ("error.*code", 2048),
            ("[a-z]+@", 2048),
            (r"(?m)^a+$", 2048),
            (r"^(a+)\1b", 2048),
        ),
        *(("a.*b.*c", 256), ("(?:ab|ac){500}x", 128), ("a.*b.*c.*d", 64)),
    ],
)
def test_what_takes_longer_looks_at_less(text: str, reach: int) -> None:
    assert Pattern.parse(f"~{text}").reach == reach


@pytest.mark.parametrize(("text", "least"), [("/charge", 10**6), ("*charge*", 10**6), ("charge?*", 8192)])
def test_what_is_quick_looks_at_everything(text: str, least: int) -> None:
    assert Pattern.parse(text).reach >= least


def test_a_pattern_has_at_most_1024_characters() -> None:
    Pattern.parse("~" + "a" * 1023)
    with pytest.raises(BrownoutError) as caught:
        Pattern.parse("*a" * 100_000)
    assert caught.value.message == "the pattern '*a*a*a*a*a*a*a*a*a*a...' has 200000 characters"
    assert caught.value.hint == "a pattern has at most 1024"


ATOMS = ["a", "b", "1", " ", ".", r"\w", r"\d", r"\s", "[ab]", "[^b]", "[a-z]", "ab", "^", "$", r"\b", r"(a+)\1"]
REPEATS = ["*", "+", "?", "*?", "+?", "??", "*+", "{2}", "{1,3}", "{3,}", "{0,60}", "{40}", "{500}", "{1,500}"]
MOTIFS = ["a", "b", "1", " ", "ab", "a1", "a ", "aab", "abb"]


def expression(draw: random.Random, depth: int = 0) -> str:
    parts = []
    for _ in range(draw.randint(1, 4)):
        part = draw.choice(ATOMS)
        if depth < 3 and draw.random() < 0.3:
            alternatives = "|".join(expression(draw, depth + 1) for _ in range(draw.randint(1, 3)))
            part = f"({draw.choice(['', '?:', '?=', '?!', '?>'])}{alternatives})"
        parts.append(part + (draw.choice(REPEATS) if draw.random() < 0.45 and part not in ("^", "$", r"\b") else ""))
    return "".join(parts)


def taken(look: Callable[[], object], rounds: int) -> float:
    """Return the CPU time of a look: of the quickest round, since a busy machine makes some of them slow."""
    times: list[float] = []
    for _ in range(rounds):
        began = time.process_time()
        look()
        times.append(time.process_time() - began)
    return min(times)


def is_quick(pattern: Pattern, value: str) -> bool:
    """Say whether a look takes less than 0.1 s of CPU time, as an idle machine has it.

    On a busy one the CPU itself is slower: there a look is compared with 0.1 s of the same kind of work.
    """
    if taken(lambda: pattern.fits(value), 1) < 0.1:
        return True
    work = re.compile("a.*b.*c")  # backtracks for 13 ms
    return taken(lambda: pattern.fits(value), 3) < 8 * taken(lambda: work.search("ab" * 340), 3)


def longest_texts(pattern: Pattern) -> list[str]:
    reach = int(min(pattern.reach, 8192))
    return [(motif * reach)[: reach - len(end)] + end for motif in MOTIFS for end in ("", "!", "b")]


@pytest.mark.parametrize("seed", range(3))
def test_no_expression_takes_long(seed: int) -> None:
    draw = random.Random(seed)
    accepted = 0
    while accepted < 40:
        text = f"~{expression(draw)}"
        with contextlib.suppress(BrownoutError):
            pattern = Pattern.parse(text)
            accepted += 1
            assert all(is_quick(pattern, value) for value in longest_texts(pattern)), text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("~[ab]*c", "a"), ("~^.*a[^b]*$", "a"), ("~a.*b.*c", "ab"), ("~a.*b.*c.*d", "abc"), ("*a?" * 300, "a"),
        ("*" + "a" * 1000 + "b*", "a"), ("[a]*" * 250, "a"), (r"~(?i)\s+x", " "), (r"~\w+\d", "a"),
        (r"~(?m)^\s*x", "\n"), ("~(?:ab|ac){500}x", "abac"), ("~[ab]*" + "a" * 500, "a"), (r"~(a+)\1b", "a"),
        ("~a+" + "(?:ab|a|b)" * 60 + "!", "a"), ("*?a" * 300, "a"), ("*[ab]" * 200 + "!", "a"),
    ],
)  # fmt: skip
def test_no_text_takes_long(text: str, value: str) -> None:
    try:
        pattern = Pattern.parse(text)
    except BrownoutError:
        return  # it is refused, which is quick
    for length in (10_000, 100_000, 8192, 2048, 1024, 512, 256, 128, 64):
        assert is_quick(pattern, (value * length)[:length])
