"""Conversations in which a request is answered, lost, repeated or replaced: proxy/exchanges/request_handler.py."""

from __future__ import annotations

import pytest

from brownout.faults.action import Answer, Close, Cut, Drop, Hold, Repeat, Replace, Reset, Shape
from brownout.faults.segment import Kind
from brownout.faults.settings.units import Share
from brownout.faults.tcp.slicer import sliced
from brownout.proxy.shaping.budget import LIMITS

from .talk import ANSWER, BUSY, CHUNKED, GET, OK, POST, Talk, does, get, ok

EXPECTS = b"PUT /charge HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


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
        assert (second.chosen, second.fired, second.missed.unchanged) == (1, 0, 1)

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
        talk.inject(does(Shape(lambda context: sliced(lambda: 20, 1.0)), on="reply"), match={"path": "/1"})
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

    def test_a_healed_fault_keeps_an_answer_that_is_late_by_another(self, talk):
        injection = talk.inject(does(ANSWER))
        talk.inject(does(Hold(5)), "slow")
        talk.client(GET)
        talk.wait(1)
        talk.heal(injection)
        talk.wait(5)
        assert talk.at_client() == [(5, BUSY)]
        assert talk.over == [("GET /a", "503", "", ("does", "slow"))]

    def test_healing_before_the_upstream_has_replied_lets_its_reply_through(self, talk):
        injection = talk.inject(does(Answer(BUSY, forward=True)))
        talk.client(GET)
        talk.heal(injection)
        talk.server(OK)
        assert talk.at_client() == [(0, OK)]
        assert talk.over == [("GET /a", "200", "", ())]


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
        assert (talk.at_server(), talk.stop_reason) == ([], "")

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

    @pytest.mark.parametrize(("before", "after"), [((), (OK,)), ((OK[:10],), (OK[10:],)), ((OK,), ())])
    def test_when_the_client_leaves_amid_a_reply_that_is_lost_the_link_ends_with_it(self, talk, before, after):
        talk.inject(does(Drop(forward=True)))
        talk.client(GET)
        talk.server(*before)
        talk.client(Kind.EOF)
        talk.server(*after)
        assert talk.at_server()[-1] == (0, Kind.CLOSE)
        assert (talk.gone, talk.at_client()) == (True, [])
        assert [(outcome, end) for _, outcome, end, _ in talk.over] == [("", "lost")]

    def test_when_the_client_leaves_and_the_upstream_breaks_off_the_link_ends(self, talk):
        talk.inject(does(Drop(forward=True)))
        talk.client(GET)
        talk.server(OK[:-1])
        talk.client(Kind.EOF)
        talk.server(Kind.EOF)
        assert (talk.gone, talk.at_client()) == (True, [])

    def test_healing_closes_what_it_silenced(self, talk):
        injection = talk.inject(does(Drop()))
        talk.client(GET)
        talk.heal(injection)
        assert talk.at_client() == [(0, Kind.CLOSE)]

    @pytest.mark.parametrize(("action", "end"), [(Drop(forward=True), Kind.CLOSE), (Reset(forward=True), Kind.RESET)])
    def test_healing_amid_a_reply_that_is_lost_ends_the_link(self, talk, action, end):
        injection = talk.inject(does(action))
        talk.client(GET)
        talk.server(OK[:-1])
        talk.heal(injection)
        talk.server(OK[-1:])
        assert talk.at_client() == [(0, end)]

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
        assert (late.chosen, late.fired, late.missed.ended) == (1, 0, 0)

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
        assert talk.fired_on == [("does", "GET /a"), ("slow", "GET /a")][: 2 if hold else 1]

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
        assert (talk.at_client(), talk.stop_reason) == ([(0, Kind.RESET)], "")

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

    @pytest.mark.parametrize(
        ("action", "heard"),
        [
            (Drop(forward=True), []),
            (Reset(forward=True), [(0, Kind.RESET)]),
            (Answer(BUSY, forward=True), [(0, BUSY), (0, Kind.CLOSE)]),
        ],
    )
    def test_of_a_reply_that_is_lost_and_becomes_unreadable_nothing_arrives(self, talk, action, heard):
        talk.inject(does(action))
        talk.client(GET)
        talk.server(CHUNKED[:60], b"no chunk at all\r\n", b"more")
        assert talk.at_client() == heard

    @pytest.mark.parametrize(
        ("action", "heard"),
        [
            (Drop(forward=True), [GO_ON]),
            (Reset(forward=True), [GO_ON, Kind.RESET]),
            (Answer(BUSY, forward=True), [GO_ON + BUSY]),
        ],
    )
    def test_a_go_ahead_of_a_reply_that_is_lost_arrives(self, talk, action, heard):
        talk.inject(does(action))
        talk.client(EXPECTS)
        talk.server(GO_ON)
        talk.client(b"hello")
        talk.server(OK[:20], OK[20:])
        assert talk.at_server() == [(0, EXPECTS + b"hello")]
        assert [said for _, said in talk.at_client()] == heard

    def test_healed_between_the_go_ahead_and_the_reply_nothing_is_lost(self, talk):
        lost = talk.inject(does(Reset(forward=True)))
        talk.client(EXPECTS)
        talk.server(GO_ON)
        talk.heal(lost)
        talk.client(b"hello")
        talk.server(OK)
        assert talk.at_client() == [(0, GO_ON + OK)]


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

    def test_a_copy_that_is_not_answered_has_not_fired(self, talk):
        injection = talk.inject(does(Repeat(2), needs_whole=True))
        talk.client(POST)
        talk.copies[0][2]()
        assert (injection.chosen, injection.fired) == (1, 0)
        talk.answered[0]()
        talk.answered[0]()
        assert (injection.chosen, injection.fired) == (1, 1)

    def test_a_request_that_waits_for_a_go_ahead_is_untouched(self, talk):
        injection = talk.inject(does(Repeat(), needs_whole=True))
        head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
        talk.client(head)
        assert talk.at_server() == [(0, head)]
        assert talk.untouched_by == [injection]


class TestTheLinkEndsWhileAMessageIsSent:
    """A fault of streams behind the conversation may end the link at any of its writes."""

    @pytest.fixture
    def ends_at_first_write(self, talk):
        def at(stream: str) -> None:
            send = talk.outlets[stream].send

            def cut(data: bytes) -> None:
                send(data)
                talk.outlets[stream].send_event(Kind.CLOSE)

            talk.outlets[stream].send = cut

        return at

    def test_an_answer_of_several_pieces(self, talk, ends_at_first_write):
        talk.inject(does(Answer(BUSY, forward=True)))
        talk.client(GET)
        ends_at_first_write("downstream")
        talk.server(Kind.EOF)
        assert talk.at_client() == [(0, BUSY.partition(b"busy")[0]), (0, Kind.CLOSE)]
        assert len(talk.over) == 1

    def test_a_reply_that_was_kept(self, talk, ends_at_first_write):
        talk.inject(does(Cut(Share(0.9), "fin"), on="reply"))
        talk.client(GET)
        talk.server(b"HTTP/1.1 200 OK\r\n\r\n", b"abcd")
        ends_at_first_write("downstream")
        talk.server(Kind.EOF)
        assert talk.at_client() == [(0, b"HTTP/1.1 200 OK\r\n\r\n"), (0, Kind.CLOSE)]
        assert len(talk.over) == 1

    @pytest.mark.parametrize("shaped", [False, True])
    def test_a_request_that_was_kept(self, talk, ends_at_first_write, shaped):
        if shaped:
            talk.inject(does(Hold(0)), name="shaped")
        injection = talk.inject(does(Hold(0)), match={"body": "*"})
        talk.client(POST[:-2])
        ends_at_first_write("upstream")
        talk.heal(injection)
        assert talk.at_server() == [(0, POST.partition(b"hel")[0]), (0, Kind.CLOSE)]
        assert len(talk.over) == 1

    def test_what_is_written_to_both_sides_at_once(self, talk, ends_at_first_write):
        talk.inject(does(ANSWER), match={"path": "/1"})
        talk.begin()
        ends_at_first_write("downstream")
        talk.client(get(1) + get(2))
        assert talk.at_client() == [(0, BUSY), (0, Kind.CLOSE)]
        assert talk.at_server() == []


class TestHowOftenItFired:
    def test_the_number_of_a_match_is_that_of_the_request_whenever_the_reply_comes(self, talk):
        talk.inject(does(Hold(1, "reply"), on="reply"))
        talk.client(get(1), get(2), get(3))
        talk.server(ok(1), ok(2), ok(3))
        talk.wait(1)
        assert talk.fired_ns == [1, 2, 3]

    def test_a_fault_of_replies_that_is_healed_before_one_has_not_fired(self, talk):
        injection = talk.inject(does(Hold(1, "reply"), on="reply"))
        talk.client(get(1), get(2))
        talk.server(ok(1))
        talk.wait(1)
        talk.heal(injection)
        talk.server(ok(2))
        assert (injection.chosen, injection.fired, len(talk.fired_on)) == (2, 1, 1)
        assert [faults for *_, faults in talk.over] == [("does",), ()]
