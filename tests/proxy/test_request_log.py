"""The record of exchanges keeps the last ones, and finds them again."""

import asyncio

from brownout.proxy import Entry, RequestLog
from brownout.wire.http1.head import request_head

from ..written import Written

HEAD = request_head(b"GET /?a=b HTTP/1.1\r\n\r\n")


def ended(proxy: str = "p") -> Written:
    entry = Entry(
        0, 1e9, proxy, 1, "GET /", "GET /?a=*", "200", "2xx", "", 0.1, 0.2, 10, 20, "", (), 5.0, None, None, True, HEAD
    )  # fmt: skip
    return Written(entry, "GET /?a=b")


def test_it_keeps_the_last_ten_thousand_and_goes_on_counting() -> None:
    exchanges = RequestLog()
    for _ in range(10_001):
        exchanges.write(ended())
    found = exchanges.entries()
    assert (len(found), found[0].seq, found[-1].seq) == (10_000, 2, 10_001)
    assert [each.seq for each in exchanges.entries(9_999)] == [10_000, 10_001]
    assert exchanges.entries(20_000) == []


def test_entries_are_found_by_number_and_proxy_and_the_last_ones_of_these() -> None:
    exchanges = RequestLog()
    for proxy in "abaab":
        exchanges.write(ended(proxy))

    def found(since: int = 0, **wanted: object) -> list[int]:
        return [each.seq for each in exchanges.entries(since, **wanted)]

    assert found() == [1, 2, 3, 4, 5]
    assert found(3) == [4, 5]
    assert found(proxy="a") == [1, 3, 4]
    assert found(last=2) == [4, 5]
    assert found(1, proxy="a", last=1) == [4]
    assert found(last=0) == []
    assert found(last=99) == [1, 2, 3, 4, 5]
    assert found(proxy="c") == []


def test_listeners_hear_each_new_entry_until_they_leave_also_while_they_are_told() -> None:
    exchanges = RequestLog()
    heard: list[int] = []

    def once(each: Entry) -> None:
        heard.append(each.seq)
        exchanges.listeners.discard(once)

    exchanges.listeners |= {once, lambda each: heard.append(each.seq + 100)}
    exchanges.write(ended())
    exchanges.write(ended())
    assert sorted(heard) == [1, 101, 102]


def test_a_listener_that_raises_is_reported_and_breaks_neither_the_writer_nor_other_listeners() -> None:
    async def write() -> tuple[list[int], list[str]]:
        reported: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(repr(context["exception"])))
        exchanges, heard = RequestLog(), []

        def broken(each: Entry) -> None:
            raise ValueError(each.seq)

        exchanges.listeners |= {broken, lambda each: heard.append(each.seq)}
        exchanges.write(ended())
        exchanges.write(ended())
        return heard, reported

    assert asyncio.run(write()) == ([1, 2], ["ValueError(1)", "ValueError(2)"])


def test_values_are_shown_where_the_record_has_them() -> None:
    shown = {}
    for values in (False, True):
        exchanges, heard = RequestLog(values=values), []
        exchanges.listeners.add(heard.append)
        exchanges.write(ended())
        assert exchanges.entries() == heard
        shown[values] = heard[0].summary
    assert shown == {False: "GET /?a=*", True: "GET /?a=b"}
