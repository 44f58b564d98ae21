"""Conversations in which a request or a reply is held, shaped, cut or rewritten: proxy/exchanges/plan.py."""

from __future__ import annotations

from functools import partial

import pytest

from brownout.faults.action import Answer, Cut, Hold, Repeat, Reset, Rewrite, Shape
from brownout.faults.http.drip import Drip
from brownout.faults.http.truncate import Truncate
from brownout.faults.segment import Kind
from brownout.faults.settings.units import Duration, Share, Size
from brownout.faults.tcp.slicer import sliced
from brownout.proxy.shaping.budget import LIMITS

from .talk import ANSWER, BUSY, CHUNKED, GET, OK, POST, Talk, does, get, ok


class TestHold:
    def test_a_request_goes_later_and_what_follows_waits_behind_it(self, talk):
        talk.inject(does(Hold(5)), match={"path": "/1"})
        talk.client(get(1))
        talk.wait(1)
        talk.client(get(2))
        talk.wait(10)
        assert talk.at_server() == [(5, get(1) + get(2))]

    def test_each_piece_of_a_request_goes_as_much_later(self, talk):
        talk.inject(does(Hold(5)), match={"method": "POST"})
        talk.client(POST[:-2])
        talk.wait(1)
        talk.client(POST[-2:] + GET)
        talk.wait(10)
        assert talk.at_server() == [(5, POST[:-2]), (6, POST[-2:] + GET)]

    def test_a_request_that_waits_for_a_go_ahead_is_late_once(self, talk):
        head = b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        talk.inject(does(Hold(5)))
        talk.client(head)
        talk.wait(5)
        talk.server(b"HTTP/1.1 100 Continue\r\n\r\n")
        talk.client(b"hel", b"lo" + GET[:7])
        talk.wait(10)
        assert talk.at_server() == [(5, head + b"hello")]

    def test_one_that_does_not_wait_for_it_keeps_its_order(self, talk):
        head = b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        talk.inject(does(Hold(5)))
        talk.client(head)
        talk.wait(1)
        talk.client(b"hel")
        talk.wait(6)
        talk.client(b"lo")
        assert talk.at_server() == [(5, head + b"hel"), (7, b"lo")]

    def test_an_end_waits_behind_a_held_request(self, talk):
        talk.inject(does(Hold(5)))
        talk.client(GET, Kind.EOF)
        talk.wait(10)
        assert talk.at_server() == [(5, GET), (5, Kind.EOF)]

    @pytest.mark.parametrize("match", [None, {"body": "*nothing*"}])
    def test_a_part_of_a_request_goes_when_the_client_leaves(self, talk, match):
        talk.inject(does(Hold(5)), match=match)
        talk.client(POST[:-2], Kind.EOF)
        talk.wait(10)
        at = 0 if match else 5
        assert talk.at_server() == [(at, POST[:-2]), (at, Kind.EOF)]

    def test_a_part_of_a_head_goes_when_the_client_leaves(self, talk):
        talk.inject(does(Hold(5)))
        talk.client(GET + GET[:7], Kind.EOF)
        talk.wait(10)
        assert talk.at_server() == [(5, GET + GET[:7]), (5, Kind.EOF)]

    def test_a_held_request_that_becomes_unreadable_goes_behind_its_beginning(self, talk):
        talk.inject(does(Hold(5)))
        said = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", b"no size\r\n", b"more"
        talk.client(*said)
        talk.wait(10)
        assert talk.at_server() == [(5, b"".join(said))]

    def test_a_reply_behind_a_held_one_waits_for_it(self, talk):
        talk.inject(does(Hold(5, "reply"), on="reply"), match={"path": "/1"})
        talk.client(get(1))
        talk.client(get(2))
        talk.server(ok(1) + ok(2))
        talk.wait(5)
        assert talk.at_client() == [(5, ok(1) + ok(2))]

    def test_healing_lets_it_go(self, talk):
        injection = talk.inject(does(Hold(5)))
        talk.client(GET)
        talk.wait(1)
        talk.heal(injection)
        assert talk.at_server() == [(1, GET)]

    def test_a_reply_goes_later(self, talk):
        talk.inject(does(Hold(5, "reply"), on="reply"))
        talk.client(GET)
        talk.server(OK)
        talk.wait(10)
        assert talk.at_server() == [(0, GET)]
        assert talk.at_client() == [(5, OK)]

    def test_a_body_goes_later_than_its_head(self, talk):
        talk.inject(does(Hold(5, "reply", body=True), on="reply"))
        talk.client(GET)
        talk.server(OK)
        talk.wait(10)
        assert talk.at_client() == [(0, OK[:-2]), (5, OK[-2:])]

    @pytest.mark.parametrize("on", ["request", "reply"])
    def test_a_reply_that_is_held_does_not_hold_its_request(self, talk, on):
        talk.inject(does(Hold(5, "reply"), on=on))
        talk.client(GET)
        talk.server(OK)
        talk.wait(10)
        assert (talk.at_server(), talk.at_client()) == ([(0, GET)], [(5, OK)])

    @pytest.mark.parametrize(
        ("action", "on"),
        [
            (Hold(5, "reply"), "request"),
            (Hold(5, "reply"), "reply"),
            (Rewrite(bytes.upper), "request"),
            (Rewrite(bytes.upper), "reply"),
            (Cut(1), "reply"),
        ],
    )
    def test_healed_before_the_reply_nothing_comes_of_it(self, talk, action, on):
        injection = talk.inject(does(action, on=on))
        talk.client(GET)
        talk.heal(injection)
        talk.server(OK)
        assert talk.at_client() == [(0, OK)]

    def test_two_add_up(self, talk):
        talk.inject(does(Hold(5)))
        talk.inject(does(Hold(2)), "second")
        talk.client(GET)
        talk.wait(10)
        assert talk.at_server() == [(7, GET)]

    def test_it_holds_an_answer_of_the_proxys_own(self, talk):
        talk.inject(does(ANSWER))
        talk.inject(does(Hold(5)), "slow")
        talk.inject(does(Hold(2, "reply"), on="reply"), "slower")
        talk.client(GET)
        talk.wait(10)
        assert talk.at_client() == [(7, BUSY)]
        assert talk.over == [("GET /a", "503", "", ("does", "slow", "slower"))]

    def test_it_holds_a_reset(self, talk):
        talk.inject(does(Reset()))
        talk.inject(does(Hold(5)), "slow")
        talk.client(GET)
        talk.wait(10)
        assert talk.at_client() == [(5, Kind.RESET)]

    def test_an_upload_that_waits_holds_the_client_back(self):
        talk = Talk(LIMITS._replace(pipe=100))
        talk.inject(does(Hold(5)))
        talk.client(b"POST / HTTP/1.1\r\nContent-Length: 200\r\n\r\n" + 100 * b"x")
        assert talk.paused == {"upstream": True, "downstream": False}
        talk.wait(5)
        assert talk.paused == {"upstream": False, "downstream": False}


class TestShape:
    def test_a_reply_alone(self, talk):
        talk.inject(does(Shape(lambda context: sliced(lambda: 30, 1.0)), on="reply"), times=1)
        talk.client(get(1) + get(2))
        talk.server(OK + ok(2))
        talk.wait(5)
        assert talk.at_client() == [(0, OK[:30]), (1, OK[30:] + ok(2))]

    def test_the_head_alone(self, talk):
        talk.inject(does(Shape(lambda context: sliced(lambda: 30, 1.0), part="head"), on="reply"))
        talk.client(GET)
        talk.server(OK)
        talk.wait(5)
        assert talk.at_client() == [(0, OK[:30]), (1, OK[30:])]

    def test_the_body_alone(self, talk):
        talk.inject(does(Shape(lambda context: sliced(lambda: 1, 1.0), part="body"), on="reply"))
        talk.client(GET)
        talk.server(OK)
        talk.wait(5)
        assert talk.at_client() == [(0, OK[:-1]), (1, OK[-1:])]

    def test_a_long_reply_that_drips_holds_the_upstream_back(self, talk):
        talk.inject(Drip(bytes=Size(100_000), interval=Duration(1)))
        talk.client(GET)
        talk.server(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n", 400_000 * b"x")
        assert talk.paused["downstream"]
        talk.wait(3)
        assert not talk.paused["downstream"]

    def test_healing_lets_the_rest_go(self, talk):
        injection = talk.inject(does(Shape(lambda context: sliced(lambda: 1, 1.0), part="body"), on="reply"))
        talk.client(GET)
        talk.server(BUSY)
        talk.wait(1)
        talk.heal(injection)
        assert talk.at_client() == [(0, BUSY[:-3]), (1, BUSY[-3:])]


class TestCut:
    def test_after_bytes_of_payload(self, talk):
        talk.inject(does(Cut(1, "rst"), on="reply"))
        talk.client(GET)
        talk.server(OK)
        assert talk.at_client() == [(0, OK[:-1]), (0, Kind.RESET)]

    def test_by_a_share_of_what_the_head_says(self, talk):
        talk.inject(does(Cut(Share(0.5)), on="reply"))
        talk.client(GET)
        talk.server(BUSY[:-3], BUSY[-3:])
        assert talk.at_client() == [(0, BUSY[:-2]), (0, Kind.CLOSE)]

    def test_a_chunked_reply_by_share_is_kept_until_its_size_is_known(self, talk):
        talk.inject(does(Cut(Share(0.6)), on="reply"))
        talk.client(GET)
        talk.server(CHUNKED[:60])
        assert talk.at_client() == []
        talk.server(CHUNKED[60:])
        assert talk.at_client() == [(0, CHUNKED[: CHUNKED.index(b"ef") + 2]), (0, Kind.CLOSE)]

    @pytest.mark.parametrize("share", [0.29, 0.57, 1.0])
    def test_a_share_is_rounded_as_users_count(self, talk, share):
        talk.inject(does(Cut(Share(share)), on="reply"))
        body, parts = b"x" * 100, b"64\r\n%b\r\n0\r\n\r\n"
        talk.client(GET)
        talk.server(CHUNKED[: CHUNKED.index(b"4\r\n")] + parts % body)
        (_, got), *ends = talk.at_client()
        assert got.count(b"x") == round(100 * share)
        assert ends == ([(0, Kind.CLOSE)] if share < 1 else [])

    def test_what_was_kept_goes_when_the_upstream_leaves(self, talk):
        talk.inject(does(Cut(Share(0.6)), on="reply"))
        talk.client(GET)
        talk.server(CHUNKED[:60], Kind.EOF)
        assert talk.at_client() == [(0, CHUNKED[: CHUNKED.index(b"abcd") + 3]), (0, Kind.CLOSE)]

    def test_what_was_kept_can_be_late_too(self, talk):
        talk.inject(does(Cut(Share(0.6)), on="reply"))
        talk.inject(does(Hold(5, "reply", body=True), on="reply"), "slow")
        talk.client(GET)
        talk.server(CHUNKED)
        talk.wait(10)
        head, body = CHUNKED.index(b"4\r\n"), CHUNKED.index(b"ef") + 2
        assert talk.at_client() == [(0, CHUNKED[:head]), (5, CHUNKED[head:body]), (5, Kind.CLOSE)]

    def test_what_is_left_is_left_out_and_the_link_goes_on(self, talk):
        talk.inject(does(Cut(1, "nothing"), on="reply"), times=1)
        talk.client(get(1) + get(2))
        talk.server(OK + ok(2))
        assert talk.at_client() == [(0, OK[:-1] + ok(2))]

    def test_what_is_left_is_left_out_whenever_it_comes(self, talk):
        talk.inject(Truncate(bytes=Size(2), how="right_length"), times=1)
        talk.client(get(1))
        talk.server(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nabcd")
        talk.wait(0.15)
        talk.server(b"ef", b"gh")
        talk.client(get(2))
        talk.server(ok(2), Kind.EOF)
        short = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"
        assert talk.at_client() == [(0, short), (0.15, ok(2)), (0.15, Kind.EOF)]
        assert [(entry.status, entry.end, entry.reply_bytes) for entry in talk.entries] == [
            ("200", "cut", 40),
            ("200", "", 39),
        ]
        talk.check_counts()

    def test_what_is_left_is_left_out_when_the_next_request_has_come_before_it(self, talk):
        talk.inject(does(Cut(1, "nothing"), on="reply"), times=1)
        talk.client(get(1) + get(2))
        talk.server(BUSY[:-2], BUSY[-2:], ok(2))
        assert talk.at_client() == [(0, BUSY[:-3] + ok(2))]

    def test_an_end_within_what_is_left_ends_the_requests_behind_it(self, talk):
        talk.inject(does(Cut(1, "nothing"), on="reply"), times=1)
        talk.client(get(1) + get(2))
        talk.server(BUSY[:-2], Kind.EOF)
        assert talk.at_client() == [(0, BUSY[:-3]), (0, Kind.EOF)]

    def test_what_is_left_and_becomes_unreadable_ends_the_link(self, talk):
        talk.inject(does(Cut(1, "nothing"), on="reply"), times=1)
        talk.client(get(1) + get(2))
        talk.server(CHUNKED[:60], b"no size\r\n", b"more")
        assert talk.at_client() == [(0, CHUNKED[: CHUNKED.index(b"bcd")]), (0, Kind.CLOSE)]

    def test_what_was_kept_goes_when_the_rest_becomes_unreadable(self, talk):
        talk.inject(does(Rewrite(bytes.upper, whole=True), on="reply"))
        talk.client(GET)
        talk.server(CHUNKED[:60], b"no size\r\n", b"more")
        assert talk.at_client() == [(0, CHUNKED[:60] + b"no size\r\nmore")]

    def test_all_of_the_body_is_no_cut(self, talk):
        talk.inject(does(Cut(2), on="reply"))
        talk.client(GET)
        talk.server(OK)
        assert talk.at_client() == [(0, OK)]

    @pytest.mark.parametrize("reply", [b"HTTP/1.1 204 No Content\r\n\r\n", OK.replace(b": 2", b": 0")[:-2]])
    def test_nothing_of_no_body_is_no_cut(self, talk, reply):
        talk.inject(does(Cut(0), on="reply"))
        talk.client(GET)
        talk.server(reply)
        assert talk.at_client() == [(0, reply)]

    def test_nothing_of_the_body(self, talk):
        talk.inject(does(Cut(0), on="reply"))
        talk.client(GET)
        talk.server(OK[:-2])
        assert talk.at_client() == [(0, OK[:-2]), (0, Kind.CLOSE)]

    def test_the_first_of_two_wins(self, talk):
        first = talk.inject(does(Cut(1, "rst"), on="reply"))
        second = talk.inject(does(Cut(0), on="reply"), "second")
        talk.client(GET)
        talk.server(OK)
        assert talk.at_client() == [(0, OK[:-1]), (0, Kind.RESET)]
        assert (first.fired, second.matched, second.fired) == (1, 1, 0)

    def test_an_answer_of_the_proxys_own(self, talk):
        talk.inject(does(ANSWER))
        talk.inject(does(Cut(3), on="reply"), "cut")
        talk.client(GET)
        assert talk.at_client() == [(0, BUSY[:-1]), (0, Kind.CLOSE)]

    def test_an_upstream_that_leaves_does_not_take_back_how_a_reply_is_cut(self, talk):
        talk.inject(does(Hold(5, "reply"), on="reply"), match={"path": "/1"})
        talk.inject(does(Cut(1, "rst"), on="reply"), "cut", match={"path": "/2"})
        talk.client(get(1) + get(2))
        talk.server(ok(1) + OK[:-1], Kind.EOF)
        talk.wait(10)
        assert talk.at_client() == [(5, ok(1) + OK[:-1]), (5, Kind.RESET)]

    def test_an_answer_behind_which_the_link_would_be_closed(self, talk):
        talk.inject(does(Answer(BUSY, close=True)))
        talk.inject(does(Cut(3, "rst"), on="reply"), "cut")
        talk.client(GET)
        assert talk.at_client() == [(0, BUSY[:-1]), (0, Kind.RESET)]


class TestRewrite:
    def test_each_gets_its_message_or_the_head_of_it(self, talk):
        seen = []

        def mark(name, data):
            seen.append((name, data))
            return data

        talk.inject(
            does(
                Rewrite(partial(mark, "reply"), whole=True),
                Rewrite(partial(mark, "request's head"), "request"),
                Rewrite(partial(mark, "reply's head")),
                Rewrite(partial(mark, "request"), "request", whole=True),
                needs_whole=True,
            )
        )
        talk.client(POST)
        talk.server(CHUNKED)
        assert seen == [
            ("request's head", POST[:-5]),
            ("request", POST),
            ("reply's head", CHUNKED[: CHUNKED.index(b"4\r\n")]),
            ("reply", CHUNKED),
        ]
        assert (talk.at_server(), talk.at_client()) == ([(0, POST)], [(0, CHUNKED)])

    def test_the_head_of_a_request(self, talk):
        talk.inject(does(Rewrite(lambda head: head.replace(b"/charge", b"/CHARGE"), "request")))
        talk.client(POST)
        assert talk.at_server() == [(0, POST.replace(b"/charge", b"/CHARGE"))]

    def test_a_whole_request(self, talk):
        talk.inject(does(Rewrite(bytes.upper, "request", whole=True), needs_whole=True))
        talk.client(POST[:-1])
        assert talk.at_server() == []
        talk.client(POST[-1:])
        assert talk.at_server() == [(0, POST.upper())]
        talk.server(OK[:-1])
        assert talk.at_client() == [(0, OK[:-1])]

    def test_the_head_of_a_reply_and_another_rewrite_of_it(self, talk):
        talk.inject(does(Rewrite(lambda head: head.replace(b"OK", b"Okay")), on="reply"))
        talk.inject(does(Rewrite(lambda head: head.replace(b"Okay", b"Fine")), on="reply"), "second")
        talk.client(GET)
        talk.server(OK)
        assert talk.at_client() == [(0, OK.replace(b"OK", b"Fine"))]

    def test_a_whole_reply(self, talk):
        talk.inject(does(Rewrite(bytes.upper, whole=True), on="reply"))
        talk.client(GET)
        talk.server(CHUNKED)
        assert talk.at_client() == [(0, CHUNKED.upper())]

    def test_request_and_reply_by_one_fault(self, talk):
        talk.inject(
            does(
                Rewrite(lambda head: head.replace(b"/a", b"/b"), "request"),
                Rewrite(lambda head: head.replace(b"OK", b"Okay")),
            )
        )
        talk.client(GET)
        talk.server(OK)
        assert talk.at_server() == [(0, GET.replace(b"/a", b"/b"))]
        assert talk.at_client() == [(0, OK.replace(b"OK", b"Okay"))]

    def test_a_whole_reply_and_a_head_of_a_request_by_one_fault(self, talk):
        talk.inject(does(Rewrite(bytes.lower, "request"), Rewrite(bytes.upper, whole=True)))
        talk.client(GET)
        talk.server(OK)
        assert (talk.at_server(), talk.at_client()) == ([(0, GET.lower())], [(0, OK.upper())])

    def test_a_head_that_became_longer_is_still_a_head(self, talk):
        talk.inject(does(Rewrite(lambda reply: reply.replace(b"OK", b"Okay, fine"), whole=True), on="reply"))
        talk.inject(does(Hold(5, "reply", body=True), on="reply"), "slow")
        talk.client(GET)
        talk.server(OK)
        talk.wait(10)
        assert talk.at_client() == [(0, OK[:-2].replace(b"OK", b"Okay, fine")), (5, b"ok")]

    def test_a_reply_that_says_too_long_a_length_ends_all_the_same(self, talk):
        talk.inject(does(Rewrite(lambda reply: reply.replace(b": 2", b": 9"), whole=True), on="reply"), times=1)
        talk.client(get(1) + get(2))
        talk.server(OK + ok(2))
        assert talk.at_client() == [(0, OK.replace(b": 2", b": 9") + ok(2))]

    def test_a_long_request_leaves_its_reply_all_the_room(self):
        talk = Talk(LIMITS._replace(body=60))
        talk.inject(does(Rewrite(bytes.upper, whole=True), on="reply"), match={"body": "h*"})
        talk.client(POST)
        talk.server(OK)
        assert talk.at_client() == [(0, OK.upper())]

    def test_a_reply_that_is_too_long_to_be_kept_passes(self):
        talk = Talk(LIMITS._replace(body=60))
        injection = talk.inject(does(Rewrite(bytes.upper, whole=True), on="reply"))
        talk.client(GET)
        talk.server(CHUNKED)
        assert talk.at_client() == [(0, CHUNKED)]
        assert talk.untouched_by == [injection]

    def test_a_request_that_is_too_long_to_be_kept_passes(self):
        talk = Talk(LIMITS._replace(body=40))
        injection = talk.inject(does(Repeat(), needs_whole=True))
        talk.client(POST[:-1], POST[-1:])
        assert talk.at_server() == [(0, POST)]
        assert (talk.untouched_by, talk.copies, injection.matched) == ([injection], [], 0)

    def test_a_request_that_is_just_short_enough_is_kept(self):
        talk = Talk(LIMITS._replace(body=len(POST) - 1))  # what there is when its end has not come
        injection = talk.inject(does(Repeat(), needs_whole=True))
        talk.client(POST[:-1], POST[-1:])
        assert (talk.untouched_by, len(talk.copies), injection.matched) == ([], 1, 1)
