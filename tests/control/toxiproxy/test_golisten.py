import asyncio

import pytest

from brownout.control.toxiproxy.golisten import listen_address, same_place, shown, upstream_address
from brownout.wire.address import Address, AddressError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:6379", "127.0.0.1", 6379),
        ("127.0.0.1:", "127.0.0.1", 0),
        ("localhost:6379", "127.0.0.1", 6379),
        ("[::1]:6379", "::1", 6379),
        ("127.0.0.1:http", "127.0.0.1", 80),
        ("", "::", 0),
        (":6379", "::", 6379),
        ("0.0.0.0:6379", "::", 6379),
        ("[::]:6379", "::", 6379),
    ],
)
def test_where_to_listen(text: str, host: str, port: int) -> None:
    assert asyncio.run(listen_address(text)) == Address(host, port)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bogus", "address bogus: missing port in address"),
        ("[::1]", "address [::1]: missing port in address"),
        ("::1", "address ::1: too many colons in address"),
        ("127.0.0.1:99999", "address 99999: invalid port"),
        ("127.0.0.1:-1", "address -1: invalid port"),
        ("127.0.0.1:" + "9" * 5000, "address " + "9" * 1992 + "... (5022 characters)"),
        ("127.0.0.1:nope", "lookup tcp/nope: unknown port"),
        ("127.0.0.1:a\0b", "lookup tcp/a\0b: unknown port"),
        ("no such name:1", "lookup no such name: no such host"),
        ("a\0b:1", "lookup a\0b: no such host"),
        ("x" * 70 + ":1", "lookup " + "x" * 70 + ": no such host"),
    ],
    ids=range(11),
)
def test_no_address_is_refused_in_the_words_of_go(text: str, message: str) -> None:
    with pytest.raises(AddressError) as raised:
        asyncio.run(listen_address(text))
    assert raised.value.message == message


def test_all_interfaces_are_one_place() -> None:
    assert same_place(Address("0.0.0.0", 1), Address("::", 1))
    assert not same_place(Address("127.0.0.1", 1), Address("::", 1))
    assert not same_place(Address("::", 2), Address("::", 1))
    assert not same_place(None, Address("::", 1))


@pytest.mark.parametrize("text", ["nowhere", "", " ", "u:secret@h", "gopher://h:1"])
def test_an_upstream_that_is_no_address_says_so(text: str) -> None:
    address = upstream_address(text)

    assert address.wrong
    assert "secret" not in address.wrong + address.endpoint + address.masked


def test_an_upstream_may_leave_out_this_host() -> None:
    assert upstream_address(":6379").endpoint == "localhost:6379"


def test_passwords_are_not_shown() -> None:
    assert [shown(text) for text in ("h:1", "tcp://h:1", "redis://u:p@h:1", "u:p@h:1")] == [
        "h:1", "tcp://h:1", "redis://u:***@h:1", "u:***@h:1",
    ]  # fmt: skip
