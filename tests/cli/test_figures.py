import pytest

from brownout.cli import figures
from brownout.cli.columns import align, line, shorten, wrap


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 KB"),
        (9_994, "9.99 KB"),
        (9_996, "10.0 KB"),
        (99_949, "99.9 KB"),
        (99_951, "100 KB"),
        (999_499, "999 KB"),
        (999_500, "1.00 MB"),
        (5 * 10**18, "5000 PB"),
    ],
)
def test_sizes_have_three_digits(count: int, text: str) -> None:
    assert figures.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 ms"),
        (0.000123, "0.12 ms"),
        (0.00999, "9.99 ms"),
        (0.009996, "10.0 ms"),
        (0.099951, "100 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (12.34, "12.3 s"),
        (3600, "3600 s"),
    ],
)
def test_durations_have_three_digits(seconds: float, text: str) -> None:
    assert figures.duration(seconds) == text


def test_no_rate_is_a_dash() -> None:
    assert (figures.rate(0), figures.rate(0.4), figures.rate(1500)) == ("-", "-", "1.50 KB/s")


def test_counts_have_their_noun() -> None:
    assert [figures.many(n, "injection") for n in (0, 1, 2)] == ["0 injections", "1 injection", "2 injections"]
    assert figures.many(2, "proxy") == "2 proxies"


def test_counts_tell_what_was_not_touched() -> None:
    receipt = {"matched": 3, "fired": 2, "untouched_total": 1, "active": False, "unseen": False}
    assert figures.counts({"receipt": receipt}) == "matched 3, fired 2, 1 connection untouched, not begun"


def test_columns_are_aligned() -> None:
    assert align([("a", "1", "x"), ("bb", "22", "")], right=(1,)) == ["a    1  x", "bb  22"]


def test_a_row_has_the_columns_that_it_is_told() -> None:
    assert line(("a", "1"), (3, 4), right=(1,)) == "a       1"


def test_text_is_wrapped_behind_what_stands_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert wrap(f"{'x' * 30} {'y' * 30}", "- ", "  ") == f"- {'x' * 30}\n  {'y' * 30}"


def test_what_is_too_long_ends_in_an_ellipsis() -> None:
    assert [shorten("abcdef", width) for width in (6, 5, 1)] == ["abcdef", "abcd…", "…"]


def test_counts_tell_what_nobody_sees() -> None:
    refuse = {"matched": 0, "fired": 0, "untouched_total": 2, "active": True, "unseen": True}
    assert figures.counts({"receipt": refuse}) == "unseen, 2 connections untouched"
    drain = {"matched": 3, "fired": 3, "untouched_total": 0, "active": True, "unseen": True}
    assert figures.counts({"receipt": drain}) == "matched 3, fired 3, refused ones unseen"
