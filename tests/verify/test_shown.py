"""What may not be shown, and is not: secrets, control characters. Texts are otherwise as they were."""

import fnmatch
import time

import pytest

from brownout.verify import shown

from .documents import HOSTILE, cell, document, hostile, small


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("connect to postgres://bob:hunter2@db/shop failed", "connect to postgres://bob:***@db/shop failed"),
        ("redis://:hunter2@cache:6379/0", "redis://:***@cache:6379/0"),
        ("http://pay/charge?card=4242&to=bob", "http://pay/charge?card=***&to=***"),
        ("Max retries exceeded with url: /charge?card=4242 (Caused by X)", "Max retries exceeded with url: /charge?card=*** (Caused by X)"),
        ("host=db password=hunter2 dbname=x", "host=db password=*** dbname=x"),
        ("password = 'hunter 2' x", "password = *** x"),
        ('{"api_key": "abc", "a": 1}', '{"api_key": ***, "a": 1}'),
        ("access_token=abc; x", "access_token=***; x"),
        ("Authorization: Bearer eyJhbGciOi.x.y", "Authorization: Bearer ***"),
        ("[SQL: INSERT INTO a VALUES ('bo''b', 12)]", "[SQL: INSERT INTO a VALUES (***, ***)]"),
        ("[SQL: SELECT 'bob", "[SQL: SELECT ***"),
        ("[parameters: ('bob', 3)]", "[parameters: ***]"),
        ("DETAIL:  Key (email)=(bob@x.org) already exists.", "DETAIL:  Key (email)=(***) already exists."),
    ],
)  # fmt: skip
def test_secrets_are_masked(given: str, expected: str) -> None:
    assert shown.text(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        "assert token == 'x'",
        "unexpected token: foo",
        "assert 503 == 200",
        "GET /search returned 503 (200 when healthy)",
        "Expecting value: line 1 column 1 (char 0)",
        'server at "127.0.0.1", port 43719 failed: Connection refused',
        "tests/test_a.py::test_x[a-b?]",
        "Basic auth",
        "naïve 中文 🎉\tx\ny",
    ],
)
def test_other_texts_are_as_they_were(given: str) -> None:
    assert shown.text(given) == given


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a\x1b[31;1mred\x1b[0mb", "aredb"),
        ("a\x1b]0;title\x07b\x1b]8;;http://x\x1b\\c", "abc"),
        ("\x1bcx", r"\x1bcx"),
        ("bell\x07 nul\x00 del\x7f csi\x9b", r"bell\x07 nul\x00 del\x7f csi\x9b"),
        ("one\r\ntwo\rthree", "one\ntwo\\rthree"),
        ("\u202eright to left\u2066", r"\u202eright to left\u2066"),
        ("half \ud800 a pair \uffff", r"half \ud800 a pair \uffff"),
    ],
)
def test_what_moves_a_terminal_is_spelled_out(given: str, expected: str) -> None:
    assert shown.text(given) == expected


def test_a_line_is_one() -> None:
    assert shown.line("a\nb\tc") == r"a\nb c"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_pattern_means_its_name_and_may_be_shown(name: str) -> None:
    pattern = shown.pattern(name)
    assert pattern == name or fnmatch.fnmatchcase(name, pattern)
    assert pattern.isprintable()
    assert "hunter2" not in pattern
    assert not fnmatch.fnmatchcase("tests/test_z.py::test_other", pattern)


def test_a_name_that_may_be_shown_is_its_own_pattern() -> None:
    assert shown.pattern("tests/a.py::test_[x*]") == "tests/a.py::test_[x*]"


def test_all_texts_of_a_document_are_looked_at() -> None:
    found = repr(shown.struct(hostile()))
    assert "hunter2" not in found
    assert "4242" not in found
    assert "x1b[" not in found


def test_what_may_be_shown_is_not_copied() -> None:
    given = small()
    assert shown.struct(given) is given


def test_only_what_pytest_shows_and_what_is_logged_has_lines() -> None:
    given = document([cell("redis slow", "a\nb", "failed", why="c\nd")], notes=("e\nf",))
    (found,) = shown.struct(given).cells
    assert (found.journey, found.why) == (r"a\nb", r"c\nd")
    assert shown.struct(given).notes == (r"e\nf",)


@pytest.mark.parametrize(
    "piece", ["a", "a=b", "?", "://", "token", "[SQL: ", "\x1b]", "Key (", "'", "[parameters: (", "token='", "a://", "?a", "Key (a)=("]
)  # fmt: skip
def test_no_text_takes_long(piece: str) -> None:
    given = piece * (200_000 // len(piece))
    began = time.process_time()
    shown.text(given)
    assert time.process_time() - began < 2
