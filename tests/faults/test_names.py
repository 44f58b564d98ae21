import pytest

from brownout.faults.settings import names as name
from brownout.wire.errors import BrownoutError


@pytest.mark.parametrize("text", ["a", "my-db.1", "a/b", "a b", "ünï", ".", "..", "x" * 100])
def test_what_is_printable_is_a_name(text: str) -> None:
    assert name.check(text) == text


@pytest.mark.parametrize("text", ["", " a", "a ", "a\nb", "\x1b[31m", "a\x00", "\ud800", "\u202e", "x" * 101])
def test_what_could_not_be_used_everywhere_is_none(text: str) -> None:
    with pytest.raises(BrownoutError):
        name.check(text)
