"""Conversations that hypothesis makes up: any pieces, any faults, in any order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brownout.faults.action import (
    Answer,
    Close,
    Cut,
    Drop,
    Hold,
    Repeat,
    Replace,
    Reset,
    Rewrite,
    Shape,
)  # fmt: skip
from brownout.faults.exchange import ExchangeFault
from brownout.faults.http.truncate import Truncate
from brownout.faults.segment import Kind
from brownout.faults.settings.units import Share, Size
from brownout.faults.tcp.slicer import sliced
from brownout.proxy.exchanges import conversation
from brownout.proxy.shaping.budget import LIMITS

from .talk import ANSWER, BUSY, CHUNKED, GET, OK, POST, Talk, does

pytestmark = pytest.mark.slow


class TestTransparency:
    """Whatever is said, in whatever pieces, and whenever faults that do not match come and go."""

    @pytest.fixture(autouse=True)
    def corpus(self, conversations):
        TestTransparency.conversations = conversations  # as an argument it would be in every report of hypothesis

    @given(
        place=st.integers(0, 10_000),
        steps=st.lists(st.tuples(st.sampled_from(["client", "client", "server", "arm", "heal"]), st.integers(1, 80))),
    )
    def test_what_no_fault_matches_passes_byte_for_byte(self, place, steps):
        said, talk, armed = self.conversations[place % len(self.conversations)], Talk(), []
        left = {"client": said.request, "server": said.reply}
        talk.begin()
        for who, count in steps:
            if who == "arm":
                armed.append(talk.inject(does(ANSWER), match={"path": "/never/*"}))
            elif who == "heal":
                talk.heal(armed.pop()) if armed else None
            elif left[who]:
                getattr(talk, who)(left[who][:count])
                left[who] = left[who][count:]
        talk.client(*filter(None, [left["client"]]), Kind.EOF)
        talk.server(*filter(None, [left["server"]]), Kind.EOF)
        for stream, sent in (("upstream", said.request), ("downstream", said.reply)):
            *datas, end = [data for _, data in talk.heard[stream]]
            assert (b"".join(datas), end) == (sent, Kind.EOF)
        talk.check_counts()

    @pytest.mark.parametrize("armed", [False, True])
    def test_every_exchange_is_recorded_with_its_status(self, armed):
        for said in self.conversations:
            if said.request_opaque or said.reply_opaque:
                continue
            talk = Talk()
            if armed:
                talk.inject(does(ANSWER), match={"path": "/never/*"})
            talk.client(said.request, Kind.EOF)
            talk.server(*filter(None, [said.reply]), Kind.EOF)
            found = [status for _, status, _, _ in talk.over]
            assert (said.name, found) == (said.name, [status for _, _, status in said.exchanges])


class Answers(ExchangeFault, frozen=True):
    """Answers with the number that is asked for; `late`: when the upstream has done so."""

    name = "answers"
    protocol = "http"
    late: bool = False

    def on_request(self, request, rng):
        return (Answer(b"HTTP/1.1 503 Busy\r\nContent-Length: 3\r\n\r\n" + request.head.path[-3:].encode(), self.late),)


KINDS = {
    "plain": None,
    "answer": Answers(),
    "late": Answers(late=True),
    "hold": does(Hold(3)),
    "hold-reply": does(Hold(2, "reply"), on="reply"),
    "hold-body": does(Hold(2, "reply", body=True), on="reply"),
    "drip": does(Shape(lambda context: sliced(lambda: 7, 0.1)), on="reply"),
    "head": does(Rewrite(lambda head: head.replace(b"200 OK", b"200 Fine")), on="reply"),
    "whole": does(Rewrite(lambda reply: reply.replace(b"200 OK", b"200 Fine"), whole=True), on="reply"),
    "repeat": does(Repeat(), needs_whole=True),
}


@given(
    asked=st.lists(
        st.tuples(st.sampled_from(list(KINDS)), st.sampled_from([b"", b"", b"Upgrade: x\r\n"])), min_size=1, max_size=8
    ),
    steps=st.lists(st.tuples(st.sampled_from(["client", "server", "wait", "heal", "copied"]), st.integers(1, 50))),
)
def test_replies_come_whole_and_in_the_order_of_their_requests(asked, steps):
    talk = Talk()
    armed = [talk.inject(fault, kind, {"path": f"/{kind}/*"}) for kind, fault in KINDS.items() if fault is not None]
    numbers = [b"%03d" % number for number in range(len(asked))]
    left = b"".join(
        b"GET /%s/%b HTTP/1.1\r\n%b\r\n" % (kind.encode(), n, field)
        for (kind, field), n in zip(asked, numbers, strict=True)
    )
    replied = ready = 0

    def serve(count: int) -> None:
        nonlocal ready, replied
        heard = b"".join(data for _, data in talk.at_server())
        due = b"".join(
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + line.split()[1][-3:]
            for line in heard.split(b"\r\n\r\n")[:-1]
        )
        ready = min(len(due), ready + count)
        if ready > replied:
            talk.server(due[replied:ready])
            replied = ready

    def copied() -> None:
        while talk.copies:
            talk.copies.pop(0)[2]()

    talk.begin()
    for what, count in steps:
        if what == "client" and left:
            talk.client(left[:count])
            left = left[count:]
        elif what == "server":
            serve(count)
        elif what == "wait":
            talk.wait(count / 10)
        elif what == "heal" and armed:
            talk.heal(armed.pop(count % len(armed)))
        elif what == "copied":
            copied()
    if left:
        talk.client(left)
    for _ in range(20):
        copied()
        talk.wait(10)
        serve(10_000)
    bodies = [part[:3] for part in b"".join(data for _, data in talk.at_client()).split(b"\r\n\r\n")[1:]]
    assert bodies == numbers
    assert len(talk.over) == len(asked)
    assert talk.paused == {"upstream": False, "downstream": False}
    assert talk.budget.held == 0
    talk.check_counts()


ENDS = {
    "drop": does(Drop()),
    "lose": does(Drop(forward=True)),
    "reset": does(Reset()),
    "late-reset": does(Reset(forward=True)),
    "close": does(Close()),
    "answer-and-close": does(Answer(BUSY, close=True)),
    "cut": does(Cut(1), on="reply"),
    "cut-share": does(Cut(Share(0.5), "rst"), on="reply"),
    "cut-nothing": does(Cut(1, "nothing"), on="reply"),
    "reset-reply": does(Reset(), on="reply"),
    "replace": does(Replace(GET, bytes.upper)),
    "rewrite-request": does(Rewrite(bytes.upper, "request", whole=True), needs_whole=True),
}
SAID = [GET, POST, POST[:30], POST[30:], b"\r\n", b"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n", b"\x16\x03\x01", CHUNKED, OK, OK[:20], OK[20:],
        b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 101 Switching\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nuntil the end", GET + POST + GET, OK + OK + CHUNKED]  # fmt: skip


@given(
    faults=st.lists(st.sampled_from([kind for kind in {**KINDS, **ENDS} if kind != "plain"]), max_size=4, unique=True),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["client", "client", "server", "wait", "arm", "heal", "copied", "block", "end"]),
            st.integers(0, 63),
        ),
        max_size=40,
    ),
)
def test_whatever_happens_every_exchange_ends_once_and_nothing_is_left(faults, steps):
    talk, armed, silent = Talk(LIMITS._replace(body=100, pipe=300)), [], set()
    talk.begin()
    for what, n in steps:
        if what in ("client", "server"):
            if what not in silent:
                getattr(talk, what)(SAID[n % len(SAID)])
        elif what == "wait":
            talk.wait(n / 10)
        elif what == "arm" and faults:
            kind = faults.pop()
            match = [None, {"path": "/a"}, {"body": "h*"}, {"status": "200"}][n % 4]
            fault = {**KINDS, **ENDS}[kind]
            reply = fault.acts_on == "reply"
            armed.append(talk.inject(fault, kind, match if reply or n % 4 != 3 else None))
        elif what == "heal" and armed:
            talk.heal(armed.pop(n % len(armed)))
        elif what == "copied" and talk.copies:
            talk.copies.pop(0)[2]()
        elif what == "block":
            talk.talk.block(["upstream", "downstream"][n % 2], n % 4 > 1)
        elif what == "end" and not talk.gone and n < 16 and (who := ["client", "server"][n % 2]) not in silent:
            silent.add(who)
            getattr(talk, who)([Kind.EOF, Kind.RESET][n // 2 % 2])
    begun = len(talk.talk._open) + len(talk.over)
    talk.talk.close(Kind.CLOSE)
    talk.wait(100)
    assert len(talk.over) == begun
    assert not talk.talk._open
    assert talk.budget.held == 0
    talk.check_counts()
    assert all(0 <= each.fired <= each.matched for each in armed)


UPGRADE = b"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n"
CONNECT = b"CONNECT a:1 HTTP/1.1\r\n\r\n"
UPLOAD = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
UNTIL_EOF = b"HTTP/1.1 200 OK\r\n\r\nuntil the end"
REPLIES = [OK, CHUNKED, BUSY, b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" + OK, UNTIL_EOF]
SHORTENS = {
    "short": Truncate(bytes=Size(1), how="right_length"),
    "shorter": Truncate(share=Share(0.5), how="right_length"),
    "fin": Truncate(bytes=Size(1)),
}


@given(
    kinds=st.lists(
        st.sampled_from([kind for kind in {**KINDS, **ENDS, **SHORTENS} if kind != "plain"]),
        min_size=1,
        max_size=2,
        unique=True,
    ),
    replies=st.lists(st.sampled_from(REPLIES), min_size=1, max_size=4),
    cuts=st.lists(st.integers(1, 40), max_size=12),
    hit=st.sampled_from(["/0", "/1", None]),
    end=st.sampled_from([Kind.EOF, Kind.RESET, None]),
)
def test_the_pieces_in_which_replies_come_change_nothing(kinds, replies, cuts, hit, end):
    def heard(pieces: list[bytes]) -> list[bytes | Kind]:
        talk = Talk()
        for kind in kinds:
            talk.inject({**KINDS, **ENDS, **SHORTENS}[kind], kind, hit and {"path": hit})
        talk.client(b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % number for number in range(len(replies))))
        for _, _, done in talk.copies:
            done()
        for piece in pieces:
            talk.server(piece)
        if end is not None:
            talk.server(end)
        talk.wait(100)
        data = b"".join(said for _, said in talk.at_client() if isinstance(said, bytes))
        return [data, *(said for _, said in talk.at_client() if isinstance(said, Kind))]

    said, pieces, at = b"".join(replies), [], 0
    for count in [*cuts, len(said)]:
        pieces += [said[at : at + count]] if at < len(said) else []
        at += count
    assert heard(pieces) == heard([said])


@given(
    asked=st.lists(
        st.sampled_from([GET, POST, UPGRADE, CONNECT, b"\r\n", b"\x16\x03\x01", POST[:-3], UPLOAD]), max_size=8
    ),
    replied=st.lists(
        st.sampled_from([*REPLIES, b"HTTP/1.1 101 Switching\r\n\r\n", b"no HTTP", CHUNKED[:60]]), max_size=8
    ),
    steps=st.lists(
        st.tuples(st.sampled_from(["client", "client", "server", "wait"]), st.integers(1, 200)), max_size=20
    ),
    late=st.lists(
        st.sampled_from([("request", "/a"), ("reply", "/a"), ("reply", "/"), ("request", "/charge")]), max_size=2
    ),
    most=st.sampled_from([(1000, 65536), (3, 65536), (1000, 60), (2, 90)]),
)
def test_no_byte_is_lost_or_overtaken_wherever_the_parsing_stops(asked, replied, steps, late, most):
    talk, left = Talk(), {"client": b"".join(asked), "server": b"".join(replied)}
    said = dict(left)
    for number, (message, path) in enumerate(late):
        talk.inject(does(Hold(5, message), on=message), f"late-{number}", {"path": path})
    talk.begin()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversation, "MOST_OPEN", most[0])
        patch.setattr(conversation, "MOST_BEHIND", most[1])
        for what, count in steps:
            if what == "wait":
                talk.wait(count / 10)
            elif left[what]:
                getattr(talk, what)(left[what][:count])
                left[what] = left[what][count:]
        talk.client(*filter(None, [left["client"]]), Kind.EOF)
        talk.server(*filter(None, [left["server"]]), Kind.EOF)
    talk.wait(100)
    for heard, sent in ((talk.at_server(), said["client"]), (talk.at_client(), said["server"])):
        *datas, end = [data for _, data in heard]
        assert (b"".join(datas), end) == (sent, Kind.EOF)
    talk.check_counts()
    assert talk.budget.held == 0
