"""The page and the picture: what is in the files. tests/verify/test_page_shown.py looks at them in a browser."""

import base64
import hashlib
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from brownout.verify import shown
from brownout.verify.advice import advice
from brownout.verify.document import Attempt, Call, Document, Place, Timeline
from brownout.verify.writers import page_data
from brownout.verify.writers.page import page
from brownout.verify.writers.svg import svg
from brownout.verify.writers.words import STATES

from .documents import HOSTILE, PLACE, cell, detailed, document, hostile, large, small


class Parsed(HTMLParser):
    """A page: its elements, and the text of each script, style and field of the table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.fields: list[str] = []
        self._into: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style", "td"):
            self._into = self.fields if tag == "td" else self.scripts
            self._into.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "td"):
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into[-1] += data


def data(text: str) -> dict[str, Any]:
    _, found, _ = Parsed(text).scripts
    return dict(json.loads(found))


def test_it_is_one_file_that_asks_for_nothing() -> None:
    text = page(small())
    assert not re.search(r"\b(?:src|action)=|@import|url\(|https?:(?!//www\.w3\.org)", text.replace("http://bob", ""))
    policy = next(given["content"] for tag, given in Parsed(text).tags if given.get("http-equiv"))
    style, _, script = Parsed(text).scripts
    hashes = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in (style, script)]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_a_page_that_is_served_may_ask_its_server() -> None:
    assert "connect-src" not in page(small())
    assert "connect-src &#x27;self&#x27;" in page(small(), live="1")


def test_no_text_becomes_markup() -> None:
    plain = [tag for tag, _ in Parsed(page(small())).tags]
    given = shown.struct(hostile())
    found = Parsed(page(given))
    assert {tag for tag, _ in found.tags} <= {*plain}
    assert [tag for tag, _ in found.tags].count("script") == 2
    read = json.loads(found.scripts[1])
    assert read["journeys"][0] == HOSTILE[0]
    assert len(read["journeys"]) == len(HOSTILE)
    assert any("<script>alert(1)</script>" in each for each in read["texts"])
    assert "hunter2" not in page(given)


def test_the_table_can_be_read_without_a_script() -> None:
    found = Parsed(page(small()))
    assert found.fields == ["Ffailed", ".resilient", "Hhung", "", "", "", "", "", "-vacuous", "Ddoubled"]
    heads = [given["scope"] for tag, given in found.tags if tag == "th"]
    assert heads == ["col", "colgroup", "colgroup", "col", "col", "col", "col", "col", "rowgroup", "row", "row"]


def test_operations_of_a_dependency_are_beside_each_other() -> None:
    rows = ("pay POST /a lost", "pay GET /b lost", "pay POST /a error", "pay GET /b error")
    found = data(page(document([cell(row, "x") for row in rows])))
    assert [" ".join(each[:3]) for each in found["columns"]] == [rows[0], rows[2], rows[1], rows[3]]


def test_commands_are_put_together_from_their_pieces() -> None:
    for given in (small(), large(), document([cell("redis slow", "x")]), shown.struct(hostile())):
        found = data(page(given))
        head, tail = found["repeat"]
        assert [f"{head}{found['texts'][each[8]]}{tail}" for each in found["cells"]] == [
            each.repeat for each in given.cells
        ]


def test_a_thousand_cells_with_all_there_may_be_fit_into_two_megabytes() -> None:
    given = detailed()
    assert len(given.cells) == 1000
    text = page(given)
    assert len(text.encode()) <= 2_000_000
    found = data(text)
    assert found["trimmed"]
    failed = next(each for each in found["cells"] if found["states"][each[2]][0] == "failed")
    assert len(failed[12]) >= 5
    assert failed[12][-1][7] == 40  # the last attempt is there
    assert len(failed[12]) + failed[13] == 47
    assert len(found["texts"][failed[9][0][5]]) >= 200


def test_a_small_report_keeps_all() -> None:
    found = data(page(small()))
    assert not found["trimmed"]
    assert "E  ValueError" in found["texts"]


def test_a_journey_has_the_time_that_it_takes_when_healthy() -> None:
    found = page_data.data(small(), None, page_data.KEPT[0])
    assert dict(zip(found["journeys"], found["usual"], strict=True)) == {
        "tests/test_shop.py::test_search": 0.1,
        "tests/test_shop.py::test_pay": 0.2,
    }


@pytest.mark.parametrize("state", STATES)
def test_there_is_advice_where_something_is_wrong(state: Any) -> None:
    good = state in ("resilient", "degraded", "not available")
    assert bool(advice(cell("redis slow", "x", state))) is not good


def test_advice_tells_retries_from_a_wait_without_an_end() -> None:
    tried = tuple(Attempt("", each, each, 0.9, "closed by client", True, (), each + 1, 0.1) for each in range(3))
    hung = cell("redis slow", "x", "hung", timeline=Timeline(((0.0, 5.0),), tried))
    assert advice(hung).startswith("The attempts at redis add up to more time than there is.")
    alone = msgspec.structs.replace(hung, timeline=Timeline(((0.0, 5.0),), tried[:1]))
    assert advice(alone).startswith("Nothing ended the wait for redis")
    long = cell("redis slow", "x", "failed", timeline=Timeline(((0.0, 5.0),), tried))
    assert advice(long).endswith("It tried 3 times in vain, for 2.9 s, before that: set a deadline for all of them.")
    assert " at shop/app.py:25, and return" in advice(cell("redis cut", "x", "failed", place=PLACE))


def test_nobody_is_to_mend_the_line_of_a_test() -> None:
    seen = Call("failed", 0.1, "AssertionError: assert 500 == 200", place=PLACE, by="test")
    noticed = cell("redis refused", "x", "failed", place=PLACE, calls=(seen,), why="KeyError: 'status'")
    assert "without redis. Catch the error, and return" in advice(noticed)
    printed = "the service printed TimeoutError: timed out, and the test failed: JSONDecodeError: Expecting value"
    elsewhere = msgspec.structs.replace(seen, place=Place("tests/test_shop.py", 5, "test_pay"))
    beside = cell("redis refused", "x", "failed", place=PLACE, calls=(elsewhere,), why=printed)
    assert "without redis. Catch the error at shop/app.py:25, and return" in advice(beside)


@pytest.mark.parametrize("state", ["failed", "not recovered"])
def test_advice_names_whose_connections_leak_and_not_what_failed(state: Any) -> None:
    why = "connections to postgres leak, one with each failure: 1 are open when healthy, then 2, then 3, then 4"
    assert advice(cell("payments slow", "x", state, why=why)).startswith("Return connections to postgres to the pool")


@pytest.mark.parametrize(
    ("said", "connection", "answer"),
    [
        ("OperationalError: the connection is closed", True, False),
        ("ConnectionError: Connection closed by server.", True, False),
        ("JSONDecodeError: Expecting value", False, True),
        ("RuntimeError: no", True, True),
    ],
)
@pytest.mark.parametrize("state", ["not recovered", "first request failed"])
def test_advice_follows_the_error(state: Any, said: str, connection: bool, answer: bool) -> None:
    given = advice(cell("redis slow", "x", state, why=f"still broken: GET /a returned 500: {said}"))
    assert ("a dead connection to redis" in given, "cached a bad reply" in given) == (connection, answer)


def test_advice_tells_who_ends_himself_from_who_is_ended() -> None:
    ends = cell("redis slow", "x", "crashed", why="the process ended with exit code 70 while it handled GET /a")
    assert "sys.exit() or os._exit()" in advice(ends)
    assert "exit()" not in advice(cell("redis slow", "x", "crashed", why="the process was ended by signal 11"))


@pytest.mark.parametrize(
    "said",
    [
        "PoolTimeout: couldn't get a connection after 0.25 sec",
        "PoolError: connection pool exhausted",
        "TimeoutError: QueuePool limit of size 5 overflow 10 reached",
        "MaxConnectionsError: Too many connections",
        "EmptyPoolError: Pool is closed.",
    ],
)
def test_advice_knows_a_pool_that_has_no_connection_left(said: str) -> None:
    given = advice(cell("payments slow", "x", "not recovered", why=f"still broken: POST /pay returned 500: {said}"))
    assert given.startswith("The pool has no connection left")


# The picture


@pytest.mark.parametrize("given", [small(), large(), shown.struct(hostile()), document([])])
def test_the_picture_is_xml_without_a_link(given: Document) -> None:
    root = ET.fromstring(svg(given))
    assert root.find("{*}title") is not None
    assert not re.search(rb"href|url\(|<script", svg(given))


def test_the_picture_has_a_sign_for_each_field() -> None:
    root = ET.fromstring(svg(small()))
    texts = [each.text for each in root.iterfind("{*}text")]
    assert texts[:5] == ["test_search", "test_pay", "redis", "refused", "F"]
    folded = [each.text for each in ET.fromstring(svg(large())).iterfind("{*}text")]
    assert "H3" in folded  # three tests of a file
