"""YAML as nodes: what each value is and where it stands, within bounds, and syntax errors in plain words."""

import pytest

from brownout.faults.config.nodes import MOST_VALUES, Node, load
from brownout.faults.config.problem import ConfigError, Place, Problems, listed, path
from brownout.faults.config.scalar import Plain, resolve, substitute
from brownout.wire.errors import BrownoutError


def read(text: str) -> Node:
    problems = Problems("a.yaml")
    root = load(text, problems, {})
    problems.check()
    assert root is not None
    return root


def plain(node: Node) -> object:
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    if isinstance(node.value, dict):
        return {key: plain(item) for key, item in node.value.items()}
    return node.value


def said(text: str) -> list[tuple[int, int, str, str, str]]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return [tuple(problem)[1:] for problem in caught.value.problems]


def test_a_node_knows_the_place_of_its_key_and_else_its_own() -> None:
    root = read("a:\n  b:\n    - c\n    - d: 1\n")
    assert root == Node(
        {
            "a": Node(
                {
                    "b": Node(
                        [
                            Node("c", Place(3, 7)),
                            Node({"d": Node(1, Place(4, 7))}, Place(4, 7), size=2),
                        ],
                        Place(2, 3),
                        size=4,
                    )
                },
                Place(1, 1),
                size=5,
            )
        },
        Place(1, 1),
        size=6,
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("false", False), ("null", None), ("~", None), ("", None),
        ("0", 0), ("7", 7), ("-7", -7), ("1.5", 1.5), ("-0.5", -0.5), ("2.", 2.0), (".5", 0.5),
        ("9" * 19, 10**19 - 1),
        ("True", "True"), ("TRUE", "TRUE"), ("yes", "yes"), ("on", "on"), ("Null", "Null"),
        ("300ms", "300ms"), ("30%", "30%"), ("3 of 10", "3 of 10"), ("2026-11-24", "2026-11-24"), ("12:30pm", "12:30pm"),
        ("127.0.0.1:80", "127.0.0.1:80"), ("1.2.3", "1.2.3"), ("-", "-"), ("٣", "٣"), ("=", "="), ("0xg", "0xg"),
    ],
)  # fmt: skip
def test_a_value_without_quotes_is_what_it_looks_like(text: str, value: Plain) -> None:
    assert (resolve(text), type(resolve(text))) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    ["0x10", "-0x1F", "0o17", "017", "-08", "00", "0b11", "1_000", "1_0.5", "+7", "+1.5", "1e3", "1.5E-3", "1:30", "1:30:00", "190:20.5",
     ".inf", "-.INF", ".nan", "9" * 20, "9" * 5000],
)  # fmt: skip
def test_a_number_that_yaml_programs_read_differently_is_an_error(text: str) -> None:
    with pytest.raises(BrownoutError) as caught:
        resolve(text)
    assert caught.value.hint
    assert read(f"'{text}'").value == text


def test_quotes_and_blocks_are_text() -> None:
    root = read("a: 'true'\nb: \"7\"\nc: |\n  null\nd: >-\n  1\n")
    assert plain(root) == {"a": "true", "b": "7", "c": "null\n", "d": "1"}


def test_keys_are_text_whatever_they_look_like() -> None:
    assert plain(read("{1: a, yes: b, null: c, 0x10: d, ~: e}")) == {
        "1": "a", "yes": "b", "null": "c", "0x10": "d", "~": "e"
    }  # fmt: skip


def test_an_alias_repeats_a_value_at_its_own_place() -> None:
    root = read("a: &x [1, &y 2]\nb: *x\nc: *y\n")
    assert plain(root) == {"a": [1, 2], "b": [1, 2], "c": 2}
    assert isinstance(root.value, dict)
    assert [node.place.line for node in root.value.values()] == [1, 2, 3]


def test_what_aliases_repeat_is_counted() -> None:
    ones = "[" + ", ".join(["1"] * 999) + "]"
    fits = MOST_VALUES // 1000 - 1
    assert plain(read(f"[&a {ones}" + ", *a" * (fits - 1) + "]"))
    ((line, _, key, message, hint),) = said(f"[&a {ones}" + ",\n*a" * (fits + 1) + "]")
    assert (line, key, message) == (201, "[200]", "more than 200000 values, counting what aliases repeat")
    assert hint == "split it into several files"


def test_reading_goes_on_after_a_problem() -> None:
    assert said("a: !x 1\nb: *c\na: 2\n<<: 3\n? [d]\n: 4\n{e: 5}: 6\n? \n: 7") == [
        (1, 1, "a", "the tag !x is not allowed", "leave it out; quotes make text, and nothing else is needed"),
        (2, 1, "b", "unknown alias '*c'", 'a name that begins with * needs quotes: "*c"'),
        (3, 1, "a", "this key is given twice", "the first is in line 1: leave one of them"),
        (4, 1, "", "merge keys (<<) are not supported", "write the keys out, or repeat a whole value: *name"),
        (5, 3, "", "a list or a mapping is given where a key is expected", "a key is text"),
        (7, 1, "", "a list or a mapping is given where a key is expected", "a key is text"),
        (8, 2, "", "a key is missing before ':'", "write it like key: value"),
    ]


def test_a_merge_key_in_quotes_is_a_key() -> None:
    assert plain(read("'<<': 1")) == {"<<": 1}


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a:\n\tb: 1", (2, 1), "a tab, where YAML wants spaces"),
        ("a: @b", (1, 4), "nothing can begin with '@'"),
        ("a: `b`", (1, 4), "nothing can begin with '`'"),
        ("a: %b", (1, 4), "nothing can begin with '%'"),
        ("*: 1", (1, 1), "a * without quotes is a YAML alias"),
        ("a: & b", (1, 5), "a & without quotes is a YAML anchor"),
        ("a: !<b", (1, 7), "a YAML tag that cannot be read"),
        ("%TAG\n---\n", (1, 5), "a YAML directive that cannot be read"),
        ("a: 'b\nc: d\n", (1, 4), "a quote that is never closed"),
        ('a: "b\n---\n', (1, 4), "a quote that is never closed"),
        ('a: "\\w"', (1, 6), "\\w is not an escape within double quotes"),
        ('a: "\\xg1"', (1, 7), "an escape that is not complete"),
        ('a: "\\U00110000"', (1, 7), "no such character"),
        ("a: 1\nb\nc: 2", (2, 1), "a line that is neither a key with ':' nor a list item with '- '"),
        ("a: b: c", (1, 5), "a ':' that does not fit here"),
        ("a: - b", (1, 4), "a list item ('- ') cannot begin here"),
        ("a: ? b", (1, 4), "a '? ' cannot begin here"),
        ("a:\n  b: 1\n c: 2", (3, 2), "the indentation, or the end of the line above, does not fit here"),
        ("a: [b, c", (1, 4), "a bracket that is never closed"),
        ("a: {b: c\n", (1, 4), "a bracket that is never closed"),
        ("{a: ${B}}", (1, 6), "a '{' where ',' or '}' is expected"),
        ("[a ${B}]", (1, 5), "a '{' where ',' or ']' is expected"),
        ("[a b: c d: e]", (1, 10), "a ',' or ']' is missing before this"),
        ("a: ]", (1, 4), "']' is given where a value is expected"),
        ("a: b\n\n c\x07", (3, 3), "the character U+0007, which YAML does not allow"),
        ("{}\n{}", (2, 1), "this is not YAML: expected '<document start>', but found '{'"),
    ],
)
def test_a_slip_of_the_pen_is_told_in_plain_words(text: str, place: tuple[int, int], message: str) -> None:
    ((line, column, key, told, _),) = said(text)
    assert ((line, column), key, told) == (place, "", message)


def test_a_file_may_not_nest_deep() -> None:
    assert read("[" * 21 + "]" * 21).size == 21
    assert said("[" * 22 + "]" * 22) == [
        (1, 22, "[0]" * 21, "more than 20 levels of lists and mappings", "a configuration never nests this deeply")
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${A", "a ${ is never closed"),
        ("${}", "'${}' names no variable"),
        ("${1A}", "'${1A}' names no variable"),
        ("${A-b}", "'${A-b}' names no variable"),
        ("${A:?b}", "'${A:?b}' names no variable"),
        ("${Ä}", "'${Ä}' names no variable"),
        ("${A:-${B}}", "there is a variable within '${A:-${B'"),
        ("${A} ${B} ${C} ${A}", "A, B and C are not set in the environment"),
    ],
)
def test_a_variable_that_cannot_be_put_in(text: str, message: str) -> None:
    with pytest.raises(BrownoutError) as caught:
        substitute(text, {})
    assert caught.value.message == message
    assert caught.value.hint


def test_paths_have_quotes_where_they_need_them() -> None:
    assert path("", "proxies") == "proxies"
    assert path("proxies", "my-db_1") == "proxies.my-db_1"
    assert path("profiles.slow", "redis:") == 'profiles.slow."redis:"'
    assert path("proxies", "a.b") == 'proxies."a.b"'
    assert [listed("A"), listed("AB"), listed("ABC")] == ["A", "A and B", "A, B and C"]
