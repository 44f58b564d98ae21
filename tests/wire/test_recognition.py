"""Which protocol is recognised by the first bytes of a connection, and for which host."""

import random
import ssl
import string
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.wire.plugins import PluginError
from brownout.wire.protocol import Protocol
from brownout.wire.protocols import PROTOCOLS, can_be_recognised
from brownout.wire.recognition import host_name, recognise
from brownout.wire.tls import server_name


def mysql_packet(body: bytes, sequence: int = 0) -> bytes:
    return struct.pack("<I", len(body))[:3] + bytes([sequence]) + body


def kafka_request(key: int, version: int, client: bytes | None = b"rdkafka", rest: bytes = b"\x00") -> bytes:
    name = struct.pack(">h", -1) if client is None else struct.pack(">h", len(client)) + client
    body = struct.pack(">hhi", key, version, 1) + name + rest
    return struct.pack(">i", len(body)) + body


def postgres_packet(code: int, rest: bytes = b"") -> bytes:
    return struct.pack(">ii", 8 + len(rest), code) + rest


def mongodb_message(operation: int, body: bytes, answers: int = 0) -> bytes:
    return struct.pack("<iiii", 16 + len(body), 7, answers, operation) + body


def client_hello(host: str | None) -> bytes:
    """What OpenSSL sends first."""
    out = ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname = False
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=host).do_handshake()
    return out.read()


HELLO = client_hello("api.example.com")
BSON = b"\x10\x00\x00\x00\x10ping\x00\x01\x00\x00\x00\x00"
GREETING = (
    b"\x0a8.0.36\x00" + b"\x08\x00\x00\x00" + b"saltsalt" + b"\x00" + b"\xff\xf7\xff\x02\x00\xff\xdf\x15" + bytes(10)
)
PRELOGIN = b"\x12\x01\x00\x14\x00\x00\x01\x00" + b"\x00\x00\x06\x00\x06\xff" + b"\x11\x09\x00\x01\x00\x00"

CLIENTS = [
    ("http", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("http", b"POST /a?b=c HTTP/1.0\r\n"),
    ("http", b"CONNECT db:443 HTTP/1.1\r\n\r\n"),
    ("http", b"\r\nM-SEARCH * HTTP/1.1\n"),
    ("redis", b"*1\r\n$4\r\nPING\r\n"),
    ("redis", b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n"),
    ("redis", b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*1\r\n$4\r\nPING\r\n"),
    ("redis", b"PING\r\n"),
    ("redis", b"info replication\r\n"),
    ("postgres", postgres_packet(196608, b"user\x00postgres\x00database\x00shop\x00\x00")),
    ("postgres", postgres_packet(196610, b"user\x00postgres\x00\x00")),
    ("postgres", postgres_packet(80877103)),
    ("postgres", postgres_packet(80877104)),
    ("postgres", postgres_packet(80877102, bytes(8))),
    ("tls", HELLO),
    ("amqp", b"AMQP\x00\x00\x09\x01"),
    ("kafka", kafka_request(18, 4, rest=b"\x00\x08python\x06 2.0\x00")),
    ("kafka", kafka_request(3, 1, None, b"\xff\xff\xff\xff")),
    ("kafka", kafka_request(17, 1, b"sarama", b"\x00\x05PLAIN")),
    ("mongodb", mongodb_message(2013, b"\x00\x00\x00\x00\x00" + BSON)),
    ("mongodb", mongodb_message(2004, b"\x04\x00\x00\x00admin.$cmd\x00\x00\x00\x00\x00\xff\xff\xff\xff" + BSON)),
    ("mssql", PRELOGIN),
]
SERVERS = [
    ("mysql", mysql_packet(GREETING)),
    ("mysql", mysql_packet(b"\x0a5.5.5-10.11.6-MariaDB-log\x00" + bytes(32))),
    ("mysql", mysql_packet(b"\xff\x10\x04Too many connections")),
    ("mysql", mysql_packet(b"\xff\x10\x04#08004Too many connections")),
    ("mysql", mysql_packet(b"\xff\x69\x04Host '10.0.0.1' is blocked because of many connection errors")),
    ("smtp", b"220 mail.example.com ESMTP Postfix\r\n"),
    ("smtp", b"220-mx SMTP ready\r\n220 go\r\n"),
    ("nats", b'INFO {"server_id":"N","version":"2.10.4"} \r\n'),
]
NOTHING = [
    b"",
    b"\x00",
    b"G",
    b"hello\r\n",
    b"GET key\r\n",
    b"get key 1 2\r\n",
    b"SET a b\r\n",
    b"ping\n",
    b"PINGPONG\r\n",
    b"INFO {}\r\n",
    b"USER anonymous\r\n",
    b"EHLO me\r\n",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    b"OPTIONS rtsp://h RTSP/1.0\r\n",
    b"GET / HTTP/2\r\n",
    b"GET /a b HTTP/1.1\r\n",
    b"\r\n" * 9 + b"GET / HTTP/1.1\r\n",
    b"*0\r\n",
    b"*1\r\n:1\r\n",
    b"* 1 EXISTS\r\n",
    b"AMQP\x00\x01\x00\x00",
    b"AMQP\x03\x01\x00\x00",
    b"\x16\x03\x01\x00\xc8\x02",
    b"\x17\x03\x03\x00\x20" + bytes(32),
    b"\x15\x03\x03\x00\x02\x02\x28",
    b"\x16\x03\x01\xff\xff\x01\x00\x00\xfc\x03\x03",
    postgres_packet(196608),
    postgres_packet(196608, b"\x00\x00"),
    postgres_packet(131072, b"user\x00a\x00\x00"),
    postgres_packet(196608, b"user\x00a\x00\x00") + b"x",
    postgres_packet(196608, b"user\x00" + b"a" * 10_000 + b"\x00\x00"),
    postgres_packet(80877103, b"x"),
    postgres_packet(80877102, bytes(8))[:-1],
    kafka_request(18, 4)[:-1],
    kafka_request(18, 4) + b"x",
    kafka_request(18, 90),
    kafka_request(60, 0),
    kafka_request(3, 1, b"\x00\x01\x02"),
    kafka_request(18, 0, rest=b"")[:12] + b"\x7f\xff" + b"rdkafka",
    kafka_request(18, 4)[:8] + b"\xff" + kafka_request(18, 4)[9:],  # a correlation id below 0
    mongodb_message(2013, b"\x00\x00\x00\x00\x07" + BSON),
    mongodb_message(2013, b"\x04\x00\x00\x00\x00" + BSON),
    mongodb_message(2013, b"\x00\x00\x00\x00\x00" + BSON, answers=7),
    mongodb_message(2004, b"\x00\x00\x00\x00shop.items\x00" + BSON),
    mongodb_message(2004, b"\x00\x01\x00\x00admin.$cmd\x00" + BSON),
    mongodb_message(1, b"\x00\x00\x00\x00\x00" + BSON),
    b"\x12\x01\x00\x14" + bytes(16),
    PRELOGIN[:-1],
    PRELOGIN[:7] + b"\x01" + PRELOGIN[8:],
    mysql_packet(GREETING),  # a client greets nobody
]
SILENT = [
    b"",
    b"220 ProFTPD Server ready.\r\n",
    b"220 (vsFTPd 3.0.5)\r\n",
    b"554 no SMTP for you\r\n",
    b"220 " + b"a " * 300 + b"SMTP\r\n",
    b"+OK POP3 ready\r\n",
    b"+PONG\r\n",
    b"HTTP/1.1 408 Request Timeout\r\n\r\n",
    b"INFO \r\n",
    mysql_packet(GREETING, sequence=1),
    mysql_packet(GREETING)[:-1],
    mysql_packet(b"\x09" + GREETING[1:]),
    mysql_packet(b"\x0aversion\x00" + bytes(20)),
    mysql_packet(b"\xff\x01\x00no such code"),
    b"*1\r\n$4\r\nPING\r\n",
    b"AMQP\x00\x00\x09\x01",
    HELLO,
]


@pytest.mark.parametrize(("protocol", "client"), CLIENTS)
def test_a_client_is_recognised(protocol: str, client: bytes) -> None:
    assert recognise(client, b"") == protocol


@pytest.mark.parametrize(("protocol", "server"), SERVERS)
def test_a_server_is_recognised(protocol: str, server: bytes) -> None:
    assert recognise(b"", server) == protocol


@pytest.mark.parametrize("client", NOTHING)
def test_a_client_that_shows_nothing_is_not_recognised(client: bytes) -> None:
    assert recognise(client, b"") is None


@pytest.mark.parametrize("server", SILENT)
def test_a_server_that_shows_nothing_is_not_recognised(server: bytes) -> None:
    assert recognise(b"", server) is None


@pytest.mark.parametrize(("client", "server", "protocol"), [
    (b"GET / HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n", "http"),
    (b"GET / HTTP/1.1\r\n", b"HT", "http"),
    (b"GET / HTTP/1.1\r\n", b"220 ready\r\n", None),
    (b"PING\r\n", b"+PONG\r\n", "redis"),
    (b"PING\r\n", b"-NOAUTH Authentication required.\r\n", "redis"),
    (b"PING\r\n", b":irc 001 me\r\n", "redis"),
    (b"PING\r\n", b"ERROR\r\n", None),
    (b"PING\r\n", b"INFO {}\r\n", "nats"),
    (b'CONNECT {"verbose":false}\r\n', b"INFO {}\r\n", "nats"),
    (b"EHLO me\r\n", b"220 h ESMTP\r\n", "smtp"),
    (b"USER me\r\n", b"220 h ESMTP\r\n", None),
    (mysql_packet(bytes(40), 1), mysql_packet(GREETING), "mysql"),
    (mysql_packet(bytes(40), 0), mysql_packet(GREETING), None),
    (b"AMQP\x00\x00\x09\x01", b"220 h ESMTP\r\n", "amqp"),
])  # fmt: skip
def test_what_one_end_says_must_not_contradict_the_other(client: bytes, server: bytes, protocol: str | None) -> None:
    assert recognise(client, server) == protocol


def test_each_protocol_that_can_be_recognised_is() -> None:
    openings = {name for name, protocol in PROTOCOLS.items() if protocol.opening is not None}
    assert openings == {name for name, _ in CLIENTS + SERVERS}
    assert {name for name in PROTOCOLS if can_be_recognised(name)} == openings
    assert not can_be_recognised("auto")
    assert not can_be_recognised("nobody-knows")


BEGINNINGS = st.sampled_from([each for _, each in CLIENTS + SERVERS] + NOTHING + SILENT)


@st.composite
def first_bytes(draw: st.DrawFn) -> bytes:
    """Bytes at random, or a beginning that is cut, changed in a byte, or followed by something."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=64))
    data = bytearray(draw(BEGINNINGS))
    if data and draw(st.booleans()):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        del data[draw(st.integers(0, len(data))) :]
    return bytes(data) + draw(st.binary(max_size=3))


@given(first_bytes(), first_bytes() | st.just(b""))
def test_no_opening_raises_and_at_most_one_claims_what_one_end_says(one: bytes, other: bytes) -> None:
    for client, server in ((one, b""), (b"", one), (one, other)):
        claims = [each.name for each in PROTOCOLS.values() if each.opening is not None and each.opening(client, server)]
        assert len(claims) <= (2 if client and server else 1)
        assert recognise(client, server) == (claims[0] if len(claims) == 1 else None)
    assert isinstance(host_name(one), str)


@given(st.sampled_from(CLIENTS + SERVERS), st.data())
def test_a_beginning_that_is_cut_is_recognised_as_nothing_else(known: tuple[str, bytes], data: st.DataObject) -> None:
    protocol, whole = known
    part = whole[: data.draw(st.integers(0, len(whole)))]
    sent = (part, b"") if known in CLIENTS else (b"", part)
    assert recognise(*sent) in (None, protocol)


def test_noise_is_not_recognised() -> None:
    rng = random.Random(7)  # hypothesis would try the very words of the source
    for _ in range(5000):
        noise = rng.randbytes(rng.randrange(1, 200))
        assert recognise(noise, b"") is None
        assert recognise(b"", noise) is None


def test_lines_of_text_are_not_recognised() -> None:
    rng = random.Random(7)
    for _ in range(5000):
        line = "".join(rng.choices(string.ascii_letters + string.digits + " :/*$+-.", k=rng.randrange(1, 80))).encode()
        assert recognise(line + b"\r\n", b"") is None
        assert recognise(b"", line + b"\r\n") is None


def test_records_of_tls_are_not_recognised_but_for_the_first_one() -> None:
    rng = random.Random(7)
    for kind in (20, 21, 22, 23, 24):
        for _ in range(1000):
            body = rng.randbytes(rng.randrange(40, 200))
            record = bytes([kind]) + b"\x03\x03" + len(body).to_bytes(2, "big") + body
            assert recognise(record, b"") is None
            assert recognise(b"", record) is None


# Hosts


def test_the_host_of_tls_is_its_server_name() -> None:
    assert server_name(HELLO) == "api.example.com"
    assert host_name(HELLO) == "api.example.com"
    assert host_name(client_hello("API.Example.com")) == "api.example.com"
    assert host_name(client_hello(None)) == ""


def test_a_server_name_that_is_cut_is_none() -> None:
    end = HELLO.index(b"api.example.com") + len(b"api.example.com")
    assert {server_name(HELLO[:cut]) for cut in range(end)} == {""}
    assert server_name(HELLO[:end]) == "api.example.com"


def test_a_server_name_that_is_no_name_is_none() -> None:
    assert server_name(HELLO.replace(b"api.example.com", b"api/example\x00com")) == ""
    assert server_name(HELLO.replace(b"\x00\x00\x0fapi", b"\x01\x00\x0fapi")) == ""  # the name of no host


@pytest.mark.parametrize(("client", "host"), [
    (b"GET / HTTP/1.1\r\nHost: Shop.example:8080\r\n\r\n", "shop.example"),
    (b"GET / HTTP/1.1\r\nAccept: */*\r\nhOST:shop\r\n\r\n", "shop"),
    (b"GET / HTTP/1.1\nHost: \t127.0.0.1 \n\n", "127.0.0.1"),
    (b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "::1"),
    (b"GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", ""),
    (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", ""),
    (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", ""),
    (b"POST / HTTP/1.1\r\n\r\n\r\nHost: body\r\n", ""),
    (b"HELLO\r\nHost: a\r\n\r\n", ""),
    (b"*1\r\n$4\r\nPING\r\n", ""),
    (b"", ""),
])  # fmt: skip
def test_the_host_of_http_is_its_host_field(client: bytes, host: str) -> None:
    assert host_name(client) == host


# Other packages


def opens(word: bytes):
    return lambda client, server: client.startswith(word)


def test_a_protocol_of_another_package_is_recognised_by_its_opening(plug_in) -> None:
    plug_in("brownout.protocols", "natter", Protocol("natter", opening=opens(b"NATTER")))
    plug_in("brownout.protocols", "mute", Protocol("mute"))
    assert recognise(b"NATTER 1\r\n", b"") == "natter"
    assert recognise(b"MUTE", b"") is None
    assert can_be_recognised("natter")
    assert not can_be_recognised("mute")


def test_ours_are_recognised_before_those_of_other_packages(plug_in) -> None:
    plug_in("brownout.protocols", "greedy", Protocol("greedy", opening=lambda client, server: True))
    assert recognise(b"GET / HTTP/1.1\r\n", b"") == "http"
    assert recognise(b"anything", b"") == "greedy"


def test_what_two_packages_claim_is_recognised_as_neither(plug_in) -> None:
    for name in ("one", "two"):
        plug_in("brownout.protocols", name, Protocol(name, opening=opens(b"X")))
    assert recognise(b"X", b"") is None


def test_an_opening_must_be_a_function(plug_in) -> None:
    plug_in("brownout.protocols", "natter", Protocol("natter", opening="NATTER"))
    assert recognise(b"NATTER", b"") is None
    with pytest.raises(PluginError, match="has an opening that cannot be called: 'NATTER'"):
        can_be_recognised("natter")
