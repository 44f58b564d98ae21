"""The fields of HTTP/1.x heads are edited, and every other byte stays."""

import pytest

from brownout.wire.http1 import edit_fields

HEAD = b"HTTP/1.1 200 OK\r\nA: 1\r\nB:2\r\n folded: yes\r\na:  3 \r\nC: \xff\r\n\r\n"


@pytest.mark.parametrize(
    ("edits", "fields"),
    [
        ({}, b"A: 1\r\nB:2\r\n folded: yes\r\na:  3 \r\nC: \xff\r\n"),
        ({"remove": ["b"]}, b"A: 1\r\na:  3 \r\nC: \xff\r\n"),
        ({"remove": ["A", "C", "X"]}, b"B:2\r\n folded: yes\r\n"),
        ({"remove": ["folded"]}, b"A: 1\r\nB:2\r\n folded: yes\r\na:  3 \r\nC: \xff\r\n"),
        ({"set": [("a", "9")]}, b"a: 9\r\nB:2\r\n folded: yes\r\nC: \xff\r\n"),
        ({"set": [("b", "")]}, b"A: 1\r\nb: \r\na:  3 \r\nC: \xff\r\n"),
        ({"set": [("X-New", "\xe9")]}, b"A: 1\r\nB:2\r\n folded: yes\r\na:  3 \r\nC: \xff\r\nX-New: \xe9\r\n"),
        ({"add": [("A", "4"), ("A", "5")]}, b"A: 1\r\nB:2\r\n folded: yes\r\na:  3 \r\nC: \xff\r\nA: 4\r\nA: 5\r\n"),
        ({"remove": ["a"], "set": [("C", "x")], "add": [("a", "6")]}, b"B:2\r\n folded: yes\r\nC: x\r\na: 6\r\n"),
    ],
)
def test_editing_touches_nothing_else(edits: dict[str, list[str]], fields: bytes) -> None:
    assert edit_fields(HEAD, **edits) == b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n"
    bare = b"GET / HTTP/1.1\n"
    assert edit_fields(HEAD.replace(b"HTTP/1.1 200 OK\r\n", bare).replace(b"\r\n", b"\n"), **edits) == (
        bare + fields + b"\r\n"
    ).replace(b"\r\n", b"\n")


def test_editing_a_head_without_fields() -> None:
    assert edit_fields(b"GET / HTTP/1.1\r\n\r\n", set=[("A", "b")]) == b"GET / HTTP/1.1\r\nA: b\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "value"), [("A", "1\r\nB: 2"), ("A", "1\r\n b"), ("A", "\0"), ("A b", "1"), ("", "1"), ("A", "→")]
)
def test_what_cannot_stand_in_a_field_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"cannot stand in a head|codec can't encode"):
        edit_fields(HEAD, set=[(name, value)])
