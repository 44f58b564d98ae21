"""What an exchange costs, counted in Python calls of ours: figures that a busy machine does not change."""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import brownout.proxy
from brownout.faults.http.status import Status

from .talk import Talk

PACKAGE = str(Path(brownout.proxy.__file__).parents[1])
ROOMS = tuple(f"{PACKAGE}/{room}/" for room in ("proxy", "faults", "wire"))
REPLY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def calls(work: Callable[[], object]) -> Counter[str]:
    """Return the calls of ours, by name."""
    found: Counter[str] = Counter()

    def profile(frame: object, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(ROOMS):
            found[code.co_qualname] += 1

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    print(found.total(), dict(found))
    return found


def request(number: int, more: bytes = b"") -> bytes:
    """A request with twelve headers, of which nothing can be remembered."""
    headers = b"".join(b"x-header-%d: some value\r\n" % each for each in range(10))
    return b"GET /orders/1 HTTP/1.1\r\nhost: shop\r\n%sx-tenant: tenant-%d\r\n%s\r\n" % (headers, number, more)


def test_a_chunk_that_nobody_wants_makes_no_piece():
    head, chunk, end = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n"
    talk = Talk()
    talk.inject(Status(status=503), match={"path": "/never"})
    talk.client(request(0))
    talk.server(head)
    found = calls(lambda: [talk.server(chunk) for _ in range(100)])
    assert found == dict.fromkeys(
        ("Conversation.feed_replies", "Conversation._take_unread", "ReplyReader.skip", "_walk"), 100
    )
    talk.server(end)
    talk.client(request(1))
    whole = calls(lambda: talk.server(head + 10 * chunk + end))
    assert whole["_walk"] == 1
    assert not whole["_Reader.feed"]
    assert [entry.reply_bytes for entry in talk.entries] == [
        len(head + 100 * chunk + end),
        len(head + 10 * chunk + end),
    ]


def test_a_header_that_a_hundred_rules_look_at_is_found_without_the_others():
    talk = Talk()
    for number in range(100):
        talk.inject(Status(status=503), name=f"rule-{number}", match={"header.x-tenant": f"none-{number}"})
    talk.client(request(0))
    talk.server(REPLY)
    found = calls(lambda: [(talk.client(request(n)), talk.server(REPLY)) for n in range(1, 101)])
    assert found["_field"] == found["_unfolded"] == 100
    assert found.total() <= 25 * 100
