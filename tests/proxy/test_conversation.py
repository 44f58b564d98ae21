"""Conversations as scripts: what the client and the upstream say, what each of them hears, and when."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

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
from brownout.faults.http.drip import Drip
from brownout.faults.match import KEYS
from brownout.faults.segment import Kind
from brownout.faults.slicer import sliced
from brownout.faults.units import Duration, Share, Size
from brownout.proxy.budget import LIMITS
from brownout.proxy.following import DIALECTS

from .talk import ANSWER, BUSY, CHUNKED, GET, OK, POST, Talk, does, get, ok


@pytest.fixture
def talk() -> Iterator[Talk]:
    talk = Talk()
    yield talk
    talk.check_counts()


def test_what_can_be_followed_can_be_matched():
    assert set(DIALECTS) == set(KEYS)


class TestNothingFires:
    def test_bytes_pass_as_they_come(self, talk):
        talk.client(POST[:7], POST[7:])
        talk.server(OK[:20], OK[20:])
        assert talk.at_server() == [(0, POST)]
        assert talk.at_client() == [(0, OK)]
        assert talk.over == [("POST /charge", "200", "", ())]

    def test_a_part_of_a_head_passes_at_once_where_nothing_is_armed(self, talk):
        talk.client(GET[:7])
        assert talk.at_server() == [(0, GET[:7])]

    def test_a_fault_that_does_not_match_changes_nothing(self, talk):
        injection = talk.inject(does(ANSWER), match={"method": "PUT"})
        talk.client(POST[:7], POST[7:])
        talk.server(OK[:20], OK[20:])
        assert talk.at_server() == [(0, POST)]
        assert talk.at_client() == [(0, OK)]
        assert injection.matched == 0

    @pytest.mark.parametrize("match", [None, {"method": "PUT"}, {"method": "POST"}])
    def test_an_entry_has_sizes_times_and_a_fingerprint_of_the_body(self, talk, match):
        if match is not None:
            talk.inject(does(Hold(0)), match=match)
        talk.client(POST[:-2])
        talk.wait(1)
        talk.client(POST[-2:])
        talk.wait(1)
        talk.server(OK[:-1])
        talk.wait(1)
        talk.server(OK[-1:])
        [entry] = talk.entries
        assert (entry.request_bytes, entry.reply_bytes) == (len(POST), len(OK))
        assert (entry.first, entry.seconds, entry.summary) == (2, 3, "POST /charge")
        assert entry.fingerprint == "a7b6eda801e5347d"

    def test_an_entry_of_messages_that_come_whole_says_as_much(self, talk):
        talk.client(POST)
        talk.wait(2)
        talk.server(OK)
        [entry] = talk.entries
        assert (entry.request_bytes, entry.reply_bytes) == (len(POST), len(OK))
        assert (entry.first, entry.seconds, entry.fingerprint) == (2, 2, "a7b6eda801e5347d")

    @pytest.mark.parametrize("pieces", [1, 2])
    def test_a_request_without_a_body_has_no_fingerprint(self, talk, pieces):
        talk.client(*(GET,) if pieces == 1 else (GET[:9], GET[9:]))
        talk.server(OK)
        assert talk.entries[0].fingerprint == ""

    def test_one_read_is_one_write_also_where_messages_have_turns(self, talk):
        talk.inject(does(Hold(0)), match={"path": "/1"})
        talk.client(get(1) + get(2))
        talk.server(ok(1) + CHUNKED)
        assert talk.writes == [("upstream", get(1) + get(2)), ("downstream", ok(1) + CHUNKED)]

    def test_one_read_is_one_write(self, talk):
        talk.inject(does(ANSWER), match={"method": "PUT"})
        talk.client(POST)
        talk.server(CHUNKED)
        assert talk.writes == [("upstream", POST), ("downstream", CHUNKED)]

    def test_ends_pass(self, talk):
        talk.client(GET, Kind.EOF)
        talk.server(OK, Kind.EOF)
        assert talk.at_server() == [(0, GET), (0, Kind.EOF)]
        assert talk.at_client() == [(0, OK), (0, Kind.EOF)]

    @pytest.mark.parametrize("armed", [False, True])
    def test_a_part_of_a_head_passes_before_the_end(self, talk, armed):
        if armed:
            talk.inject(does(ANSWER), match={"path": "/1"})
        talk.client(GET + GET[:9], Kind.EOF)
        talk.server(OK + OK[:9], Kind.EOF)
        assert talk.at_server() == [(0, GET + GET[:9]), (0, Kind.EOF)]
        assert talk.at_client() == [(0, OK + OK[:9]), (0, Kind.EOF)]

    def test_an_exchange_whose_upstream_leaves_is_closed(self, talk):
        talk.client(GET)
        talk.wait(2)
        talk.server(Kind.EOF)
        talk.talk.close(Kind.EOF)
        assert talk.over == [("GET /a", "", "closed", ())]
        assert (talk.entries[0].first, talk.entries[0].seconds) == (None, 2)

    @pytest.mark.parametrize("pieces", [1, 2])
    def test_what_ended_keeps_no_long_head_and_nothing_of_its_faults(self, talk, pieces):
        talk.inject(does(Hold(0)), match={"method": "POST"})
        long = GET[:-2] + b"X-Long: %b\r\n\r\n" % (1100 * b"x")
        for said in (long, POST):
            talk.client(*(said,) if pieces == 1 else (said[:9], said[9:]))
            talk.server(OK)
            ended = talk.ended_last
            assert (ended.plan, ended.asking, ended.replying) == (None, None, None)
            assert ended.head.data == (b"" if said is long else POST[:-5])

    def test_a_reply_that_only_the_end_would_end_is_cut_by_a_reset(self, talk):
        talk.client(GET)
        talk.server(b"HTTP/1.1 200 OK\r\n\r\nhal", Kind.RESET)
        talk.talk.close(Kind.RESET)
        assert talk.over == [("GET /a", "200", "cut", ())]

    @pytest.mark.parametrize("armed", [False, True])
    def test_a_reply_may_end_before_its_request(self, talk, armed):
        if armed:
            talk.inject(does(Hold(0)))
        talk.client(POST[:-1])
        talk.server(OK[:-1])
        talk.wait(1)
        talk.server(OK[-1:])
        talk.wait(1)
        assert talk.entries == []
        talk.client(POST[-1:])
        assert (talk.entries[0].seconds, talk.entries[0].request_bytes) == (1, len(POST))

    def test_a_reply_whose_upstream_leaves_is_cut(self, talk):
        talk.client(GET)
        talk.server(OK[:-1], Kind.RESET)
        talk.talk.close(Kind.RESET)
        assert talk.at_client() == [(0, OK[:-1]), (0, Kind.RESET)]
        assert talk.over == [("GET /a", "200", "cut", ())]


class TestArming:
    def test_a_request_on_its_way_is_not_judged(self, talk):
        talk.client(POST[:-2])
        injection = talk.inject(does(ANSWER))
        talk.client(POST[-2:])
        talk.server(OK)
        assert talk.at_server() == [(0, POST)]
        assert talk.at_client() == [(0, OK)]
        assert injection.matched == 0

    def test_a_head_that_is_half_sent_is_not_judged(self, talk):
        talk.client(GET[:9])
        injection = talk.inject(does(ANSWER))
        talk.client(GET[9:] + GET)
        talk.server(OK)
        assert talk.at_server() == [(0, GET)]
        assert talk.at_client() == [(0, OK + BUSY)]
        assert injection.matched == 1

    def test_a_half_reply_goes_on_when_a_fault_is_armed(self, talk):
        talk.client(GET)
        talk.server(OK[:10])
        talk.inject(does(ANSWER))
        talk.client(GET)
        assert talk.at_client() == [(0, OK[:10])]
        talk.server(OK[10:])
        assert talk.at_client() == [(0, OK + BUSY)]

    def test_healed_requests_are_sent_on_before_they_are_read_again(self, talk):
        injection = talk.inject(does(Hold(5)))
        talk.client(GET)
        talk.heal(injection)
        talk.client(GET[:7])
        assert talk.at_server() == [(0, GET + GET[:7])]

    def test_healed_within_a_head_it_is_so_from_the_next_one_on(self, talk):
        injection = talk.inject(does(Hold(5)))
        talk.client(GET[:7])
        talk.heal(injection)
        assert talk.at_server() == []
        talk.client(GET[7:])
        talk.client(GET[:7])
        assert talk.at_server() == [(0, GET + GET[:7])]

    def test_replies_are_sent_on_before_they_are_read_when_all_turns_are_over(self, talk):
        talk.inject(does(Hold(5, "reply"), on="reply"), times=1, match={"path": "/1"})
        talk.client(get(1))
        talk.server(ok(1))
        talk.wait(5)
        for said in (OK, OK[:10]):
            talk.client(get(2))
            talk.server(said)
        assert talk.at_client() == [(5, ok(1) + OK + OK[:10])]

    def test_a_healed_fault_is_no_more(self, talk):
        injection = talk.inject(does(ANSWER))
        talk.client(GET)
        talk.heal(injection)
        talk.client(GET)
        assert talk.at_client() == [(0, BUSY)]
        assert talk.at_server() == [(0, GET)]


class TestAnswer:
    def test_the_upstream_hears_nothing(self, talk):
        talk.inject(does(ANSWER))
        talk.client(POST)
        assert talk.at_server() == []
        assert talk.at_client() == [(0, BUSY)]
        assert talk.over == [("POST /charge", "503", "", ("does",))]

    def test_it_comes_before_the_end_of_an_upload_and_the_rest_is_read_away(self, talk):
        talk.inject(does(ANSWER), times=1)
        talk.client(POST[:-3])
        assert talk.at_client() == [(0, BUSY)]
        assert talk.over == []
        talk.client(POST[-3:] + GET)
        assert talk.over == [("POST /charge", "503", "", ("does",))]
        assert talk.at_server() == [(0, GET)]

    def test_the_middle_one_of_five_pipelined(self, talk):
        talk.inject(does(ANSWER), match={"path": "/3"})
        talk.client(b"".join(map(get, range(1, 6))))
        assert talk.at_server() == [(0, get(1) + get(2) + get(4) + get(5))]
        assert talk.at_client() == []
        talk.server(ok(1))
        talk.wait(1)
        talk.server(ok(2))
        talk.wait(1)
        talk.server(ok(4) + ok(5))
        assert talk.at_client() == [(0, ok(1)), (1, ok(2) + BUSY), (2, ok(4) + ok(5))]

    def test_of_two_the_first_wins_and_the_other_has_not_fired(self, talk):
        talk.inject(does(ANSWER), "first")
        second = talk.inject(does(Reset()), "second")
        talk.client(GET)
        assert talk.at_client() == [(0, BUSY)]
        assert talk.fired_on == [("first", "GET /a")]
        assert (second.matched, second.fired, talk.missed_by) == (1, 0, [second])

    def test_its_sizes_are_those_of_what_was_sent(self, talk):
        talk.inject(does(ANSWER))
        talk.client(POST)
        [entry] = talk.entries
        assert (entry.request_bytes, entry.reply_bytes, entry.first) == (len(POST), len(BUSY), None)

    def test_forwarded_the_upstream_does_the_work_first(self, talk):
        talk.inject(does(Answer(BUSY, forward=True)))
        talk.client(POST)
        talk.server(OK[:-1])
        assert talk.at_client() == []
        talk.wait(1)
        talk.server(OK[-1:])
        assert talk.at_server() == [(0, POST)]
        assert talk.at_client() == [(1, BUSY)]

    def test_forwarded_with_an_upstream_that_leaves(self, talk):
        talk.inject(does(Answer(BUSY, forward=True)))
        talk.client(POST)
        talk.server(Kind.EOF)
        assert talk.at_client() == [(0, BUSY), (0, Kind.EOF)]

    def test_nothing_is_said_behind_the_end_of_the_upstream(self, talk):
        injection = talk.inject(does(ANSWER), match={"path": "/2"})
        talk.client(get(1))
        talk.server(ok(1), Kind.EOF)
        talk.client(get(2))
        assert talk.at_server() == [(0, get(1) + get(2))]
        assert talk.at_client() == [(0, ok(1)), (0, Kind.EOF)]
        assert (injection.matched, injection.fired) == (0, 0)

    @pytest.mark.parametrize("before", [b"", get(1)])
    def test_an_upload_that_is_kept_when_the_upstream_leaves_is_not_answered(self, talk, before):
        injection = talk.inject(does(ANSWER), match={"body": "hello"})
        talk.client(before + POST[:-2])
        talk.server(Kind.EOF)
        assert talk.at_client() == [(0, Kind.EOF)]
        talk.client(POST[-2:])
        assert talk.at_server() == [(0, before + POST)]
        assert talk.at_client() == [(0, Kind.EOF)]
        assert (injection.matched, injection.fired) == (0, 0)

    @pytest.mark.parametrize("held", [0, 5])
    def test_forwarded_with_an_upstream_that_leaves_the_requests_behind_it_are_not_waited_for(self, talk, held):
        talk.inject(does(Answer(BUSY, forward=True)), match={"path": "/1"})
        if held:
            talk.inject(does(Hold(held, "reply"), on="reply"), "late", match={"path": "/1"})
        talk.client(get(1) + get(2) + get(3))
        talk.server(Kind.EOF)
        talk.wait(held)
        assert talk.at_client() == [(held, BUSY), (held, Kind.EOF)]

    @pytest.mark.parametrize("held", [0, 5])
    def test_answers_that_wait_do_not_hold_back_the_reply_that_they_wait_for(self, held):
        talk = Talk(LIMITS._replace(pipe=20))
        talk.inject(does(ANSWER), match={"path": "/2"})
        talk.inject(does(Hold(held, "reply"), on="reply"), "late", match={"path": "/1"})
        talk.client(get(1) + get(2))
        assert talk.paused == {"upstream": True, "downstream": False}
        talk.server(ok(1)[:-1])
        assert talk.paused == {"upstream": True, "downstream": held > 0}
        talk.wait(held)
        assert talk.paused == {"upstream": True, "downstream": False}
        talk.server(ok(1)[-1:])
        talk.wait(held)
        assert b"".join(data for _, data in talk.at_client()) == ok(1) + BUSY
        assert talk.paused == {"upstream": False, "downstream": False}

    def test_with_close_the_link_ends_behind_it(self, talk):
        talk.inject(does(Answer(BUSY, close=True)))
        talk.client(GET)
        assert talk.at_client() == [(0, BUSY), (0, Kind.CLOSE)]

    def test_a_request_behind_a_dripping_reply_waits_for_its_end(self, talk):
        talk.inject(does(Shape(lambda seat: sliced(lambda: 20, 1.0)), on="reply"), match={"path": "/1"})
        talk.inject(does(ANSWER), "answer", match={"path": "/2"})
        talk.client(get(1))
        talk.server(ok(1))
        talk.client(get(2))
        talk.wait(5)
        assert talk.at_client() == [(0, ok(1)[:20]), (1, ok(1)[20:] + BUSY)]

    def test_healing_within_an_answered_request_does_not_let_the_rest_of_it_through(self, talk):
        injection = talk.inject(does(ANSWER))
        talk.client(POST[:-3])
        talk.heal(injection)
        talk.client(POST[-3:-1], POST[-1:] + get(2))
        assert (talk.at_server(), talk.at_client()) == ([(0, get(2))], [(0, BUSY)])

    def test_healing_another_fault_does_not_give_back_a_reply_that_is_lost(self, talk):
        talk.inject(does(Reset(forward=True)))
        other = talk.inject(does(Hold(1)), "other")
        talk.client(GET)
        talk.heal(other)
        talk.server(OK)
        assert (talk.at_server(), talk.at_client()) == ([(0, GET)], [(0, Kind.RESET)])

    def test_healing_gives_back_the_reply_of_a_request_that_was_held(self, talk):
        injection = talk.inject(does(Hold(1), Reset(forward=True)))
        talk.client(GET)
        talk.heal(injection)
        talk.server(OK)
        assert (talk.at_server(), talk.at_client()) == ([(0, GET)], [(0, OK)])

    def test_healing_does_not_take_back_a_reset_of_which_the_reply_began(self, talk):
        injection = talk.inject(does(Reset(forward=True)))
        talk.client(GET)
        talk.server(OK[:-1])
        talk.heal(injection)
        talk.server(OK[-1:])
        assert talk.at_client() == [(0, Kind.RESET)]

    def test_healing_lets_go_an_answer_that_is_late_and_it_stays_the_faults_doing(self, talk):
        injection = talk.inject(does(ANSWER, Hold(5)))
        talk.client(GET)
        talk.wait(1)
        talk.heal(injection)
        assert talk.at_client() == [(1, BUSY)]
        assert talk.over == [("GET /a", "503", "", ("does",))]

    def test_healing_before_the_upstream_has_replied_lets_its_reply_through(self, talk):
        injection = talk.inject(does(Answer(BUSY, forward=True)))
        talk.client(GET)
        talk.heal(injection)
        talk.server(OK)
        assert talk.at_client() == [(0, OK)]
        assert talk.over == [("GET /a", "200", "", ())]


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


class TestLost:
    def test_a_dropped_request_silences_the_link(self, talk):
        talk.inject(does(Drop()), match={"path": "/2"})
        talk.client(get(1) + get(2) + get(3))
        talk.client(get(4))
        talk.server(ok(1), Kind.EOF)
        talk.wait(100)
        assert talk.at_server() == [(0, get(1))]
        assert talk.at_client() == [(0, ok(1))]

    def test_what_is_unreadable_behind_a_dropped_request_goes_nowhere(self, talk):
        talk.inject(does(Drop()))
        talk.client(GET, b"\x16\x03\x01", b"more")
        assert (talk.at_server(), talk.opaque_for) == ([], "")

    def test_it_stays_silent_when_the_upstream_leaves_before_it_replied_to_others(self, talk):
        talk.inject(does(Drop()), match={"path": "/2"})
        talk.client(get(1) + get(2))
        talk.server(Kind.EOF)
        assert talk.at_client() == []

    def test_when_the_client_leaves_the_link_ends(self, talk):
        talk.inject(does(Drop()))
        talk.client(GET, Kind.EOF)
        talk.talk.close(Kind.CLOSE)
        assert talk.at_server() == [(0, Kind.CLOSE)]
        assert talk.over == [("GET /a", "", "lost", ("does",))]

    def test_healing_closes_what_it_silenced(self, talk):
        injection = talk.inject(does(Drop()))
        talk.client(GET)
        talk.heal(injection)
        assert talk.at_client() == [(0, Kind.CLOSE)]

    def test_healing_amid_a_reply_that_is_lost_closes_the_link(self, talk):
        injection = talk.inject(does(Drop(forward=True)))
        talk.client(GET)
        talk.server(OK[:-1])
        talk.heal(injection)
        talk.server(OK[-1:])
        assert talk.at_client() == [(0, Kind.CLOSE)]

    def test_healed_before_the_request_is_whole_it_does_not_fire(self, talk):
        injection = talk.inject(does(Drop(), needs_whole=True))
        talk.client(POST[:-2])
        assert talk.at_server() == []
        talk.heal(injection)
        assert talk.at_server() == [(0, POST[:-2])]
        talk.client(POST[-2:])
        talk.server(OK)
        assert talk.at_server() == [(0, POST)]
        assert talk.at_client() == [(0, OK)]
        assert (injection.matched, injection.fired) == (0, 0)

    def test_healed_before_the_request_is_whole_another_one_still_fires(self, talk):
        injection = talk.inject(does(Drop(), needs_whole=True))
        talk.inject(does(ANSWER), "busy", match={"body": "hello"})
        talk.client(POST[:-2])
        talk.heal(injection)
        talk.client(POST[-2:])
        assert talk.at_server() == []
        assert talk.at_client() == [(0, BUSY)]

    def test_a_lost_reply_is_lost_when_it_is_whole(self, talk):
        talk.inject(does(Drop(forward=True)))
        talk.client(POST)
        talk.server(OK[:-1])
        assert talk.over == []
        talk.server(OK[-1:])
        talk.client(GET)
        talk.server(Kind.EOF)
        assert talk.at_server() == [(0, POST)]
        assert talk.at_client() == []

    def test_a_reset_in_the_place_of_a_reply(self, talk):
        talk.inject(does(Reset(forward=True)), match={"path": "/2"})
        talk.client(get(1) + get(2))
        talk.server(ok(1))
        assert talk.at_client() == [(0, ok(1))]
        talk.server(ok(2))
        assert talk.at_client() == [(0, ok(1)), (0, Kind.RESET)]

    def test_a_fault_of_a_reply_that_is_lost_has_not_fired(self, talk):
        talk.inject(does(Drop(forward=True)))
        late = talk.inject(does(Hold(1, "reply"), on="reply"), "late")
        talk.client(GET)
        talk.server(OK)
        assert (late.matched, late.fired, talk.missed_by) == (1, 0, [late])

    def test_a_fault_of_a_reply_that_does_not_come_has_not_fired(self, talk):
        late = talk.inject(does(Hold(1, "reply"), on="reply"), "late")
        talk.client(GET)
        talk.server(Kind.EOF)
        assert (late.matched, late.fired, talk.over) == (1, 0, [("GET /a", "", "closed", ())])

    def test_a_reply_before_the_end_of_a_request_that_does_not_come_is_whole(self, talk):
        talk.client(POST[:-1])
        talk.server(OK, Kind.EOF)
        talk.talk.close(Kind.EOF)
        assert talk.over == [("POST /charge", "200", "", ())]

    @pytest.mark.parametrize("hold", [0, 5])
    def test_a_reset_when_the_reply_begins(self, talk, hold):
        talk.inject(does(Hold(hold, "reply"), on="reply"), "slow")
        talk.inject(does(Reset(), on="reply"))
        talk.client(GET)
        talk.server(OK[:-1], OK[-1:])
        talk.wait(20)
        assert talk.at_client() == [(hold, Kind.RESET)]
        assert talk.fired_on == [("slow", "GET /a"), ("does", "GET /a")]

    def test_a_fault_of_a_reply_that_is_reset_is_taken_back_once(self, talk):
        talk.inject(does(Reset(forward=True)))
        late = talk.inject(does(Hold(1, "reply"), on="reply"), "late")
        talk.client(GET)
        talk.server(OK)
        assert (late.matched, late.fired, talk.over) == (1, 0, [("GET /a", "", "reset", ("does",))])

    def test_a_reset_waits_for_the_replies_before_it(self, talk):
        talk.inject(does(Reset()), match={"path": "/2"})
        talk.client(get(1) + get(2))
        assert talk.at_client() == []
        talk.server(ok(1))
        assert talk.at_client() == [(0, ok(1)), (0, Kind.RESET)]

    def test_nothing_comes_behind_a_reset(self, talk):
        talk.inject(does(Reset(forward=True)), match={"path": "/1"})
        talk.client(get(1) + get(2) + get(3)[:9])
        talk.server(ok(1) + ok(2))
        assert talk.at_client() == [(0, Kind.RESET)]
        assert talk.over == [("GET /{}", "", "reset", ("does",)), ("GET /{}", "", "reset", ())]

    def test_replies_that_were_read_with_those_before_a_reset_go_nowhere(self, talk):
        talk.inject(does(Reset()), match={"path": "/2"})
        talk.client(get(1) + get(2) + get(3) + get(4))
        talk.server(ok(1) + ok(3) + ok(4))
        assert talk.at_client() == [(0, ok(1)), (0, Kind.RESET)]
        assert [(operation, end) for operation, _, end, _ in talk.over] == [
            ("GET /{}", ""), ("GET /{}", "reset"), ("GET /{}", "reset"), ("GET /{}", "reset"),
        ]  # fmt: skip

    def test_what_is_unreadable_behind_a_reset_is_not_told(self, talk):
        talk.inject(does(Reset(forward=True)))
        talk.client(GET)
        talk.server(OK + b"no HTTP")
        assert (talk.at_client(), talk.opaque_for) == ([(0, Kind.RESET)], "")

    @pytest.mark.parametrize(("action", "end"), [(Reset(), Kind.RESET), (Close(), Kind.CLOSE)])
    def test_requests_that_were_read_with_one_that_ends_the_link_go_nowhere(self, talk, action, end):
        talk.inject(does(action), match={"path": "/1"})
        talk.client(get(1) + get(2) + POST)
        assert talk.at_server() == []
        assert talk.at_client() == [(0, end)]
        assert len(talk.over) == 1

    def test_a_close(self, talk):
        talk.inject(does(Close()))
        talk.client(GET)
        assert talk.at_client() == [(0, Kind.CLOSE)]
        talk.talk.close(Kind.CLOSE)
        assert talk.over == [("GET /a", "", "closed", ("does",))]


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

    def test_all_of_the_body_is_no_cut(self, talk):
        talk.inject(does(Cut(2), on="reply"))
        talk.client(GET)
        talk.server(OK)
        assert talk.at_client() == [(0, OK)]

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
        assert talk.spared_by == [injection]

    def test_a_request_that_is_too_long_to_be_kept_passes(self):
        talk = Talk(LIMITS._replace(body=40))
        injection = talk.inject(does(Repeat(), needs_whole=True))
        talk.client(POST[:-1], POST[-1:])
        assert talk.at_server() == [(0, POST)]
        assert (talk.spared_by, talk.copies, injection.matched) == ([injection], [], 0)


class TestReplaceAndRepeat:
    def test_another_request_goes_and_its_reply_is_rewritten(self, talk):
        talk.inject(does(Replace(GET, lambda reply: reply.replace(b"ok", b"no"))))
        talk.client(POST[:-2], POST[-2:])
        talk.server(OK)
        assert talk.at_server() == [(0, GET)]
        assert talk.at_client() == [(0, OK.replace(b"ok", b"no"))]

    def test_what_follows_a_replaced_request_goes_behind_the_other_one(self, talk):
        talk.inject(does(Replace(GET)), match={"method": "POST"})
        talk.client(POST + get(2))
        assert talk.at_server() == [(0, GET + get(2))]

    def test_the_copies_go_first(self, talk):
        talk.inject(does(Repeat(2), needs_whole=True))
        talk.client(POST[:-1], POST[-1:])
        [(data, times, done)] = talk.copies
        assert (data, times) == (POST, 2)
        assert talk.at_server() == []
        talk.wait(1)
        done()
        talk.server(OK)
        assert talk.at_server() == [(1, POST)]
        assert talk.at_client() == [(1, OK)]

    def test_a_request_that_is_held_waits_for_the_copies_as_well(self, talk):
        talk.inject(does(Repeat(), needs_whole=True))
        talk.inject(does(Hold(2)), "slow")
        talk.client(POST)
        talk.wait(5)
        talk.copies[0][2]()
        assert talk.at_server() == [(5, POST)]

    def test_healing_does_not_wait_for_the_copies(self, talk):
        injection = talk.inject(does(Repeat(), needs_whole=True))
        talk.client(POST)
        talk.heal(injection)
        assert talk.at_server() == [(0, POST)]
        talk.copies[0][2]()
        assert talk.at_server() == [(0, POST)]

    def test_a_request_that_waits_for_a_go_ahead_is_spared(self, talk):
        injection = talk.inject(does(Repeat(), needs_whole=True))
        head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
        talk.client(head)
        assert talk.at_server() == [(0, head)]
        assert talk.spared_by == [injection]


class TestShape:
    def test_a_reply_alone(self, talk):
        talk.inject(does(Shape(lambda seat: sliced(lambda: 30, 1.0)), on="reply"), times=1)
        talk.client(get(1) + get(2))
        talk.server(OK + ok(2))
        talk.wait(5)
        assert talk.at_client() == [(0, OK[:30]), (1, OK[30:] + ok(2))]

    def test_the_head_alone(self, talk):
        talk.inject(does(Shape(lambda seat: sliced(lambda: 30, 1.0), part="head"), on="reply"))
        talk.client(GET)
        talk.server(OK)
        talk.wait(5)
        assert talk.at_client() == [(0, OK[:30]), (1, OK[30:])]

    def test_the_body_alone(self, talk):
        talk.inject(does(Shape(lambda seat: sliced(lambda: 1, 1.0), part="body"), on="reply"))
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
        injection = talk.inject(does(Shape(lambda seat: sliced(lambda: 1, 1.0), part="body"), on="reply"))
        talk.client(GET)
        talk.server(BUSY)
        talk.wait(1)
        talk.heal(injection)
        assert talk.at_client() == [(0, BUSY[:-3]), (1, BUSY[-3:])]


class TestMatch:
    def test_a_body_is_waited_for(self, talk):
        talk.inject(does(ANSWER), match={"body": "*ell*"})
        talk.client(POST[:-1])
        assert (talk.at_server(), talk.at_client()) == ([], [])
        talk.client(POST[-1:])
        assert (talk.at_server(), talk.at_client()) == ([], [(0, BUSY)])

    def test_a_body_that_does_not_match_goes_on(self, talk):
        talk.inject(does(ANSWER), match={"body": "*nothing*"})
        talk.client(POST[:-1], POST[-1:])
        assert talk.at_server() == [(0, POST)]

    def test_a_reply_is_judged_when_its_head_is_known(self, talk):
        injection = talk.inject(does(Cut(1), on="reply"), match={"status": "5*"})
        talk.client(get(1) + get(2))
        assert injection.matched == 0
        talk.server(OK + BUSY)
        assert talk.at_client() == [(0, OK + BUSY[:-3]), (0, Kind.CLOSE)]
        assert (injection.matched, injection.fired) == (1, 1)

    def test_a_reply_that_never_comes_matches_nothing(self, talk):
        injection = talk.inject(does(Cut(1), on="reply"), match={"status": "5*"})
        talk.client(GET)
        talk.server(Kind.RESET)
        assert (injection.matched, talk.missed_by) == (0, [])

    def test_counts_are_of_what_matched(self, talk):
        injection = talk.inject(does(ANSWER), match={"path": "/[23]"}, after=1)
        for number in (1, 2, 3):
            talk.client(get(number))
        assert talk.at_server() == [(0, get(1) + get(2))]
        assert (injection.matched, injection.fired) == (2, 1)

    def test_chances_of_an_operation_do_not_depend_on_other_operations(self):
        def hit(paths: list[bytes]) -> list[bytes]:
            talk = Talk()
            talk.inject(does(ANSWER), probability=Share(0.5))
            for path in paths:
                talk.client(b"GET /%s HTTP/1.1\r\n\r\n" % path)
            sent = b"".join(data for _, data in talk.at_server())
            return [line.split()[1] for line in sent.splitlines() if line.startswith(b"GET")]

        alone = hit(20 * [b"a"])
        among = hit(20 * [b"a", b"b", b"c"])
        assert 0 < len(alone) < 20
        assert [path for path in among if path == b"/a"] == alone

    def test_a_fault_with_nothing_to_do_has_not_fired(self, talk):
        injection = talk.inject(does(on="reply"))
        talk.client(GET)
        talk.server(OK)
        assert (injection.matched, injection.fired, talk.missed_by) == (1, 0, [injection])


class TestInOrder:
    def test_interim_replies_pass_before_the_reply(self, talk):
        talk.inject(does(Hold(5, "reply"), on="reply"))
        talk.client(GET)
        talk.server(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)
        talk.wait(5)
        assert talk.at_client() == [(0, b"HTTP/1.1 103 Early Hints\r\n\r\n"), (5, OK)]
        assert talk.over == [("GET /a", "200", "", ("does",))]

    def test_a_head_reply_has_no_body(self, talk):
        talk.inject(does(ANSWER), match={"method": "PUT"})
        head = b"HEAD /a HTTP/1.1\r\n\r\n"
        talk.client(head + GET)
        talk.server(OK[:-2] + OK)
        assert talk.at_client() == [(0, OK[:-2] + OK)]
        assert talk.over == [("HEAD /a", "200", "", ()), ("GET /a", "200", "", ())]

    def test_an_upgrade_is_followed_no_more(self, talk):
        talk.inject(does(ANSWER), match={"method": "PUT"})
        upgraded = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
        talk.client(b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        talk.server(upgraded + b"hello")
        talk.client(b"GET / HT")
        talk.server(b"\x81\x01")
        assert talk.at_server()[-1] == (0, b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nGET / HT")
        assert talk.at_client() == [(0, upgraded + b"hello\x81\x01")]
        assert talk.opaque_for == "upgraded"

    def test_what_is_sent_before_an_upgrade_is_answered_is_not_kept(self, talk):
        talk.inject(does(ANSWER), match={"method": "PUT"})
        asked = b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
        talk.client(asked + b"HELLO")
        talk.server(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        assert talk.at_server() == [(0, asked + b"HELLO")]

    def test_a_refused_upgrade_goes_on_as_http(self, talk):
        talk.inject(does(ANSWER), match={"path": "/2"})
        talk.client(b"GET /1 HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        talk.server(OK)
        talk.client(get(2))
        assert talk.at_client() == [(0, OK + BUSY)]

    def test_a_reply_that_nobody_asked_for_is_not_taken_for_one(self, talk):
        talk.inject(does(ANSWER), match={"method": "PUT"})
        talk.client(GET)
        timeout = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
        talk.server(OK + timeout, Kind.EOF)
        assert talk.at_client() == [(0, OK + timeout), (0, Kind.EOF)]
        assert talk.opaque_for == "unasked reply"

    def test_an_upgrade_behind_a_held_reply_waits_for_it_and_so_does_what_follows(self, talk):
        talk.inject(does(Hold(5, "reply"), on="reply"), match={"path": "/1"})
        talk.client(get(1) + b"GET /2 HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        upgraded = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
        talk.server(ok(1), upgraded + b"one", b"two")
        assert talk.at_client() == []
        talk.wait(5)
        talk.server(b"three")
        assert talk.at_client() == [(5, ok(1) + upgraded + b"onetwothree")]

    def test_what_waits_for_a_reply_when_a_link_is_given_up_is_not_followed(self, talk):
        late = talk.inject(does(Hold(5, "reply"), on="reply"))
        talk.client(get(1) + get(2))
        talk.server(ok(1)[:10])
        talk.client(b"\x16\x03")
        talk.server(ok(1)[10:], ok(2), Kind.EOF)
        assert talk.at_server() == [(0, get(1) + get(2) + b"\x16\x03")]
        assert talk.at_client() == [(0, ok(1) + ok(2)), (0, Kind.EOF)]
        assert talk.over == 2 * [("GET /{}", "", "unfollowed", ())]
        assert (late.matched, late.fired) == (2, 0)

    def test_a_request_that_becomes_unreadable_while_it_is_kept_goes_on(self, talk):
        talk.inject(does(ANSWER), match={"body": "x*"})
        said = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", b"no size\r\n", b"more"
        talk.client(*said)
        talk.server(OK)
        assert (talk.at_server(), talk.at_client()) == ([(0, b"".join(said))], [(0, OK)])
        assert talk.opaque_for == "unreadable chunk size"

    def test_a_request_that_becomes_unreadable_after_its_answer_ends_the_link(self, talk):
        talk.inject(does(ANSWER))
        talk.client(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", b"no size\r\n")
        assert talk.at_server() == []
        assert talk.at_client() == [(0, BUSY), (0, Kind.CLOSE)]

    def test_bytes_that_are_no_http_pass(self, talk):
        talk.inject(does(ANSWER))
        talk.client(b"\x16\x03\x01\x02\x00")
        talk.server(b"\x16\x03\x03")
        assert talk.at_server() == [(0, b"\x16\x03\x01\x02\x00")]
        assert talk.at_client() == [(0, b"\x16\x03\x03")]

    def test_what_is_unreadable_waits_for_the_answers_before_it(self, talk):
        talk.inject(does(Hold(5)), match={"path": "/1"})
        talk.client(get(1) + b"\x16\x03")
        talk.wait(10)
        assert talk.at_server() == [(5, get(1) + b"\x16\x03")]

    def test_as_many_as_may_be_are_followed_also_if_the_last_one_comes_in_pieces(self, talk):
        talk.client(999 * GET + POST[:-2])
        talk.client(POST[-2:])
        assert talk.opaque_for == ""

    @pytest.mark.parametrize("armed", [False, True])
    @pytest.mark.parametrize("reads", [1, 1000])
    def test_too_many_at_once_are_followed_no_more(self, talk, reads, armed):
        if armed:
            talk.inject(does(ANSWER), match={"method": "PUT"})
        for _ in range(reads):
            talk.client(1000 // reads * GET)
        assert talk.opaque_for == ""
        talk.client(GET)
        assert talk.at_server() == [(0, 1001 * GET)]
        assert talk.opaque_for == "too many requests at once"
        assert len(talk.over) == 1000

    def test_five_hundred_answers_wait_for_one_reply(self, talk):
        talk.inject(does(ANSWER), match={"path": "/a"})
        talk.client(get(1) + 500 * GET)
        assert talk.at_client() == []
        talk.server(ok(1))
        assert talk.at_client() == [(0, ok(1) + 500 * BUSY)]

    def test_an_upstream_that_is_waited_for_is_read_when_its_turn_has_come(self):
        talk = Talk(LIMITS._replace(pipe=100))
        talk.inject(does(Hold(5, "reply"), on="reply"), "slow", match={"path": "/1"})
        talk.inject(does(ANSWER), match={"path": "/a"})
        talk.client(get(1) + get(2) + 5 * GET)
        talk.server(ok(1))
        assert talk.paused["downstream"]
        talk.wait(5)
        assert not talk.paused["downstream"]
        talk.server(ok(2))
        assert talk.at_client() == [(5, ok(1) + ok(2) + 5 * BUSY)]

    @pytest.mark.parametrize("said", [(), (OK[:-1],), (OK,)])
    def test_a_silent_link_stays_silent_when_its_upstream_leaves(self, talk, said):
        injection = talk.inject(does(Drop(forward=True)))
        talk.client(GET)
        talk.server(*said, Kind.EOF)
        assert talk.at_client() == []
        talk.heal(injection)
        assert talk.at_client() == [(0, Kind.CLOSE)]

    @pytest.mark.parametrize("pieces", [1, 2])
    def test_a_request_behind_the_end_of_the_upstream_does_not_keep_that_from_the_client(self, talk, pieces):
        talk.inject(does(Hold(5, "reply"), on="reply"), match={"path": "/1"})
        talk.client(get(1))
        talk.server(ok(1), Kind.EOF)
        talk.client(*(GET,) if pieces == 1 else (GET[:9], GET[9:]))
        talk.wait(5)
        assert talk.at_client() == [(5, ok(1)), (5, Kind.EOF)]

    def test_a_client_that_resets_a_silent_link_resets_the_upstream(self, talk):
        talk.inject(does(Drop()))
        talk.client(GET, Kind.RESET)
        assert talk.at_server() == [(0, Kind.RESET)]

    def test_a_client_that_leaves_within_a_request_gets_what_was_decided(self, talk):
        talk.inject(does(Cut(1), on="reply"))
        talk.client(POST[:-1], Kind.EOF)
        talk.server(OK)
        assert talk.at_server() == [(0, POST[:-1]), (0, Kind.EOF)]
        assert talk.at_client() == [(0, OK[:-1]), (0, Kind.CLOSE)]

    def test_the_first_end_of_a_stream_counts(self, talk):
        talk.inject(does(ANSWER, Hold(5)))
        talk.client(POST[:-1])
        talk.server(b"no HTTP\r\n\r\n", Kind.EOF)
        talk.wait(5)
        assert talk.at_client() == [(5, BUSY + b"no HTTP\r\n\r\n"), (5, Kind.CLOSE)]

    def test_a_client_that_does_not_read_while_its_reply_is_late_gets_it_when_it_does(self, talk):
        talk.inject(does(Hold(1, "reply"), on="reply"))
        talk.client(GET)
        talk.server(OK)
        talk.talk.block("downstream", True)
        talk.wait(2)
        assert talk.at_client() == []
        talk.talk.block("downstream", False)
        assert talk.at_client() == [(2, OK)]

    def test_an_upstream_that_reads_again_does_not_let_go_what_waits_for_copies(self, talk):
        talk.inject(does(Repeat(), needs_whole=True))
        talk.client(POST)
        for blocked in (True, False):
            talk.talk.block("upstream", blocked)
            talk.wait(1)
        assert talk.at_server() == []
        talk.copies[0][2]()
        assert talk.at_server() == [(2, POST)]

    def test_a_client_that_does_not_read_is_not_read(self):
        talk = Talk(LIMITS._replace(pipe=200))
        talk.inject(does(ANSWER))
        talk.client(GET)
        talk.talk.block("downstream", True)
        talk.client(10 * GET)
        assert talk.paused["upstream"]
        talk.talk.block("downstream", False)
        assert not talk.paused["upstream"]
        assert talk.at_client() == [(0, 11 * BUSY)]
