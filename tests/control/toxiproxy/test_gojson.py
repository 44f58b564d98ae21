import pytest

from brownout.control.toxiproxy.gojson import DecodeError, Fields, array, decode


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b' {"a": 1} trailing', {"a": 1}),
        (b"[1][2]", [1]),
        (b"null", None),
        (b'"\xff"', "\ufffd"),
        (b"1e3", 1000.0),
    ],
)
def test_the_first_value_is_read(body: bytes, value: object) -> None:
    assert decode(body) == value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "bad request body: EOF"),
        (b" \n", "bad request body: EOF"),
        (b"{", "bad request body: unexpected EOF"),
        (b"[ ", "bad request body: unexpected EOF"),
        (b"hello", "bad request body: Expecting value at offset 0"),
        (b"NaN", "bad request body: invalid value NaN"),
        (b"\xef\xbb\xbf{}", "bad request body: Expecting value at offset 0"),
    ],
)
def test_what_is_no_json(body: bytes, message: str) -> None:
    with pytest.raises(DecodeError) as raised:
        decode(body)
    assert raised.value.message == message


@pytest.mark.parametrize("body", [b"[" * 1_000_000, b"1" * 10_000], ids=["deep", "long"])
def test_hostile_bodies_are_no_json(body: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(body)


def test_keys_are_found_in_any_case_and_null_is_nothing() -> None:
    fields = Fields({"Name": "a", "ENABLED": None, "x": 1})

    assert (fields.text("name"), fields.switch("enabled"), fields.integer("rate")) == ("a", None, None)


def test_null_is_an_empty_object_and_an_empty_array() -> None:
    assert Fields(None).text("name") is None
    assert array(None) == []


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("text", 1), ("text", ["a"]), ("switch", 1), ("switch", "yes"), ("integer", "1"), ("integer", 1.0),
        ("integer", True), ("integer", 2**63), ("number", "1"), ("number", True), ("items", {}),
    ],
)  # fmt: skip
def test_wrong_types_are_errors(method: str, value: object) -> None:
    with pytest.raises(DecodeError, match=r"^bad request body: json: cannot unmarshal "):
        getattr(Fields({"key": value}), method)("key")


@pytest.mark.parametrize("value", [[], "x", 1, True])
def test_what_is_no_object_is_an_error(value: object) -> None:
    with pytest.raises(DecodeError):
        Fields(value)


def test_integers_are_64_bits() -> None:
    assert Fields({"key": -(2**63)}).integer("key") == -(2**63)
    assert Fields({"key": 2**63 - 1}).integer("key") == 2**63 - 1
