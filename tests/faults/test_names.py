import pytest

from brownout.faults.settings import names as name
from brownout.wire.errors import BrownoutError, NotFoundError


@pytest.mark.parametrize("text", ["a", "my-db.1", "a/b", "a b", "ünï", ".", "..", "x" * 100])
def test_what_is_printable_is_a_name(text: str) -> None:
    assert name.check(text) == text


@pytest.mark.parametrize("text", ["", " a", "a ", "a\nb", "\x1b[31m", "a\x00", "\ud800", "\u202e", "x" * 101])
def test_what_could_not_be_used_everywhere_is_none(text: str) -> None:
    with pytest.raises(BrownoutError):
        name.check(text)


def test_a_name_holds_no_password() -> None:
    assert name.check("redis://127.0.0.1:6379") == "redis://127.0.0.1:6379"
    with pytest.raises(BrownoutError) as error:
        name.check("redis://app:secret@h")
    assert error.value.message == "the name 'redis://app:***@h' holds a password"
    with pytest.raises(NotFoundError) as error:
        name.look_up("proxy", "redis://app:secret@h", {})
    assert error.value.message == "there is no proxy named 'redis://app:***@h'"


def test_the_first_name_that_is_not_taken_is_free() -> None:
    assert name.free("a", ()) == "a"
    assert name.free("a", {"a", "a-3"}) == "a-2"
    assert name.free("a", {"a": 1, "a-2": 2}) == "a-3"


def test_a_numbered_name_comes_from_its_base() -> None:
    assert [name.comes_from(each, "a") for each in ("a", "a-2", "a-b", "a-", "ab", "b")] == [True, True, *[False] * 4]


def test_an_unknown_name_is_an_error_with_the_nearest() -> None:
    assert name.look_up("proxy", "redis", {"redis": 1}) == 1
    with pytest.raises(NotFoundError) as error:
        name.look_up("proxy", "rdis", {"redis": 1, "db": 2})
    assert (error.value.message, error.value.hint) == ("there is no proxy named 'rdis'", "did you mean redis?")
