from datetime import timedelta

import pytest

from brownout.faults import Bandwidth, Duration, Latency, Quota, Rate, Share, Size, Spec
from brownout.faults.settings import plain
from brownout.faults.settings.units import UnitError


@pytest.mark.parametrize(
    ("text", "seconds", "again"),
    [
        ("300ms", 0.3, "300ms"),
        ("1.5s", 1.5, "1.5s"),
        ("0.3s", 0.3, "300ms"),
        ("1h30m", 5400.0, "90m"),
        ("50us", 5e-5, "50us"),
        (" 2 s ", 2.0, "2s"),
        ("0", 0.0, "0ms"),
        ("0.1234567s", 0.1234567, "123.4567ms"),
        ("0.00001us", 1e-11, "0.00000001ms"),
    ],
)
def test_durations_are_read_and_written_back(text: str, seconds: float, again: str) -> None:
    assert Duration.parse(text) == pytest.approx(seconds, rel=1e-12)
    assert str(Duration.parse(text)) == again
    assert Duration.parse(again) == pytest.approx(Duration.parse(text), rel=1e-9)


@pytest.mark.parametrize(
    ("text", "rate", "again"),
    [
        ("1MB/s", 1e6, "1MB/s"),
        ("64KiB/s", 65536.0, "64KiB/s"),
        ("56kbit/s", 7000.0, "7KB/s"),
        ("10Mbit/s", 1.25e6, "10Mbit/s"),
        ("1.5Mbit/s", 187_500.0, "1.5Mbit/s"),
        ("100kB/s", 1e5, "100KB/s"),
        ("8MBIT/S", 1e6, "1MB/s"),
    ],
)
def test_rates_are_bytes_per_second(text: str, rate: float, again: str) -> None:
    assert Rate.parse(text) == rate
    assert str(Rate.parse(text)) == again


@pytest.mark.parametrize(
    ("text", "size", "again"),
    [
        ("64KB", 64_000, "64KB"),
        ("64KiB", 65_536, "64KiB"),
        ("64kb", 64_000, "64KB"),
        ("1.5MB", 1_500_000, "1.5MB"),
        ("4000001B", 4_000_001, "4000001B"),
        ("0", 0, "0B"),
    ],
)
def test_sizes_are_whole_bytes(text: str, size: int, again: str) -> None:
    assert Size.parse(text) == size
    assert str(Size.parse(text)) == again


def test_shares_and_quotas() -> None:
    assert Share.parse("30%") == 0.3
    assert str(Share.parse("12.5%")) == "12.5%"
    assert Quota.parse("3 of 10") == Quota.parse("3/10") == (3, 10)
    assert str(Quota.parse("3/10")) == "3 of 10"
    assert str(Quota.parse("3 of 10")) == "3 of 10"
    assert Quota.parse("1 of 10000") == (1, 10_000)


@pytest.mark.parametrize(
    ("unit", "text", "message", "hint"),
    [
        (Duration, "300", "300 has no unit", "a duration is written like 300ms or 300s"),
        (Rate, "5", "5 has no unit", "a rate is written like 5KB/s or 5kbit/s"),
        (Size, "100", "100 has no unit", "a size is written like 100B or 100KB"),
        (Share, "0.3", "0.3 has no unit", "a share is written like 30%"),
        (Share, "3", "3 has no unit", "a share is written like 3%"),
        (Duration, "soon", "'soon' is not a duration", "write it like 300ms or 1.5s"),
        (Duration, "-3s", "'-3s' is not a duration", "write it like 300ms or 1.5s"),
        (Duration, "٣s", "'٣s' is not a duration", "write it like 300ms or 1.5s"),
        (Duration, "1s x", "'1s x' is not a duration", "write it like 300ms or 1.5s"),
        (Duration, "", "'' is not a duration", "write it like 300ms or 1.5s"),
        (Rate, "1MB", "'1MB' is not a rate", "write 1MB/s"),
        (Rate, "1mBps", "'1mBps' is not a rate", "write 1MB/s"),
        (Rate, "8Mb/s", "'8Mb/s' could be bits or bytes", "write 8Mbit/s or 8MB/s"),
        (Rate, " 8 Mbps ", "' 8 Mbps ' could be bits or bytes", "write 8Mbit/s or 8MB/s"),
        (Rate, "56kb/s", "'56kb/s' could be bits or bytes", "write 56kbit/s or 56KB/s"),
        (Rate, "1.5kibps", "'1.5kibps' could be bits or bytes", "write 1.5kbit/s or 1.5KiB/s"),
        (Rate, "1MB/s 500kb/s", "'1MB/s 500kb/s' is not a rate", "write it like 100KB/s or 56kbit/s"),
        (Share, "101%", "'101%' is more than 100%", ""),
        (Quota, "11 of 10", "'11 of 10' is not a quota", "it hits at most all: 3 of 10, 10 of 10"),
        (Quota, "3", "'3' is not a quota", "write it like '3 of 10'"),
    ],
)
def test_what_is_wrong_is_said_and_what_would_be_right(unit: type, text: str, message: str, hint: str) -> None:
    with pytest.raises(UnitError) as caught:
        unit.parse(text)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_timedelta_is_a_duration() -> None:
    assert Latency(latency=timedelta(milliseconds=300)) == Latency(latency="300ms")
    spec = Spec.parse({"fault": "latency", "latency": timedelta(seconds=1), "for": timedelta(hours=1)})
    assert spec.to_mapping() == {
        "fault": "latency", "name": "", "stream": "downstream", "latency": "1s", "for": "1h",
    }  # fmt: skip
    assert plain(timedelta(minutes=2)) == "2m"
    for wrong in (timedelta(seconds=-1), timedelta.max):
        with pytest.raises(UnitError, match="is not a duration") as error:
            Duration.of(wrong)
        assert error.value.hint == "it is from 0 to 1000000h"
    with pytest.raises(UnitError):
        Bandwidth(rate=timedelta(seconds=1))


@pytest.mark.parametrize(
    ("unit", "text", "meant"),
    [
        (Duration, "5", ("5ms", "5s")),
        (Duration, "5s", ()),
        (Duration, "soon", ()),
        (Share, "0.5", ("50%",)),
        (Share, "50", ("50%",)),
        (Share, "half", ()),
        (Size, "4", ("4B", "4KB")),
        (Rate, "8Mb/s", ("8Mbit/s", "8MB/s")),
        (Rate, "8MB", ("8MB/s",)),
        (Rate, "8", ("8KB/s", "8kbit/s")),
        (Rate, "8MB/s", ()),
        (Quota, "3", ("3 of 10",)),
        (Quota, "11", ()),
    ],
)
def test_what_a_text_may_mean_that_lacks_its_unit(unit: type, text: str, meant: tuple[str, ...]) -> None:
    assert unit.proposals(text) == meant
    for each in meant:
        unit.parse(each)


def test_python_callers_may_give_text_but_no_bare_number() -> None:
    assert Latency(latency="300ms") == Latency(latency=Duration(0.3))
    with pytest.raises(UnitError, match=r"0\.3 has no unit"):
        Latency(latency=0.3)
    assert Latency(latency=0).latency == Duration(0)


@pytest.mark.parametrize(
    ("unit", "text", "message"),
    [
        (Duration, "9" * 90 + "s", f"'{'9' * 90}s' is more than 1000000h"),
        (Duration, "1000001h", "'1000001h' is more than 1000000h"),
        (Rate, "1000001GB/s", "'1000001GB/s' is more than 1000000GB/s"),
        (Size, "1000001GB", "'1000001GB' is more than 1000000GB"),
        (Duration, "1" * 400 + "s", "'11111111111111111111...' is not a duration"),
        (Quota, "1" * 5000 + " of 10", f"'{'1' * 100}... (5006 characters)' is not a quota"),
        (Quota, "1 of 10001", "'1 of 10001' shuffles too many at once"),
        (Quota, "1" * 90 + " of 10", f"'{'1' * 90} of 10' is not a quota"),
    ],
)
def test_what_is_enormous_is_refused(unit: type, text: str, message: str) -> None:
    with pytest.raises(UnitError) as caught:
        unit.parse(text)
    assert caught.value.message == message


def test_what_is_too_little_to_be_written_is_nothing() -> None:
    assert Duration.parse("0.0000001us") == 0


def test_the_most_is_read_back() -> None:
    for unit, text in ((Duration, "1000000h"), (Rate, "1000000GB/s"), (Size, "1000000GB")):
        assert str(unit.parse(text)) == text
        assert unit.parse(str(unit.parse(text))) == unit.parse(text)
