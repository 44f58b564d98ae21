"""What peers and users send is read in time that grows with its length, and not with its square."""

import contextlib
import itertools
import random
import re
import time
from collections.abc import Callable

import pytest

from brownout.wire.address import Address
from brownout.wire.errors import BrownoutError
from brownout.wire.http1.head import UnreadableError, reply_head, request_head
from brownout.wire.http1.operation import operation
from brownout.wire.http1.reader import RequestReader
from brownout.wire.mask import mask

SHORT, LONG = 10_000, 100_000
SAMPLES = 80
NOISE = 0.002
"""Seconds of CPU time that a busy machine may add to any measurement."""

BEGINNINGS = ("", "x: ", "a", "/", "http://", "1;", "host: ", "connection: ", "/2020-01-01T", "redis://u:")
UNITS = (
    *(" ", "\t", "\n", "\r", ":", "a", "1", "/", "-", "%", "@", "[", "]", ".", ";", ",", "=", "\xe9"),
    *("a:", "a:\r\n", "\r\n", "\r\n ", "a: \r\n ", "a1", "/a", "/1", "a.", "a ", "://", "a@", "?a", "&a=1", "T1"),
    *("0\r\n", "1\r\na\r\n", "0123456789abcdef.", "content-length: 1\r\n", "connection: a,\r\n", "2020-01-01T"),
)
ENDINGS = ("", "\r\n\r\n", "\r\nb@d: x\r\n\r\n", "\r\nx y\r\n\r\n", ":", "@", "!", "]", "/")


def read_request_head(text: str) -> None:
    head = request_head(b"GET / HTTP/1.1\r\n" + text.encode("latin-1"))
    for key in ("header.x", "header.a", "content_type", "host"):
        head.value(key)
    head.summary()


def read_reply_head(text: str) -> None:
    reply_head(b"HTTP/1.1 200 OK\r\n" + text.encode("latin-1")).value("reply_header.x")


def read_target(text: str) -> None:
    request_head(f"GET {text} HTTP/1.1\r\n\r\n".encode("latin-1")).brief().summary()


def read_chunks(text: str) -> None:
    reader = RequestReader()
    reader.feed(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n")
    reader.feed(text.encode("latin-1"))


def read_stream(text: str) -> None:
    RequestReader().feed(text.encode("latin-1"))


def read_path(text: str) -> None:
    operation("GET", text)


READERS: tuple[Callable[[str], object], ...] = (
    read_request_head,
    read_reply_head,
    read_target,
    read_chunks,
    read_stream,
    read_path,
    mask,
    Address.upstream,
    Address.listen,
)


def cpu_seconds(read: Callable[[str], object], text: str) -> float:
    """Return the least of two measurements, of which the second one is made only where the first one is long."""
    taken: list[float] = []
    while not taken or (len(taken) < 2 and taken[0] > NOISE):
        began = time.process_time()
        with contextlib.suppress(BrownoutError, UnreadableError):
            read(text)
        taken.append(time.process_time() - began)
    return min(taken)


def assert_linear(read: Callable[[str], object], beginning: str, unit: str, ending: str) -> None:
    short, long = (beginning + unit * (size // len(unit)) + ending for size in (SHORT, LONG))
    allowed = 20 * (cpu_seconds(read, short) + NOISE)
    assert cpu_seconds(read, long) <= allowed, (read.__name__, beginning, unit, ending)


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
def test_ten_times_the_length_takes_at_most_twenty_times_as_long(read: Callable[[str], object]) -> None:
    every = list(itertools.product(BEGINNINGS, UNITS, ENDINGS))
    for sample in random.Random(13).sample(every, SAMPLES):
        assert_linear(read, *sample)


def test_a_long_name_before_a_bad_line_is_read_once() -> None:
    assert_linear(read_request_head, "", "a", ": x\r\nb@d: x\r\n\r\n")


def test_spaces_in_a_value_are_read_once() -> None:
    assert_linear(read_request_head, "x: a", " ", "b\r\n\r\n")


def test_spaces_that_begin_a_line_are_read_once() -> None:
    assert_linear(read_request_head, "x: a\r\n", " ", ":\r\nb@d: x\r\n\r\n")


class Counting:
    """A pattern that counts how often it is asked."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self.pattern = pattern
        self.asked = 0

    def match(self, data: bytes, at: int) -> re.Match[bytes] | None:
        self.asked += 1
        return self.pattern.match(data, at)


def test_a_first_line_is_checked_once_however_many_lines_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(RequestReader._first_line)
    monkeypatch.setattr(RequestReader, "_first_line", counting)
    reader = RequestReader()
    reader.feed(b"GET /" + b"a" * 30_000 + b" HTTP/1.1\r\n")
    for _ in range(5000):
        reader.feed(b"a:\r\n")
    assert counting.asked <= 2  # when it came, and with what followed at once
