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


RECEIPT = {
    "matched": 0, "chosen": 0, "fired": 0, "untouched_total": 0, "active": True, "unseen": False, "refused": None,
    "cause": "", "waits_for": "",
}  # fmt: skip


def counts(matched: int = 0, chosen: int = 0, fired: int = 0, **more: object) -> str:
    return figures.counts({"receipt": {**RECEIPT, "matched": matched, "chosen": chosen, "fired": fired, **more}})


def test_what_was_chosen_is_told_where_that_is_not_all() -> None:
    assert figures.hits(3, 3, 2) == ["matched 3", "fired 2"]
    assert figures.hits(3, 2, 2) == ["matched 3", "chosen 2", "fired 2"]
    assert figures.hits(0, 0, 0) == ["matched 0", "fired 0"]
    assert counts(3, 3, 2) == "matched 3, fired 2"
    assert counts(10, 3, 2) == "matched 10, chosen 3, fired 2"


def test_counts_of_what_is_no_injection_of_ours_are_empty() -> None:
    assert figures.counts({"fault": "reset"}) == ""


def test_counts_tell_what_was_not_touched() -> None:
    assert counts(3, 3, 2, untouched_total=1) == "matched 3, fired 2, 1 connection untouched"


def test_counts_tell_why_nothing_fired() -> None:
    assert counts(3, 3, cause="moment_never_came") == "matched 3, fired 0 (moment never came)"
    assert counts(4, cause="spared_by_chance") == "matched 4, chosen 0, fired 0 (spared by chance)"
    found = counts(cause="older_connections", untouched_total=2)
    assert found == "matched 0, fired 0 (older connections), 2 connections untouched"


def test_counts_tell_once_that_it_has_not_begun() -> None:
    assert counts(cause="not_begun", active=False) == "matched 0, fired 0, not begun"
    waits = counts(cause="clock_not_started", active=False, waits_for="first connection")
    assert waits == "matched 0, fired 0, waiting for the first connection"


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
    assert counts(unseen=True, untouched_total=2) == "unseen, 2 connections untouched"
    assert counts(3, 3, 3, unseen=True) == "matched 3, fired 3, refused ones unseen"
    assert counts(unseen=True, refused=1) == "unseen, 1 attempt refused on this machine"
    unreachable = {"fault": "unreachable", "receipt": {**RECEIPT, "unseen": True, "refused": 2}}
    assert figures.counts(unreachable) == "unseen, 2 SYNs dropped"
    drain = counts(3, 3, 1, unseen=True, refused=4)
    assert drain == "matched 3, fired 1, refused ones unseen, 4 attempts refused on this machine"
    assert counts(unseen=True, refused=0, cause="nobody_refused") == "unseen (nobody refused)"
