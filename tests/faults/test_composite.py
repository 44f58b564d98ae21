"""Settings of more than one value: native where there are lists and mappings, text where there is text alone."""

from typing import Annotated

import msgspec
import pytest

from brownout.faults.settings import Settings, SettingsError, convert, fields


class Given(Settings, frozen=True):
    names: Annotated[tuple[str, ...] | None, msgspec.Meta(description="Some.")] = None
    headers: dict[str, str] | None = None
    json: dict[str, object] | list[object] | None = None


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("names", "a", ("a",)),
        ("names", " a,b , c", ("a", "b", "c")),
        ("names", '["a", "b,c"]', ("a", "b,c")),
        ("headers", "A: 1", {"A": "1"}),
        ("headers", "A:1\n\nB: c: d ", {"A": "1", "B": "c: d"}),
        ("headers", '{"A": "1"}', {"A": "1"}),
        ("json", '{"a": [1, 1.5, "x", null, true]}', {"a": [1, 1.5, "x", None, True]}),
        ("json", "[]", []),
    ],
)
def test_text_means_what_is_written_natively(key: str, text: str, value: object) -> None:
    native = list(value) if isinstance(value, tuple) else value
    expected = Given(**{key: value})
    assert convert(Given, {key: text}, text=True) == convert(Given, {key: text}) == expected
    assert convert(Given, {key: native}) == expected
    assert expected.to_mapping() == {key: native}
    assert expected.changed({"names": "z"}) == convert(Given, {key: native, "names": ["z"]})


def test_nothing_is_nothing() -> None:
    assert convert(Given, {"names": "none", "headers": "null", "json": "none"}, text=True) == Given()
    assert Given().to_mapping() == {}


@pytest.mark.parametrize(
    ("key", "value", "message", "hint"),
    [
        ("names", 5, "names: 5 is not right", "names is a list of names, or names as text with commas"),
        ("headers", "{", "headers: '{' is not JSON: Input data was truncated", 'write it like {"error": "busy"}'),
        ("headers", "A: 1\nB", "headers: 'A: 1\\nB' is not a header",
         "write it like X-Answer: 42, each on a line of its own"),
        ("headers", {"A": True}, "headers: {'A': True} is not right",
         "headers is a mapping of names to text, numbers in quotes, or NAME: VALUE"),
        ("json", True, "json: true is not right", "json is a mapping or a list, or JSON as text"),
        ("json", "busy", "json: 'busy' is not JSON: JSON is malformed: invalid character (byte 0)",
         'write it like {"error": "busy"}'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(key: str, value: object, message: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        convert(Given, {key: value})
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_the_docs_name_them() -> None:
    assert [(each.name, each.type, each.default) for each in fields(Given)] == [
        ("names", "names", ""), ("headers", "headers", ""), ("json", "JSON", ""),
    ]  # fmt: skip
