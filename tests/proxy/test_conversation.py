"""Conversations as scripts: what the client and the upstream say, what each of them hears, and when."""

from __future__ import annotations

import pytest

from brownout.faults.action import Answer, Cut, Drop, Hold, Repeat, Rewrite
from brownout.faults.http import Header
from brownout.faults.segment import Kind
from brownout.faults.settings.units import Share
from brownout.proxy.shaping.budget import LIMITS

from .talk import ANSWER, BUSY, CHUNKED, GET, OK, POST, Talk, does, get, ok

UPGRADE = b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
CONNECT = b"CONNECT db:443 HTTP/1.1\r\n\r\n"
UNTIL_EOF = b"HTTP/1.1 200 OK\r\n\r\nhello"


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
        assert entry.fingerprint == "3610a686-5"

    def test_an_entry_of_messages_that_come_whole_says_as_much(self, talk):
        talk.client(POST)
        talk.wait(2)
        talk.server(OK)
        [entry] = talk.entries
        assert (entry.request_bytes, entry.reply_bytes) == (len(POST), len(OK))
        assert (entry.first, entry.seconds, entry.fingerprint) == (2, 2, "3610a686-5")

    @pytest.mark.parametrize("place", [0, 50_000, 99_999])
    def test_a_fingerprint_is_that_of_the_whole_body_however_it_comes(self, talk, place):
        head = b"POST /charge HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
        body = bytes(place) + b"1" + bytes(99_999 - place)
        for says in ([head + body], [head, body[:30_000], body[30_000:]], [head + bytes(100_000)]):
            talk.client(*says)
            talk.server(OK)
        whole, cut, other = (entry.fingerprint for entry in talk.entries)
        assert whole == cut != other

    @pytest.mark.parametrize("pieces", [1, 2])
    def test_a_request_without_a_body_has_no_fingerprint(self, talk, pieces):
        talk.client(*(GET,) if pieces == 1 else (GET[:9], GET[9:]))
        talk.server(OK)
        assert talk.entries[0].fingerprint == ""

    @pytest.mark.parametrize("pieces", [1, 2])
    def test_an_entry_tells_what_shows_that_a_client_tried_again(self, talk, pieces):
        ask = b"POST /charge/1?a=%d HTTP/1.1\r\nIdempotency-Key: k\r\nContent-Length: 0\r\n\r\n"
        busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n"
        for number in (1, 1, 2):
            said, heard = ask % number, busy
            talk.client(*(said,) if pieces == 1 else (said[:9], said[9:]))
            talk.server(*(heard,) if pieces == 1 else (heard[:9], heard[9:]))
        first, second, other = talk.entries
        assert first.identity == second.identity != other.identity
        assert first.operation == other.operation == "POST /charge/{}"
        assert first.idempotency_key == second.idempotency_key == other.idempotency_key != ""
        assert (first.idempotent, first.retry_after, first.left) == (False, 2.0, None)
        assert first.began == talk.start

    def test_a_long_head_tells_the_same_as_a_short_one(self, talk):
        ask = b"PUT /charge HTTP/1.1\r\nIdempotency-Key: k\r\nContent-Length: 0\r\nX: %s\r\n\r\n"
        for filler in (b"x", b"x" * 5000):
            talk.client(ask % filler)
            talk.server(OK)
        short, long = talk.entries
        assert (short.identity, short.idempotency_key) == (long.identity, long.idempotency_key)
        assert long.idempotent

    @pytest.mark.parametrize("kind", [Kind.EOF, Kind.RESET])
    def test_a_client_that_leaves_before_its_reply_is_noted_once(self, talk, kind):
        talk.client(POST)
        talk.wait(2)
        talk.client(kind)
        assert [exchange.left - exchange.started for exchange in talk.unanswered] == [2]
        talk.wait(3)
        talk.client(Kind.RESET)
        talk.server(OK)
        assert len(talk.unanswered) == 1
        assert [entry.left for entry in talk.entries] == [2]

    def test_a_client_that_leaves_after_its_reply_is_not_noted(self, talk):
        talk.client(POST)
        talk.server(OK)
        talk.client(Kind.EOF)
        assert (talk.unanswered, talk.entries[0].left) == ([], None)

    def test_one_read_is_one_write_also_where_messages_are_queued(self, talk):
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
            assert (ended.plan, ended.request_slot, ended.reply_slot) == (None, None, None)
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

    def test_replies_are_sent_on_before_they_are_read_when_the_queue_is_empty(self, talk):
        talk.inject(does(Hold(5, "reply"), on="reply"), times=1, match={"path": "/1"})
        talk.client(get(1))
        talk.server(ok(1))
        talk.wait(5)
        for said in (OK, OK[:10]):
            talk.client(get(2))
            talk.server(said)
        assert talk.at_client() == [(5, ok(1) + OK + OK[:10])]

    def test_a_healed_fault_no_longer_acts(self, talk):
        injection = talk.inject(does(ANSWER))
        talk.client(GET)
        talk.heal(injection)
        talk.client(GET)
        assert talk.at_client() == [(0, BUSY)]
        assert talk.at_server() == [(0, GET)]


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
        assert (injection.matched, injection.missed.ended) == (0, 0)

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
        assert (injection.chosen, injection.fired, injection.missed.unchanged) == (1, 0, 1)


class TestBodiesThatCannotBeRead:
    """A match on a body that is compressed, or that its client keeps back, says so."""

    def test_a_compressed_body_is_untouched_with_its_reason(self, talk):
        fault = talk.inject(does(ANSWER), match={"json.a": "*"})
        talk.client(b"POST / HTTP/1.1\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nzzz")
        assert (talk.unread_for, talk.fired_on) == ([(fault, "it is compressed (gzip)")], [])

    def test_what_waits_for_100_continue_is_untouched_with_its_reason(self, talk):
        fault = talk.inject(does(ANSWER), match={"body": "*a*"})
        talk.client(b"POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n")
        reason = "its client may wait for 100 Continue before it sends one"
        assert (talk.unread_for, talk.fired_on) == ([(fault, reason)], [])

    def test_json_beyond_what_is_kept_is_untouched_and_text_is_not(self, talk):
        fault = talk.inject(does(ANSWER), match={"json.a": "1"})
        talk.inject(does(ANSWER), "text", match={"body": "b"})
        body = b'{"a": 1, "b": "%s"}' % (b"x" * talk.limits.body)
        talk.client(b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body[:-1])
        assert [injection for injection, _ in talk.unread_for] == [fault]

    @pytest.mark.parametrize(
        "head", [b"content-encoding: identity\r\n", b"", b"content-encoding: gzip\r\nx-other: 1\r\n"]
    )
    def test_not_where_it_was_read_or_the_head_does_not_fit(self, talk, head):
        match = {"body": "b"} if b"gzip" not in head else {"body": "b", "header.x-other": "2"}
        talk.inject(does(ANSWER), match=match)
        talk.client(b"POST / HTTP/1.1\r\n%scontent-length: 1\r\n\r\na" % head)
        assert talk.unread_for == []


class TestLongTexts:
    """Texts are matched up to 8192 characters by what is slow to match."""

    PATH = b"/" + b"a" * 8192

    def test_a_path_that_is_too_long_is_untouched(self, talk):
        fault = talk.inject(does(ANSWER), match={"path": "~a$"})
        talk.client(b"GET " + self.PATH + b" HTTP/1.1\r\n\r\n")
        assert (talk.too_long_for, talk.fired_on) == ([fault], [])
        talk.client(b"GET " + self.PATH[:-1] + b" HTTP/1.1\r\n\r\n")
        assert (len(talk.too_long_for), len(talk.fired_on)) == (1, 1)

    def test_not_where_another_condition_tells_that_it_is_not_meant(self, talk):
        talk.inject(does(ANSWER), match={"path": "~a$", "method": "PUT"})
        talk.inject(does(ANSWER), "elsewhere", match={"path": "~^/b"})
        talk.client(b"GET " + self.PATH + b" HTTP/1.1\r\n\r\n")
        assert (talk.too_long_for, talk.fired_on) == ([], [])

    def test_a_name_and_its_beginning_are_found_in_texts_of_any_length(self, talk):
        talk.inject(does(ANSWER), match={"path": "/*a"})
        talk.client(b"GET " + self.PATH + b" HTTP/1.1\r\n\r\n")
        assert (talk.too_long_for, len(talk.fired_on)) == ([], 1)

    @pytest.mark.parametrize(("key", "body"), [("body", b"x" * 8193), ("json.a", b'{"a": "%s"}' % (b"x" * 8193))])
    def test_a_body_that_is_too_long_is_untouched(self, talk, key, body):
        fault = talk.inject(does(ANSWER), match={key: "x?[x]*"})
        talk.client(b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        assert (talk.too_long_for, talk.fired_on) == ([fault], [])

    def test_a_header_of_the_reply_that_is_too_long_is_untouched(self, talk):
        fault = talk.inject(does(Cut(1), on="reply"), match={"reply_header.x": "~x$"})
        talk.client(GET)
        talk.server(b"HTTP/1.1 200 OK\r\nx: " + b"x" * 8193 + b"\r\ncontent-length: 2\r\n\r\nok")
        assert (talk.too_long_for, talk.fired_on) == ([fault], [])

    def test_an_expression_with_more_ways_looks_at_less(self, talk):
        fault = talk.inject(does(ANSWER), match={"path": "~a.*b.*c"})
        talk.client(b"GET /" + b"a" * 512 + b" HTTP/1.1\r\n\r\n")
        assert talk.too_long_for == [fault]


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

    def test_an_upgrade_is_no_longer_parsed(self, talk):
        talk.inject(does(ANSWER), match={"method": "PUT"})
        upgraded = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
        talk.client(b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        talk.server(upgraded + b"hello")
        talk.client(b"GET / HT")
        talk.server(b"\x81\x01")
        assert talk.at_server()[-1] == (0, b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nGET / HT")
        assert talk.at_client() == [(0, upgraded + b"hello\x81\x01")]
        assert talk.stop_reason == "upgraded"

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

    @pytest.mark.parametrize("pieces", [1, 7, 1000])
    @pytest.mark.parametrize(
        ("asked", "reply"), [(UPGRADE, b"HTTP/1.1 101 Switching\r\n\r\n"), (CONNECT, b"HTTP/1.1 200 OK\r\n\r\n")]
    )
    def test_what_is_sent_before_the_connection_is_switched_is_no_request(self, talk, asked, reply, pieces):
        fault = talk.inject(does(ANSWER), match={"path": "/1"})
        said = asked + get(1)
        talk.client(*(said[at : at + pieces] for at in range(0, len(said), pieces)))
        talk.server(reply + b"hello")
        talk.client(get(1))
        assert b"".join(data for _, data in talk.at_server()) == asked + get(1) + get(1)
        assert talk.at_client() == [(0, reply + b"hello")]
        assert (fault.matched, len(talk.over)) == (0, 1)
        talk.check_counts()

    @pytest.mark.parametrize("pieces", [1, 7, 1000])
    @pytest.mark.parametrize("asked", [UPGRADE, CONNECT])
    @pytest.mark.parametrize("end", [Kind.EOF, None])
    def test_what_is_sent_before_that_is_refused_is_judged(self, talk, asked, pieces, end):
        fault = talk.inject(does(ANSWER), match={"path": "/1"})
        said = asked + get(1) + asked + get(2) + get(1)
        talk.client(*(said[at : at + pieces] for at in range(0, len(said), pieces)), *([end] if end else []))
        assert talk.at_server() == [(0, asked)]
        talk.server(BUSY[:9], BUSY[9:])
        assert talk.at_client() == [(0, BUSY + BUSY)]
        assert talk.at_server() == [(0, asked + asked + get(2))]
        talk.server(BUSY)
        talk.server(ok(2))
        assert talk.at_client() == [(0, BUSY + BUSY + BUSY + ok(2) + BUSY)]
        assert b"".join(each for _, each in talk.at_server() if each is not end) == asked + asked + get(2)
        assert fault.fired == 2
        assert len(talk.over) == 5
        talk.check_counts()

    @pytest.mark.parametrize("asked", [UPGRADE, CONNECT])
    def test_what_follows_one_that_we_refuse_is_judged_at_once(self, talk, asked):
        talk.inject(does(ANSWER))
        talk.client(asked + get(1))
        assert (talk.at_server(), talk.at_client()) == ([], [(0, BUSY + BUSY)])

    @pytest.mark.parametrize("reply", [b"HTTP/1.1 101 Switching\r\n\r\n", OK])
    def test_where_nothing_is_armed_what_is_sent_before_that_passes_at_once(self, talk, reply):
        talk.client(UPGRADE, get(1), get(2)[:9], Kind.EOF)
        assert talk.at_server() == [(0, UPGRADE + get(1) + get(2)[:9]), (0, Kind.EOF)]
        fault = talk.inject(does(ANSWER))
        talk.server(reply)
        talk.server(ok(1))
        assert talk.at_server() == [(0, UPGRADE + get(1) + get(2)[:9]), (0, Kind.EOF)]
        assert talk.at_client() == [(0, reply + ok(1))]
        assert fault.matched == 0
        assert len(talk.over) == (2 if reply is OK else 1)

    def test_what_no_fault_would_act_on_passes_at_once_too(self, talk):
        fault = talk.inject(does(ANSWER), match={"path": "/3"})
        talk.client(UPGRADE + get(1) + get(2)[:9], get(2)[9:], get(3) + get(4), Kind.EOF)
        sent = UPGRADE + get(1) + get(2)
        assert talk.at_server() == [(0, sent)]
        talk.server(OK)
        talk.server(ok(1) + ok(2))
        talk.server(ok(4))
        assert talk.at_server() == [(0, sent + get(4)), (0, Kind.EOF)]
        assert talk.at_client() == [(0, OK + ok(1) + ok(2) + BUSY + ok(4))]
        assert (fault.fired, len(talk.over)) == (1, 5)
        talk.check_counts()

    def test_an_end_passes_at_once_where_nothing_before_it_waits(self, talk):
        talk.inject(does(ANSWER), match={"path": "/3"})
        talk.client(UPGRADE + get(1) + get(2)[:9], Kind.EOF)
        assert talk.at_server() == [(0, UPGRADE + get(1) + get(2)[:9]), (0, Kind.EOF)]
        talk.server(OK + ok(1), Kind.EOF)
        assert talk.at_client() == [(0, OK + ok(1)), (0, Kind.EOF)]
        assert len(talk.over) == 2

    @pytest.mark.parametrize("end", [Kind.EOF, Kind.RESET])
    def test_what_is_sent_before_that_goes_on_when_the_upstream_leaves(self, talk, end):
        talk.inject(does(ANSWER), match={"path": "/1"})
        talk.client(UPGRADE + get(1))
        talk.server(end)
        assert talk.at_client() == [(0, end)]
        assert talk.at_server() == [(0, UPGRADE + (get(1) if end is Kind.EOF else b""))]

    def test_nothing_is_said_of_what_is_sent_before_that_on_a_silent_link(self, talk):
        talk.inject(does(Drop()))
        talk.client(CONNECT, b"x" * 90_000)
        assert (talk.at_server(), talk.at_client(), talk.stop_reason) == ([], [], "")

    @pytest.mark.parametrize("armed", [False, True])
    def test_too_much_before_that_is_no_longer_parsed(self, talk, armed):
        if armed:
            talk.inject(does(ANSWER), match={"path": "/1"})
        talk.client(CONNECT, *[b"x" * 10_000] * 9, Kind.EOF)
        talk.server(OK)
        assert talk.at_server() == [(0, CONNECT + b"x" * 90_000), (0, Kind.EOF)]
        assert talk.at_client() == [(0, OK)]
        assert talk.stop_reason == "too much before the reply to an upgrade"

    @pytest.mark.parametrize("path", ["/1", "/3", "/never"])
    @pytest.mark.parametrize("held", [False, True])
    def test_where_too_much_comes_in_one_read_all_of_it_stays_in_order(self, talk, path, held):
        talk.inject(does(ANSWER), match={"path": path})
        if held:
            talk.inject(does(Hold(5)), "late", match={"path": "/"})
        long = b"POST /2 HTTP/1.1\r\nContent-Length: 70000\r\n\r\n" + bytes(70_000)
        said = UPGRADE + get(1) + long + get(3) + POST[:-3]
        talk.client(said)
        talk.client(POST[-3:])
        talk.wait(5)
        assert talk.at_server() == [(5 if held else 0, said + POST[-3:])]
        talk.check_counts()

    def test_what_cannot_be_read_behind_one_that_was_refused_stops_the_parsing_and_no_byte(self, talk):
        talk.inject(does(Hold(5, "reply"), on="reply"), match={"path": "/"})
        talk.client(UPGRADE + get(1) + b"\x16\x03")
        talk.server(OK + ok(1) + ok(2)[:9], ok(2)[9:] + ok(3)[:9])
        talk.server(ok(3)[9:])
        talk.wait(5)
        assert talk.at_server() == [(0, UPGRADE + get(1) + b"\x16\x03")]
        assert talk.at_client() == [(5, OK + ok(1) + ok(2) + ok(3))]
        talk.check_counts()

    def test_a_reply_that_nobody_asked_for_is_not_taken_for_one(self, talk):
        talk.inject(does(ANSWER), match={"method": "PUT"})
        talk.client(GET)
        timeout = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
        talk.server(OK + timeout, Kind.EOF)
        assert talk.at_client() == [(0, OK + timeout), (0, Kind.EOF)]
        assert talk.stop_reason == "unasked reply"

    def test_an_upgrade_behind_a_held_reply_waits_for_it_and_so_does_what_follows(self, talk):
        talk.inject(does(Hold(5, "reply"), on="reply"), match={"path": "/1"})
        talk.client(get(1) + b"GET /2 HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        upgraded = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
        talk.server(ok(1), upgraded + b"one", b"two")
        assert talk.at_client() == []
        talk.wait(5)
        talk.server(b"three")
        assert talk.at_client() == [(5, ok(1) + upgraded + b"onetwothree")]

    def test_what_waits_for_a_reply_when_a_link_is_given_up_is_not_parsed(self, talk):
        late = talk.inject(does(Hold(5, "reply"), on="reply"))
        talk.client(get(1) + get(2))
        talk.server(ok(1)[:10])
        talk.client(b"\x16\x03")
        talk.server(ok(1)[10:], ok(2), Kind.EOF)
        assert talk.at_server() == [(0, get(1) + get(2) + b"\x16\x03")]
        assert talk.at_client() == [(0, ok(1) + ok(2)), (0, Kind.EOF)]
        assert talk.over == 2 * [("GET /{}", "", "unparsed", ())]
        assert (late.matched, late.fired) == (2, 0)

    def test_a_request_that_becomes_unreadable_while_it_is_kept_goes_on(self, talk):
        talk.inject(does(ANSWER), match={"body": "x*"})
        said = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", b"no size\r\n", b"more"
        talk.client(*said)
        talk.server(OK)
        assert (talk.at_server(), talk.at_client()) == ([(0, b"".join(said))], [(0, OK)])
        assert talk.stop_reason == "unreadable chunk size"

    def test_a_request_that_becomes_unreadable_after_its_answer_ends_the_link(self, talk):
        talk.inject(does(ANSWER))
        talk.client(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", b"no size\r\n")
        assert talk.at_server() == []
        assert talk.at_client() == [(0, BUSY), (0, Kind.CLOSE)]

    @pytest.mark.parametrize("reply", [UNTIL_EOF, UNTIL_EOF.replace(b"1.1", b"1.0")])
    @pytest.mark.parametrize("late", [0, 5])
    def test_nothing_comes_behind_a_reply_that_ends_with_its_stream(self, talk, reply, late):
        talk.inject(does(ANSWER), match={"path": "/2"})
        if late:
            talk.inject(does(Hold(late, "reply"), on="reply"), "late", match={"path": "/1"})
        talk.client(get(1) + get(2) + get(3))
        talk.server(reply[:-2], reply[-2:], Kind.EOF)
        talk.wait(10)
        assert talk.at_client() == [(late, reply), (late, Kind.EOF)]

    def test_nor_where_it_is_kept_or_cut(self, talk):
        talk.inject(does(ANSWER), match={"path": "/2"})
        talk.inject(does(Rewrite(bytes.upper, whole=True), on="reply"), "upper", match={"path": "/1"})
        talk.client(get(1) + get(2))
        talk.server(UNTIL_EOF, Kind.EOF)
        assert talk.at_client() == [(0, UNTIL_EOF.upper()), (0, Kind.EOF)]

    def test_an_answer_of_ours_in_the_place_of_such_a_reply_is_not_its_end(self, talk):
        talk.inject(does(Answer(BUSY, forward=True)), match={"path": "/1"})
        talk.client(get(1) + get(2))
        talk.server(UNTIL_EOF, Kind.EOF)
        assert talk.at_client() == [(0, BUSY), (0, Kind.EOF)]

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

    def test_as_many_as_may_be_are_parsed_also_if_the_last_one_comes_in_pieces(self, talk):
        talk.client(999 * GET + POST[:-2])
        talk.client(POST[-2:])
        assert talk.stop_reason == ""

    @pytest.mark.parametrize("armed", [False, True])
    @pytest.mark.parametrize("reads", [1, 1000])
    def test_too_many_at_once_are_no_longer_parsed(self, talk, reads, armed):
        if armed:
            talk.inject(does(ANSWER), match={"method": "PUT"})
        for _ in range(reads):
            talk.client(1000 // reads * GET)
        assert talk.stop_reason == ""
        talk.client(GET)
        assert talk.at_server() == [(0, 1001 * GET)]
        assert talk.stop_reason == "too many requests at once"
        assert len(talk.over) == 1000

    @pytest.mark.parametrize("armed", [False, True])
    def test_where_too_many_come_in_one_read_all_of_it_stays_in_order(self, talk, armed):
        if armed:
            talk.inject(does(ANSWER), match={"method": "PUT"})
        said = 1000 * GET + POST + get(1) + get(2)[:9]
        talk.client(said)
        talk.client(get(2)[9:])
        assert talk.at_server() == [(0, said + get(2)[9:])]
        assert talk.stop_reason == "too many requests at once"

    def test_five_hundred_answers_wait_for_one_reply(self, talk):
        talk.inject(does(ANSWER), match={"path": "/a"})
        talk.client(get(1) + 500 * GET)
        assert talk.at_client() == []
        talk.server(ok(1))
        assert talk.at_client() == [(0, ok(1) + 500 * BUSY)]

    def test_an_upstream_that_is_waited_for_is_read_when_its_reply_is_next(self):
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

    def test_a_reset_behind_the_end_of_the_upstream_comes_behind_what_is_late(self, talk):
        talk.inject(does(Hold(5, "reply"), on="reply"), match={"path": "/1"})
        talk.client(get(1))
        talk.server(ok(1), Kind.EOF)
        talk.client(get(2))
        talk.server(Kind.RESET)
        talk.wait(10)
        assert talk.at_client() == [(5, ok(1)), (5, Kind.EOF), (5, Kind.RESET)]

    def test_a_client_that_does_not_read_while_its_reply_is_late_gets_it_when_it_does(self, talk):
        talk.inject(does(Hold(1, "reply"), on="reply"))
        talk.client(GET)
        talk.server(OK)
        talk.talk.block("downstream", True)
        talk.wait(2)
        assert talk.at_client() == []
        talk.talk.block("downstream", False)
        assert talk.at_client() == [(2, OK)]

    def test_an_upstream_that_does_not_read_while_a_request_is_late_gets_it_when_it_does(self, talk):
        talk.inject(does(Hold(1)))
        talk.client(GET)
        talk.talk.block("upstream", True)
        talk.wait(2)
        assert talk.at_server() == []
        talk.talk.block("upstream", False)
        assert talk.at_server() == [(2, GET)]

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


def test_without_its_settings_an_upgrade_to_http_2_is_none(talk):
    """RFC 7540, section 3.2: a server must not switch where they are missing."""
    talk.inject(Header(remove=("http2-settings",), message="request"))
    talk.client(
        b"GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n"
    )
    assert talk.at_server() == [(0, b"GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n")]
