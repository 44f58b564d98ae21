"""Which requests are meant: one match by its rules, and many of them at once."""

import json
import random
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import pytest

from brownout.faults.match import Index, Match
from brownout.faults.pattern import Pattern
from brownout.faults.settings import SettingsError


class Head(NamedTuple):
    """A request's or a reply's head that says what it is told."""

    values: Mapping[str, str] = {}
    operation: str = ""
    status: str = ""
    outcome: str = ""
    interim: bool = False
    length: int | None = None

    def value(self, key: str) -> str | None:
        return self.values.get(key)


def http(**keys: object) -> Match:
    return Match.parse("http", keys)


def problems(given: object) -> list[tuple[str, str, str]]:
    with pytest.raises(SettingsError) as caught:
        Match.parse("http", given)
    return [tuple(problem) for problem in caught.value.problems]


EXAMPLE = "write it like {method: POST, path: /charge*}"


def test_a_match_is_a_value_that_is_written_back() -> None:
    given = {
        "method": "post",
        "host": "API.local",
        "header.X-Tenant": "a*",
        "header.x-a": "1",
        "json.paid": "true",
        "status": "~^5",
    }
    match = Match.parse("http", given)
    assert match.to_mapping() == given
    assert match == Match.parse("http", dict(reversed(given.items())))
    assert hash(match) == hash(Match.parse("http", match.to_mapping()))
    assert match != Match.parse("http", given | {"status": "~^4"})


def test_whole_numbers_and_switches_are_taken_as_text() -> None:
    match = Match.parse("http", {"status": 503, "json.count": 3, "json.paid": True, "json.open": False})
    assert match.to_mapping() == {"json.count": "3", "json.paid": "true", "json.open": "false", "status": "503"}


def test_a_condition_knows_whether_it_looks_at_the_reply() -> None:
    assert [each.part for each in http(method="GET").conditions] == ["head"]
    assert [each.part for each in http(method="GET", status="503").conditions] == ["head", "reply"]
    assert [each.part for each in Match.parse("http", {"reply_header.retry-after": "*"}).conditions] == ["reply"]


@pytest.mark.parametrize(
    ("given", "key", "message", "hint"),
    [
        ({}, "match", "match is empty", f"{EXAMPLE}, or leave match out"),
        ("POST", "match", "match: POST is not a mapping", EXAMPLE),
        (None, "match", "match: nothing is not a mapping", EXAMPLE),
        ({"pth": "/a"}, "match.pth", "match.pth: unknown key", "did you mean path?"),
        ({"Method": "GET"}, "match.Method", "match.Method: unknown key", "did you mean method?"),
        ({"header": "a"}, "match.header", "match.header: unknown key", "did you mean header.NAME?"),
        ({"header.": "a"}, "match.header.", "match.header.: unknown key", "did you mean header.NAME?"),
        ({"headers.x-a": "a"}, "match.headers.x-a", "match.headers.x-a: unknown key", "did you mean header.x-a?"),
        ({"Json.paid": "a"}, "match.Json.paid", "match.Json.paid: unknown key", "did you mean json.paid?"),
        ({"path.x": "a"}, "match.path.x", "match.path.x: unknown key", "did you mean path?"),
        (
            {"sql": "a"}, "match.sql", "match.sql: unknown key",
            "known: method, host, path, query, header.NAME, content_type, body, json.PATH, status, reply_header.NAME",
        ),
        ({"path": ["/a"]}, "match.path", "match.path: a list is not a pattern", "a pattern is text, put quotes around it"),
        ({"json.a": 1.5}, "match.json.a", "match.json.a: 1.5 is not a pattern", "a pattern is text, put quotes around it"),
        ({"path": {}}, "match.path", "match.path: a mapping is not a pattern", "a pattern is text, put quotes around it"),
        ({"path": None}, "match.path", "match.path: nothing is not a pattern", "a pattern is text, put quotes around it"),
        (
            {"path": "~("}, "match.path",
            "match.path: '~(' is not a regular expression: missing ), unterminated subpattern at position 0",
            "~ begins a Python regular expression; without ~, * stands for any characters",
        ),
        (
            {"header.X-A": "a", "header.x-a": "b"}, "match.header.x-a",
            "match.header.x-a: header.X-A is the same key", "give it once",
        ),
    ],
)  # fmt: skip
def test_one_problem(given: object, key: str, message: str, hint: str) -> None:
    assert problems(given) == [(key, message, hint)]


def test_all_problems_come_at_once() -> None:
    found = problems({"pth": "/a", "method": "POST", "path": "~[", "json.x": {}})
    assert [key for key, *_ in found] == ["match.pth", "match.path", "match.json.x"]


def test_a_protocol_without_keys_knows_none() -> None:
    with pytest.raises(SettingsError) as caught:
        Match.parse("tcp", {"path": "/a"})
    assert [*caught.value.problems[0]] == ["match.path", "match.path: unknown key", "there is no key here"]


@pytest.mark.parametrize(
    ("given", "head", "holds"),
    [
        ({"method": "post"}, {"method": "POST"}, True),
        ({"method": "p*"}, {"method": "PUT"}, True),
        ({"method": "POST"}, {"method": "post"}, False),
        ({"method": r"~^\w+$"}, {"method": "POST"}, True),
        ({"path": "/café"}, {"path": "/caf%C3%A9"}, True),
        ({"path": "/café"}, {"path": "/caf%c3%a9"}, True),
        ({"path": "/café"}, {"path": "/cafÃ©"}, True),
        ({"path": "/caf%C3%A9"}, {"path": "/cafÃ©"}, True),
        ({"path": "/caf%C3%A9"}, {"path": "/caf%C3%A9"}, True),
        ({"path": "/a b*"}, {"path": "/a%20bc"}, True),
        ({"path": "/a%20b"}, {"path": "/a%20b"}, True),
        ({"path": "/a"}, {"path": "/%61"}, True),
        ({"path": "/café"}, {"path": "/cafe"}, False),
        ({"path": "/a%2Fb"}, {"path": "/a%2Fb"}, True),
        ({"query": "q=ü"}, {"query": "q=%C3%BC"}, True),
        ({"header.x-name": "Zoë"}, {"header.x-name": "ZoÃ«"}, True),
        ({"header.x-name": "Zoë"}, {"header.x-name": "Zoë"}, True),
        ({"header.x-name": "%C3"}, {"header.x-name": "%C3"}, True),
        ({"header.x-name": "Ã"}, {"header.x-name": "%C3"}, False),
        ({"header.x.y": "1"}, {"header.x.y": "1"}, True),
        ({"host": "API.local"}, {"host": "api.local"}, True),
        ({"content_type": "application/JSON"}, {"content_type": "application/json"}, True),
        ({"path": "/charge*"}, {"path": "/charges"}, True),
        ({"path": "/Charge*"}, {"path": "/charges"}, False),
        ({"method": "POST", "path": "/a"}, {"method": "POST", "path": "/a"}, True),
        ({"method": "POST", "path": "/a"}, {"method": "POST", "path": "/b"}, False),
        ({"method": "POST", "path": "/a"}, {"method": "GET", "path": "/a"}, False),
        ({"header.X-Tenant": "acme"}, {"header.x-tenant": "acme"}, True),
        ({"header.X-Tenant": "acme"}, {"header.x-tenant": "Acme"}, False),
        ({"header.x-tenant": "*"}, {"header.x-tenant": ""}, True),
        ({"header.x-tenant": "*"}, {}, False),
        ({"header.x-tenant": "~"}, {}, False),
        ({"query": ""}, {"query": ""}, True),
        ({"query": "~(^|&)debug=1(&|$)"}, {"query": "a=2&debug=1"}, True),
    ],
)
def test_a_match_on_the_head_of_a_request(given: dict[str, str], head: dict[str, str], holds: bool) -> None:
    index = Index([Match.parse("http", given)])
    assert (index.needs_body, index.needs_reply) == (0, 0)
    for _ in range(2):  # the second time it is known
        assert index.by_head(Head(head)) == holds


def test_an_index_finds_what_the_pattern_fits() -> None:
    patterns = [
        "/a", "/a*", "/a*c", "/a?c", "[/]a*", "*", "~/a", "~^/a", "~^/ab?c", "~^/ab*c", "~^/ab{0,1}$", "~^/a|c$", "~^/a.c$",
        r"~^/a\wc$", "~a^", "~(?i)^/A",
    ]  # fmt: skip
    values = ["", "/", "/a", "/A", "/ab", "/abb", "/abc", "/ac", "/abbc", "x/abc", "c", "xc", "/b"]
    index = Index([http(path=pattern) for pattern in patterns])
    for value in values:
        found = index.by_head(Head({"path": value}))
        fitting = [pattern for pattern in patterns if Pattern.parse(pattern).fits(value)]
        assert [pattern for bit, pattern in enumerate(patterns) if found >> bit & 1] == fitting


@pytest.mark.parametrize(
    ("key", "pattern", "body", "holds"),
    [
        ("body", "ping", b"ping", True),
        ("body", "ping", b"ping\n", False),
        ("body", "*needle*", b"hay\nneedle\nhay", True),
        ("body", "~^a.c$", "aäc".encode(), True),
        ("body", "a\N{REPLACEMENT CHARACTER}c", b"a\xffc", True),
        ("body", "", b"", True),
        ("json.paid", "true", b'{"paid": true}', True),
        ("json.paid", "true", b'{"paid": "true"}', True),
        ("json.userId", "7", b'{"userId": 7, "userid": 8}', True),
        ("json.paid", "True", b'{"paid": true}', False),
        (r"json.user\.name", "ann", b'{"user.name": "ann"}', True),
        (r"json.user\.name", "ann", b'{"user": {"name": "ann"}}', False),
        (r"json.a.b\.c.d", "1", b'{"a": {"b.c": {"d": 1}}}', True),
        ("json.a", "1", b'\xef\xbb\xbf{"a": 1}', True),
        ("body", "a", b"\xef\xbb\xbfa", True),
        ("json.note", "null", b'{"note": null}', True),
        ("json.note", "*", b"{}", False),
        ("json.count", "3", b'{"count": 3}', True),
        ("json.count", "-3", b'{"count": -3}', True),
        ("json.count", "3", b'{"count": 3.0}', False),
        ("json.price", "9.5", b'{"price": 9.50}', True),
        ("json.id", "18446744073709551616123", b'{"id": 18446744073709551616123}', True),
        ("json.items.0.sku", "b*", b'{"items": [{"sku": "book"}]}', True),
        ("json.items.1.sku", "*", b'{"items": [{"sku": "book"}]}', False),
        ("json.items.00.sku", "book", b'{"items": [{"sku": "book"}]}', True),
        ("json.items.x", "*", b'{"items": [1]}', False),
        ("json.items.-1", "*", b'{"items": [1]}', False),
        ("json.items." + "9" * 5000, "*", b'{"items": [1]}', False),
        ("json.0", "a", b'["a"]', True),
        ("json.0", "a", b'{"0": "a"}', True),
        ("json.a.b", "*", b'{"a": "text"}', False),
        ("json.a.0", "*", b'{"a": "text"}', False),
        ("json.a.0", "*", b'{"a": 7}', False),
        ("json.items", "*", b'{"items": [1]}', True),
        ("json.items", "~", b'{"items": [1]}', False),
        ("json.items", "[[]1]", b'{"items": [1]}', False),
        ("json.a", "*", b'{"a": {}}', True),
        ("json.a", "*", b'{"a": 1', False),
        ("json.a", "*", b"", False),
        ("json.a", "*", b"a=1", False),
        ("json.a", "*", b'{"a": "\xff"}', False),
        ("json.a", "*", b"[" * 100_000, False),
        ("json.a", "*", b'{"a": ' * 100_000, False),
    ],
)  # fmt: skip
def test_a_match_on_the_body(key: str, pattern: str, body: bytes, holds: bool) -> None:
    index = Index([Match.parse("http", {key: pattern})])
    assert (index.needs_body, index.by_head(Head())) == (1, 1)
    for _ in range(2):
        assert index.by_body(1, body, True) == holds


def test_json_keys_want_a_whole_body_and_body_patterns_take_what_there_is() -> None:
    index = Index([Match.parse("http", {"json.a": "1"}), http(body="*a*"), http(path="/")])
    assert index.needs_body == 0b011
    assert index.by_body(0b111, b'{"a": 1}', True) == 0b111
    assert index.by_body(0b111, b'{"a": 1}', False) == 0b110


def test_a_match_on_the_reply_is_judged_when_that_has_come() -> None:
    matches = [http(method="POST", status=503), Match.parse("http", {"reply_header.Retry-After": "*"}), None]
    index = Index(matches)
    assert index.needs_reply == 0b011
    assert index.by_head(Head({"method": "POST"})) == 0b111
    assert index.by_head(Head({"method": "GET"})) == 0b110
    assert index.by_reply(0b111, Head({"status": "503"})) == 0b101
    assert index.by_reply(0b110, Head({"status": "503", "reply_header.retry-after": "1"})) == 0b110


def test_none_matches_everything() -> None:
    assert Index([]).by_head(Head()) == 0
    index = Index([None, http(path="/a"), None])
    assert index.by_head(Head({"path": "/b"})) == 0b101
    assert index.by_body(0b101, b"", True) == 0b101
    assert index.by_reply(0b100, Head()) == 0b100


def test_an_index_says_what_its_matches_say_one_by_one() -> None:
    rng = random.Random(7)
    patterns = ["a", "b", "ab", "a*", "*b", "?", "[ab]", "~a", "~b$", "*"]
    keys = ["path", "query", "header.x", "body", "json.a", "json.b.0", "status", "reply_header.y"]
    matches = [
        Match.parse("http", {key: rng.choice(patterns) for key in rng.sample(keys, rng.randint(1, 3))})
        for _ in range(200)
    ]
    index, alone = Index(matches), [Index([match]) for match in matches]
    values = ["a", "b", "ab", "ba", "", "x"]
    for _ in range(200):
        head = Head({key: rng.choice(values) for key in keys if rng.random() < 0.8})
        whole = rng.random() < 0.8
        body = rng.choice([b"a", json.dumps({"a": rng.choice(values), "b": [rng.choice([1, None, "a", []])]}).encode()])

        def judge(index: Index) -> tuple[int, int, int]:
            first = index.by_head(head)  # noqa: B023 - called at once
            second = index.by_body(first, body, whole)  # noqa: B023
            return first, second, index.by_reply(second, head)  # noqa: B023

        together, each = judge(index), [judge(one) for one in alone]
        assert list(together) == [sum(one[step] << bit for bit, one in enumerate(each)) for step in range(3)]


def test_a_thousand_matches_ask_a_head_once_for_each_key_and_a_known_value_no_pattern(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    class Counting(Head):
        def value(self, key: str) -> str | None:
            asked.append(key)
            return super().value(key)

    matches = [Match.parse("http", {"path": f"/{number}*", "header.x": str(number)}) for number in range(1000)]
    index, head = Index(matches), Counting({"path": "/7", "header.x": "7"})
    assert index.by_head(head) == 1 << 7
    assert asked == ["path", "header.x"]
    monkeypatch.delattr(Pattern, "fits")
    assert index.by_head(head) == 1 << 7


def test_json_is_read_once_for_all_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    decode = msgspec.json.decode
    monkeypatch.setattr(msgspec.json, "decode", lambda body, **how: read.append(body) or decode(body, **how))
    index = Index([Match.parse("http", {"json.a": "1", "json.b": "2"}), Match.parse("http", {"json.c": "3"}), None])
    assert index.by_body(0b111, b'{"a": 1, "b": 2}', True) == 0b101
    assert len(read) == 1
    assert index.by_body(0b100, b"{}", True) == 0b100  # nobody asks
    assert len(read) == 1


def test_what_is_kept_of_values_is_bounded() -> None:
    index = Index([http(path="/a*"), http(path="/b"), http(body="*c*")])
    (table,) = index._head
    for number in range(5000):
        assert index.by_head(Head({"path": f"/a/{number}"})) == 0b101
        assert len(table.memo) <= 1000
    assert index.by_head(Head({"path": "/b"})) == 0b110
    assert index.by_head(Head()) == 0b100
    table.memo.clear()
    index.by_head(Head({"path": "/" * 1024}))
    index.by_head(Head({"path": "/" * 1025}))
    assert list(table.memo) == ["/" * 1024]
    index.by_body(0b100, b"c" * 2000, True)
    assert index._body[0].memo == {}


def test_a_match_has_at_most_32_keys() -> None:
    keys = {f"header.x{number}": "1" for number in range(32)}
    assert len(Match.parse("http", keys).conditions) == 32
    with pytest.raises(SettingsError) as caught:
        Match.parse("http", {**keys, "path": "/"})
    assert caught.value.message == "match has 33 keys"
    assert caught.value.hint == "at most 32; in a pattern ~a|b is either"


def test_values_of_json_are_found_where_they_stand() -> None:
    body = b' {"a": {"b": [1.50, "x", null, {"c": true}]}, "n": -1e2, "t": "\\u00e9"} '
    for path, text in {
        "a.b.0": "1.5",
        "a.b.1": "x",
        "a.b.2": "null",
        "a.b.3.c": "true",
        "n": "-100.0",
        "t": "\xe9",
    }.items():
        assert Index([http(**{f"json.{path}": text})]).by_body(1, body, True) == 1, path
    for path in ("a.b.4", "a.b.x", "a.b.1.0", "a.c", "n.0", "x"):
        assert Index([http(**{f"json.{path}": "*"})]).by_body(1, body, True) == 0, path
    for path in ("a", "a.b", "a.b.3"):
        assert Index([http(**{f"json.{path}": "*"})]).by_body(1, body, True) == 1, path
        assert Index([http(**{f"json.{path}": "?*"})]).by_body(1, body, True) == 0, path
