"""Addresses as the kernel has them."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.supervisor.sockaddr import Destination, family_of, pack, parse

V4, V6, UNIX = socket.AF_INET, socket.AF_INET6, socket.AF_UNIX


def v4(host: str, port: int) -> bytes:
    return struct.pack("=H", V4) + struct.pack("!H", port) + socket.inet_pton(V4, host) + bytes(8)


def v6(host: str, port: int, scope: int = 0) -> bytes:
    return struct.pack("=H", V6) + struct.pack("!HI", port, 0) + socket.inet_pton(V6, host) + struct.pack("=I", scope)


@pytest.mark.parametrize(
    ("address", "means"),
    [
        (v4("10.1.2.3", 5432), Destination("10.1.2.3", 5432)),
        (v4("0.0.0.0", 80), Destination("127.0.0.1", 80)),
        (v6("2001:db8::1", 443), Destination("2001:db8::1", 443)),
        (v6("fe80::1", 443, 2), Destination("fe80::1%2", 443)),
        (v6("fe80::1", 443)[:24], Destination("fe80::1", 443)),
        (v6("::", 443), Destination("::1", 443)),
        (v6("::ffff:127.0.0.1", 6379), Destination("127.0.0.1", 6379)),
        (v6("::ffff:0.0.0.0", 6379), Destination("127.0.0.1", 6379)),
        (struct.pack("=H", UNIX) + b"/tmp/a.sock\0\0", Destination("", 0, "/tmp/a.sock")),
        (struct.pack("=H", UNIX) + b"/tmp/a.sock", Destination("", 0, "/tmp/a.sock")),
        (struct.pack("=H", UNIX) + b"\0abstract", None),
        (struct.pack("=H", UNIX), None),
        (struct.pack("=H", socket.AF_UNSPEC) + bytes(14), None),
        (v4("10.1.2.3", 5432)[:15], None),
        (v6("::1", 5432)[:23], None),
        (b"\x02", None),
        (b"", None),
    ],
)
def test_what_an_address_means(address: bytes, means: Destination | None) -> None:
    assert parse(address) == means


@given(st.binary(max_size=140))
def test_no_bytes_are_too_strange(address: bytes) -> None:
    means = parse(address)
    if means is not None and not means.path:
        assert parse(pack(means, family_of(means))) == means


def test_a_socket_of_ipv6_gets_ipv4_as_it_is_written_there() -> None:
    assert pack(Destination("127.1.0.1", 80), V6) == v6("::ffff:127.1.0.1", 80)
    assert pack(Destination("127.1.0.1", 80), V4) == v4("127.1.0.1", 80)
    assert pack(Destination("127.1.0.1", 80), V4, 128) == v4("127.1.0.1", 80).ljust(128, b"\0")
    with pytest.raises(OSError, match="illegal IP address"):
        pack(Destination("::1", 80), V4)


@pytest.mark.parametrize(
    ("to", "endpoint", "local"),
    [
        (Destination("127.0.0.1", 80), "127.0.0.1:80", True),
        (Destination("::1", 80), "[::1]:80", True),
        (Destination("fe80::1%2", 80), "[fe80::1%2]:80", False),
        (Destination("10.0.0.1", 80), "10.0.0.1:80", False),
        (Destination("", 0, "/tmp/a"), "/tmp/a", False),
    ],
)
def test_how_a_destination_is_written(to: Destination, endpoint: str, local: bool) -> None:
    assert (to.endpoint, to.is_local) == (endpoint, local)
